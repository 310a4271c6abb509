"""A Discord in memory that keeps Discord's promises, and processes that die where they are told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.delivery.dispatcher import (
    DirectMessagesClosed,
    Dispatcher,
    SentMessage,
    TargetGone,
    TryLater,
)
from bot.delivery.ledger import Claimed, Ledger, Outgoing

NONCE_WINDOW = timedelta(minutes=5)


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
    """Channels and members are ids. Within the nonce window a nonce gives back the message it made."""

    clock: Callable[[], datetime]
    posted: list[Posted] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    nonce_hits: int = 0

    def create(self, target: int, mark: int, nonce: str | None) -> Posted:
        if target in self.gone:
            raise TargetGone("404 10003: Unknown Channel")
        if target in self.closed:
            raise DirectMessagesClosed("403 50007: Cannot send messages to this user")
        for known in self.posted:
            if nonce is not None and known.nonce == nonce and self.clock() - known.at < NONCE_WINDOW:
                self.nonce_hits += 1
                return known
        message = Posted(len(self.posted) + 1, target, mark, nonce, self.clock())
        self.posted.append(message)
        return message

    def history(self, target: int, since: datetime) -> list[Posted]:
        return [one for one in self.posted if one.target == target and one.at >= since and not one.deleted]


class Killed(BaseException):
    """SIGKILL: nothing of the process runs on."""


class Process:
    """One bot process; it dies when it passes its `dies_at`-th point (from 1), or never.

    Every place between two of its effects on the database and on Discord is a point: dying at each
    of them in turn is dying anywhere.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.points: list[str] = []

    def point(self, name: str) -> None:
        if self.dies_at is not None and len(self.points) >= self.dies_at:
            raise Killed  # it is dead already
        self.points.append(name)
        if len(self.points) == self.dies_at:
            raise Killed


class MortalLedger(Ledger):
    process: Process

    async def claim(self, limit: int) -> list[Claimed]:
        self.process.point("before the claim")
        claimed = await super().claim(limit)
        self.process.point("claimed")
        return claimed

    async def sent(self, claimed: Claimed, *, channel_id: int, message_id: int | None) -> None:
        self.process.point("before marking it sent")
        await super().sent(claimed, channel_id=channel_id, message_id=message_id)
        self.process.point("marked sent")

    async def retry(self, claimed: Claimed, *, after: timedelta, error: str) -> bool:
        self.process.point("before postponing")
        done = await super().retry(claimed, after=after, error=error)
        self.process.point("postponed")
        return done

    async def fail(self, claimed: Claimed, *, reason: str, follow_on: Outgoing | None = None) -> bool:
        self.process.point("before failing")
        done = await super().fail(claimed, reason=reason, follow_on=follow_on)
        self.process.point("failed")
        return done


@dataclass
class Faults:
    """What befalls the next sends: one word each, none when they run out."""

    next: list[str] = field(default_factory=list)

    def take(self) -> str:
        return self.next.pop(0) if self.next else ""


class ActingSender:
    """Sends into the Discord in memory. Without nonce or read-back it is one of the naive ways."""

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
        self.process.point("before reading back")
        if not self.reads_back:
            return None
        for message in self.discord.history(target_of(delivery), delivery.first_attempt_at):
            if message.mark == delivery.id:
                return SentMessage(channel_id=message.target, message_id=message.id)
        return None

    async def render(self, delivery: Claimed) -> None:
        self.process.point("rendered")

    async def send(self, delivery: Claimed, message: None, nonce: str) -> SentMessage:
        self.process.point("before sending")
        fault = self.faults.take()
        if fault == "refused":
            raise TryLater("503")
        posted = self.discord.create(target_of(delivery), delivery.id, nonce if self.with_nonce else None)
        self.process.point("Discord has it")
        if fault == "reply lost":
            raise TryLater("connection: reset")
        return SentMessage(channel_id=posted.target, message_id=posted.id)


def target_of(delivery: Claimed) -> int:
    target = delivery.channel_id if delivery.channel_id is not None else delivery.user_id
    assert target is not None
    return target


async def live(
    process: Process, ledger: MortalLedger, sender: ActingSender, clock: Callable[[], datetime]
) -> bool:
    """Run one dispatching pass of a process; whether it survived."""
    ledger.process = process
    dispatcher = Dispatcher(ledger, sender, clock=clock)
    try:
        await dispatcher.run()
    except Killed:
        return False
    return process.dies_at is None or len(process.points) < process.dies_at
