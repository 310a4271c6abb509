"""The dispatcher: claims what is due, sends it, and settles it with a reason."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from bot.delivery.ledger import Claimed, Ledger, Outgoing, nonce

log = logging.getLogger(__name__)

# A send must be over, one way or the other, well before another process may take the row.
SENDING_SHARE_OF_LEASE = 2 / 3
FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=10)
UNEXPECTED_ATTEMPTS = 5
# What a statement of ours did wrong: no waiting for the database mends that.
OUR_FAULT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
# While something slow is on its way, how often to look for what has become due meanwhile.
LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """Where it stands; `message_id` is None when it was delivered and deleted since."""

    channel_id: int
    message_id: int | None


class NotSent(Exception):
    """Why a delivery did not go out; the subclasses say what follows from it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TargetGone(NotSent):
    """The channel or member does not exist any more, or the bot may not write there."""


class DirectMessagesClosed(NotSent):
    """The member takes no direct messages from the bot."""


class TryLater(NotSent):
    """It may work later, not before `after` if given. It is not known whether it got through."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Pointless(NotSent):
    """There is no sense in saying it any more."""


class Rejected(NotSent):
    """Discord will not take this message, whenever and wherever it is sent."""


class Unauthorized(NotSent):
    """Discord does not know the bot's token any more: nothing can be sent."""


Message = TypeVar("Message")


class Sender(Protocol[Message]):
    """What stands between the ledger and Discord. Each method raises the exceptions above."""

    async def find(self, delivery: Claimed) -> SentMessage | None:
        """Look whether an earlier attempt got through, by the mark that each message carries."""

    async def render(self, delivery: Claimed) -> Message:
        """Find the words. This may read the database; it is never cancelled for taking long."""

    async def send(self, delivery: Claimed, message: Message, nonce: str) -> SentMessage:
        """Hand it to Discord, marked with the delivery's id and under this nonce."""


