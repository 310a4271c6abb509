"""What a member sees while reviewing: one message that turns from card to card, and its summary."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import discord

from bot.db.models import Group
from bot.flashcards.memory import Grade
from bot.locales import N_, _, ngettext
from bot.locales.writing import number, short_month, short_weekday
from bot.rendering.painter import Painter
from bot.rendering.review_cards import Count, ReviewSummary
from bot.services.boards import Measure
from bot.services.reviews import Question, Rest, Sitting
from bot.ui.answers import Reply, reply
from bot.ui.boards import COLOUR, amount_words
from bot.ui.buttons import DurableButton, buttons
from bot.ui.card_images import card_files
from bot.ui.cards import side
from bot.ui.moments import moment
from bot.ui.pictures import picture
from bot.ui.text import fitting, shown

FEATURE = "review"
#: Under a card that is put to the group.
EXPLAIN = "explain"
#: What a button does, and to which turn or card: "good_3".
VERB = re.compile(r"(?P<what>[a-z]+)(?:_(?P<number>\d{1,18}))?")
SHOW, UNDO, STOP, ASK, KEEP = "show", "undo", "stop", "ask", "keep"
#: Begins a session as `/review` does; the button's id is the group's.
START = "start"
ASK_LABEL = N_("Ask the group to explain")
GRADES = {
    Grade.AGAIN: N_("Again"),
    Grade.HARD: N_("Hard"),
    Grade.GOOD: N_("Good"),
    Grade.EASY: N_("Easy"),
}
STYLES = {
    Grade.AGAIN: discord.ButtonStyle.danger,
    Grade.HARD: discord.ButtonStyle.secondary,
    Grade.GOOD: discord.ButtonStyle.success,
    Grade.EASY: discord.ButtonStyle.primary,
}

# An embed's description takes 4096 characters: both sides share them.
SIDE_ROOM = 2000
WAITING_ROOM = 1200
YEAR, MONTH = timedelta(days=365.25), timedelta(days=30.44)


async def review_reply(painter: Painter, sitting: Sitting, *, answer: bool = False) -> Reply:
    """The card in front, with its back if `answer`; else the summary, or why there is nothing to do."""
    if sitting.question is not None:
        return _card(sitting, sitting.question, answer=answer)
    assert sitting.rest is not None  # noqa: S101 (a sitting without a question is over)
    if sitting.done == 0:
        return Reply(nothing_words(sitting, sitting.rest), view=_after(sitting))
    files = await picture(
        painter,
        ReviewSummary(
            title=done_words(sitting),
            subtitle=_(
                "{group}, {day:02} {month} {year}",
                group=sitting.group.name,
                day=sitting.rest.today.day,
                month=short_month(sitting.rest.today),
                year=sitting.rest.today.year,
            ),
            grades=tuple(
                Count(label=_(label), count=sitting.grades.get(grade, 0)) for grade, label in GRADES.items()
            ),
            coming=tuple(Count(label=label, count=count) for label, count in coming(sitting.rest)),
        ),
        theme=sitting.group.theme,
        name="review",
        alt=f"{done_words(sitting)}: {grade_words(sitting.grades)}. {coming_words(sitting.rest)}",
    )
    embed = discord.Embed(title=done_words(sitting), colour=COLOUR, description=summary_words(sitting))
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return Reply(leech_words(sitting), embeds=[embed], view=_after(sitting), files=files)


async def redraw(interaction: discord.Interaction[Any], drawn: Reply) -> None:
    """Turn the private message whose button was pressed into this one. A message that others see stays as it
    is, whoever made it: what is private then comes as a message of its own.
    """
    if interaction.message is None or not interaction.message.flags.ephemeral:
        await reply(interaction, drawn, private=True)
        return
    await interaction.edit_original_response(
        content=drawn.content,
        embeds=list(drawn.embeds),
        attachments=list(drawn.files),
        view=drawn.view,
        allowed_mentions=drawn.allowed_mentions,
    )


def _card(sitting: Sitting, question: Question, *, answer: bool) -> Reply:
    assert sitting.session is not None  # noqa: S101 (who has a question has a session)
    id_, turn = sitting.session.id, sitting.session.turn
    where = sitting.deck.name if sitting.deck is not None else sitting.group.name
    embed = discord.Embed(title=shown(where), colour=COLOUR)
    embed.description = sides(question.card.front, question.card.back if answer else None)
    words = [progress_words(sitting), *([_("a new card")] if question.is_new else [])]
    embed.set_footer(text=" · ".join(words))
    if answer:
        choices = [
            DurableButton(FEATURE, id_, f"{grade}_{turn}", label=label, style=STYLES[grade], row=0)
            for grade, label in grade_labels(question.intervals).items()
        ]
    else:
        style = discord.ButtonStyle.primary
        choices = [DurableButton(FEATURE, id_, f"{SHOW}_{turn}", label=_("Show answer"), style=style, row=0)]
    undo = DurableButton(
        FEATURE, id_, f"{UNDO}_{turn}", label=_("Undo"), disabled=not sitting.can_undo, row=1
    )
    stop = DurableButton(FEATURE, id_, STOP, label=_("Stop"), row=1)
    images = question.images.both if answer else question.images.front
    return Reply(
        leech_words(sitting),
        embeds=[embed],
        view=buttons(*choices, undo, stop, *_leech_buttons(sitting)),
        files=card_files(images, embed),
    )


def _after(sitting: Sitting) -> discord.ui.View | None:
    """What can still be done when the session is over."""
    if sitting.session is None or not sitting.can_undo:
        return None
    verb = f"{UNDO}_{sitting.session.turn}"
    undo = DurableButton(FEATURE, sitting.session.id, verb, label=_("Undo"), row=1)
    return buttons(undo, *_leech_buttons(sitting))


def _leech_buttons(sitting: Sitting) -> list[DurableButton]:
    if sitting.leech is None or sitting.session is None:
        return []
    id_, card = sitting.session.id, sitting.leech.id
    return [
        DurableButton(FEATURE, id_, f"{ASK}_{card}", label=_(ASK_LABEL), row=2),
        DurableButton(FEATURE, id_, f"{KEEP}_{card}", label=_("Keep it"), row=2),
    ]


def sides(front: str, back: str | None = None) -> str:
    """A card's front, with its back below it if given."""
    if back is None:
        return side(front, room=SIDE_ROOM)
    return "\n".join([side(front, room=SIDE_ROOM), "", _("**Answer**"), side(back, room=SIDE_ROOM)])


