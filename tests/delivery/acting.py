"""A Discord in memory that keeps Discord's promises, and processes that die or sleep where they are told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import discord
from sqlalchemy.exc import OperationalError

from bot.delivery.dispatcher import Dispatcher, Pointless, SentMessage, TryLater
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from bot.ui.sending import UNKNOWN_MESSAGE, translated

NONCE_WINDOW = timedelta(minutes=5)
#: Every place between two of a process's effects on the database and on Discord, in the numbers of
#: deploy/reliability.md: dying at each of them in turn is dying anywhere.
POINTS = (
    "before the claim",
    "claimed",
    "before reading back",
    "read back",
    "before finding the words",
    "before sending",
    "Discord has it",
    "before marking it sent",
    "marked sent",
    "before postponing",
    "postponed",
    "before failing",
    "failed",
    "before giving back",
    "given back",
    "before dropping",
    "dropped",
)
#: Discord's error codes with their HTTP status; 0 where no JSON comes along.
STATUS = {10003: 404, 10004: 404, 10008: 404, 50001: 403, 50007: 403, 50013: 403, 50278: 403}


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    """Discord's refusal, as discord.py raises it."""
    response: Any = SimpleNamespace(status=status, reason="")
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(
        status, discord.HTTPException if status < 500 else discord.DiscordServerError
    )
    return kind(response, {"code": code, "message": ""})


@dataclass
class Posted:
    id: int
    target: int
    mark: int
    nonce: str | None
    at: datetime
    deleted: bool = False


@dataclass
class Discord:
    """Channels and members are ids. Within the nonce window a nonce gives back the message it made.

    `refused` says with which error code a target takes nothing.
    """

    clock: Callable[[], datetime]
    posted: list[Posted] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    nonce_hits: int = 0

    def create(self, target: int, mark: int, nonce: str | None) -> Posted:
        if target in self.refused:
            code = self.refused[target]
            raise refusal(STATUS[code], code)
        for known in reversed(self.posted):
            if nonce is not None and known.nonce == nonce and self.clock() - known.at < NONCE_WINDOW:
                self.nonce_hits += 1
                if known.deleted:
                    raise refusal(404, UNKNOWN_MESSAGE)
                return known
        message = Posted(len(self.posted) + 1, target, mark, nonce, self.clock())
        self.posted.append(message)
        return message

    def history(self, target: int, since: datetime) -> list[Posted]:
        return [one for one in self.posted if one.target == target and one.at >= since and not one.deleted]


class Killed(BaseException):
    """SIGKILL: nothing of the process runs on."""


