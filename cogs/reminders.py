"""`/remind`: what a member wants to be told later, and the buttons under it when it comes."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import Reminder
from bot.delivery.ledger import Claimed
from bot.errors import UnknownReminder
from bot.locales import N_, _, speaking
from bot.locales.writing import short_month, short_weekday
from bot.scheduling.recurrence import Repeat
from bot.services.reminders import REMINDER, SNOOZED, Created, OpenReminder, ZoneSource
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.languages import of_everyone
from bot.ui.moments import moment
from bot.ui.options import CHOICES, caller_of
from bot.ui.repeats import repeat_words
from bot.ui.sending import Pointless, Rendered
from bot.ui.text import plain, shown

FEATURE = "remind"
TICK = "reminders"
# Another process may have made a repeating reminder that this one's alarm does not know of.
TICK_AT_LEAST_EVERY = timedelta(minutes=10)
LATE = timedelta(minutes=1)
MOST_LISTED = 20
CONTENT_LIMIT = 2000

REPEATS = [
    app_commands.Choice(name=repeat.value, value=repeat.value)
    for repeat in Repeat
    if repeat is not Repeat.NONE
]
SNOOZES = {
    "snooze10": (N_("Snooze"), timedelta(minutes=10)),
    "snooze60": (N_("Snooze 1 h"), timedelta(hours=1)),
    "snooze1440": (N_("Snooze 1 day"), timedelta(days=1)),
}
DONE = "done"


async def reminder_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The member's own open reminders, soonest first; the value is the id."""
    found = await interaction.client.services.reminders.opened(user_id=interaction.user.id)
    wanted = typed.casefold().strip()
    labelled = [(label(one), str(one.reminder.id)) for one in found]
    return [
        app_commands.Choice(name=name, value=value) for name, value in labelled if wanted in name.casefold()
    ][:CHOICES]


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Reminders(commands.GroupCog, group_name="remind", group_description="Things to be reminded of"):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.reminders = bot.services.reminders

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        for kind in (REMINDER, SNOOZED):
            self.bot.sender.register(kind, self.render)
        self.bot.scheduler.add(TICK, self.reminders.plan_next, at_least_every=TICK_AT_LEAST_EVERY)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(FEATURE)
        for kind in (REMINDER, SNOOZED):
            self.bot.sender.unregister(kind)
        self.bot.scheduler.remove(TICK)

    @app_commands.command()
    @app_commands.describe(
        when="When, such as “in 2 hours”, “tomorrow 7pm” or “sat 18:30”",
        what="What to remind you of",
        repeat="Say it again, at the same time of day",
    )
    @app_commands.choices(repeat=REPEATS)
    async def me(
        self,
        interaction: Interaction,
        when: str,
        what: str,
        repeat: app_commands.Choice[str] | None = None,
    ) -> None:
        """Be reminded of something by a direct message."""
        await acknowledge(interaction, private=True)
        created = await self.reminders.create(
            user_id=interaction.user.id,
            caller=caller_of(interaction) if interaction.guild is not None else None,
            channel_id=interaction.channel_id,
            when=when,
            what=what,
            repeat=Repeat(repeat.value) if repeat is not None else Repeat.NONE,
        )
        if created.reminder.repeat != Repeat.NONE:
            self.bot.scheduler.wake(TICK, created.reminder.due_at)
        await reply(interaction, Reply(confirmation(created)), private=True)

    @app_commands.command(name="list")
    async def list_(self, interaction: Interaction) -> None:
        """Show your reminders that are still to come."""
        await acknowledge(interaction, private=True)
        found = await self.reminders.opened(user_id=interaction.user.id)
        if not found:
            text = _("You have no reminders. `/remind me` makes one.")
            await reply(interaction, Reply(text), private=True)
            return
        embed = discord.Embed(title=_("Your reminders"))
        embed.description = "\n".join(line(one) for one in found[:MOST_LISTED])
        if len(found) > MOST_LISTED:
            embed.set_footer(text=_("and {left} later ones", left=len(found) - MOST_LISTED))
        await reply(interaction, Reply(embeds=[embed]), private=True)

    @app_commands.command()
    @app_commands.describe(reminder="The reminder to take back")
    @app_commands.autocomplete(reminder=reminder_choices)
    async def cancel(self, interaction: Interaction, reminder: str) -> None:
        """Take back one of your reminders."""
        await acknowledge(interaction, private=True)
        cancelled = await self.reminders.cancel(user_id=interaction.user.id, typed=reminder)
        whole = _("Cancelled: {what}", what=plain(cancelled.what))
        text = fitting(whole, _("Cancelled: {what}", what="").rstrip(), cancelled.what)
        await reply(interaction, Reply(text), private=True)

    async def render(self, delivery: Claimed) -> Rendered:
        reminder = await self.reminders.get(delivery.refs["reminder"])
        if reminder is None or reminder.cancelled_at is not None:
            raise Pointless("reminder cancelled")
        due_at = datetime.fromisoformat(delivery.refs["due"])
        late = self.bot.clock() - due_at > LATE
        private = delivery.channel_id is None
        note = _("This was due {when}.", when=moment(due_at)) if late else None
        return Rendered(
            content=message(reminder, note, private=private),
            view=buttons(*open_buttons(reminder, delivery=delivery.id)),
            # In a channel the member would not see it otherwise; nobody else is pinged by their words.
            allowed_mentions=discord.AllowedMentions(
                everyone=False, roles=False, users=[] if private else [discord.Object(reminder.user_id)]
            ),
        )

    async def on_press(self, press: Press) -> None:
        """Snooze and Done, pressed by the member whose reminder it is; others are refused privately."""
        interaction = press.interaction
        reminder, again_at = await patiently(interaction, self._answer(press), private=True)
        with speaking(of_everyone(interaction)):
            # The button stays, for it carries the delivery's mark.
            kept = done_button(reminder, delivery=press.delivery, disabled=press.verb == DONE)
            note = answer_words(press.verb, again_at)
            changed: dict[str, Any] = {
                "content": message(reminder, note, private=interaction.guild_id is None),
                "view": buttons(kept),
                "allowed_mentions": discord.AllowedMentions.none(),
            }
        if not interaction.response.is_done():
            await interaction.response.edit_message(**changed)
            return
        # It took so long that Discord was asked for time: then the answer is a message of its own.
        if interaction.message is not None:
            await interaction.message.edit(**changed)
        await reply(interaction, Reply(answer_words(press.verb, again_at)), private=True)

    async def _answer(self, press: Press) -> tuple[Reminder, datetime | None]:
        """Do what was pressed; the reminder, and when it comes again."""
        user_id = press.interaction.user.id
        if press.verb == DONE:
            return await self.reminders.finish(user_id=user_id, reminder_id=press.id)
        if press.verb not in SNOOZES:
            raise UnknownReminder(typed=str(press.id))
        by = SNOOZES[press.verb][1]
        return await self.reminders.snooze(
            user_id=user_id, reminder_id=press.id, delivery_id=press.delivery, by=by
        )


