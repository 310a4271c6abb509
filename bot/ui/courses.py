"""What members see of courses: packs, their lessons, a course's dates, and moves of all of them."""

from collections.abc import Sequence

import discord

from bot.courses.packs import HOURS_PER_POINT, Lesson, Link, Pack
from bot.locales import _, ngettext, pgettext
from bot.services.courses import Imported, Moved, Shift, Started, Undone
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.moments import date_and_time, moment
from bot.ui.text import DESCRIPTION_LIMIT, fitting, shown

#: The features of the button under a shift, and of the pages of a pack.
FEATURE = "course"
PAGES = "syllabus"
UNDO = "undo"
COLOUR = discord.Colour(0x2F6FED)
# An embed's description takes 4,096 characters.
PAGE_ROOM = 3600
MOST_MENTIONS = 60


def catalogue(packs: Sequence[Pack]) -> discord.Embed:
    embed = discord.Embed(title=_("Courses"), colour=COLOUR)
    lines = []
    for pack in packs:
        named = _(
            "**{title}** (`{id}`, version {version})",
            title=shown(pack.title),
            id=pack.id,
            version=pack.version,
        )
        lines.append(f"{named}\n{extent(pack)}")
    kept = fitting(lines)
    embed.description = "\n".join(kept)
    left = len(lines) - len(kept)
    embed.set_footer(
        text=_("and {left} more; /course show has the lessons of one", left=left)
        if left
        else _("/course show has the lessons of one")
    )
    return embed


def syllabus(pack: Pack, *, page: int = 0) -> Reply:
    """A pack's lessons; with buttons when they take several pages."""
    pages = split(pack)
    page = min(page, len(pages) - 1)
    embed = discord.Embed(title=shown(pack.title), colour=COLOUR, description=pages[page])
    if len(pages) > 1:
        footer = _(
            "{id}, version {version}, page {page} of {pages}",
            id=pack.id,
            version=pack.version,
            page=page + 1,
            pages=len(pages),
        )
    else:
        footer = _("{id}, version {version}", id=pack.id, version=pack.version)
    embed.set_footer(text=footer)
    turns = [(pgettext("page", "Back"), page - 1), (pgettext("page", "Next"), page + 1)]
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
        title = _("Capstone: {title}", title=shown(pack.capstone.title))
        hours = hours_words(pack.capstone.hours)
        parts.append(f"**{title}** · {hours}\n{shown(pack.capstone.summary, most=500)}")
    pages = [""]
    for part in parts:
        if pages[-1] and len(pages[-1]) + len(part) > PAGE_ROOM:
            pages.append("")
        pages[-1] += f"\n\n{part}" if pages[-1] else part
    return pages


def lesson_words(lesson: Lesson) -> str:
    cost = f" · {dollars(lesson.cost)}" if lesson.cost else ""
    lines = [
        f"**{lesson.number}. {shown(lesson.title)}** · {hours_words(lesson.hours)}{cost}",
        shown(lesson.summary, most=500),
    ]
    if lesson.topics:
        lines.append(_("Topics: {topics}", topics=shown(", ".join(lesson.topics), most=600)))
    if lesson.links:
        lines.append(" · ".join(fitting([link_words(link) for link in lesson.links], room=900)))
    return "\n".join(lines)


def link_words(link: Link) -> str:
    # Inside the brackets of a link, a closing bracket of its own would end it.
    url = link.url.replace("(", "%28").replace(")", "%29")
    return f"[{shown(link.title)}](<{url}>)"


def extent(pack: Pack) -> str:
    """How many lessons, hours and points a pack has."""
    lessons = len(pack.lessons)
    effort = {"hours": hours_words(pack.hours), "points": round(pack.hours / HOURS_PER_POINT, 2)}
    if pack.capstone:
        return ngettext(
            "{n} lesson and a capstone, {hours} ({points:g} points)",
            "{n} lessons and a capstone, {hours} ({points:g} points)",
            lessons,
            **effort,
        )
    return ngettext(
        "{n} lesson, {hours} ({points:g} points)",
        "{n} lessons, {hours} ({points:g} points)",
        lessons,
        **effort,
    )


def hours_words(hours: float) -> str:
    return _("{hours:g} hours", hours=hours) if hours != 1 else _("1 hour")