class Process:
    """One bot process; at its `stops_at`-th point (from 1) it dies, or sleeps while `asleep` runs."""

    def __init__(
        self, stops_at: int | None = None, asleep: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.stops_at = stops_at
        self.asleep = asleep
        self.points: list[str] = []
        self.dead = False

    @property
    def stopped(self) -> str | None:
        """The point at which it died or slept."""
        if self.stops_at is None or len(self.points) < self.stops_at:
            return None
        return self.points[self.stops_at - 1]

    async def point(self, name: str) -> None:
        if self.dead:
            raise Killed
        assert name in POINTS
        self.points.append(name)
        if len(self.points) == self.stops_at:
            if self.asleep is None:
                self.dead = True
                raise Killed
            await self.asleep()


@dataclass
class Faults:
    """What befalls the next acts: one word each, none when they run out. Each belongs to one kind of act."""

    next: list[str] = field(default_factory=list)

    def take(self, *kinds: str) -> str:
        return self.next.pop(0) if self.next and self.next[0] in kinds else ""


def connection_lost() -> OperationalError:
    return OperationalError("", {}, ConnectionResetError("the database went away"))


class MortalLedger(Ledger):
    """Its process may die or sleep before and after each transaction, and the database may go away then."""

    process: Process
    faults: Faults

    async def claim(self, limit: int) -> list[Claimed]:
        await self.process.point("before the claim")
        if self.faults.take("database lost before the claim"):
            raise connection_lost()
        claimed = await super().claim(limit)
        if claimed and self.faults.take("database lost after the claim"):
            raise connection_lost()
        await self.process.point("claimed")
        return claimed

    async def sent(self, claimed: Claimed, *, channel_id: int, message_id: int | None) -> None:
        async with self._settling("before marking it sent", "marked sent"):
            await super().sent(claimed, channel_id=channel_id, message_id=message_id)

    async def retry(self, claimed: Claimed, *, after: timedelta, error: str) -> bool:
        async with self._settling("before postponing", "postponed"):
            return await super().retry(claimed, after=after, error=error)

    async def fail(self, claimed: Claimed, *, reason: str, follow_on: Outgoing | None = None) -> bool:
        async with self._settling("before failing", "failed"):
            return await super().fail(claimed, reason=reason, follow_on=follow_on)

    async def give_back(self, claimed: Claimed) -> bool:
        async with self._settling("before giving back", "given back"):
            return await super().give_back(claimed)

    async def drop(self, claimed: Claimed, *, reason: str) -> bool:
        async with self._settling("before dropping", "dropped"):
            return await super().drop(claimed, reason=reason)

    def _settling(self, before: str, after: str) -> "_Settling":
        return _Settling(self, before, after)


@dataclass
class _Settling:
    ledger: MortalLedger
    before: str
    after: str

    async def __aenter__(self) -> None:
        await self.ledger.process.point(self.before)
        if self.ledger.faults.take("database lost before settling"):
            raise connection_lost()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self.ledger.faults.take("database lost after settling"):
                raise connection_lost()
            await self.ledger.process.point(self.after)


#: What goes wrong with a send, whether the deed is done all the same, and what its sender gets to see.
SENDS: dict[str, tuple[bool, Callable[[], Exception]]] = {
    "500": (False, lambda: refusal(500)),
    "502": (False, lambda: refusal(502)),
    "503": (False, lambda: refusal(503)),
    "429": (False, lambda: refusal(429)),
    "401": (False, lambda: refusal(401)),
    "timeout": (False, TimeoutError),
    "dropped": (False, lambda: TryLater("connection: ServerDisconnectedError")),
    "500 after the deed": (True, lambda: refusal(500)),
    "502 after the deed": (True, lambda: refusal(502)),
    "503 after the deed": (True, lambda: refusal(503)),
    "timeout after the deed": (True, TimeoutError),
    "dropped after the deed": (True, lambda: TryLater("connection: ServerDisconnectedError")),
}
#: The reply is lost, and a moderator deletes the message before anyone looks for it.
DELETED = "deleted, its reply lost"


class ActingSender:
    """Sends into the Discord in memory, and says of its answers what the bot's own sender says of them.

    Without nonce or read-back it is one of the naive ways.
    """

    def __init__(
        self,
        discord: Discord,
        process: Process,
        faults: Faults,
        *,
        with_nonce: bool = True,
        reads_back: bool = True,
    ) -> None:
        self.discord = discord
        self.process = process
        self.faults = faults
        self.with_nonce = with_nonce
        self.reads_back = reads_back

    async def find(self, delivery: Claimed) -> SentMessage | None:
        await self.process.point("before reading back")
        found = None
        if self.reads_back:
            for message in self.discord.history(target_of(delivery), delivery.first_attempt_at):
                if message.mark == delivery.id:
                    found = SentMessage(channel_id=message.target, message_id=message.id)
        await self.process.point("read back")
        return found

    async def render(self, delivery: Claimed) -> None:
        await self.process.point("before finding the words")
        if self.faults.take("database lost for the words"):
            raise connection_lost()
        if delivery.kind == "pointless":
            raise Pointless("cancelled")

    async def send(self, delivery: Claimed, message: None, nonce: str) -> SentMessage:
        await self.process.point("before sending")
        fault = self.faults.take(*SENDS, DELETED)
        done, error = SENDS.get(fault, (True, None))
        try:
            if not done and error is not None:
                raise error()
            posted = self._create(delivery, nonce)
            await self.process.point("Discord has it")
            if fault == DELETED and posted is not None:
                posted.deleted = True
                raise TryLater("connection: ServerDisconnectedError")
            if error is not None:
                raise error()
        except discord.HTTPException as refused:
            raise translated(refused) from refused
        target = target_of(delivery)
        return SentMessage(channel_id=target, message_id=posted.id if posted is not None else None)

    def _create(self, delivery: Claimed, nonce: str) -> Posted | None:
        try:
            return self.discord.create(target_of(delivery), delivery.id, nonce if self.with_nonce else None)
        except discord.NotFound as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            return None


def target_of(delivery: Claimed) -> int:
    target = delivery.channel_id if delivery.channel_id is not None else delivery.user_id
    assert target is not None
    return target


async def live(
    process: Process, ledger: MortalLedger, sender: ActingSender, clock: Callable[[], datetime]
) -> None:
    """Run one dispatching pass of a process; its end, or the database's, is nobody else's business."""
    ledger.process = process
    ledger.faults = sender.faults
    try:
        await Dispatcher(ledger, sender, clock=clock).run()
    except Killed:
        assert process.dead
    except OperationalError:
        pass  # the alarm clock runs it again
