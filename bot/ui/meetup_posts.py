"""What members see of a meetup: its post, its line in a list, its reminders."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.db.models import Answer, OccurrenceState
from bot.locales import N_, _, ngettext, pgettext
from bot.scheduling.recurrence import Repeat
from bot.services.meetups import MeetupFacts, Standing
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.moments import date_and_time, moment, relative
from bot.ui.repeats import repeat_words
from bot.ui.text import person, shown

FEATURE = "meetup"
VERBS = {"going": Answer.GOING, "maybe": Answer.MAYBE, "cant": Answer.CANT}
GOING, MAYBE, CANT = N_("Going"), N_("Maybe"), N_("Can't")
OPEN = discord.Colour(0x2F6FED)
CLOSED = discord.Colour(0x80848E)
# An embed's field takes 1024 characters, a mention at most 23 and its separator 2.
MOST_NAMES = 38
# What fits into one message beside the news.
MOST_MENTIONS = 60


def card(facts: MeetupFacts, *, delivery: int | None = None) -> Reply:
    """The post of one date, with its buttons as long as it can be answered."""
    return Reply(embeds=[embed(facts)], view=answer_buttons(facts, delivery=delivery))


def answer_buttons(facts: MeetupFacts, *, delivery: int | None = None) -> discord.ui.View | None:
    if not facts.is_open:
        return None
    id_ = facts.occurrence.id
    return buttons(
        DurableButton(
            FEATURE, id_, "going", label=_(GOING), style=discord.ButtonStyle.success, delivery=delivery
        ),
        DurableButton(FEATURE, id_, "maybe", label=_(MAYBE)),
        DurableButton(FEATURE, id_, "cant", label=_(CANT)),
    )


def embed(facts: MeetupFacts) -> discord.Embed:
    occurrence, meetup = facts.occurrence, facts.meetup
    found = discord.Embed(title=shown(facts.title), colour=OPEN if facts.is_open else CLOSED)
    lines = [moment(occurrence.starts_at)]
    if (notice := state_notice(facts)) is not None:
        lines.insert(0, notice)
    found.description = "\n".join(lines)
    found.add_field(name=_("Length"), value=length(facts))
    if (place := where(facts)) is not None:
        found.add_field(name=_("Where"), value=place)
    found.add_field(name=_("Host"), value=person(meetup.host_id))
    if meetup.lesson and meetup.lesson != facts.title:
        found.add_field(name=_("Lesson"), value=shown(meetup.lesson))
    if meetup.repeat != Repeat.NONE:
        found.add_field(name=_("Repeats"), value=repeat_words(Repeat(meetup.repeat), meetup.starts_local))
        if facts.next_starts:
            coming = "\n".join(map(moment, facts.next_starts))
            found.add_field(name=_("Next dates"), value=coming, inline=False)
    going = _("Going ({number})", number=places(facts))
    found.add_field(name=going, value=people(facts.going) or _("Nobody yet"), inline=False)
    if facts.maybe:
        maybe = _("Maybe ({number})", number=len(facts.maybe))
        found.add_field(name=maybe, value=people(facts.maybe), inline=False)
    if facts.waiting:
        waiting = _("Waiting list ({number})", number=len(facts.waiting))
        found.add_field(name=waiting, value=people(facts.waiting), inline=False)
    if facts.cant:
        found.add_field(name=pgettext("how many", "Can't"), value=str(facts.cant), inline=False)
    found.set_footer(text=facts.group.name)
    return found


def state_notice(facts: MeetupFacts) -> str | None:
    """Why the post has no buttons, or None while it has."""
    if facts.occurrence.state is OccurrenceState.SKIPPED:
        skipped = _("**Skipped.** This date is left out.")
        return f"{skipped} {next_one(facts)}" if facts.next_starts else skipped
    if facts.occurrence.state is OccurrenceState.CANCELLED:
        return _("**Cancelled.** This meetup does not take place.")
    return _("**This meetup is over.**") if facts.is_over else None


def next_one(facts: MeetupFacts) -> str:
    """When the series goes on; only for one that does."""
    return _("The next one: {when}.", when=moment(facts.next_starts[0]))


def where(facts: MeetupFacts) -> str | None:
    """The place of this date: its own where it has one, else the series'."""
    if facts.occurrence.where_text:
        return shown(facts.occurrence.where_text)
    channel_id = facts.occurrence.where_channel_id or facts.meetup.where_channel_id
    return f"<#{channel_id}>" if channel_id else None


