"""A meetup as a Scheduled Event: what it shows, and what the bot needs to make one."""

from enum import StrEnum
from typing import Any

import discord

from bot.errors import MissingPermission
from bot.locales import N_, _
from bot.services.events import Shown, Work, mark_of
from bot.ui.errors import wording
from bot.ui.places import VIEW_CHANNEL
from bot.ui.text import person, plain

# Discord's limits.
NAME_LIMIT = 100
LOCATION_LIMIT = 100
DESCRIPTION_LIMIT = 1000
# Discord's own names, as its settings show them.
CREATE_EVENTS, CONNECT = N_("Create Events"), N_("Connect")
TEXT_LIMIT = 100
# Where something takes place that has no channel any more.
SOMEWHERE = "Discord"  # the same in every language
Voiced = discord.VoiceChannel | discord.StageChannel


class Trouble(StrEnum):
    """Why Discord does not show an event: the facts are kept, `reason_words` finds the words."""

    LACKING = "lacking"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    FULL = "full"
    UNREACHABLE = "unreachable"


def missing_for_event(guild: discord.Guild, where_channel_id: int | None) -> MissingPermission | None:
    """The permissions that the bot lacks for an event there; None when nothing is missing."""
    granted = guild.me.guild_permissions
    if not (granted.create_events or granted.manage_events):
        return MissingPermission(permissions=(CREATE_EVENTS,))
    channel = guild.get_channel(where_channel_id) if where_channel_id is not None else None
    if not isinstance(channel, Voiced):
        return None
    there = channel.permissions_for(guild.me)
    needed = {VIEW_CHANNEL: there.view_channel, CONNECT: there.connect}
    missing = tuple(name for name, has in needed.items() if not has)
    return MissingPermission(permissions=missing, channel_id=channel.id) if missing else None


def lacking(missing: MissingPermission) -> str:
    """The reason to keep for want of these permissions."""
    return f"{Trouble.LACKING}:{missing.channel_id or ''}:{','.join(missing.permissions)}"


def refusal(kind: Trouble, text: str) -> str:
    """The reason to keep where Discord gives its own."""
    return f"{kind}:{text[:TEXT_LIMIT]}"


def reason_words(reason: str) -> str:
    """A kept reason, in words; one that an earlier version worded stays as it is."""
    kind, _colon, about = reason.partition(":")
    match kind:
        case Trouble.LACKING:
            channel_id, _colon, names = about.partition(":")
            permissions = tuple(names.split(","))
            there = int(channel_id) if channel_id else None
            return wording(MissingPermission(permissions=permissions, channel_id=there))
        case Trouble.FORBIDDEN:
            return _("Discord refuses it to me: {reason}.", reason=about)
        case Trouble.REFUSED:
            return _("Discord refused it: {reason}", reason=about)
        case Trouble.FULL:
            return _("This server has 100 events already, which is Discord’s limit: delete one that is over.")
        case Trouble.UNREACHABLE:
            return _("Discord could not be reached.")
    return reason


def event_shown(work: Work, guild: discord.Guild) -> Shown:
    """What the event of this date has to show."""
    channel_id, location = place_of(work, guild)
    return Shown(
        name=discord.utils.escape_mentions(work.title)[:NAME_LIMIT],
        description=description_of(work),
        starts_at=work.occurrence.starts_at,
        ends_at=work.occurrence.ends_at,
        channel_id=channel_id,
        location=location,
    )


def place_of(work: Work, guild: discord.Guild) -> tuple[int | None, str | None]:
    """A voice or stage channel's id, else where to go in words: an event without either can't be."""
    if work.occurrence.where_text is not None:
        return None, work.occurrence.where_text
    where = work.where_channel_id
    channel = guild.get_channel(where) if where is not None else None
    if isinstance(channel, Voiced):
        return channel.id, None
    home = channel or guild.get_channel(work.group.channel_id)
    return None, f"#{home.name}"[:LOCATION_LIMIT] if home is not None else SOMEWHERE


def description_of(work: Work) -> str:
    lines = [
        _("Hosted by {host}", host=person(work.meetup.host_id)),
        _("Study group: {group}", group=plain(work.group.name)),
    ]
    if work.meetup.lesson:
        lines.append(_("Lesson: {lesson}", lesson=plain(work.meetup.lesson)))
    if work.link:
        lines.append(_("Tell us whether you come: {link}", link=work.link))
    mark = mark_of(work.occurrence.id)
    return "\n".join(lines)[: DESCRIPTION_LIMIT - len(mark) - 2] + f"\n\n{mark}"


def seen_in(event: discord.ScheduledEvent) -> Shown:
    """What the event shows now."""
    return Shown(
        name=event.name,
        description=event.description or "",
        starts_at=event.start_time,
        ends_at=event.end_time,
        channel_id=event.channel_id,
        location=event.location,
    )


def same(one: Shown, other: Shown) -> bool:
    """Whether name, times and place agree; a description that somebody rewrote is theirs to keep."""
    return (one.name, one.starts_at, one.ends_at, one.place) == (
        other.name,
        other.starts_at,
        other.ends_at,
        other.place,
    )


def to_make(shows: Shown, guild: discord.Guild) -> dict[str, Any]:
    """The arguments of `Guild.create_scheduled_event`."""
    arguments: dict[str, Any] = {
        "name": shows.name,
        "description": shows.description,
        "start_time": shows.starts_at,
        "end_time": shows.ends_at,
        "privacy_level": discord.PrivacyLevel.guild_only,
    }
    return arguments | place_arguments(shows, guild)


def to_edit(
    shows: Shown, *, seen: Shown, base: Shown | None, guild: discord.Guild, started: bool
) -> dict[str, Any]:
    """The arguments of `ScheduledEvent.edit` that make the event show it; {} when it does already.

    An event that has started keeps its start, which Discord would refuse to change.
    """
    edits: dict[str, Any] = {}
    if shows.name != seen.name:
        edits["name"] = shows.name
    if base is None or shows.description != base.description:
        edits["description"] = shows.description
    if shows.starts_at != seen.starts_at and not started:
        edits["start_time"] = shows.starts_at
    if shows.ends_at != seen.ends_at:
        edits["end_time"] = shows.ends_at
    if shows.place != seen.place:
        edits |= place_arguments(shows, guild)
        edits["end_time"] = shows.ends_at
    return edits


def place_arguments(shows: Shown, guild: discord.Guild) -> dict[str, Any]:
    channel = guild.get_channel(shows.channel_id) if shows.channel_id is not None else None
    if isinstance(channel, discord.StageChannel):
        return {"channel": channel, "entity_type": discord.EntityType.stage_instance}
    if isinstance(channel, discord.VoiceChannel):
        return {"channel": channel, "entity_type": discord.EntityType.voice}
    return {"location": shows.location or SOMEWHERE, "entity_type": discord.EntityType.external}
