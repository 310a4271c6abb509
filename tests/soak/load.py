"""A steady load of interactions: so many a second whatever comes back, or so many members at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.figures import ms, percentile, table
from tests.soak.members import SUGGESTIONS, Deed, Habits, Hall
from tests.wire.standin import StandIn

#: Seconds after which nobody waits for an answer any more.
GIVEN_UP_AFTER = 30.0
#: Seconds for which the stand-in keeps what is over: what was pressed is still shown anew after the answer.
KEPT = 180.0
KEPT_REQUESTS = 2000
ERROR = "Something went wrong"


@dataclass
class Taken:
    """What came of the interactions so far. Times are seconds, from the gateway event's bytes leaving."""

    sent: int = 0
    #: Until the callback's arrival, by kind.
    acknowledged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: Until the words that answer.
    answered: list[float] = field(default_factory=list)
    never_acknowledged: int = 0
    never_answered: int = 0
    #: Of suggestions: Discord's client says by itself that they could not be had.
    never_suggested: int = 0
    #: Writes that the bot confirmed; answers that said something went wrong; other answers than expected.
    confirmed: int = 0
    errors: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    #: Interactions that left too late because every member was still waiting for an answer.
    starved: int = 0

    @property
    def every(self) -> list[float]:
        return [taken for taken in self.acknowledged.values() for taken in taken]

    @property
    def rate(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    def late(self, longest: float) -> int:
        """How many were acknowledged later than that, or never."""
        return sum(one > longest for one in self.every) + self.never_acknowledged

    def table(self) -> str:
        rows = [
            (kind, len(taken), *(ms(percentile(taken, share)) for share in (0.5, 0.99)), ms(max(taken)))
            for kind, taken in [*sorted(self.acknowledged.items()), ("all", self.every)]
            if taken
        ]
        return table(("acknowledged, ms", "n", "p50", "p99", "slowest"), rows)


class Load:
    """Members who do one thing at a time each, watched until each was answered."""

    def __init__(self, standin: StandIn, halls: Sequence[Hall], *, seed: int) -> None:
        self.standin = standin
        self.habits = Habits(standin, seed=seed)
        self.people = [person for hall in halls for person in hall.people]
        self.taken = Taken()
        self._idle = deque(self.people)
        self._pending: list[Deed] = []
        self._over: deque[tuple[float, Deed]] = deque()

    async def at_rate(self, rate: float, *, seconds: float) -> Taken:
        """Send so many a second, evenly, whatever comes back; returns when all were answered or given up."""
        taken = self._begin()
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self._collect()
            while not self._idle:
                taken.starved += 1
                await asyncio.sleep(0.02)
                self._collect()
            self._send()
        return await self._finish(began)

    async def at_once(
        self,
        members: int,
        *,
        count: int,
        every: int = 0,
        pause: Callable[[int], Awaitable[None]] | None = None,
    ) -> Taken:
        """Send `count`, each when fewer than `members` wait for an answer.

        After each `every`, once all were answered, `pause` is called with how many were sent so far.
        """
        taken = self._begin()
        began = time.monotonic()
        while taken.sent < count:
            until = min(taken.sent + (every or count), count)
            while taken.sent < until:
                while len(self._pending) < members and taken.sent < until:
                    self._send()
                await self._change()
            await self._all_over()
            if pause is not None:
                await pause(taken.sent)
        return await self._finish(began)

    def _begin(self) -> Taken:
        self.taken = Taken()
        return self.taken

    async def _finish(self, began: float) -> Taken:
        await self._all_over()
        self.taken.seconds = time.monotonic() - began
        return self.taken

    async def _all_over(self) -> None:
        while self._pending:
            await self._change()

    async def _change(self) -> None:
        """Wait for something to happen at the stand-in, and take note of what is over."""
        await asyncio.sleep(0.005)
        self._collect()

    def _send(self) -> None:
        deed = self.habits.act(self._idle.popleft())
        self.taken.sent += 1
        self._pending.append(deed)

    def _collect(self) -> None:
        now = time.monotonic()
        waiting = []
        for deed in self._pending:
            if deed.interaction.answered or now - (deed.interaction.sent_at or now) > GIVEN_UP_AFTER:
                self._note(deed)
                self._over.append((now, deed))
                self._idle.append(deed.person)
            else:
                waiting.append(deed)
        self._pending = waiting
        while self._over and now - self._over[0][0] > KEPT:
            self.standin.interactions.forget(self._over.popleft()[1].interaction)
        del self.standin.requests[:-KEPT_REQUESTS]

    def _note(self, deed: Deed) -> None:
        one, taken = deed.interaction, self.taken
        assert one.sent_at is not None
        if one.acknowledged_at is None:
            taken.never_acknowledged += 1
        else:
            taken.acknowledged[deed.kind].append(one.acknowledged_at - one.sent_at)
        if one.answered_at is None:
            taken.never_suggested += deed.kind == SUGGESTIONS
            taken.never_answered += deed.kind != SUGGESTIONS
        else:
            taken.answered.append(one.answered_at - one.sent_at)
        taken.confirmed += deed.confirmed
        if ERROR in one.text:
            taken.errors += 1
        elif deed.words and not deed.confirmed:
            taken.refused[f"{deed.kind}: {one.text[:100]!r}"] += 1
        deed.answered(deed.confirmed)