def length(facts: MeetupFacts) -> str:
    minutes = int((facts.occurrence.ends_at - facts.occurrence.starts_at).total_seconds()) // 60
    return ngettext("{n} minutes", "{n} minutes", minutes)


def places(facts: MeetupFacts) -> str:
    """How many are going, and of how many."""
    going, capacity = len(facts.going), facts.meetup.capacity
    return f"{going}/{capacity}" if capacity else str(going)


def people(user_ids: Sequence[int]) -> str:
    """Mentions, which ping nobody inside an embed."""
    names = ", ".join(f"<@{user_id}>" for user_id in user_ids[:MOST_NAMES])
    more = len(user_ids) - MOST_NAMES
    return _("{names} and {left} more", names=names, left=more) if more > 0 else names


def line(facts: MeetupFacts) -> str:
    """One date in a list."""
    start = facts.occurrence.starts_at
    place = where(facts)
    going = _("{number} going", number=places(facts))
    parts = [moment(start), *([place] if place else []), going]
    return f"**{shown(facts.title)}**\n{' · '.join(parts)}"


def standing_words(standing: Standing) -> str:
    """Where the member stands now."""
    match standing.answer:
        case Answer.GOING:
            return _("You are going.")
        case Answer.MAYBE:
            return _("You are down as a maybe.")
        case Answer.CANT:
            return _("You can't make it this time. Thank you for saying so.")
        case Answer.WAITLISTED:
            return _(
                "All places are taken. You are number {place} on the waiting list, "
                "and I will tell you when a place is yours.",
                place=standing.place,
            )


def reminder_words(
    facts: MeetupFacts, *, mentioned: Sequence[int], late_since: datetime | None, continued: bool
) -> str:
    """The text of a reminder. `late_since` is when it should have come, if that is a while ago."""
    start = facts.occurrence.starts_at
    place = where(facts)
    title, how_soon, when = shown(facts.title), relative(start), date_and_time(start)
    if place:
        text = _(
            "**{title}** starts {how_soon}: {when} in {place}.",
            title=title,
            how_soon=how_soon,
            when=when,
            place=place,
        )
    else:
        text = _("**{title}** starts {how_soon}: {when}.", title=title, how_soon=how_soon, when=when)
    if late_since is not None:
        late = _("This reminder was due {when}; I could not send it then.", when=moment(late_since))
        text = f"{text} {late}"
    if not mentioned and not continued:
        text = " ".join((text, _("Nobody is going yet.")))
    names = " ".join(f"<@{user_id}>" for user_id in mentioned)
    return f"{names}\n{text}" if names else text


def promoted_words(facts: MeetupFacts, *, user_id: int) -> str:
    start = facts.occurrence.starts_at
    return _(
        "{member} A place became free: you are going to **{title}**, {when}. "
        "If you can't come after all, press {button}.",
        member=f"<@{user_id}>",
        title=shown(facts.title),
        when=moment(start),
        button=_(CANT),
    )


def give_up_button(facts: MeetupFacts) -> discord.ui.View:
    return buttons(DurableButton(FEATURE, facts.occurrence.id, "cant", label=_(CANT)))


def dropped_words(facts: MeetupFacts) -> str:
    return _(
        "**{title}** does not take place on {when}.",
        title=shown(facts.title),
        when=moment(facts.occurrence.starts_at),
    )


def called_off(facts: MeetupFacts) -> str:
    title, start = shown(facts.title), moment(facts.occurrence.starts_at)
    if facts.meetup.repeat == Repeat.NONE:
        return _("**{title}** on {when} is cancelled.", title=title, when=start)
    return _("**{title}** is cancelled: {when} and every later date.", title=title, when=start)


def told(text: str, *dates: MeetupFacts) -> Reply:
    """A change of plan, which mentions those who were coming to these dates: they must not stand before a
    closed door.
    """
    everybody = dict.fromkeys(user_id for facts in dates for user_id in facts.going)
    coming = list(everybody)[:MOST_MENTIONS]
    mentions = discord.AllowedMentions(
        everyone=False, roles=False, users=[discord.Object(user_id) for user_id in coming]
    )
    people = " ".join(f"<@{user_id}>" for user_id in coming)
    return Reply(f"{text}\n{people}" if people else text, allowed_mentions=mentions)
