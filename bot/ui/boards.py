"""What members see of a board: text, picture and buttons, the reasons behind a number, a group's goal."""

from zoneinfo import ZoneInfo

import discord

from bot.locales import N_, _, ngettext
from bot.locales.writing import month, weekday
from bot.rendering.cards import BoardCard, BoardRow
from bot.rendering.cards import Goal as GoalCard
from bot.rendering.painter import Painter
from bot.services.boards import Absence, BoardFacts, Goal, GoalProgress, Measure, Period, Place, Reason, Why
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.moments import moment
from bot.ui.pictures import picture
from bot.ui.stages import stage_words
from bot.ui.text import begun_large, fitting, plain, shown

FEATURE = "board"
#: The verb of a button that answers privately with the board, for messages that are none themselves.
SHOW = "show"
COLOUR = discord.Colour(0x2F6FED)
PICTURE = "leaderboard"
BUTTONS_IN_A_ROW = 5
# Leaves room for what stands around the lines in an embed's 4096 characters.
LINES_ROOM = 3600
LINK_LIMIT = 200

PLURALS = {
    Measure.LESSONS: N_("lessons"),
    Measure.POINTS: N_("points"),
    Measure.REVIEWS: N_("reviews"),
    Measure.MEETUPS: N_("meetups"),
    Measure.PROJECTS: N_("projects"),
    Measure.KUDOS: N_("kudos"),
}
HOW_TO = {
    Measure.LESSONS: N_("`/lesson done` records one, from the stage “ran” on."),
    Measure.POINTS: N_("`/lesson done` earns them, more of them for what others have verified."),
    Measure.REVIEWS: N_("`/review` and the daily cards: each grade is one."),
    Measure.MEETUPS: N_("Whoever checks in to a meetup has one."),
    Measure.PROJECTS: N_("`/project ship` brings one here."),
    Measure.KUDOS: N_("They come from others: `/kudos` thanks someone who explained."),
}
WITHIN = {Period.WEEK: N_("{what} this week"), Period.MONTH: N_("{what} this month"), Period.ALL: "{what}"}
EACH = {Period.WEEK: N_("{what} a week"), Period.MONTH: N_("{what} a month"), Period.ALL: "{what}"}
PERIOD_LABELS = {Period.WEEK: N_("Week"), Period.MONTH: N_("Month"), Period.ALL: N_("All time")}


def amount_words(measure: Measure, amount: int) -> str:
    """Such as "1 lesson" and "5 lessons"."""
    match measure:
        case Measure.LESSONS:
            return ngettext("{n:,} lesson", "{n:,} lessons", amount)
        case Measure.POINTS:
            return ngettext("{n:,} point", "{n:,} points", amount)
        case Measure.REVIEWS:
            return ngettext("{n:,} review", "{n:,} reviews", amount)
        case Measure.MEETUPS:
            return ngettext("{n:,} meetup", "{n:,} meetups", amount)
        case Measure.PROJECTS:
            return ngettext("{n:,} project", "{n:,} projects", amount)
        case Measure.KUDOS:
            return _("{count:,} kudos", count=amount)


def goal_words(goal: Goal) -> str:
    """The goal, such as "40 lessons a month"; in English as a member could type it."""
    return _(EACH[goal.period], what=amount_words(goal.measure, goal.count))


def counted(measure: Measure, period: Period) -> str:
    """What is counted, inside a sentence: "lessons this month", or just "lessons"."""
    return _(WITHIN[period], what=_(PLURALS[measure]))


def progress_words(progress: GoalProgress) -> str:
    goal = progress.goal
    share = _(
        "{reached:,} of {amount}", reached=progress.reached, amount=amount_words(goal.measure, goal.count)
    )
    words = _(WITHIN[goal.period], what=share)
    return _("{progress}, reached", progress=words) if progress.is_reached else words


async def board_reply(painter: Painter, facts: BoardFacts) -> Reply:
    """The board as text and picture, which say the same, with the buttons that switch it."""
    embed = discord.Embed(title=f"{shown(facts.group.name)}: {heading(facts)}", colour=COLOUR)
    embed.description = "\n".join(_lines(facts))
    facts_below = filter(None, (_people(facts) if facts.places else None, _first_day(facts)))
    embed.set_footer(text=" · ".join(facts_below) or None)
    files = []
    if facts.places:
        files = await picture(
            painter, _card(facts), theme=facts.group.theme, name=PICTURE, alt=_alternative(facts)
        )
    for file in files:
        embed.set_image(url=f"attachment://{file.filename}")
    return Reply(embeds=[embed], files=files, view=board_buttons(facts))


def board_buttons(facts: BoardFacts) -> discord.ui.View:
    """One button per board and one per period. The verb names both, in another order in each row, for no two
    buttons of a message may have the same id; the present ones show the newest state.
    """
    group_id = facts.group.id
    boards = [
        DurableButton(
            FEATURE,
            group_id,
            f"{measure}_{facts.period}",
            label=begun_large(_(PLURALS[measure])),
            style=_style(measure is facts.measure),
            row=number // BUTTONS_IN_A_ROW,
        )
        for number, measure in enumerate(Measure)
    ]
    periods = [
        DurableButton(
            FEATURE,
            group_id,
            f"{period}_{facts.measure}",
            label=_(PERIOD_LABELS[period]),
            style=_style(period is facts.period),
            row=4,
        )
        for period in Period
    ]
    return buttons(*boards, *periods)


def parse_verb(verb: str) -> tuple[Measure, Period] | None:
    """The board behind a button, whichever row it stood in; None for a verb that is no button's."""
    words = verb.split("_")
    measures = [word for word in words if word in list(Measure)]
    periods = [word for word in words if word in list(Period)]
    if len(words) != 2 or len(measures) != 1 or len(periods) != 1:
        return None
    return Measure(measures[0]), Period(periods[0])


