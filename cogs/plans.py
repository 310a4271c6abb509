"""`/plan`: whether the course fits into one's time, and the choice for whoever was away for a while."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import BadOption
from bot.locales import N_, _, ngettext, pgettext
from bot.services.plans import MOST_HOURS, Forecast, Shrunk
from bot.ui import comeback
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.courses import dollars
from bot.ui.dates import long_date
from bot.ui.modals import Form
from bot.ui.moments import moment
from bot.ui.options import caller_of, group_choices
from bot.ui.text import shown
from bot.ui.welcome import GOAL, GOAL_LABEL

FITS = discord.Colour(0x2F6FED)
TOO_MUCH = discord.Colour(0xD97706)
EXAMPLE = "`/plan hours_per_week:7 deadline:in 12 weeks`"
#: What the form behind My goal offers; the command takes any other number.
OFFERED_HOURS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40)
PAUSED = N_(
    "Your plan rests now. When you want it again, press Resume under `/plan`, or name your hours there."
)


class Plans(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.plans = bot.services.plans

    async def cog_load(self) -> None:
        self.bot.buttons.register(comeback.FEATURE, self.on_press)
        self.bot.buttons.register(GOAL, self.on_goal)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(GOAL)
        self.bot.buttons.unregister(comeback.FEATURE)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        hours_per_week="How many hours a week you want to study",
        deadline="Until when, such as “in 12 weeks” or 2026-06-30; “none” takes it away",
        group="The group whose course it is",
    )
    @app_commands.autocomplete(group=group_choices)
    async def plan(
        self,
        interaction: Interaction,
        hours_per_week: app_commands.Range[int, 1, MOST_HOURS] | None = None,
        deadline: str | None = None,
        group: str | None = None,
    ) -> None:
        """See how much of the course is left, when you will be done, and whether it fits."""
        await acknowledge(interaction, private=True)
        caller = caller_of(interaction)
        if hours_per_week is None and deadline is None:
            forecast = await self.plans.forecast(caller=caller, typed=group)
        else:
            forecast = await self.plans.change(
                caller=caller, typed=group, hours_per_week=hours_per_week, deadline=deadline
            )
        await reply(interaction, card(forecast), private=True)

    async def on_press(self, press: Press) -> None:
        """The choice after a quiet time, and Resume under a paused plan: always the presser's own plan."""
        interaction = press.interaction
        await interaction.response.defer()
        answer = await self._chosen(press)
        await interaction.edit_original_response(
            content=answer.content, embeds=list(answer.embeds), view=answer.view
        )

    async def on_goal(self, press: Press) -> None:
        """My goal, under a group's invitation: the presser's own hours a week."""
        planned = await self.plans.hours(caller=caller_of(press.interaction), group_id=press.id)
        await press.interaction.response.send_modal(GoalForm(self, group_id=press.id, planned=planned))

    async def note_goal(self, interaction: Interaction, *, group_id: int, hours_per_week: int) -> None:
        """What the form brought back."""
        await acknowledge(interaction, private=True)
        forecast = await self.plans.note_hours(
            caller=caller_of(interaction), group_id=group_id, hours_per_week=hours_per_week
        )
        if forecast is None:
            text = _(
                "Noted: {hours} a week. Once the group follows a course, `/plan` shows when "
                "you will be done.",
                hours=hours(hours_per_week),
            )
            await reply(interaction, Reply(text), private=True)
            return
        await reply(interaction, card(forecast), private=True)

    async def _chosen(self, press: Press) -> Reply:
        caller = caller_of(press.interaction)
        match press.verb:
            case comeback.SHRINK:
                return Reply(shrunk_words(await self.plans.shrink(caller=caller, group_id=press.id)))
            case comeback.PAUSE:
                await self.plans.pause(caller=caller, group_id=press.id)
                return Reply(_(PAUSED))
            case comeback.CARRY_ON:
                return Reply(_("Good. Everything stays as it is; `/lesson next` shows where you were."))
            case comeback.RESUME:
                return card(await self.plans.resume(caller=caller, group_id=press.id))
            case verb:
                choices = (comeback.SHRINK, comeback.PAUSE, comeback.CARRY_ON)
                raise BadOption(field="choice", value=verb, choices=choices)


