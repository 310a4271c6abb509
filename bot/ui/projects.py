"""What members see of projects: posts, the timeline as picture and text, the gallery, the nudge."""

from zoneinfo import ZoneInfo

import discord

from bot.courses.packs import Capstone
from bot.db.models import EntryKind, Project, ProjectEntry, ProjectStage, ProjectState
from bot.rendering.cards import LogLine, Milestone, ProjectTimeline
from bot.rendering.painter import Painter
from bot.services.projects import Gallery, ProjectFacts
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR, message_link
from bot.ui.buttons import DurableButton, buttons
from bot.ui.errors import moment, stage_words
from bot.ui.pictures import picture
from bot.ui.text import fitting, plain, shown

FEATURE = "project"
SHOW, UPDATE, PAUSE, ASK = "show", "update", "pause", "ask"
LOG_LINES = 5
# An embed's field takes 1024 characters, its description 4096; the rest is for what stands around the lines.
FIELD_ROOM = 1000
LINES_ROOM = 3900

#: What the group is asked in the name of somebody who pressed "Ask the group".
QUESTION = "Who has an idea, or half an hour to look at it together?"
LOST_IMAGE = "Its picture was lost on the way; another `/project update` can bring it."
HEADINGS = {
    ProjectState.SHIPPED: "**Shipped**",
    ProjectState.ACTIVE: "**Going on**",
    ProjectState.PAUSED: "**Paused**",
}
LOG_WORDS = {
    EntryKind.STARTED: "Started",
    EntryKind.PAUSED: "Paused",
    EntryKind.RESUMED: "Taken up again",
    EntryKind.SHIPPED: "Shipped",
    EntryKind.DROPPED: "Dropped",
}


async def project_reply(painter: Painter, facts: ProjectFacts) -> Reply:
    """A project's timeline, as picture and as text."""
    project = facts.project
    embed = discord.Embed(title=shown(project.title), colour=COLOUR)
    embed.description = "\n".join(
        [
            f"<@{project.user_id}>, **{project.state}**, stage **{stage_words(project.stage)}**",
            *_about(project),
        ]
    )
    reached = [(stage, facts.reached_at(stage)) for stage in ProjectStage]
    milestones = [f"{_label(stage)}: {moment(at)}" for stage, at in reached if at is not None]
    embed.add_field(name="Milestones", value="\n".join(milestones), inline=False)
    lines = fitting([_log_line(facts, entry) for entry in _newest(facts)], room=FIELD_ROOM)
    earlier = len(facts.entries) - len(lines)
    embed.add_field(
        name="Log", value="\n".join([*lines, f"and {earlier} earlier"] if earlier else lines), inline=False
    )
    return Reply(embeds=[embed], files=await _picture(painter, facts, embed))


async def post_reply(
    painter: Painter,
    facts: ProjectFacts,
    entry: ProjectEntry,
    *,
    image: discord.File | None = None,
    delivery: int | None = None,
) -> Reply:
    """The public post about one entry of the log."""
    project = facts.project
    embed = discord.Embed(title=shown(project.title), colour=COLOUR)
    owner = f"<@{project.user_id}>"
    files = []
    match entry.kind:
        case EntryKind.STARTED:
            lines = [f"{owner} starts a project.", *_about(project)]
        case EntryKind.QUESTION:
            stage = f"**Stage:** {stage_words(project.stage)}"
            lines = [f"{owner} would be glad of help. {plain(entry.text)}", *_about(project), stage]
        case EntryKind.SHIPPED:
            card = timeline(facts)
            days = (card.until - card.started).days
            taken = "a day" if days == 1 else f"{days} days"
            when = f"{taken} after it began" if days else "on the day it began"
            lines = [f"{owner} has shipped this project, {when}.", *_about(project)]
            files = await _picture(painter, facts, embed)
        case _:
            lines = [f"{owner}: {plain(entry.text)}", *_moved(facts, entry)]
            if entry.link is not None:
                lines.append(f"**Link:** {plain(entry.link)}")
            if entry.has_image and image is None:
                lines.append(LOST_IMAGE)
    if image is not None:
        files = [image]
        embed.set_image(url=f"attachment://{image.filename}")
    embed.description = "\n".join(lines)
    show = DurableButton(FEATURE, project.id, SHOW, label="Show project", delivery=delivery)
    return Reply(embeds=[embed], files=files, view=buttons(show))


def gallery_embed(gallery: Gallery) -> discord.Embed:
    """A group's projects: what is shipped with its links, then what goes on, then what rests."""
    embed = discord.Embed(title=f"{shown(gallery.group.name)}: projects", colour=COLOUR)
    if not gallery.projects:
        embed.description = "Nobody has a project here yet. `/project start` begins the first one."
        return embed
    items, state = [], None
    for project in gallery.projects:
        heading = [] if project.state is state else [HEADINGS[project.state]]
        items.append("\n".join([*heading, _gallery_line(project)]))
        state = project.state
    kept = fitting(items, room=LINES_ROOM)
    embed.description = "\n".join(kept)
    if gallery.total > len(kept):
        embed.set_footer(text=f"and {gallery.total - len(kept)} more; /project show finds them by title")
    return embed