class Dispatcher:
    """Sends what is due: each delivery once, however often processes die on the way.

    At most `concurrency` are on their way at once, and only as many are claimed, in portions of at most
    `batch`, so that no lease runs while its delivery waits for others. To one target they go one after
    the other: while the first is postponed, the next ones are given back, and the ledger keeps the order.
    `on_failed` is told about each delivery that is given up for good, with the reason, and may return what
    to say instead (a note to an organizer): that is planned in the same transaction.
    """

    def __init__(
        self,
        ledger: Ledger,
        sender: "Sender[Message]",
        *,
        clock: Callable[[], datetime],
        concurrency: int = 16,
        batch: int = 32,
        on_failed: Callable[[Claimed, str], Awaitable[Outgoing | None]] | None = None,
        random: Random | None = None,
    ) -> None:
        #: Set once Discord has refused the bot's token; nothing is sent from then on.
        self.unauthorized = False
        self.on_failed = on_failed
        #: How this process's deliveries ended: sent, found (it had arrived before), skipped, retry, failed.
        self.outcomes: Counter[str] = Counter()
        #: When it last looked for what is due, by the injected clock.
        self.looked_at: datetime | None = None
        self._ledger = ledger
        self._sender = sender
        self._clock = clock
        self._concurrency = concurrency
        self._batch = batch
        self._random = random if random is not None else Random()  # noqa: S311 (only spreads retries)
        self._turn = asyncio.Lock()
        self._draining = False
        self._hurry = False
        self._on_their_way: set[asyncio.Task[bool]] = set()
        # Those of them that wait for Discord at this moment.
        self._at_discord: set[asyncio.Task[Any]] = set()
        self._last_to: dict[tuple[int | None, int | None], asyncio.Task[bool]] = {}
        # How often this process met an unexpected error, by delivery.
        self._unexpected: dict[int, int] = {}

    @property
    def healthy(self) -> bool:
        return not self.unauthorized

    async def run(self) -> datetime | None:
        """Send until nothing is due; returns when there will be something again, by the injected clock.

        None when nothing is planned, and after `drain` or a refused token. Calls at the same time take
        turns. Raises what the database raises when it cannot be asked.
        """
        async with self._turn:
            self._hurry = False
            self.looked_at = self._clock()
            try:
                await self._send_what_is_due()
            except asyncio.CancelledError:
                self._cut_short()
                raise
            finally:
                await self._all_settled()
        return await self._ledger.next_due() if self._open else None

    async def drain(self, within: timedelta) -> None:
        """Claim nothing more and let what is on its way arrive; what takes longer is cut short.

        That may have arrived all the same: it is looked for before anyone sends it again.
        """
        self._draining = True
        try:
            async with asyncio.timeout(within.total_seconds()), self._turn:
                pass
        except TimeoutError:
            self._cut_short()
            await self._all_settled()

    @property
    def _open(self) -> bool:
        return not self._draining and not self.unauthorized

    async def _send_what_is_due(self) -> None:
        looking = True
        while True:
            free = self._concurrency - len(self._on_their_way)
            if looking and self._open:
                before = set(self._on_their_way)
                looking = await self._start(min(free, self._batch))
                # What ended while the ledger was asked may have made way for what it held up.
                looking = looking or not before <= self._on_their_way
            if not self._on_their_way:
                if looking and self._open:
                    continue
                return
            done, waiting = await asyncio.wait(
                self._on_their_way, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            free = self._concurrency - len(waiting)
            # Each look is a transaction: not for every single place that becomes free.
            self.looked_at = self._clock()
            looking = free > 0 and (not done or not waiting or free * 4 >= self._concurrency)

    async def _start(self, most: int) -> bool:
        """Claim and start at most that many; whether there may be more."""
        loop = asyncio.get_running_loop()
        # Before the claim: so our idea of the lease's end is never later than the database's.
        until = loop.time() + self._ledger.lease.total_seconds() * SENDING_SHARE_OF_LEASE
        # Before it too: to whoever was still on its way when the ledger was asked, the answer did not refer.
        self._last_to = {target: task for target, task in self._last_to.items() if not task.done()}
        claimed = await self._ledger.claim(most)
        for delivery in claimed:
            target = (delivery.channel_id, delivery.user_id)
            task = loop.create_task(self._deliver(delivery, until, self._last_to.get(target)))
            self._last_to[target] = task
            self._on_their_way.add(task)
            task.add_done_callback(self._on_their_way.discard)
        return len(claimed) == most

    async def _deliver(self, delivery: Claimed, until: float, after: asyncio.Task[bool] | None) -> bool:
        """Send one delivery and settle it; whether it is out of the way of later ones to the same target.
        Never raises: what cannot be settled is left to the lease.
        """
        try:
            try:
                if after is not None:
                    await asyncio.wait([after])
                    if after.cancelled() or not after.result():
                        await self._ledger.give_back(delivery)
                        return False
                sent = await self._attempt(delivery, until)
            except asyncio.CancelledError:
                await self._ledger.retry(delivery, after=timedelta(0), error="cut short by a shutdown")
                raise
            except Exception as error:
                return await self._settle_unsent(delivery, error)
            self._unexpected.pop(delivery.id, None)
            if sent is None:
                return False
            await self._ledger.sent(delivery, channel_id=sent.channel_id, message_id=sent.message_id)
        except Exception:
            log.warning("delivery %s stays open until its lease ends", delivery.key, exc_info=True)
            return False
        return True

    async def _attempt(self, delivery: Claimed, until: float) -> SentMessage | None:
        """Send it, unless it turns out to be there already; None when it was given back instead."""
        loop = asyncio.get_running_loop()
        if not self._open or self._hurry or loop.time() >= until:
            await self._ledger.give_back(delivery)
            return None
        if delivery.is_retry:
            async with self._reaching_discord(until):
                found = await self._sender.find(delivery)
            if found is not None:
                log.info("delivery %s had arrived already", delivery.key)
                self.outcomes["found"] += 1
                return found
        if delivery.gives_up_at <= self._clock():
            if delivery.is_retry:
                raise _Expired(f"expired; before that: {delivery.last_error or 'no answer'}")
            raise Pointless("expired")
        message = await self._sender.render(delivery)
        if loop.time() >= until:  # too late to send it safely, and nothing was sent
            await self._ledger.give_back(delivery)
            return None
        async with self._reaching_discord(until):
            sent = await self._sender.send(delivery, message, nonce(delivery))
        self.outcomes["sent"] += 1
        return sent

    @asynccontextmanager
    async def _reaching_discord(self, until: float) -> AsyncIterator[None]:
        """The only part that may be cancelled: a database driver interrupted loses its connection."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a coroutine always runs in one)
        self._at_discord.add(task)
        try:
            async with asyncio.timeout_at(until):
                yield
        finally:
            self._at_discord.discard(task)

    async def _settle_unsent(self, delivery: Claimed, error: Exception) -> bool:
        """Whether it is settled for good."""
        match error:
            case Pointless():
                self.outcomes["skipped"] += 1
                await self._ledger.drop(delivery, reason=error.reason)
            case TargetGone() | DirectMessagesClosed():
                await self._fail(delivery, error.reason, instead=delivery.via_fallback())
            case Rejected() | _Expired():
                await self._fail(delivery, error.reason)
            case Unauthorized():
                await self._stop(delivery, error.reason)
            case TryLater():
                return await self._retry(delivery, error.reason, error.after)
            case TimeoutError() | OSError():
                return await self._retry(delivery, f"{type(error).__name__}: {error}", None)
            case DBAPIError() if not isinstance(error, OUR_FAULT):
                # The database that was to give the words; while it starts, its errors have no better class.
                return await self._retry(delivery, f"{type(error).__name__}: {error}", None)
            case _:
                return await self._retry_unexpected(delivery, error)
        return not isinstance(error, Unauthorized)

    async def _fail(self, delivery: Claimed, reason: str, *, instead: Outgoing | None = None) -> None:
        log.warning(
            "delivery %s failed: %s%s",
            delivery.key,
            reason,
            f"; next: channel {instead.channel_id}" if instead is not None else "",
        )
        self.outcomes["failed"] += 1
        self._unexpected.pop(delivery.id, None)
        if instead is None and self.on_failed is not None:
            try:
                instead = await self.on_failed(delivery, reason)
            except Exception:
                log.exception("nobody could be told about delivery %s", delivery.key)
        await self._ledger.fail(delivery, reason=reason, follow_on=instead)

    async def _retry(self, delivery: Claimed, reason: str, after: timedelta | None) -> bool:
        left = delivery.gives_up_at - self._clock()
        # Not beyond its end: there a last look tells whether one of the attempts got through.
        wait = min(max(self._backoff(delivery.errors), after or timedelta(0)), max(left, timedelta(0)))
        log.info("delivery %s again in %.1f s: %s", delivery.key, wait.total_seconds(), reason)
        self.outcomes["retry"] += 1
        await self._ledger.retry(delivery, after=wait, error=reason)
        return False

    async def _retry_unexpected(self, delivery: Claimed, error: Exception) -> bool:
        times = self._unexpected[delivery.id] = self._unexpected.get(delivery.id, 0) + 1
        reason = f"{type(error).__name__}: {error}"
        if times == 1:
            log.error("delivery %s (%s) met an unexpected error", delivery.key, delivery.kind, exc_info=error)
        if times >= UNEXPECTED_ATTEMPTS:
            await self._fail(delivery, reason)
            return True
        return await self._retry(delivery, reason, None)

    async def _stop(self, delivery: Claimed, reason: str) -> None:
        if not self.unauthorized:
            log.critical("Discord refuses the bot's token; nothing is sent any more (%s)", reason)
        self.unauthorized = True
        await self._ledger.give_back(delivery)

    def _backoff(self, errors: int) -> timedelta:
        """Exponential with jitter: 1 to 2 s after the first attempt, 5 to 10 minutes in the end."""
        longest = min(FIRST_BACKOFF * 2 ** min(errors, 20), LONGEST_BACKOFF)
        return timedelta(seconds=longest.total_seconds() * self._random.uniform(0.5, 1.0))

    def _cut_short(self) -> None:
        self._hurry = True
        for task in self._at_discord:
            task.cancel()

    async def _all_settled(self) -> None:
        if self._on_their_way:
            await asyncio.wait(set(self._on_their_way))


class _Expired(NotSent):
    """It was tried until it made no sense any more."""