class GoalForm(Form):
    def __init__(self, plans: Plans, *, group_id: int, planned: int | None) -> None:
        super().__init__(title=_(GOAL_LABEL))
        self._plans, self._group_id = plans, group_id
        offered = sorted({*OFFERED_HOURS, *([planned] if planned is not None else [])})
        self._hours: discord.ui.Select[GoalForm] = discord.ui.Select(
            options=[
                discord.SelectOption(label=hours(amount), value=str(amount), default=amount == planned)
                for amount in offered
            ],
            placeholder=_("Hours a week"),
            custom_id="hours",
        )
        self.add_item(
            discord.ui.Label(
                text=_("How much time do you have each week?"),
                description=_("/plan takes other numbers and a deadline, and changes it any time."),
                component=self._hours,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._plans.note_goal(
            interaction, group_id=self._group_id, hours_per_week=int(self._hours.values[0])
        )


def card(forecast: Forecast) -> Reply:
    """The plan in words; a paused one says only what is left, and how it goes on."""
    course = forecast.course
    embed = discord.Embed(title=_("Your plan: {course}", course=shown(course.pack.title)), colour=FITS)
    lines = [left_words(forecast)]
    view = None
    if forecast.paused_at is not None:
        lines.append(
            _(
                "It is paused since {moment}. Resume lets it go on as it was, and so does naming new hours, "
                "such as {example}.",
                moment=moment(forecast.paused_at),
                example=EXAMPLE,
            )
        )
        label = pgettext("plan", "Resume")
        view = buttons(DurableButton(comeback.FEATURE, course.group.id, comeback.RESUME, label=label))
    elif forecast.left.hours > 0:
        lines += forecast_lines(forecast)
        if forecast.load is not None and forecast.load > 1:
            embed.colour = TOO_MUCH
    embed.description = "\n".join(lines)
    return Reply(embeds=[embed], view=view)


def left_words(forecast: Forecast) -> str:
    left = forecast.left
    if not left.hours:
        if left.cost:
            return _("Nothing is left to do, but to pay, and **{cost}**. Well done.", cost=dollars(left.cost))
        return _("Nothing is left to do. Well done.")
    amounts = {"points": tenths(left.points), "hours": tenths(left.hours)}
    if left.cost:
        return _(
            "Left: **{points:,} points** ({hours:,} hours), and **{cost}**.",
            **amounts,
            cost=dollars(left.cost),
        )
    return _("Left: **{points:,} points** ({hours:,} hours).", **amounts)


def forecast_lines(forecast: Forecast) -> list[str]:
    """What is wanted by when, how fast it goes, where that leads, and whether it fits."""
    planned = forecast.hours_per_week
    lines = [deadline_words(forecast)] if forecast.deadline is not None else []
    if planned is not None:
        lines.append(_("You plan {hours} a week.", hours=hours(planned)))
    if forecast.real_pace is not None:
        lines.append(
            _(
                "So far you do {hours} a week, counted from your first lesson.",
                hours=hours(forecast.real_pace),
            )
        )
    if forecast.finishes is not None:
        lines.append(finish_words(forecast))
    elif planned is not None or forecast.real_pace is not None:
        lines.append(_("At that pace it takes more than ten years."))
    if forecast.load is not None and planned is not None:
        lines.append(load_words(forecast.load, planned=planned))
    if planned is None and not forecast.deadline_is_own:
        lines.append(
            _(
                "Tell me how much time you have and until when, and I tell you whether it fits: {example}.",
                example=EXAMPLE,
            )
        )
    return lines


def deadline_words(forecast: Forecast) -> str:
    """Until when, and what that takes; "" without a deadline."""
    if forecast.deadline is None:
        return ""
    day = long_date(forecast.deadline)
    if forecast.needed is None:
        if forecast.deadline_is_own:
            return _("Your deadline was {day}. Set a new one: `/plan deadline:in 12 weeks`.", day=day)
        return _(
            "The group’s last meetup of the course was {day}. Set a new one: `/plan deadline:in 12 weeks`.",
            day=day,
        )
    takes = hours(forecast.needed)
    if forecast.deadline_is_own:
        return _("Your deadline is on **{day}**; until then it takes {hours} a week.", day=day, hours=takes)
    return _(
        "The group’s last meetup of the course is on **{day}**; until then it takes {hours} a week.",
        day=day,
        hours=takes,
    )


def finish_words(forecast: Forecast) -> str:
    """When it is done, and whether that comes before the deadline, as long as one lies ahead."""
    if forecast.finishes is None:
        return ""
    day = long_date(forecast.finishes)
    if forecast.deadline is None or forecast.needed is None:
        return _("At that pace you finish on **{day}**.", day=day)
    late = (forecast.finishes - forecast.deadline).days
    if late <= 0:
        return _("At that pace you finish on **{day}**, in time for that.", day=day)
    return ngettext(
        "At that pace you finish on **{day}**, {n} day later than that.",
        "At that pace you finish on **{day}**, {n} days later than that.",
        late,
        day=day,
    )


def load_words(load: float, *, planned: int) -> str:
    """Which part of the time there is the course takes."""
    facts = {"hours": hours(planned), "share": round(load * 100)}
    if load > 1:
        return _(
            "At the {hours} you plan, it is **{share:,} % of the time you have**, so something has to give: "
            "more hours, a later deadline, or fewer lessons.",
            **facts,
        )
    return _("At the {hours} you plan, it is **{share:,} % of the time you have**, so it fits.", **facts)


def shrunk_words(shrunk: Shrunk) -> str:
    """What the plan is now, and that it may be changed."""
    if shrunk.hours is None:
        return _(
            "Your plan names no hours yet, so there is nothing to shrink. Name them with {example}.",
            example=EXAMPLE,
        )
    if shrunk.hours_before != shrunk.hours:
        now, before = hours(shrunk.hours), hours(shrunk.hours_before or 0)
        lines = [_("Your plan is {hours} a week now instead of {before}.", hours=now, before=before)]
    else:
        lines = [_("Your plan is {hours} a week now.", hours=hours(shrunk.hours))]
    if shrunk.deadline != shrunk.deadline_before and shrunk.deadline_before is not None:
        gone = long_date(shrunk.deadline_before)
        if shrunk.deadline is not None:
            day = long_date(shrunk.deadline)
            lines.append(
                _("Your deadline moves from {before} to **{day}**, so it fits.", before=gone, day=day)
            )
        else:
            lines.append(
                _("Your deadline, {before}, is taken away: no day within ten years would fit.", before=gone)
            )
    lines.append(_("`/plan` changes it any time."))
    return " ".join(lines)


def hours(amount: float) -> str:
    """With one decimal where there is one: 7.4 hours, 1 hour, 1,200 hours."""
    shown_amount = tenths(amount)
    return _("1 hour") if shown_amount == 1 else _("{hours:,} hours", hours=shown_amount)


def tenths(amount: float) -> int | float:
    """Rounded to one decimal, and to a whole number where that is one."""
    rounded = round(amount, 1)
    return int(rounded) if rounded == int(rounded) else rounded


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Plans(bot))