def grade_labels(intervals: Mapping[Grade, timedelta]) -> dict[Grade, str]:
    return {grade: f"{_(label)} {interval_words(intervals[grade])}" for grade, label in GRADES.items()}


def interval_words(interval: timedelta) -> str:
    """Short enough for a button: "10 min", "3 d", "2.5 mo"."""
    if interval < timedelta(hours=1):
        return _("{minutes} min", minutes=max(1, round(interval / timedelta(minutes=1))))
    if interval < timedelta(days=1):
        return _("{hours} h", hours=round(interval / timedelta(hours=1)))
    if interval < MONTH:
        return _("{days:.0f} d", days=interval / timedelta(days=1))
    if interval < YEAR:
        return _("{months:g} mo", months=round(interval / MONTH, 1))
    return _("{years:g} y", years=round(interval / YEAR, 1))


def progress_words(sitting: Sitting) -> str:
    """ "7 of 20, 3 new": the card in front, of all that this session has and had."""
    return _(
        "{number} of {all}, {new} new",
        number=sitting.done + 1,
        all=sitting.done + sitting.left,
        new=sitting.new,
    )


def done_words(sitting: Sitting) -> str:
    reviews = amount_words(Measure.REVIEWS, sitting.done)
    return _("{reviews} in {time}", reviews=reviews, time=minutes_words(sitting.thought))


def minutes_words(thought: timedelta) -> str:
    minutes = round(thought / timedelta(minutes=1))
    if minutes == 0:
        return _("less than a minute")
    return ngettext("{n} minute", "{n} minutes", minutes)


def grade_words(grades: Mapping[Grade, int]) -> str:
    return ", ".join(f"{_(label)} {number(grades.get(grade, 0))}" for grade, label in GRADES.items())


def coming(rest: Rest) -> list[tuple[str, int]]:
    """The next days by name, and how many cards fall due on each."""
    days = [rest.today + timedelta(days=i) for i in range(len(rest.forecast))]
    names = [_("Today"), *(short_weekday(day) for day in days[1:])]
    return list(zip(names, rest.forecast, strict=True))


def coming_words(rest: Rest) -> str:
    return _("Due: {days}", days=", ".join(f"{name} {number(count)}" for name, count in coming(rest)))


def summary_words(sitting: Sitting) -> str:
    assert sitting.rest is not None  # noqa: S101 (the caller has looked)
    return "\n".join(
        [grade_words(sitting.grades), coming_words(sitting.rest), *rest_lines(sitting, sitting.rest)]
    )


def leech_words(sitting: Sitting) -> str | None:
    if sitting.leech is None:
        return None
    front = shown(sitting.leech.front, most=80)
    return _(
        "You keep forgetting “{card}”, so I set it aside: it needs better words, not more reviews. "
        "When somebody rewords it, it comes back by itself.",
        card=front,
    )


def asked_words(group: Group) -> str:
    channel = f"<#{group.channel_id}>"
    return _("I put the card to the group in {channel}, without your name.", channel=channel)


def nothing_words(sitting: Sitting, rest: Rest) -> str:
    where = shown(sitting.deck.name if sitting.deck is not None else sitting.group.name)
    more = _("`/cards add` writes one, and `/cards starter` brings ready-made ones for the course.")
    if not rest.has_cards:
        return _("There are no cards in “{where}” yet. {more}", where=where, more=more)
    if sitting.left:
        return "\n".join([_("Stopped before the first card."), *rest_lines(sitting, rest)])
    return "\n".join(
        [
            _("Nothing to review in “{where}” now.", where=where),
            *rest_lines(sitting, rest),
            _("More cards: {more}", more=more),
        ]
    )


def rest_lines(sitting: Sitting, rest: Rest) -> list[str]:
    """What is still to come, and what it waits for."""
    lines = []
    if sitting.left:
        lines.append(
            ngettext(
                "{n:,} card is still waiting for today: `/review` goes on.",
                "{n:,} cards are still waiting for today: `/review` goes on.",
                sitting.left,
            )
        )
    elif rest.next_due is not None:
        lines.append(_("The next card falls due {when}.", when=moment(rest.next_due)))
    if rest.held_back and not sitting.left:
        lines.append(
            _(
                "You have met your {per_day} new cards of today; {held_back:,} more come on the "
                "following days. `/cards settings` changes how many.",
                per_day=rest.new_per_day,
                held_back=rest.held_back,
            )
        )
    if rest.waiting:
        lines.append(
            ngettext(
                "{n:,} new card waits until you have run a lesson (`/lesson done`): {lessons}.",
                "{n:,} new cards wait until you have run a lesson (`/lesson done`): {lessons}.",
                sum(count for lesson, count in rest.waiting),
                lessons=_lessons(rest.waiting),
            )
        )
    return lines


def _lessons(waiting: Sequence[tuple[str, int]]) -> str:
    words = [_("{count:,} for **{lesson}**", count=count, lesson=shown(title)) for title, count in waiting]
    return ", ".join(fitting(words, room=WAITING_ROOM))
