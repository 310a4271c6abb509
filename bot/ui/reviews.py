"""What a member sees while reviewing: one message that turns from card to card, and its summary."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import discord

from bot.db.models import Group
from bot.flashcards.memory import Grade
from bot.rendering.painter import Painter
from bot.rendering.review_cards import Count, ReviewSummary
from bot.services.reviews import Question, Rest, Sitting
from bot.ui.answers import Reply, reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, buttons
from bot.ui.card_images import card_files
from bot.ui.cards import side
from bot.ui.errors import moment
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
ASK_LABEL = "Ask the group to explain"
STYLES = {
    Grade.AGAIN: discord.ButtonStyle.danger,
    Grade.HARD: discord.ButtonStyle.secondary,
    Grade.GOOD: discord.ButtonStyle.success,
    Grade.EASY: discord.ButtonStyle.primary,
}
BETWEEN = "\n\n**Answer**\n"
# An embed's description takes 4096 characters: both sides share them.
SIDE_ROOM = 2000
WAITING_ROOM = 1200
UNITS = ((365.25, "y"), (30.44, "mo"), (1.0, "d"))


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
            subtitle=f"{sitting.group.name}, {sitting.rest.today:%d %b %Y}",
            grades=tuple(
                Count(label=grade.capitalize(), count=sitting.grades.get(grade, 0)) for grade in Grade
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
    fresh = " · a new card" if question.is_new else ""
    embed.set_footer(text=f"{progress_words(sitting)}{fresh}")
    if answer:
        choices = [
            DurableButton(FEATURE, id_, f"{grade}_{turn}", label=label, style=STYLES[grade], row=0)
            for grade, label in grade_labels(question.intervals).items()
        ]
    else:
        style = discord.ButtonStyle.primary
        choices = [DurableButton(FEATURE, id_, f"{SHOW}_{turn}", label="Show answer", style=style, row=0)]
    undo = DurableButton(FEATURE, id_, f"{UNDO}_{turn}", label="Undo", disabled=not sitting.can_undo, row=1)
    stop = DurableButton(FEATURE, id_, STOP, label="Stop", row=1)
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
    undo = DurableButton(FEATURE, sitting.session.id, f"{UNDO}_{sitting.session.turn}", label="Undo", row=1)
    return buttons(undo, *_leech_buttons(sitting))


def _leech_buttons(sitting: Sitting) -> list[DurableButton]:
    if sitting.leech is None or sitting.session is None:
        return []
    id_, card = sitting.session.id, sitting.leech.id
    return [
        DurableButton(FEATURE, id_, f"{ASK}_{card}", label=ASK_LABEL, row=2),
        DurableButton(FEATURE, id_, f"{KEEP}_{card}", label="Keep it", row=2),
    ]


def sides(front: str, back: str | None = None) -> str:
    """A card's front, with its back below it if given."""
    if back is None:
        return side(front, room=SIDE_ROOM)
    return side(front, room=SIDE_ROOM) + BETWEEN + side(back, room=SIDE_ROOM)


def grade_labels(intervals: Mapping[Grade, timedelta]) -> dict[Grade, str]:
    return {grade: f"{grade.capitalize()} {interval_words(intervals[grade])}" for grade in Grade}


def interval_words(interval: timedelta) -> str:
    """Short enough for a button: "10 min", "3 d", "2.5 mo"."""
    if interval < timedelta(hours=1):
        return f"{max(1, round(interval / timedelta(minutes=1)))} min"
    if interval < timedelta(days=1):
        return f"{round(interval / timedelta(hours=1))} h"
    days = interval / timedelta(days=1)
    length, unit = next((one for one in UNITS if days >= one[0]), UNITS[-1])
    return f"{days / length:.0f} d" if unit == "d" else f"{days / length:.1f}".removesuffix(".0") + f" {unit}"


def progress_words(sitting: Sitting) -> str:
    """ "7 of 20, 3 new": the card in front, of all that this session has and had."""
    return f"{sitting.done + 1} of {sitting.done + sitting.left}, {sitting.new} new"


def done_words(sitting: Sitting) -> str:
    reviews = "1 review" if sitting.done == 1 else f"{sitting.done:,} reviews"
    return f"{reviews} in {minutes_words(sitting.thought)}"


def minutes_words(thought: timedelta) -> str:
    minutes = round(thought / timedelta(minutes=1))
    if minutes == 0:
        return "less than a minute"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def grade_words(grades: Mapping[Grade, int]) -> str:
    return ", ".join(f"{grade.capitalize()} {grades.get(grade, 0):,}" for grade in Grade)


def coming(rest: Rest) -> list[tuple[str, int]]:
    """The next days by name, and how many cards fall due on each."""
    days = [rest.today + timedelta(days=i) for i in range(len(rest.forecast))]
    names = ["Today", *(f"{day:%a}" for day in days[1:])]
    return list(zip(names, rest.forecast, strict=True))


def coming_words(rest: Rest) -> str:
    return "Due: " + ", ".join(f"{name} {count:,}" for name, count in coming(rest))


def summary_words(sitting: Sitting) -> str:
    assert sitting.rest is not None  # noqa: S101 (the caller has looked)
    return "\n".join(
        [grade_words(sitting.grades), coming_words(sitting.rest), *rest_lines(sitting, sitting.rest)]
    )


def leech_words(sitting: Sitting) -> str | None:
    if sitting.leech is None:
        return None
    front = shown(sitting.leech.front, most=80)
    return (
        f"You keep forgetting “{front}”, so I set it aside: it needs better words, not more reviews. "
        "When somebody rewords it, it comes back by itself."
    )


def asked_words(group: Group) -> str:
    return f"I put the card to the group in <#{group.channel_id}>, without your name."


def nothing_words(sitting: Sitting, rest: Rest) -> str:
    where = f"“{shown(sitting.deck.name if sitting.deck is not None else sitting.group.name)}”"
    more = "`/cards add` writes one, and `/cards starter` brings ready-made ones for the course."
    if not rest.has_cards:
        return f"There are no cards in {where} yet. {more}"
    first = "Stopped before the first card." if sitting.left else f"Nothing to review in {where} now."
    return "\n".join([first, *rest_lines(sitting, rest), *([] if sitting.left else [f"More cards: {more}"])])


def rest_lines(sitting: Sitting, rest: Rest) -> list[str]:
    """What is still to come, and what it waits for."""
    lines = []
    if sitting.left:
        cards = "1 card is" if sitting.left == 1 else f"{sitting.left:,} cards are"
        lines.append(f"{cards} still waiting for today: `/review` goes on.")
    elif rest.next_due is not None:
        lines.append(f"The next card falls due {moment(rest.next_due)}.")
    if rest.held_back and not sitting.left:
        lines.append(
            f"You have met your {rest.new_per_day} new cards of today; {rest.held_back:,} more come on the "
            "following days. `/cards settings` changes how many."
        )
    if rest.waiting:
        total = sum(count for _, count in rest.waiting)
        cards = "1 new card waits" if total == 1 else f"{total:,} new cards wait"
        lines.append(f"{cards} until you have run a lesson (`/lesson done`): {_lessons(rest.waiting)}.")
    return lines


def _lessons(waiting: Sequence[tuple[str, int]]) -> str:
    return ", ".join(
        fitting([f"{count:,} for **{shown(title)}**" for title, count in waiting], room=WAITING_ROOM)
    )
