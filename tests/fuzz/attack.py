"""Interactions as raw as the gateway carries them, many at once, and what must hold afterwards."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from discord import app_commands
from simcord import interactions as wire
from simcord.backend import serializers
from simcord.backend.models import Interaction

from bot.ui.buttons import TEMPLATE
from bot.ui.errors import UNFIT, domain_error
from tests.fuzz import rows
from tests.fuzz.rows import Change, Snapshot
from tests.fuzz.town import Server, Town

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
BUTTON = 2
LOADING = 1 << 7
#: What is said when the bot did not expect something: never to be read by anybody.
INTERNAL = re.compile(r"wrong on my side|did not take my answer|Traceback|Error\(|<[a-z_.]+ object at")
#: What is raised to be answered; that it was is judged by the answer.
REFUSED = (*UNFIT, app_commands.NoPrivateMessage, app_commands.TransformerError)
#: Rows that are one member's: nobody else's command changes them, unless it signs them.
PRIVATE = frozenset(
    {
        "card_memories",
        "card_settings",
        "kudos",
        "lesson_marks",
        "members",
        "memberships",
        "prediction_feedback",
        "predictions",
        "projects",
        "reminders",
        "review_sessions",
        "reviews",
        "study_plans",
    }
)
STALE = {"version", "post_version", "event_version", "event_shows"}
#: What only organizers set.
SETTINGS = frozenset(
    {
        "course_meetups",
        "course_packs",
        "course_runs",
        "course_shifts",
        "daily_cards",
        "groups",
        "model_versions",
        "models",
        "removed_servers",
        "restores",
        "trainings",
    }
)


@dataclass(frozen=True)
class Actor:
    """Somebody in a server, or in their direct messages where `server` is None.

    `rights`: "none" for who is in no group there, "member", "organizer".
    """

    name: str
    server: Server | None
    user_id: int
    rights: str

    def __repr__(self) -> str:
        return self.name


def actors(town: Town) -> list[Actor]:
    here, elsewhere, barred = town.servers
    return [
        Actor("stranger", here, here.stranger.id, "none"),
        Actor("member", here, here.member.id, "member"),
        Actor("organizer", here, here.organizer.id, "organizer"),
        Actor("foreign organizer", elsewhere, elsewhere.organizer.id, "organizer"),
        Actor("foreign member", elsewhere, elsewhere.member.id, "member"),
        Actor("organizer where the bot may nothing", barred, barred.organizer.id, "organizer"),
        Actor("member in direct messages", None, here.member.id, "none"),
        Actor("stranger in direct messages", None, here.stranger.id, "none"),
    ]


@dataclass(frozen=True)
class Shot:
    """One interaction, with its `data` as the gateway carries it."""

    type: int
    data: dict[str, Any]
    #: Values for the fields of a form, should one open: they are filled in and sent.
    answers: tuple[Any, ...] = ()
    #: What was pressed, or opened the form: custom id and type of a component under a message of the bot's.
    component: tuple[str, int] | None = None

    @property
    def custom_id(self) -> str:
        return str(self.data.get("custom_id", ""))


class Range:
    """Fires batches at a town and judges them; afterwards every row is what it was before."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.world = town.world
        self.backend = town.world.env.backend
        self.before: Snapshot = {}
        self.watch = rows.Watch(self.world.bot.database)
        #: Titles of the forms that opened.
        self.forms: set[str] = set()
        self.fired = self.answered = self.changed = 0

    async def load(self) -> None:
        self.before = await rows.snapshot(self.world.bot.database)
        await self.watch.stirred()

    async def fire(self, actor: Actor, shots: Sequence[Shot]) -> list[str]:
        """All at once, by one person; what was answered. AssertionError with all that should not be."""
        cursor = len(self.backend.transcript)
        known = len(self.world.env._errors)
        with logged_errors() as logged:
            records = [(shot, self._emit(actor, shot)) for shot in shots]
            await self.world.env.settle(idle=0.001)
            forms = [(shot, record) for shot, record in records if record.modal is not None and shot.answers]
            for shot, record in forms:
                self.forms.add(str(record.modal["title"]) if record.modal else "")
                filled = Shot(MODAL, filled_in(record.modal or {}, shot.answers), component=shot.component)
                records.append((filled, self._emit(actor, filled)))
            if forms:
                await self.world.env.settle(idle=0.001)
        self.fired += len(records)
        problems = [problem for shot, record in records for problem in self._judge(shot, record)]
        problems += logged
        problems += [
            f"raised: {error!r}"
            for error in self.world.env._errors[known:]
            if domain_error(error) is None and not isinstance(error, REFUSED)
        ]
        problems += [
            f"mentions everyone: {payload['content']!r}"
            for origin, event, payload in self.backend.transcript[cursor:]
            if origin == "GATEWAY" and event.startswith("MESSAGE_") and payload.get("mention_everyone")
        ]
        if await self.watch.stirred():
            after = await rows.snapshot(self.world.bot.database)
            changed = rows.changes(self.before, after)
            problems += [
                f"changed without right: {one}" for one in changed if not self.may(actor, one, after)
            ]
            self.changed += len(changed)
            await rows.put_back(self.world.bot.database, changed)
            await self.watch.stirred()
        del self.world.env._errors[known:]
        if problems:
            raise AssertionError(f"by {actor.name}:\n" + "\n".join(dict.fromkeys(problems)))
        return [self._said(record) for _, record in records]

    def _said(self, record: Interaction) -> str:
        message = self.backend.messages[record.channel_id].get(record.message_id or 0)
        return message.content if message is not None else ""

    def may(self, actor: Actor, change: Change, after: Snapshot) -> bool:
        """Whether this person may have caused that change."""
        if change.table == "deliveries":
            return self._may_say(actor, change)
        there = self.before if change.before is not None else after
        row = change.before or change.after or {}
        own = any(
            rows.names_member(one, change.table, actor.user_id) for one in (change.before, change.after)
        ) or any(
            rows.names_member(parent, name, actor.user_id)
            for name, parent in rows.parents(there, change.table, row)
            if name in PRIVATE
        )
        places = rows.guilds_of(there, change.table, row)
        at_home = actor.server is not None and places <= {actor.server.guild.id}
        if at_home and change.table == "occurrences" and change.before and change.after:
            # Whoever is in the server may say Going: the post and the event that count them become stale.
            changed = {key for key in change.before if change.before[key] != change.after[key]}
            own |= changed <= STALE
        if actor.rights == "none" or not at_home:
            return own
        if change.table in PRIVATE or not places:
            return own
        return own or actor.rights == "organizer" or change.table not in SETTINGS

    def _may_say(self, actor: Actor, change: Change) -> bool:
        for row in (change.before, change.after):
            if row is None or row["user_id"] == actor.user_id:
                continue
            if actor.server is None or row["guild_id"] != actor.server.guild.id or actor.rights == "none":
                return False
        return True

    def _emit(self, actor: Actor, shot: Shot) -> Interaction:
        place = actor.server
        dm = self.backend.get_dm_channel
        channel_id = dm(actor.user_id).id if place is None else place.channel.id
        record, payload = wire.base_payload(
            self.backend,
            type=shot.type,
            channel_id=channel_id,
            guild_id=None if place is None else place.guild.id,
            user_id=actor.user_id,
            data=copy.deepcopy(shot.data),
        )
        if shot.type in (COMPONENT, MODAL) and shot.component is not None:
            message = under(bot_message(self.backend, channel_id), *shot.component)
            payload["message"] = message
            record.source_message_id = int(message["id"])
        self.backend.emit("INTERACTION_CREATE", payload)
        return record

    def _judge(self, shot: Shot, record: Interaction) -> Iterator[str]:
        what = f"type {shot.type} {shot.data!r:.600}"
        if shot.type == AUTOCOMPLETE:
            if record.autocomplete_choices is None:
                yield f"no suggestions for {what}"
            return
        if shot.type == COMPONENT and not re.fullmatch(TEMPLATE, shot.custom_id):
            if record.responded:
                yield f"answered what is no button of ours: {what}"
            return
        if not record.responded:
            yield f"never answered: {what}"
            return
        ids = [record.message_id, record.source_message_id, *record.followup_ids]
        sent = self.backend.messages[record.channel_id]
        there = [sent.get(id) for id in ids if id is not None]
        for message in there:
            if message is None:
                continue
            if message.flags & LOADING:
                yield f"still thinking: {what}"
            text = "\n".join([message.content, *(str(embed) for embed in message.embeds)])
            if INTERNAL.search(text):
                yield f"told {text[:300]!r}: {what}"
            if message.id == record.message_id and not (
                text.strip() or message.components or message.attachments
            ):
                yield f"an empty answer: {what}"
        self.answered += 1