def dollars(amount: float) -> str:
    """Cents only where there are any."""
    if f"{amount:.2f}".endswith(".00"):
        return _("${amount:,.0f}", amount=amount)
    return _("${amount:,.2f}", amount=amount)


def imported_words(imported: Imported) -> str:
    """What a pack's file has become, and what can be done with it."""
    pack = imported.pack
    title = shown(pack.title)
    if not imported.is_new:
        return _(
            "This server has **{title}** {version} already, exactly as in your file.",
            title=title,
            version=pack.version,
        )
    text = _(
        "Imported **{title}**, version {version}: {extent}.",
        title=title,
        version=pack.version,
        extent=extent(pack),
    )
    if imported.newest != pack.version:
        what = _(
            "The newest version here is {newest}; this one is `{id}@{version}`.",
            newest=imported.newest,
            id=pack.id,
            version=pack.version,
        )
    else:
        what = _("Plan its meetups with `/course start course:{id}`.", id=pack.id)
    return f"{text} {what}"


def started_embed(started: Started, *, every: str) -> discord.Embed:
    """`every` says how often the group meets for a lesson."""
    embed = discord.Embed(title=shown(started.pack.title), colour=COLOUR)
    lines = [
        f"**{shown(date.found.title)}**\n{moment(date.found.occurrence.starts_at)}" for date in started.dates
    ]
    intro = _(
        "**{group}** takes this course, {every}. The first meetup’s post comes to "
        "<#{channel}> now, each later one when the meetup before it is over.",
        group=shown(started.group.name),
        every=every,
        channel=started.group.channel_id,
    )
    embed.description = "\n".join([intro, "", *some_of(lines, room=PAGE_ROOM)])
    return embed


def shift_notice(shift: Shift, *, delivery: int | None = None) -> Reply:
    """The public notice of a move, with its button as long as it is not taken back."""
    text = moved_words(shift)
    if shift.row.undone_at is not None:
        text += " " + _("Taken back {moment}.", moment=moment(shift.row.undone_at))
    undo = DurableButton(
        FEATURE,
        shift.row.id,
        UNDO,
        label=_("Undo"),
        delivery=delivery,
        disabled=shift.row.undone_at is not None,
    )
    embed = discord.Embed(colour=COLOUR, description=dates_words(shift.moved))
    return told(text, shift.moved, embed, view=buttons(undo))


def moved_words(shift: Shift) -> str:
    """Which meetups move, by how much, and which way."""
    weeks, others = abs(shift.row.weeks), len(shift.moved) - 1
    title = shown(shift.moved[0].title)
    by = _("a week") if weeks == 1 else _("{weeks} weeks", weeks=weeks)
    match shift.row.weeks > 0, others > 0:
        case True, True:
            return _(
                "**{title}** and the {others} after it move {by} later.", title=title, others=others, by=by
            )
        case True, False:
            return _("**{title}** moves {by} later.", title=title, by=by)
        case False, True:
            return _(
                "**{title}** and the {others} after it move {by} earlier.", title=title, others=others, by=by
            )
    return _("**{title}** moves {by} earlier.", title=title, by=by)


def undone_notice(undone: Undone) -> Reply:
    embed = discord.Embed(colour=COLOUR, description=dates_words(undone.back, back=True))
    if undone.stayed:
        stayed = [f"{shown(one.title)}" for one in undone.stayed]
        embed.add_field(
            name=_("Not moved back, for they were changed since or their old date is over"),
            value="\n".join(fitting(stayed, room=1000)),
        )
    text = ngettext(
        "Taken back: {n} meetup is back at its old time.",
        "Taken back: {n} meetups are back at their old times.",
        len(undone.back),
    )
    return told(text, undone.back, embed)


def dates_words(moved: Sequence[Moved], *, back: bool = False) -> str:
    lines = []
    for one in moved:
        before, after = (one.after, one.before) if back else (one.before, one.after)
        lines.append(f"**{shown(one.title)}**\n{date_and_time(before)} → {moment(after)}")
    return "\n".join(some_of(lines))


def some_of(lines: Sequence[str], *, room: int = DESCRIPTION_LIMIT) -> list[str]:
    """As many of these as there is room for, and how many more there are."""
    kept = fitting(lines, room=room)
    left = len(lines) - len(kept)
    return [*kept, _("and {left} more", left=left)] if left else kept


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
