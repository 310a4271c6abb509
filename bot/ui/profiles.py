"""What members see of a profile: the facts as picture and as text, and the button for the streak."""

from zoneinfo import ZoneInfo

import discord

from bot.courses.pace import capstone_opens_at
from bot.locales import N_, _, ngettext, pgettext
from bot.locales.writing import number
from bot.rendering.cards import Fact, ProfileCard
from bot.rendering.painter import Painter
from bot.services.boards import Measure
from bot.services.profiles import Profile
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR, PLURALS
from bot.ui.buttons import DurableButton, buttons
from bot.ui.dates import short_date
from bot.ui.moments import moment
from bot.ui.pictures import picture
from bot.ui.stages import stage_words
from bot.ui.text import begun_large, plain, shown

FEATURE = "profile"
STREAK_ON, STREAK_OFF = "streak_on", "streak_off"
# What a picture has room for.
TILES = 6
STREAK_RULE = N_(
    "A day off in each week, Monday to Sunday, does not break your streak. It counts this group’s days."
)


async def profile_reply(painter: Painter, profile: Profile, *, name: str, own: bool) -> Reply:
    """A profile as text and picture, under its member's present name; with `own`, what only they need too."""
    group, course, project = profile.group, profile.course, profile.project
    embed = discord.Embed(title=shown(name), colour=COLOUR)
    lines = [
        _(
            "{member} in **{group}** since {joined}",
            member=f"<@{profile.user_id}>",
            group=shown(group.name),
            joined=moment(profile.joined_at),
        )
    ]
    if course is not None:
        lines.append(_("**Lessons:** {done} of {all}", done=course.completed, all=len(course.lessons)))
    lines += [f"**{begun_large(fact.label)}:** {fact.value}" for fact in _facts(profile, brief=False)]
    if project is not None:
        title, stage = shown(project.title), stage_words(project.stage)
        lines.append(_("**Project:** {title}, stage {stage}", title=title, stage=stage))
    capstone = course.pack.capstone if course is not None else None
    if own and project is None and capstone is not None and _is_open(profile):
        title, summary = shown(capstone.title), plain(capstone.summary)
        lines += ["", _("Your capstone is open: **{title}**. {summary}", title=title, summary=summary)]
        lines.append(_("`/project start` begins it."))
    embed.description = "\n".join(lines)
    joined = profile.joined_at.astimezone(ZoneInfo(group.timezone))
    card = ProfileCard(
        name=name,
        subtitle=_("{group}, since {day}", group=group.name, day=short_date(joined)),
        facts=_facts(profile, brief=True),
        lessons_done=course.completed if course is not None else 0,
        lessons_total=len(course.lessons) if course is not None else 0,
        project=project.title if project is not None else None,
        project_stage=stage_words(project.stage) if project is not None else None,
    )
    files = await picture(painter, card, theme=group.theme, name="profile", alt=_alternative(card))
    for file in files:
        embed.set_image(url=f"attachment://{file.filename}")
    if not own:
        return Reply(embeds=[embed], files=files)
    if profile.streak is not None:
        embed.set_footer(text=_(STREAK_RULE))
    return Reply(embeds=[embed], files=files, view=streak_button(profile))


def streak_button(profile: Profile) -> discord.ui.View:
    if profile.streak is None:
        return buttons(DurableButton(FEATURE, profile.group.id, STREAK_ON, label=_("Count my streak")))
    return buttons(DurableButton(FEATURE, profile.group.id, STREAK_OFF, label=_("Stop counting my streak")))


def _facts(profile: Profile, *, brief: bool) -> tuple[Fact, ...]:
    """What stands under the lessons; `brief` as a tile of the picture has room for it."""
    totals = profile.totals
    facts = [
        Fact(value=number(totals[measure]), label=_(PLURALS[measure]))
        for measure in (Measure.POINTS, Measure.REVIEWS, Measure.MEETUPS, Measure.KUDOS)
    ]
    shipped = Fact(value=number(totals[Measure.PROJECTS]), label=_("projects shipped"))
    facts.append(shipped)
    if profile.streak is not None:
        days = ngettext("{n:,} day", "{n:,} days", profile.streak)
        facts.append(Fact(value=days, label=_("streak")))
    capstone = _capstone(profile, brief=brief)
    if capstone is not None:
        facts.append(Fact(value=capstone, label=_("capstone")))
    if brief and len(facts) > TILES:  # the capstone says as much
        facts.remove(shipped)
    return tuple(facts)


def _capstone(profile: Profile, *, brief: bool) -> str | None:
    """How it stands with the course's capstone; None where there is none."""
    course = profile.course
    if course is None or course.pack.capstone is None:
        return None
    if profile.totals[Measure.PROJECTS]:
        return pgettext("capstone", "done")
    if course.capstone_is_open:
        return pgettext("capstone", "open")
    left = capstone_opens_at(course.pack) - course.completed
    if brief:
        return _("{left} to go", left=left)
    return ngettext("{n} lesson to go", "{n} lessons to go", left)


def _is_open(profile: Profile) -> bool:
    """Whether the course's capstone waits for this member to begin it."""
    return (
        profile.course is not None
        and profile.course.capstone_is_open
        and not profile.totals[Measure.PROJECTS]
    )


def _alternative(card: ProfileCard) -> str:
    """The picture in words, for those who can't see it."""
    lessons = []
    if card.lessons_total:
        lessons.append(_("lessons: {done} of {all}", done=card.lessons_done, all=card.lessons_total))
    facts = ", ".join([*lessons, *(f"{fact.label}: {fact.value}" for fact in card.facts)])
    words = f"{card.name}, {card.subtitle}. {facts}."
    if card.project is None:
        return words
    project = _("Project: {title}, {stage}.", title=card.project, stage=card.project_stage)
    return f"{words} {project}"
