"""What members see of courses: packs, their lessons, a course's dates, and moves of all of them."""

from collections.abc import Sequence

import discord

from bot.courses.packs import HOURS_PER_POINT, Lesson, Link, Pack
from bot.services.courses import Imported, Moved, Shift, Started, Undone
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.errors import date_and_time, moment
from bot.ui.text import fitting, shown

#: The features of the button under a shift, and of the pages of a pack.
FEATURE = "course"
PAGES = "syllabus"
UNDO = "undo"
COLOUR = discord.Colour(0x2F6FED)
# An embed's description takes 4,096 characters.
PAGE_ROOM = 3600
MOST_MENTIONS = 60


def catalogue(packs: Sequence[Pack]) -> discord.Embed:
    embed = discord.Embed(title="Courses", colour=COLOUR)
    lines = [
        f"**{shown(pack.title)}** (`{pack.id}`, version {pack.version})\n{extent(pack)}" for pack in packs
    ]
    kept = fitting(lines)
    embed.description = "\n".join(kept)
    more = f"and {len(lines) - len(kept)} more; " if len(kept) < len(lines) else ""
    embed.set_footer(text=f"{more}/course show has the lessons of one")
    return embed


def syllabus(pack: Pack, *, page: int = 0) -> Reply:
    """A pack's lessons; with buttons when they take several pages."""
    pages = split(pack)
    page = min(page, len(pages) - 1)
    embed = discord.Embed(title=shown(pack.title), colour=COLOUR, description=pages[page])
    number = f", page {page + 1} of {len(pages)}" if len(pages) > 1 else ""
    embed.set_footer(text=f"{pack.id}, version {pack.version}{number}")
    turns = [("Back", page - 1), ("Next", page + 1)]
    view = buttons(
        *(
            DurableButton(PAGES, to, pack.id.replace("-", "_"), label=label)
            for label, to in turns
            if 0 <= to < len(pages)
        )
    )
    return Reply(embeds=[embed], view=view if view.children else None)


def split(pack: Pack) -> list[str]:
    """The pages of a pack: what it is about, then its lessons, then the capstone."""
    about = [shown(pack.summary, most=500), extent(pack), *map(link_words, pack.links)]
    parts = ["\n".join(about), *map(lesson_words, pack.lessons)]
    if pack.capstone is not None:
        title, hours = shown(pack.capstone.title), hours_words(pack.capstone.hours)
        parts.append(f"**Capstone: {title}** · {hours}\n{shown(pack.capstone.summary, most=500)}")
    pages = [""]
    for part in parts:
        if pages[-1] and len(pages[-1]) + len(part) > PAGE_ROOM:
            pages.append("")
        pages[-1] += f"\n\n{part}" if pages[-1] else part
    return pages


def lesson_words(lesson: Lesson) -> str:
    cost = f" · ${lesson.cost:,.2f}".removesuffix(".00") if lesson.cost else ""
    lines = [
        f"**{lesson.number}. {shown(lesson.title)}** · {hours_words(lesson.hours)}{cost}",
        shown(lesson.summary, most=500),
    ]
    if lesson.topics:
        lines.append(f"Topics: {shown(', '.join(lesson.topics), most=600)}")
    if lesson.links:
        lines.append(" · ".join(fitting([link_words(link) for link in lesson.links], room=900)))
    return "\n".join(lines)


def link_words(link: Link) -> str:
    # Inside the brackets of a link, a closing bracket of its own would end it.
    url = link.url.replace("(", "%28").replace(")", "%29")
    return f"[{shown(link.title)}](<{url}>)"


def extent(pack: Pack) -> str:
    lessons = "1 lesson" if len(pack.lessons) == 1 else f"{len(pack.lessons)} lessons"
    points = f"{pack.hours / HOURS_PER_POINT:.2f}".rstrip("0").rstrip(".")
    capstone = " and a capstone" if pack.capstone else ""
    return f"{lessons}{capstone}, {hours_words(pack.hours)} ({points} points)"


