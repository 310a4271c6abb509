"""Interactions: what the bot was sent, when and how it answered, and the routes of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.wire.standin import payloads
from tests.wire.standin.messages import Messages
from tests.wire.standin.rest import ApiError, Request, Rest
from tests.wire.standin.world import EPHEMERAL, LOADING, Message, World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
REPLY, DEFER, DEFER_UPDATE, UPDATE, SUGGEST, SHOW_MODAL = 4, 5, 6, 7, 8, 9
#: How long an interaction's token is good for.
TOKEN_LIFE = timedelta(minutes=15)


@dataclass(eq=False)
class Interaction:
    """One interaction and all that came back. Times are `time.monotonic()` seconds."""

    id: int
    token: str
    type: int
    user_id: int
    channel_id: int
    guild_id: int | None
    created_at: datetime
    source: Message | None = None
    name: str = ""
    #: When the event's bytes left for the (first) bot, and when the first callback arrived.
    sent_at: float | None = None
    acknowledged_at: float | None = None
    #: When something a member can read or fill in was there: a message, suggestions, a modal.
    answered_at: float | None = None
    response_type: int | None = None
    message: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] | None = None
    modal: dict[str, Any] | None = None
    #: Callbacks after the first one; Discord refuses them (40060).
    repeated: int = 0

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def answered(self) -> bool:
        return self.answered_at is not None

    @property
    def seconds_to_acknowledge(self) -> float:
        """From the gateway event's bytes to the callback's arrival; AssertionError when it never came."""
        assert self.sent_at is not None
        assert self.acknowledged_at is not None, f"{self.name} was not acknowledged"
        return self.acknowledged_at - self.sent_at

    @property
    def replies(self) -> list[Message]:
        """The original response and the follow-ups, in order, as far as they exist."""
        first = [] if self.message is None or self.message is self.source else [self.message]
        return [m for m in (*first, *self.followups) if not m.deleted]

    @property
    def text(self) -> str:
        """All words of all replies."""
        return "\n".join(message.text for message in self.replies)

    @property
    def ephemeral(self) -> bool:
        return bool(self.replies) and all(message.ephemeral for message in self.replies)


class Interactions:
    """The callback and webhook routes, and the record of every interaction."""

    def __init__(self, world: World, rest: Rest, messages: Messages) -> None:
        self.world = world
        self.messages = messages
        self.all: dict[int, Interaction] = {}
        #: Seconds within which Discord wants the first answer.
        self.deadline = 3.0
        self._by_token: dict[str, Interaction] = {}
        rest.route("POST", "/interactions/{interaction}/{token}/callback", self.callback)
        rest.route("POST", "/webhooks/{application}/{token}", self.follow_up)
        webhook = "/webhooks/{application}/{token}/messages/{message}"
        rest.route("GET", webhook, self.get)
        rest.route("PATCH", webhook, self.edit)
        rest.route("DELETE", webhook, self.delete)

    def add(self, interaction: Interaction) -> None:
        self.all[interaction.id] = interaction
        self._by_token[interaction.token] = interaction

    def forget(self, interaction: Interaction) -> None:
        """Drop an interaction that is over, its replies and their files: a long run would fill the memory.

        Its token opens nothing any more, as Discord's do after a quarter of an hour.
        """
        del self.all[interaction.id]
        del self._by_token[interaction.token]
        for message in interaction.replies:
            self.world.forget_message(message)

    async def callback(self, request: Request) -> dict[str, Any] | None:
        interaction = self._by_token.get(request.args["token"])
        if interaction is None or interaction.id != request.id("interaction"):
            raise ApiError(10062)
        if interaction.acknowledged:
            interaction.repeated += 1
            raise ApiError(40060)
        if interaction.sent_at is None or request.at - interaction.sent_at > self.deadline:
            raise ApiError(10062)
        kind, data = request.body["type"], request.body.get("data") or {}
        self._check(interaction, kind)
        interaction.acknowledged_at = request.at
        interaction.response_type = kind
        if kind in (REPLY, DEFER):
            message = self._write(interaction, flags=LOADING | data.get("flags", 0) & EPHEMERAL)
            interaction.message = message
            if kind == REPLY:
                self.messages.fill(message, request, data)
                self.messages.announce("MESSAGE_CREATE", message)
        elif kind in (UPDATE, DEFER_UPDATE):
            interaction.message = interaction.source
            if kind == UPDATE and interaction.source is not None:
                self.messages.change(interaction.source, request, data)
        elif kind == SUGGEST:
            interaction.choices = data.get("choices") or []
        else:
            interaction.modal = data
        if kind not in (DEFER, DEFER_UPDATE):
            interaction.answered_at = request.at
        if request.query.get("with_response", "").lower() not in ("true", "1"):
            return None
        return self._callback_response(interaction, kind)

    def _check(self, interaction: Interaction, kind: int) -> None:
        """Which answers fit which interaction; Discord refuses the rest as an invalid form."""
        wrong = (
            (kind == SUGGEST) != (interaction.type == AUTOCOMPLETE)
            or (kind in (UPDATE, DEFER_UPDATE) and interaction.source is None)
            or (kind == SHOW_MODAL and interaction.type == MODAL_SUBMIT)
        )
        if wrong:
            raise ApiError(50035, f"a callback of type {kind} does not answer this interaction")

    def _callback_response(self, interaction: Interaction, kind: int) -> dict[str, Any]:
        about: dict[str, Any] = {"id": str(interaction.id), "type": interaction.type}
        resource: dict[str, Any] = {"type": kind}
        message = interaction.message
        if message is not None:
            about |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & LOADING),
                "response_message_ephemeral": message.ephemeral,
            }
            resource["message"] = payloads.message(self.world, message)
        return {"interaction": about, "resource": resource}

    def _write(self, interaction: Interaction, *, flags: int) -> Message:
        return self.world.add_message(
            interaction.channel_id,
            self.world.bot.id,
            flags=flags,
            interaction_id=interaction.id,
            webhook_token=interaction.token,
        )

    def _of(self, request: Request) -> Interaction:
        interaction = self._by_token.get(request.args["token"])
        if interaction is None or not interaction.acknowledged:
            raise ApiError(10015)
        if self.world.clock.now() - interaction.created_at > TOKEN_LIFE:
            raise ApiError(50027)
        return interaction

    async def follow_up(self, request: Request) -> dict[str, Any] | None:
        """A further message; the first one after a deferral takes the place of "thinking"."""
        interaction = self._of(request)
        message = interaction.message
        if message is not None and message.flags & LOADING and interaction.response_type == DEFER:
            self.messages.fill(message, request, {**request.body, "flags": message.flags & EPHEMERAL})
        else:
            message = self._write(interaction, flags=0)
            self.messages.fill(message, request)
            interaction.followups.append(message)
        interaction.answered_at = interaction.answered_at or request.at
        self.messages.announce("MESSAGE_CREATE", message)
        return payloads.message(self.world, message)

    def _message(self, interaction: Interaction, which: str) -> Message:
        if which == "@original":
            message = interaction.message
        else:
            candidates = [*interaction.followups, interaction.message]
            message = next((m for m in candidates if m is not None and m.id == int(which)), None)
        if message is None or message.deleted:
            raise ApiError(10008)
        return message

    async def get(self, request: Request) -> dict[str, Any]:
        message = self._message(self._of(request), request.args["message"])
        return payloads.message(self.world, message)

    async def edit(self, request: Request) -> dict[str, Any]:
        interaction = self._of(request)
        message = self._message(interaction, request.args["message"])
        was_loading = bool(message.flags & LOADING)
        self.messages.change(message, request)
        if was_loading or interaction.response_type == DEFER_UPDATE:
            interaction.answered_at = interaction.answered_at or request.at
        return payloads.message(self.world, message)

    async def delete(self, request: Request) -> None:
        interaction = self._of(request)
        message = self._message(interaction, request.args["message"])
        if message.ephemeral or message.flags & LOADING:
            message.deleted = True
        else:
            self.messages.remove(message)
