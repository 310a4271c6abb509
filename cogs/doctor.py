"""`/doctor`: what works here, what does not, and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from zoneinfo import available_timezones

import discord
from discord import app_commands
from discord.ext import commands

from bot.classifier.protocol import Readiness
from bot.client import Interaction, StudyBot
from bot.db.models import Group
from bot.services.checkups import Checkup
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.errors import moment
from bot.ui.options import caller_of, require_guild
from bot.ui.text import fitting, shown

NEXT_JOBS = 5
#: What the bot needs in a group's channel, and what does not work without it.
IN_CHANNEL = {
    "view_channel": "nothing can be posted",
    "send_messages": "nothing can be posted",
    "embed_links": "meetups and cards have no frame",
    "attach_files": "pictures and files stay away",
    "read_message_history": "a message that got lost on the way is not said again",
}
#: And in the whole server.
IN_SERVER = {
    "create_events": "meetups have no event in the server’s list",
    "manage_events": "events do not follow a meetup that moves",
    "manage_roles": "a group’s role is not handed out",
}


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. `text` says what was found, and what to do if that is not well."""

    subject: str
    ok: bool
    text: str


class Doctor(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.checkups = bot.services.checkups

    @app_commands.command()
    @app_commands.guild_only()
    async def doctor(self, interaction: Interaction) -> None:
        """Check what I need here: permissions, database, deliveries, and the classifier."""
        await acknowledge(interaction, private=True)
        found = await self.checkups.look(caller=caller_of(interaction))
        guild = require_guild(interaction)
        lines = [
            *_permissions(guild, found.groups),
            self._intents(),
            Line("Zones", True, f"{len(available_timezones())} time zones, edition {version('tzdata')}"),
            *_database(found),
            *_deliveries(found),
            self._jobs(),
            await self._classifier(),
        ]
        troubles = sum(not line.ok for line in lines)
        head = "All is well." if not troubles else f"{troubles} of {len(lines)} need a look; they come first."
        words = [
            f"{'ok' if line.ok else '**To do**'} · **{line.subject}**: {line.text}"
            for line in sorted(lines, key=lambda line: line.ok)
        ]
        embed = discord.Embed(title="Checkup", description="\n".join(fitting([head, "", *words])))
        await reply(interaction, Reply(embeds=[embed]), private=True)

    def _intents(self) -> Line:
        wanted = ("guilds", "guild_scheduled_events", "voice_states")
        missing = [name for name in wanted if not getattr(self.bot.intents, name)]
        if missing:
            return Line("Intents", False, f"{', '.join(missing)} missing. Start the bot with its own code.")
        return Line("Intents", True, "those that are needed, and no privileged one")

    def _jobs(self) -> Line:
        coming = self.bot.scheduler.upcoming()[:NEXT_JOBS]
        if not coming:
            return Line("Next jobs", False, "none. The bot’s operator should restart it.")
        return Line("Next jobs", True, ", ".join(f"{name} {moment(at)}" for name, at in coming))

    async def _classifier(self) -> Line:
        status = self.bot.classifier.status()
        models = await self.bot.services.models.shipped()
        if damaged := self.bot.store.damaged():
            text = f"{damaged[0].name} is damaged: {damaged[0].part}. Install the bot anew."
            return Line("Pictures", False, text)
        names = ", ".join(f"{model.name} ({model.ref.digest[:12]}…)" for model in models) or "no model"
        match status.readiness:
            case Readiness.OFF:  # a bot without it is whole
                return Line("Pictures", True, f"switched off. {status.text}")
            case Readiness.FAILED:
                return Line("Pictures", False, f"the classifier cannot start. {status.text}")
            case Readiness.WARMING_UP:
                return Line("Pictures", True, f"warming up on {status.device}")
        restarts = f", restarted {status.restarts} times" if status.restarts else ""
        return Line("Pictures", True, f"on {status.device}, {names}, {status.waiting} waiting{restarts}")


def _permissions(guild: discord.Guild, groups: Sequence[Group]) -> Iterator[Line]:
    mine = guild.me.guild_permissions
    missing = {name: lost for name, lost in IN_SERVER.items() if not getattr(mine, name)}
    if missing:
        lost = "; ".join(f"without {_named(name)}, {lost}" for name, lost in missing.items())
        yield Line("Server", False, f"{lost}. Give my role that in the server’s settings.")
    else:
        yield Line("Server", True, "I may make events and hand out roles")
    for group in groups:
        yield _channel(guild, group)


def _channel(guild: discord.Guild, group: Group) -> Line:
    subject = shown(group.name)
    channel = guild.get_channel_or_thread(group.channel_id)
    if channel is None:
        text = "its channel is gone, or hidden from me. Choose one with `/group edit channel:`."
        return Line(subject, False, text)
    mine = channel.permissions_for(guild.me)
    missing = {name: lost for name, lost in IN_CHANNEL.items() if not getattr(mine, name)}
    if not missing:
        return Line(subject, True, f"everything is allowed in {channel.mention}")
    lost = "; ".join(f"without {_named(name)}, {lost}" for name, lost in missing.items())
    return Line(subject, False, f"in {channel.mention}: {lost}. Give my role that in the channel’s settings.")


def _named(permission: str) -> str:
    """As Discord's own settings name it."""
    return f"*{permission.replace('_', ' ').title()}*"


def _database(found: Checkup) -> Iterator[Line]:
    if found.revision == found.newest:
        yield Line("Database", True, f"{found.database}, revision {found.revision}")
    else:
        text = f"{found.database} is at revision {found.revision or 'none'}, not {found.newest}. "
        yield Line("Database", False, f"{text}The operator runs: `cohort db upgrade`")


def _deliveries(found: Checkup) -> Iterator[Line]:
    for failure in found.failed:
        text = f"{failure.count} × {failure.kind.replace('_', ' ')} in the last week: {shown(failure.reason)}"
        yield Line("Not delivered", False, text)
    if found.overdue:
        yield Line("Overdue", False, f"{found.overdue} messages wait for more than five minutes.")
    if not found.failed and not found.overdue:
        yield Line("Deliveries", True, "none failed in the last week, none is overdue")


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Doctor(bot))
