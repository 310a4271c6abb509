"""What members see of a profile: the facts as picture and as text, and the button for the streak."""

from zoneinfo import ZoneInfo

import discord

from bot.courses.pace import capstone_opens_at
from bot.rendering.cards import Fact, ProfileCard
from bot.rendering.painter import Painter
from bot.services.boards import Measure
from bot.services.profiles import Profile
from bot.ui.answers import Reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.errors import moment, stage_words
from bot.ui.pictures import picture
from bot.ui.text import plain, shown

FEATURE = "profile"
STREAK_ON, STREAK_OFF = "streak_on", "streak_off"
OPEN = "open"
SHIPPED = "projects shipped"
# What a picture has room for.
TILES = 6
STREAK_RULE = (
    "A day off in each week, Monday to Sunday, does not break your streak. It counts this group’s days."
)


async def profile_reply(painter: Painter, profile: Profile, *, name: str, own: bool) -> Reply:
    """A profile as text and picture, under its member's present name; with `own`, what only they need too."""
    group, course, project = profile.group, profile.course, profile.project
    embed = discord.Embed(title=shown(name), colour=COLOUR)
    lines = [f"<@{profile.user_id}> in **{shown(group.name)}** since {moment(profile.joined_at)}"]
    if course is not None:
        lines.append(f"**Lessons:** {course.completed} of {len(course.lessons)}")
    lines += [f"**{fact.label.capitalize()}:** {fact.value}" for fact in _facts(profile, brief=False)]
    if project is not None:
        lines.append(f"**Project:** {shown(project.title)}, stage {stage_words(project.stage)}")
    capstone = course.pack.capstone if course is not None else None
    if own and project is None and capstone is not None and _capstone(profile, brief=True) == OPEN:
        lines.append(f"\nYour capstone is open: **{shown(capstone.title)}**. {plain(capstone.summary)}")
        lines.append("`/project start` begins it.")
    embed.description = "\n".join(lines)
    card = ProfileCard(
        name=name,
        subtitle=f"{group.name}, since {_day(profile)}",
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
        embed.set_footer(text=STREAK_RULE)
    return Reply(embeds=[embed], files=files, view=streak_button(profile))


def streak_button(profile: Profile) -> discord.ui.View:
    if profile.streak is None:
        return buttons(DurableButton(FEATURE, profile.group.id, STREAK_ON, label="Count my streak"))
    return buttons(DurableButton(FEATURE, profile.group.id, STREAK_OFF, label="Stop counting my streak"))


def _facts(profile: Profile, *, brief: bool) -> tuple[Fact, ...]:
    """What stands under the lessons; `brief` as a tile of the picture has room for it."""
    totals = profile.totals
    facts = [
        Fact(value=f"{totals[Measure.POINTS]:,}", label="points"),
        Fact(value=f"{totals[Measure.REVIEWS]:,}", label="reviews"),
        Fact(value=f"{totals[Measure.MEETUPS]:,}", label="meetups"),
        Fact(value=f"{totals[Measure.KUDOS]:,}", label="kudos"),
        Fact(value=f"{totals[Measure.PROJECTS]:,}", label=SHIPPED),
    ]
    if profile.streak is not None:
        facts.append(
            Fact(value="1 day" if profile.streak == 1 else f"{profile.streak:,} days", label="streak")
        )
    capstone = _capstone(profile, brief=brief)
    if capstone is not None:
        facts.append(Fact(value=capstone, label="capstone"))
    if brief and len(facts) > TILES:  # the capstone says as much
        facts = [fact for fact in facts if fact.label != SHIPPED]
    return tuple(facts)


def _capstone(profile: Profile, *, brief: bool) -> str | None:
    """How it stands with the course's capstone; None where there is none."""
    course = profile.course
    if course is None or course.pack.capstone is None:
        return None
    if profile.totals[Measure.PROJECTS]:
        return "done"
    if course.capstone_is_open:
        return OPEN
    left = capstone_opens_at(course.pack) - course.completed
    if brief:
        return f"{left} to go"
    return "1 lesson to go" if left == 1 else f"{left} lessons to go"


def _alternative(card: ProfileCard) -> str:
    """The picture in words, for those who can't see it."""
    lessons = [f"lessons: {card.lessons_done} of {card.lessons_total}"] if card.lessons_total else []
    facts = ", ".join([*lessons, *(f"{fact.label}: {fact.value}" for fact in card.facts)])
    project = f" Project: {card.project}, {card.project_stage}." if card.project is not None else ""
    return f"{card.name}, {card.subtitle}. {facts}.{project}"


def _day(profile: Profile) -> str:
    day = profile.joined_at.astimezone(ZoneInfo(profile.group.timezone))
    return f"{day.day} {day:%b %Y}"