def answer_words(verb: str, again_at: datetime | None) -> str:
    """What is said when Done or one of the snoozes was pressed."""
    if again_at is None:
        return _("Done.")
    if verb == DONE:
        return _("Done. It comes again {when}.", when=moment(again_at))
    return _("Snoozed: it comes again {when}.", when=moment(again_at))


def open_buttons(reminder: Reminder, *, delivery: int) -> list[DurableButton]:
    snoozes = [
        DurableButton(FEATURE, reminder.id, verb, label=_(name), delivery=delivery)
        for verb, (name, by) in SNOOZES.items()
    ]
    return [*snoozes, done_button(reminder, delivery=delivery)]


def done_button(reminder: Reminder, *, delivery: int | None, disabled: bool = False) -> DurableButton:
    return DurableButton(
        FEATURE,
        reminder.id,
        DONE,
        label=_("Done"),
        style=discord.ButtonStyle.success,
        delivery=delivery,
        disabled=disabled,
    )


def message(reminder: Reminder, note: str | None, *, private: bool) -> str:
    """The reminder as it is sent; in a channel it names its member."""
    if private:
        head = _("You asked me to remind you:")
    else:
        head = _("{member}, you asked me to remind you:", member=f"<@{reminder.user_id}>")
    foot = f"\n{note}" if note else ""
    return fitting(f"{head} **{plain(reminder.what)}**{foot}", f"{head}{foot}", reminder.what)


def fitting(text: str, frame: str, what: str) -> str:
    """`text`, unless so much had to be escaped in it that Discord would refuse it: then `frame` and the
    member's words in a code block, where nothing needs escaping.
    """
    if len(text) <= CONTENT_LIMIT:
        return text
    return f"{frame}\n```\n{what.replace('`', 'ˋ')}\n```"


def confirmation(created: Created) -> str:
    reminder = created.reminder
    when = moment(reminder.due_at)
    if reminder.repeat != Repeat.NONE:
        frame = _("I’ll remind you {when}, and then {often}.", when=when, often=often(reminder))
    else:
        frame = _("I’ll remind you {when}.", when=when)
    where = (
        _("I’ll send you a direct message; if yours are closed, I’ll post it in this channel.")
        if reminder.channel_id is not None
        else _("I’ll send you a direct message.")
    )
    match created.zone_source:
        case ZoneSource.MEMBER:
            zone = _("I read the time in your zone, {zone}; `/timezone` changes it.", zone=created.zone)
        case ZoneSource.GROUP:
            zone = _(
                "I read the time in your group’s zone, {zone}; `/timezone` sets your own.", zone=created.zone
            )
        case ZoneSource.NOBODY:
            zone = _("I read the time as UTC, for I don’t know your zone; `/timezone` sets it.")
    words = f"{frame} {where} {zone}\n> {plain(reminder.what)}"
    return fitting(words, f"{frame}\n{where} {zone}", reminder.what)


def line(one: OpenReminder) -> str:
    repeats = f", {often(one.reminder)}" if one.reminder.repeat != Repeat.NONE else ""
    return f"{moment(one.next_at)}{repeats}: {shown(one.reminder.what, most=60)}"


def often(reminder: Reminder) -> str:
    return repeat_words(Repeat(reminder.repeat), reminder.starts_local)


def label(one: OpenReminder) -> str:
    """For autocomplete, which shows no timestamps: the time in the zone it was asked in."""
    local = one.next_at.astimezone(ZoneInfo(one.reminder.timezone))
    day, time = local.day, f"{local:%H:%M}"
    at = _(
        "{weekday} {day:02} {month} {time}",
        weekday=short_weekday(local),
        day=day,
        month=short_month(local),
        time=time,
    )
    text = f"{at} · {one.reminder.what}"
    return text if len(text) <= 100 else text[:99] + "…"


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Reminders(bot))