def heading(facts: BoardFacts | Why) -> str:
    what = counted(facts.measure, facts.period)
    return _("{what}, all time", what=what) if facts.period is Period.ALL else what


def absence_words(facts: BoardFacts) -> str | None:
    """Why the caller does not stand on the board, for them alone; None when they do."""
    group = shown(facts.group.name)
    match facts.absence:
        case Absence.NOT_A_MEMBER:
            return _(
                "You are not in **{group}**, so its boards don’t show you. `/group join` brings you in.",
                group=group,
            )
        case Absence.HIDDEN:
            return _(
                "The boards don’t show you, as you wished. `/leaderboard why` tells you your own number, and "
                "`/leaderboard visibility shown:True` shows you again."
            )
        case Absence.NOTHING_YET:
            what = counted(facts.measure, facts.period)
            return _("You have no {what} yet. {how_to}", what=what, how_to=_(HOW_TO[facts.measure]))
    return None


def why_embed(why: Why) -> discord.Embed:
    """The rows behind the caller's number; what is cut off still counts in the sums."""
    title = _("Your {board}: {score:,}", board=heading(why), score=why.score)
    embed = discord.Embed(title=title, colour=COLOUR)
    if not why.reasons:
        embed.description = _(
            "Nothing counts in **{group}** yet. {how_to}",
            group=shown(why.group.name),
            how_to=_(HOW_TO[why.measure]),
        )
    else:
        lines = fitting([_reason(why, reason) for reason in why.reasons], room=LINES_ROOM)
        left = why.count - len(lines)
        if left:
            rest = why.score - sum(reason.amount for reason in why.reasons[: len(lines)])
            lines.append(_("and {left:,} more: {amount}", left=left, amount=amount_words(why.measure, rest)))
        embed.description = "\n".join(lines)
    footer = why.group.name
    if why.hidden:
        footer = _("{group}; boards don’t show you, as you wished", group=footer)
    embed.set_footer(text=footer)
    return embed


def message_link(guild_id: int, channel_id: int, message_id: int) -> str:
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


def _lines(facts: BoardFacts) -> list[str]:
    lines = []
    if facts.goal:
        lines += [_("**Group goal:** {progress}", progress=progress_words(facts.goal)), ""]
    if not facts.places:
        what, how_to = counted(facts.measure, facts.period), _(HOW_TO[facts.measure])
        return [*lines, _("Nobody has {what} yet. {how_to}", what=what, how_to=how_to)]
    for place in facts.places:
        if place.apart:
            lines.append("⋯")
        mark = "▸ " if place.is_caller else ""
        score = amount_words(facts.measure, place.score)
        lines.append(f"{mark}**{place.rank}.** <@{place.user_id}>: {score}")
    return lines


def _card(facts: BoardFacts) -> BoardCard:
    return BoardCard(
        title=facts.group.name,
        subtitle=f"{begun_large(heading(facts))} · {_people(facts)}",
        unit=_(PLURALS[facts.measure]),
        rows=tuple(
            BoardRow(
                rank=place.rank,
                name=_name(place),
                score=place.score,
                is_caller=place.is_caller,
                apart=place.apart,
            )
            for place in facts.places
        ),
        goal=_goal_card(facts.goal) if facts.goal else None,
    )


def _goal_card(progress: GoalProgress) -> GoalCard:
    goal = progress.goal
    label = _("Group goal: {what}", what=counted(goal.measure, goal.period))
    return GoalCard(label=label, reached=progress.reached, wanted=goal.count)


def _alternative(facts: BoardFacts) -> str:
    """The picture in words, for those who can't see it."""
    goal = _("Group goal: {what}", what=f"{progress_words(facts.goal)}. ") if facts.goal else ""
    places = "; ".join(
        f"{place.rank}. {_name(place)}, {amount_words(facts.measure, place.score)}" for place in facts.places
    )
    return f"{facts.group.name}, {heading(facts)}, {_people(facts)}. {goal}{places}."


def _name(place: Place) -> str:
    return place.name or _("Member {number}", number=f"{place.user_id % 10_000:04}")


def _people(facts: BoardFacts) -> str:
    return ngettext("{n:,} member", "{n:,} members", facts.size)


def _first_day(facts: BoardFacts) -> str | None:
    """When the week or month began in the group's zone, which is not every reader's."""
    if facts.span.starts_at is None:
        return None
    day = facts.span.starts_at.astimezone(ZoneInfo(facts.group.timezone))
    return _(
        "from {weekday}, {day} {month} {year} in {zone}",
        weekday=weekday(day),
        day=day.day,
        month=month(day),
        year=day.year,
        zone=facts.group.timezone,
    )


def _reason(why: Why, reason: Reason) -> str:
    what = f"**{shown(reason.what)}**"
    if reason.stage is not None:
        what += f", {stage_words(reason.stage)}"
    if reason.giver_id is not None:
        what = _("from {member}: {what}", member=f"<@{reason.giver_id}>", what=shown(reason.what))
    parts = [amount_words(why.measure, reason.amount), what, moment(reason.at)]
    if reason.link is not None and len(reason.link) <= LINK_LIMIT:
        parts.append(plain(reason.link))
    if reason.channel_id is not None and reason.message_id is not None:
        parts.append(message_link(why.group.guild_id, reason.channel_id, reason.message_id))
    return " · ".join(parts)


def _style(is_current: bool) -> discord.ButtonStyle:
    return discord.ButtonStyle.primary if is_current else discord.ButtonStyle.secondary
