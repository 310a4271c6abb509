"""`/meetup checkin` and `/meetup attendance`: who was there."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import Attendance
from bot.locales import N_, _, ngettext
from bot.services.checkins import AttendanceList, Gathering, ShownCode
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.dates import short_date_with_weekday
from bot.ui.moments import moment
from bot.ui.options import CHOICES, caller_of
from bot.ui.text import person, shown

#: The feature of the button under the host's code.
CHECKIN = "checkin"
# Of 55 characters a line, below the 4096 of an embed.
MOST_SHOWN = 60
HOW = {"code": N_("by code"), "voice": N_("in voice"), "host": N_("noted by the host")}


async def past_meetup_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Meetups that have begun, newest first; the value is the occurrence's id."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.checkins.suggestions(
        guild_id=interaction.guild_id, typed=typed, limit=CHOICES
    )
    return [
        app_commands.Choice(name=label(gathering), value=str(gathering.occurrence.id)) for gathering in found
    ]


class CheckinCommands(commands.Cog):
    """The part of `/meetup` about who came; its cog registers `on_checkin_press` for `CHECKIN`."""

    bot: StudyBot

    @app_commands.command()
    @app_commands.describe(code="The code that the host shows; the host leaves it out")
    async def checkin(self, interaction: Interaction, code: str | None = None) -> None:
        """Check in to the meetup that is on now, or show its code as the host."""
        await acknowledge(interaction, private=True)
        checkins = self.bot.services.checkins
        caller = caller_of(interaction)
        if code is None:
            await reply(interaction, code_card(await checkins.code(caller=caller)), private=True)
            return
        done = await checkins.check_in(caller=caller, code=code)
        title = shown(done.gathering.title)
        if done.already:
            text = _("You are checked in to **{title}** already.", title=title)
        else:
            text = _("Checked in to **{title}**.", title=title)
        await reply(interaction, Reply(text), private=True)

    @app_commands.command()
    @app_commands.describe(meetup="The meetup to look at; running and past ones")
    @app_commands.autocomplete(meetup=past_meetup_choices)
    async def attendance(self, interaction: Interaction, meetup: str) -> None:
        """Show who came to a meetup."""
        await acknowledge(interaction, private=True)
        found = await self.bot.services.checkins.attendance(caller=caller_of(interaction), typed=meetup)
        await reply(interaction, attendance_card(found, now=self.bot.clock()), private=True)

    async def on_checkin_press(self, press: Press) -> None:
        """“New code” under the host's code: shows the one that holds now in its place."""
        interaction = press.interaction
        await interaction.response.defer()
        found = await self.bot.services.checkins.code_of(
            caller=caller_of(interaction), occurrence_id=press.id
        )
        card = code_card(found)
        await interaction.edit_original_response(content=card.content, view=card.view)


def code_card(found: ShownCode) -> Reply:
    """The code, large enough to read from a screen at the front."""
    gathering = found.gathering
    text = _(
        "# {code}\n"
        "Check-in code for **{title}**. Members type `/meetup checkin code:{code}`.\n"
        "It changes {changes}, and works five minutes longer; check-in is open until {closes}.",
        code=found.code,
        title=shown(gathering.title),
        changes=moment(found.changes_at),
        closes=moment(gathering.closes_at),
    )
    button = DurableButton(CHECKIN, gathering.occurrence.id, "code", label=_("New code"))
    return Reply(text, view=buttons(button))


def attendance_card(found: AttendanceList, *, now: datetime) -> Reply:
    gathering = found.gathering
    embed = discord.Embed(title=_("Who came to {title}", title=shown(gathering.title)))
    starts_at = gathering.occurrence.starts_at
    when = moment(starts_at)
    if not found.rows:
        is_open = now < gathering.closes_at
        missing = _("Nobody is checked in yet.") if is_open else _("Nobody checked in.")
        embed.description = f"{when}\n{missing}"
    else:
        embed.description = "\n".join((when, counted(found.rows), "", *lines(found.rows)))
    return Reply(embeds=[embed])


def counted(rows: Sequence[Attendance]) -> str:
    """“3 came: 2 by code, 1 in voice.”"""
    sources = [row.source for row in rows]
    parts = [f"{sources.count(source)} {_(how)}" for source, how in HOW.items() if source in sources]
    return ngettext("**{n} came**: {how}.", "**{n} came**: {how}.", len(rows), how=", ".join(parts))


def lines(rows: Sequence[Attendance]) -> list[str]:
    listing = [
        f"{person(row.user_id)} · {_(HOW[row.source])} · {short_time(row.came_at)}"
        for row in rows[:MOST_SHOWN]
    ]
    if len(rows) > MOST_SHOWN:
        listing.append(_("and {count} more", count=len(rows) - MOST_SHOWN))
    return listing


def short_time(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:t>"


def label(gathering: Gathering) -> str:
    """A suggestion's text, in the meetup's own zone: Discord shows no local times there."""
    local = gathering.occurrence.starts_at.astimezone(ZoneInfo(gathering.meetup.timezone))
    when = f"{short_date_with_weekday(local)} {local:%H:%M} · {gathering.group.name}"
    title = gathering.title
    room = 100 - len(when) - 3
    return f"{title if len(title) <= room else title[: room - 1] + '…'} · {when}"
