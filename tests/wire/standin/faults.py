"""Faults that a test switches on while the bot runs: errors, limits, lost connections, slow answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal

#: Discord's JSON error codes that the stand-in can answer: (HTTP status, message).
ERRORS = {
    0: (500, "500: Internal Server Error"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10011: (404, "Unknown Role"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10070: (404, "Unknown Guild Scheduled Event"),
    30038: (400, "Maximum number of guild scheduled events reached (100)"),
    40001: (401, "Unauthorized"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
    160004: (400, "A thread has already been created for this message"),
}

Kind = Literal["status", "error", "ratelimit", "drop", "slow", "hold"]


@dataclass
class Fault:
    """One rule. `path` is a glob below the API base; a rule ends after `times` hits (None: never).

    `after` lets the request take effect first: the reply is lost or replaced, the deed is done. `skip` lets
    that many matching requests pass before the first hit.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    after: bool = False
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    status: int = 500
    code: int = 0
    seconds: float = 0.0
    is_global: bool = False
    hits: int = 0
    #: For `hold`: set when a request is held, and what lets it go.
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        self.released.set()

    def fires(self, method: str, path: str, random: Random) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if not fnmatchcase(method, self.method) or not fnmatchcase(path, self.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1.0 and random.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The schedule of faults. The first rule that fires decides; slow ones let later rules act too."""

    def __init__(self, notify: Callable[[], None], seed: int = 0) -> None:
        """`notify` is called when a request is held."""
        self._notify = notify
        self.random = Random(seed)
        self.rules: list[Fault] = []

    def add(self, kind: Kind, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        rule = Fault(kind, method, path, **rest)
        self.rules.append(rule)
        return rule

    def status(self, status: int, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Answer 500, 502, 503 and the like, with no JSON in it, as Discord's edge does."""
        return self.add("status", method, path, status=status, **rest)

    def error(self, code: int, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Answer one of Discord's JSON error codes (`ERRORS`) with its HTTP status."""
        if code not in ERRORS:
            raise ValueError(f"no error code {code}, known are {sorted(ERRORS)}")
        return self.add("error", method, path, code=code, **rest)

    def ratelimit(
        self, retry_after: float, method: str = "*", path: str = "*", *, is_global: bool = False, **rest: Any
    ) -> Fault:
        """Answer 429 with `retry_after` in seconds."""
        return self.add("ratelimit", method, path, seconds=retry_after, is_global=is_global, **rest)

    def drop_before(self, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Cut the connection; nothing has happened."""
        return self.add("drop", method, path, **rest)

    def drop_after(self, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Do what was asked, then cut the connection: the deed is done, the reply is lost."""
        return self.add("drop", method, path, after=True, **rest)

    def slow(self, seconds: float, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Answer that many seconds later."""
        return self.add("slow", method, path, seconds=seconds, **rest)

    def hold_before(self, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Hold a request before it takes effect until `release()`; `reached` says that one is held."""
        return self.add("hold", method, path, **rest)

    def hold_after(self, method: str = "*", path: str = "*", **rest: Any) -> Fault:
        """Let a request take effect, but hold its reply until `release()`."""
        return self.add("hold", method, path, after=True, **rest)

    def clear(self) -> None:
        """Drop all rules and let go what they hold."""
        for rule in self.rules:
            rule.release()
        self.rules.clear()

    async def delays(self, method: str, path: str, *, after: bool) -> None:
        """Wait as slow and hold rules say."""
        for rule in list(self.rules):
            if rule.kind == "slow" and not after and rule.fires(method, path, self.random):
                await asyncio.sleep(rule.seconds)
            elif rule.kind == "hold" and rule.after is after and rule.fires(method, path, self.random):
                rule.reached.set()
                self._notify()
                await rule.released.wait()

    def strike(self, method: str, path: str) -> Fault | None:
        """The rule that decides over this request, if one does."""
        for rule in self.rules:
            if rule.kind not in ("slow", "hold") and rule.fires(method, path, self.random):
                return rule
        return None