def nudge_words(facts: ProjectFacts) -> str:
    return (
        f"**{shown(facts.project.title)}** has been quiet since {moment(facts.project.updated_at)}. That "
        f"happens. A line about where it stands is enough to go on, pausing it is fine, and "
        f"**{shown(facts.group.name)}** can be asked for help."
    )


def nudge_buttons(project: Project, *, delivery: int | None, disabled: bool = False) -> discord.ui.View:
    style = discord.ButtonStyle.primary
    return buttons(
        DurableButton(
            FEATURE, project.id, UPDATE, label="Update", style=style, delivery=delivery, disabled=disabled
        ),
        DurableButton(FEATURE, project.id, PAUSE, label="Pause", disabled=disabled),
        DurableButton(FEATURE, project.id, ASK, label="Ask the group", disabled=disabled),
    )


def capstone_words(capstone: Capstone) -> str:
    return (
        f"Half of the course is behind you, so its capstone is open: **{shown(capstone.title)}**. "
        f"{plain(capstone.summary)} This project can be it."
    )


def timeline(facts: ProjectFacts) -> ProjectTimeline:
    """The project by the days of its group's zone."""
    zone, project = ZoneInfo(facts.group.timezone), facts.project
    reached = [(stage, facts.reached_at(stage)) for stage in ProjectStage]
    return ProjectTimeline(
        title=project.title,
        name=facts.name or f"Member {project.user_id % 10_000:04}",
        state=project.state,
        started=project.started_at.astimezone(zone).date(),
        until=(project.finished_at or facts.now).astimezone(zone).date(),
        milestones=tuple(
            Milestone(label=_label(stage), reached=at.astimezone(zone).date() if at is not None else None)
            for stage, at in reached
        ),
        log=tuple(
            LogLine(day=entry.at.astimezone(zone).date(), text=_log_words(entry)) for entry in _newest(facts)
        ),
    )


async def _picture(painter: Painter, facts: ProjectFacts, embed: discord.Embed) -> list[discord.File]:
    card = timeline(facts)
    files = await picture(painter, card, theme=facts.group.theme, name="project", alt=_alternative(card))
    for file in files:
        embed.set_image(url=f"attachment://{file.filename}")
    return files


def _alternative(card: ProjectTimeline) -> str:
    """The picture in words, for those who can't see it."""
    stages = ", ".join(f"{one.label} on {one.reached}" for one in card.milestones if one.reached is not None)
    log = "; ".join(f"{line.day}: {line.text}" for line in card.log)
    return f"{card.title} by {card.name}, {card.state}, {card.started} to {card.until}. {stages}. {log}."


def _about(project: Project) -> list[str]:
    lines = [f"**Goal:** {plain(project.goal)}"]
    if project.repo is not None:
        lines.append(f"**Repository:** {plain(project.repo)}")
    if project.link is not None:
        lines.append(f"**Link:** {plain(project.link)}")
    return lines


def _moved(facts: ProjectFacts, entry: ProjectEntry) -> list[str]:
    """Where the entry moved the project, if anywhere."""
    if entry.stage is None:
        return []
    what = "Milestone" if facts.is_milestone(entry) else "Back at the stage"
    return [f"{what}: **{stage_words(entry.stage)}**"]


def _newest(facts: ProjectFacts) -> list[ProjectEntry]:
    return list(reversed(facts.entries[-LOG_LINES:]))


def _log_words(entry: ProjectEntry) -> str:
    if entry.kind is EntryKind.QUESTION:
        return f"Asked the group: {entry.text}"
    return LOG_WORDS.get(entry.kind, entry.text)


def _log_line(facts: ProjectFacts, entry: ProjectEntry) -> str:
    parts = [moment(entry.at), shown(_log_words(entry), most=120)]
    if entry.stage is not None and entry.kind is EntryKind.UPDATE:
        parts.append(f"stage {stage_words(entry.stage)}")
    if entry.has_image:
        parts.append("with a picture")
    if entry.channel_id is not None and entry.message_id is not None:
        parts.append(message_link(facts.project.guild_id, entry.channel_id, entry.message_id))
    return " · ".join(parts)


def _gallery_line(project: Project) -> str:
    who = f"**{shown(project.title)}** by <@{project.user_id}>"
    if project.state is not ProjectState.SHIPPED:
        return f"{who}, stage {stage_words(project.stage)}"
    when = f", {moment(project.finished_at)}" if project.finished_at is not None else ""
    links = [plain(link) for link in (project.link, project.repo) if link is not None]
    return " · ".join([f"{who}{when}", *links])


def _label(stage: ProjectStage) -> str:
    return stage_words(stage).capitalize()
