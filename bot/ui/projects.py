"""What members see of projects: posts, the timeline as picture and text, the gallery, the nudge."""

from zoneinfo import ZoneInfo

import discord

from bot.courses.packs import Capstone
from bot.db.models import EntryKind, Project, ProjectEntry, ProjectStage, ProjectState
from bot.locales import N_, _, pgettext
from bot.rendering.cards import LogLine, Milestone, ProjectTimeline
from bot.rendering.painter import Painter
from bot.services.projects import Gallery, ProjectFacts
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR, message_link
from bot.ui.buttons import DurableButton, buttons
from bot.ui.moments import moment
from bot.ui.pictures import picture
from bot.ui.stages import stage_words
from bot.ui.text import begun_large, fitting, plain, shown

FEATURE = "project"
SHOW, UPDATE, PAUSE, ASK = "show", "update", "pause", "ask"
LOG_LINES = 5
# An embed's field takes 1024 characters, its description 4096; the rest is for what stands around the lines.
FIELD_ROOM = 1000
LINES_ROOM = 3900

#: What the group is asked in the name of somebody who pressed "Ask the group"; so it is kept, and shown in
#: the reader's language.
QUESTION = N_("Who has an idea, or half an hour to look at it together?")
LOST_IMAGE = N_("Its picture was lost on the way; another `/project update` can bring it.")
HEADINGS = {
    ProjectState.SHIPPED: N_("**Shipped**"),
    ProjectState.ACTIVE: N_("**Going on**"),
    ProjectState.PAUSED: N_("**Paused**"),
}
STATES = {
    ProjectState.ACTIVE: N_("active"),
    ProjectState.PAUSED: N_("paused"),
    ProjectState.SHIPPED: N_("shipped"),
    ProjectState.DROPPED: N_("dropped"),
}
LOG_WORDS = {
    EntryKind.STARTED: N_("Started"),
    EntryKind.PAUSED: N_("Paused"),
    EntryKind.RESUMED: N_("Taken up again"),
    EntryKind.SHIPPED: N_("Shipped"),
    EntryKind.DROPPED: N_("Dropped"),
}


async def project_reply(painter: Painter, facts: ProjectFacts) -> Reply:
    """A project's timeline, as picture and as text."""
    project = facts.project
    embed = discord.Embed(title=shown(project.title), colour=COLOUR)
    standing = _(
        "{owner}, **{state}**, stage **{stage}**",
        owner=f"<@{project.user_id}>",
        state=_(STATES[project.state]),
        stage=stage_words(project.stage),
    )
    embed.description = "\n".join([standing, *_about(project)])
    reached = [(stage, facts.reached_at(stage)) for stage in ProjectStage]
    milestones = [f"{_label(stage)}: {moment(at)}" for stage, at in reached if at is not None]
    embed.add_field(name=_("Milestones"), value="\n".join(milestones), inline=False)
    lines = fitting([_log_line(facts, entry) for entry in _newest(facts)], room=FIELD_ROOM)
    earlier = len(facts.entries) - len(lines)
    if earlier:
        lines.append(_("and {earlier} earlier", earlier=earlier))
    embed.add_field(name=_("Log"), value="\n".join(lines), inline=False)
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
            lines = [_("{owner} starts a project.", owner=owner), *_about(project)]
        case EntryKind.QUESTION:
            asks = _("{owner} would be glad of help.", owner=owner)
            stage = _("**Stage:** {stage}", stage=stage_words(project.stage))
            lines = [f"{asks} {plain(_question(entry))}", *_about(project), stage]
        case EntryKind.SHIPPED:
            lines = [_shipped(facts, owner), *_about(project)]
            files = await _picture(painter, facts, embed)
        case _:
            lines = [f"{owner}: {plain(entry.text)}", *_moved(facts, entry)]
            if entry.link is not None:
                lines.append(_("**Link:** {link}", link=plain(entry.link)))
            if entry.has_image and image is None:
                lines.append(_(LOST_IMAGE))
    if image is not None:
        files = [image]
        embed.set_image(url=f"attachment://{image.filename}")
    embed.description = "\n".join(lines)
    show = DurableButton(FEATURE, project.id, SHOW, label=_("Show project"), delivery=delivery)
    return Reply(embeds=[embed], files=files, view=buttons(show))


def gallery_embed(gallery: Gallery) -> discord.Embed:
    """A group's projects: what is shipped with its links, then what goes on, then what rests."""
    embed = discord.Embed(title=_("{group}: projects", group=shown(gallery.group.name)), colour=COLOUR)
    if not gallery.projects:
        embed.description = _("Nobody has a project here yet. `/project start` begins the first one.")
        return embed
    items, state = [], None
    for project in gallery.projects:
        heading = [] if project.state is state else [_(HEADINGS[project.state])]
        items.append("\n".join([*heading, _gallery_line(project)]))
        state = project.state
    kept = fitting(items, room=LINES_ROOM)
    embed.description = "\n".join(kept)
    if gallery.total > len(kept):
        left = gallery.total - len(kept)
        embed.set_footer(text=_("and {left} more; /project show finds them by title", left=left))
    return embed