def hours_words(hours: float) -> str:
    return f"{hours:g} hours" if hours != 1 else "1 hour"


def imported_words(imported: Imported) -> str:
    pack = imported.pack
    if not imported.is_new:
        return f"This server has **{shown(pack.title)}** {pack.version} already, exactly as in your file."
    text = f"Imported **{shown(pack.title)}**, version {pack.version}: {extent(pack)}."
    if imported.newest != pack.version:
        return f"{text} The newest version here is {imported.newest}; this one is `{pack.id}@{pack.version}`."
    return f"{text} Plan its meetups with `/course start course:{pack.id}`."


def started_embed(started: Started, *, every: str) -> discord.Embed:
    embed = discord.Embed(title=shown(started.pack.title), colour=COLOUR)
    lines = [
        f"**{shown(date.found.title)}**\n{moment(date.found.occurrence.starts_at)}" for date in started.dates
    ]
    kept = fitting(lines, room=PAGE_ROOM)
    more = [f"and {len(lines) - len(kept)} more"] if len(kept) < len(lines) else []
    embed.description = "\n".join(
        [
            f"**{shown(started.group.name)}** takes this course, {every}. The first meetup’s post comes to "
            f"<#{started.group.channel_id}> now, each later one when the meetup before it is over.",
            "",
            *kept,
            *more,
        ]
    )
    return embed


def shift_notice(shift: Shift, *, delivery: int | None = None) -> Reply:
    """The public notice of a move, with its button as long as it is not taken back."""
    weeks = abs(shift.row.weeks)
    by = "a week" if weeks == 1 else f"{weeks} weeks"
    way = "later" if shift.row.weeks > 0 else "earlier"
    first = shift.moved[0]
    others = f" and the {len(shift.moved) - 1} after it" if len(shift.moved) > 1 else ""
    text = f"**{shown(first.title)}**{others} move{'' if others else 's'} {by} {way}."
    if shift.row.undone_at is not None:
        text += f" Taken back {moment(shift.row.undone_at)}."
    undo = DurableButton(
        FEATURE,
        shift.row.id,
        UNDO,
        label="Undo",
        delivery=delivery,
        disabled=shift.row.undone_at is not None,
    )
    embed = discord.Embed(colour=COLOUR, description=dates_words(shift.moved))
    return told(text, shift.moved, embed, view=buttons(undo))


def undone_notice(undone: Undone) -> Reply:
    embed = discord.Embed(colour=COLOUR, description=dates_words(undone.back, back=True))
    if undone.stayed:
        stayed = [f"{shown(one.title)}" for one in undone.stayed]
        embed.add_field(
            name="Not moved back, for they were changed since or their old date is over",
            value="\n".join(fitting(stayed, room=1000)),
        )
    count = len(undone.back)
    text = (
        "1 meetup is back at its old time" if count == 1 else f"{count} meetups are back at their old times"
    )
    return told(f"Taken back: {text}.", undone.back, embed)


def dates_words(moved: Sequence[Moved], *, back: bool = False) -> str:
    lines = []
    for one in moved:
        before, after = (one.after, one.before) if back else (one.before, one.after)
        lines.append(f"**{shown(one.title)}**\n{date_and_time(before)} → {moment(after)}")
    kept = fitting(lines)
    return "\n".join([*kept, f"and {len(lines) - len(kept)} more"] if len(kept) < len(lines) else kept)


def told(
    text: str, moved: Sequence[Moved], embed: discord.Embed, *, view: discord.ui.View | None = None
) -> Reply:
    """A change of plan mentions those who were coming: they must not stand before a closed door."""
    going = list(dict.fromkeys(user_id for one in moved for user_id in one.going))[:MOST_MENTIONS]
    people = " ".join(f"<@{user_id}>" for user_id in going)
    mentions = discord.AllowedMentions(
        everyone=False, roles=False, users=[discord.Object(user_id) for user_id in going]
    )
    content = f"{text}\n{people}" if people else text
    return Reply(content, embeds=[embed], view=view, allowed_mentions=mentions)
