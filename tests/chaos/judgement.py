"""Who got what: the witness keeps what was asked of Discord, and counts what stands there in the end."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import select

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState
from tests.chaos.plan import Figure
from tests.wire.standin import StandIn
from tests.wire.standin.rest import Request

POSTS = ("POST", "/channels/*/messages")
WORDS = re.compile(r"chaos (\d{5})")
FAULTS = {"ratelimit": "429", "drop": "dropped", "slow": "too late"}


@dataclass(frozen=True)
class Trace:
    """What is kept of a request: enough to tell the story of a message that came twice."""

    at: float
    name: str | None
    path: str
    line: str


class Witness:
    """Sees every request and every message. `chaotic` is off while lateness is measured."""

    def __init__(self, standin: StandIn, figure: Figure) -> None:
        self.standin = standin
        self.figure = figure
        self.chaotic = True
        #: When the stand-in's clock was moved beyond its memory for nonces, in `time.monotonic()` seconds.
        self.jumps: list[float] = []
        self._traces: list[Trace] = []

    def forgot_nonces(self) -> None:
        self.jumps.append(time.monotonic())

    def tidy_up(self, running: Collection[str] = ()) -> None:
        """Put away the requests that have their answers: whoever waits for one looks through all of them.

        What tells that the clients in `running` are ready stays.
        """
        kept = []
        for request in self.standin.requests:
            if request.status is None or (request.client in running and request.path.endswith("/commands")):
                kept.append(request)
            else:
                self._put_away(request)
        self.standin.requests[:] = kept

    def _put_away(self, request: Request) -> None:
        if not fnmatchcase(request.path, POSTS[1]):
            return
        found = None
        if request.method == "POST":
            found = WORDS.search(json.dumps(request.body))
            if self.chaotic:
                self.figure.sends += 1
                self.figure.faulted_sends += request.fault is not None
        nonce = (request.body or {}).get("nonce", "")
        said = f"{request.client} {request.method} {request.path} {nonce} -> {request.status}"
        line = f"{said} {request.fault or ''}"
        self._traces.append(Trace(request.at, found[1] if found else None, request.path, line))

    def count_faults(self) -> None:
        """Add what the rules of the round that ends have done."""
        for rule in self.standin.faults.rules:
            if rule.kind in ("status", "ratelimit", "drop", "slow") and rule.hits:
                name = FAULTS.get(rule.kind, str(rule.status))
                self.figure.faults[name + (" after the deed" if rule.after else "")] += rule.hits
                if rule.kind == "slow":
                    self.figure.faulted_sends += rule.hits

    def judge(self, planned: Iterable[str]) -> None:
        """Count every message that was ever made, deleted ones too, against what was planned."""
        self.tidy_up()
        posted: Counter[str] = Counter()
        for message in self.standin.posted():
            posted.update(WORDS.findall(message.text))
        figure = self.figure
        figure.planned = len(list(planned))
        figure.lost = [name for name in planned if not posted[name]]
        figure.doubled = [name for name in planned if posted[name] > 1]
        figure.stories = [line for name in figure.doubled for line in self._story(name)]
        figure.nonce_hits = self.standin.messages_api.nonce_hits
        figure.violations = list(self.standin.violations)

    def lateness(self, names: Iterable[str], due: Mapping[str, datetime]) -> list[float]:
        """How many seconds after it was due Discord took each of these; what it never took is missing."""
        wanted = set(names)
        ahead = self.standin.clock.offset
        late = []
        for message in self.standin.posted():
            for name in WORDS.findall(message.text):
                if name in wanted:
                    late.append((message.created_at - ahead - due[name]).total_seconds())
        return late

    def _story(self, name: str) -> list[str]:
        """Every request to the channels of a doubled message from its first attempt to its last."""
        own = [trace for trace in self._traces if trace.name == name]
        first, last = own[0].at, own[-1].at
        paths = {trace.path for trace in own}
        lines = [(at, "the stand-in forgets its nonces") for at in self.jumps if first <= at <= last]
        lines += [
            (trace.at, trace.line)
            for trace in self._traces
            if trace.path in paths and first <= trace.at <= last and trace.name in (name, None)
        ]
        return [f"{name} +{at - first:6.2f} s {line}" for at, line in sorted(lines)]


async def unsettled(database: Database) -> tuple[list[str], int]:
    """What did not end as it should: sent, or failed for closed direct messages, which its fallback follows.
    And how many deliveries were tried more than once.
    """
    async with database.read() as session:
        rows = list(await session.scalars(select(Delivery).order_by(Delivery.id)))
    wrong = [
        f"{row.dedupe_key} {row.state.value}: {row.last_error}" for row in rows if not _as_it_should(row)
    ]
    return wrong, sum(row.attempts > 1 for row in rows)


def _as_it_should(row: Delivery) -> bool:
    closed = (
        row.state is DeliveryState.FAILED and row.user_id is not None and "50007" in (row.last_error or "")
    )
    return row.state is DeliveryState.SENT or closed