def nudge_words(facts: ProjectFacts) -> str:
    return _(
        "**{title}** has been quiet since {moment}. That happens. A line about where it stands is enough "
        "to go on, pausing it is fine, and **{group}** can be asked for help.",
        title=shown(facts.project.title),
        moment=moment(facts.project.updated_at),
        group=shown(facts.group.name),
    )


def nudge_buttons(project: Project, *, delivery: int | None, disabled: bool = False) -> discord.ui.View:
    style = discord.ButtonStyle.primary
    update = pgettext("project", "Update")
    return buttons(
        DurableButton(
            FEATURE, project.id, UPDATE, label=update, style=style, delivery=delivery, disabled=disabled
        ),
        DurableButton(FEATURE, project.id, PAUSE, label=pgettext("project", "Pause"), disabled=disabled),
        DurableButton(FEATURE, project.id, ASK, label=_("Ask the group"), disabled=disabled),
    )


def capstone_words(capstone: Capstone) -> str:
    return _(
        "Half of the course is behind you, so its capstone is open: **{title}**. {summary} "
        "This project can be it.",
        title=shown(capstone.title),
        summary=plain(capstone.summary),
    )


def timeline(facts: ProjectFacts) -> ProjectTimeline:
    """The project by the days of its group's zone."""
    zone, project = ZoneInfo(facts.group.timezone), facts.project
    reached = [(stage, facts.reached_at(stage)) for stage in ProjectStage]
    return ProjectTimeline(
        title=project.title,
        name=facts.name or _("Member {number:04}", number=project.user_id % 10_000),
        state=_(STATES[project.state]),
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
    reached = [
        _("{stage} on {day}", stage=one.label, day=one.reached)
        for one in card.milestones
        if one.reached is not None
    ]
    log = "; ".join(f"{line.day}: {line.text}" for line in card.log)
    return _(
        "{title} by {name}, {state}, {started} to {until}. {stages}. {log}.",
        title=card.title,
        name=card.name,
        state=card.state,
        started=card.started,
        until=card.until,
        stages=", ".join(reached),
        log=log,
    )


def _about(project: Project) -> list[str]:
    lines = [_("**Goal:** {goal}", goal=plain(project.goal))]
    if project.repo is not None:
        lines.append(_("**Repository:** {link}", link=plain(project.repo)))
    if project.link is not None:
        lines.append(_("**Link:** {link}", link=plain(project.link)))
    return lines


def _shipped(facts: ProjectFacts, owner: str) -> str:
    card = timeline(facts)
    days = (card.until - card.started).days
    if not days:
        return _("{owner} has shipped this project, on the day it began.", owner=owner)
    if days == 1:
        return _("{owner} has shipped this project, a day after it began.", owner=owner)
    return _("{owner} has shipped this project, {days} days after it began.", owner=owner, days=days)


def _moved(facts: ProjectFacts, entry: ProjectEntry) -> list[str]:
    """Where the entry moved the project, if anywhere."""
    if entry.stage is None:
        return []
    stage = stage_words(entry.stage)
    if facts.is_milestone(entry):
        return [_("Milestone: **{stage}**", stage=stage)]
    return [_("Back at the stage: **{stage}**", stage=stage)]


def _newest(facts: ProjectFacts) -> list[ProjectEntry]:
    return list(reversed(facts.entries[-LOG_LINES:]))


def _question(entry: ProjectEntry) -> str:
    return _(QUESTION) if entry.text == QUESTION else entry.text


def _log_words(entry: ProjectEntry) -> str:
    if entry.kind is EntryKind.QUESTION:
        return _("Asked the group: {question}", question=_question(entry))
    return _(LOG_WORDS[entry.kind]) if entry.kind in LOG_WORDS else entry.text


def _log_line(facts: ProjectFacts, entry: ProjectEntry) -> str:
    parts = [moment(entry.at), shown(_log_words(entry), most=120)]
    if entry.stage is not None and entry.kind is EntryKind.UPDATE:
        parts.append(_("stage {stage}", stage=stage_words(entry.stage)))
    if entry.has_image:
        parts.append(_("with a picture"))
    if entry.channel_id is not None and entry.message_id is not None:
        parts.append(message_link(facts.project.guild_id, entry.channel_id, entry.message_id))
    return " · ".join(parts)


def _gallery_line(project: Project) -> str:
    who = _("**{title}** by {owner}", title=shown(project.title), owner=f"<@{project.user_id}>")
    if project.state is not ProjectState.SHIPPED:
        stage = _("stage {stage}", stage=stage_words(project.stage))
        return f"{who}, {stage}"
    when = f", {moment(project.finished_at)}" if project.finished_at is not None else ""
    links = [plain(link) for link in (project.link, project.repo) if link is not None]
    return " · ".join([f"{who}{when}", *links])


def _label(stage: ProjectStage) -> str:
    return begun_large(stage_words(stage))
