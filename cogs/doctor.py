"""`/doctor`: what works here, what does not, and what to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from zoneinfo import available_timezones

import discord
from discord import app_commands
from discord.ext import commands

from bot.classifier.protocol import Readiness
from bot.client import Interaction, StudyBot
from bot.db.models import Group
from bot.locales import N_, _, ngettext
from bot.services.checkups import Checkup
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.moments import moment
from bot.ui.options import caller_of, require_guild
from bot.ui.text import DESCRIPTION_LIMIT, fitting, shown

NEXT_JOBS = 5
#: For the first line, and the last one, that says how many are left out.
ROOM_FOR_HEAD = 200
#: What the bot needs in a group's channel, and what does not work without it.
IN_CHANNEL = {
    "view_channel": N_("nothing can be posted"),
    "send_messages": N_("nothing can be posted"),
    "embed_links": N_("meetups and cards have no frame"),
    "attach_files": N_("pictures and files stay away"),
    "read_message_history": N_("a message that got lost on the way is not said again"),
}
#: And in the whole server.
IN_SERVER = {
    "create_events": N_("meetups have no event in the server’s list"),
    "manage_events": N_("events do not follow a meetup that moves"),
    "manage_roles": N_("a group’s role is not handed out"),
}
#: What the bot does by itself, by the names of its jobs.
JOBS = (
    N_("backup"),
    N_("daily cards"),
    N_("digests"),
    N_("dispatch"),
    N_("events"),
    N_("meetups"),
    N_("old predictions"),
    N_("posts"),
    N_("project posts"),
    N_("purge"),
    N_("reminders"),
    N_("trainings"),
    N_("voice"),
)
#: What it says by itself, by the kinds of its deliveries.
KINDS = (
    N_("card approval"),
    N_("card explain"),
    N_("course shift"),
    N_("daily cards"),
    N_("digest"),
    N_("event trouble"),
    N_("group welcome"),
    N_("lesson post"),
    N_("meetup post"),
    N_("meetup reminder"),
    N_("model damaged"),
    N_("organizer note"),
    N_("project nudge"),
    N_("project post"),
    N_("promoted"),
    N_("reminder"),
    N_("reminder snoozed"),
)
SWITCHED_OFF = N_("COHORT_CLASSIFIER is off; auto switches it on.")


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
            _server(guild),
            self._intents(),
            _zones(),
            *_database(found),
            *_deliveries(found),
            self._jobs(),
            await self._classifier(),
            # Last, for there may be more of them than the answer holds.
            *(_channel(guild, group) for group in found.groups),
        ]
        troubles = sum(not line.ok for line in lines)
        head = _("All is well.")
        if troubles:
            head = ngettext(
                "{n} of {total} need a look; they come first.",
                "{n} of {total} need a look; they come first.",
                troubles,
                total=len(lines),
            )
        fine, trouble = _("ok"), _("**To do**")
        words = [
            f"{fine if line.ok else trouble} · **{line.subject}**: {line.text}"
            for line in sorted(lines, key=lambda line: line.ok)
        ]
        kept = fitting(words, room=DESCRIPTION_LIMIT - ROOM_FOR_HEAD)
        if left := len(words) - len(kept):
            kept.append(_("and {left} more", left=left))
        embed = discord.Embed(title=_("Checkup"), description="\n".join([head, "", *kept]))
        await reply(interaction, Reply(embeds=[embed]), private=True)

    def _intents(self) -> Line:
        wanted = ("guilds", "guild_scheduled_events", "voice_states")
        missing = [name for name in wanted if not getattr(self.bot.intents, name)]
        if missing:
            names = ", ".join(missing)
            text = _("{names} missing. Start the bot with its own code.", names=names)
            return Line(_("Intents"), False, text)
        return Line(_("Intents"), True, _("those that are needed, and no privileged one"))

    def _jobs(self) -> Line:
        coming = self.bot.scheduler.upcoming()[:NEXT_JOBS]
        if not coming:
            return Line(_("Next jobs"), False, _("none. The bot’s operator should restart it."))
        return Line(_("Next jobs"), True, ", ".join(f"{_(name)} {moment(at)}" for name, at in coming))

    async def _classifier(self) -> Line:
        status, subject = self.bot.classifier.status(), _("Pictures")
        models = await self.bot.services.models.shipped()
        if damaged := self.bot.store.damaged():
            name, part = damaged[0].name, damaged[0].part
            text = _("{name} is damaged: {part}. Install the bot anew.", name=name, part=part)
            return Line(subject, False, text)
        # The classifier's own words are for its operator: they name settings, and come as it logs them.
        said = _(status.text) if status.text else ""
        match status.readiness:
            case Readiness.OFF:  # a bot without it is whole
                return Line(subject, True, _("switched off. {said}", said=said))
            case Readiness.FAILED:
                return Line(subject, False, _("the classifier cannot start. {said}", said=said))
            case Readiness.WARMING_UP:
                return Line(subject, True, _("warming up on {device}", device=status.device))
        parts = [
            _("on {device}", device=status.device),
            ", ".join(f"{model.name} ({model.ref.digest[:12]}…)" for model in models) or _("no model"),
            _("{count} waiting", count=status.waiting),
        ]
        if status.restarts:
            parts.append(_("restarted {count} times", count=status.restarts))
        return Line(subject, True, ", ".join(parts))


def _zones() -> Line:
    known, edition = len(available_timezones()), version("tzdata")
    return Line(_("Zones"), True, _("{count} time zones, edition {edition}", count=known, edition=edition))


def _server(guild: discord.Guild) -> Line:
    mine = guild.me.guild_permissions
    missing = {name: lost for name, lost in IN_SERVER.items() if not getattr(mine, name)}
    if missing:
        text = _("{lost}. Give my role that in the server’s settings.", lost=_without(missing))
        return Line(_("Server"), False, text)
    return Line(_("Server"), True, _("I may make events and hand out roles"))


def _channel(guild: discord.Guild, group: Group) -> Line:
    subject = shown(group.name)
    channel = guild.get_channel_or_thread(group.channel_id)
    if channel is None:
        text = _("its channel is gone, or hidden from me. Choose one with `/group edit channel:`.")
        return Line(subject, False, text)
    mine = channel.permissions_for(guild.me)
    missing = {name: lost for name, lost in IN_CHANNEL.items() if not getattr(mine, name)}
    if not missing:
        return Line(subject, True, _("everything is allowed in {channel}", channel=channel.mention))
    text = _(
        "in {channel}: {lost}. Give my role that in the channel’s settings.",
        channel=channel.mention,
        lost=_without(missing),
    )
    return Line(subject, False, text)


def _without(missing: Mapping[str, str]) -> str:
    """What does not work, and for want of which permissions."""
    parts = (
        _("without {permission}, {lost}", permission=_named(name), lost=_(lost))
        for name, lost in missing.items()
    )
    return "; ".join(parts)


def _named(permission: str) -> str:
    """As Discord's own settings name it."""
    return f"*{_(permission.replace('_', ' ').title())}*"


def _database(found: Checkup) -> Iterator[Line]:
    subject, database = _("Database"), found.database
    if found.revision == found.newest:
        text = _("{database}, revision {revision}", database=database, revision=found.revision)
        yield Line(subject, True, text)
    else:
        text = _(
            "{database} is at revision {revision}, not {newest}. The operator runs: `cohort db upgrade`",
            database=database,
            revision=found.revision or _("none"),
            newest=found.newest,
        )
        yield Line(subject, False, text)


def _deliveries(found: Checkup) -> Iterator[Line]:
    for failure in found.failed:
        text = _(
            "{count} × {kind} in the last week: {reason}",
            count=failure.count,
            kind=_(failure.kind.replace("_", " ")),
            reason=shown(failure.reason),
        )
        yield Line(_("Not delivered"), False, text)
    if found.overdue:
        late = ngettext(
            "{n} messages wait for more than five minutes.",
            "{n} messages wait for more than five minutes.",
            found.overdue,
        )
        yield Line(_("Overdue"), False, late)
    if not found.failed and not found.overdue:
        yield Line(_("Deliveries"), True, _("none failed in the last week, none is overdue"))


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Doctor(bot))