def filled_in(modal: dict[str, Any], answers: Sequence[Any]) -> dict[str, Any]:
    """The form's submission, with these values in its fields, whatever they are."""
    values = iter(answers * 20)
    components = []
    for component in modal.get("components") or ():
        inner = component.get("component")
        if component.get("type") == 1:
            inner = component["components"][0]
        if inner is None:
            continue
        value = next(values)
        sent = {"type": inner["type"], "id": inner.get("id", 1), "custom_id": inner["custom_id"]}
        if inner["type"] == 4:
            sent["value"] = value if isinstance(value, str) else repr(value)
        elif inner["type"] == 23:
            sent["value"] = bool(value)
        else:
            sent["values"] = [value if isinstance(value, str) else repr(value)]
        kind = component.get("type")
        outer = {"type": kind, "id": component.get("id", 1)}
        components.append(outer | ({"components": [sent]} if kind == 1 else {"component": sent}))
    return {"custom_id": modal["custom_id"], "components": components, "resolved": {}}


@contextmanager
def logged_errors() -> Iterator[list[str]]:
    """What is logged as an error meanwhile, with its traceback."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append("logged: " + logging.Formatter().format(record))

    listener = Listener(logging.ERROR)
    logging.getLogger().addHandler(listener)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(listener)


def bot_message(backend: Any, channel_id: int) -> dict[str, Any]:
    """A message of the bot's in that channel, as the gateway shows it."""
    own = (m for m in backend.messages[channel_id].values() if m.author_id == backend.bot_user.id)
    stored = next(own, None) or backend.create_message(channel_id, backend.bot_user.id, "Hello.")
    return dict(serializers.message_payload(backend, stored))


def under(message: dict[str, Any], custom_id: str, kind: int) -> dict[str, Any]:
    """The message with a component that no feature put there."""
    item: dict[str, Any] = {"type": kind, "id": 2, "custom_id": custom_id}
    if kind == BUTTON:
        item |= {"style": 2, "label": "Press"}
    else:
        item |= {"options": [{"label": "a", "value": "a"}], "min_values": 1, "max_values": 1}
    return message | {"components": [{"type": 1, "id": 1, "components": [item]}]}
