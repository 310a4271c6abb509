"""What the ledger holds: something to say, and the same once a process may send it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

#: How long after its due time a delivery without an end of its own still makes sense.
WORTH_SENDING = timedelta(hours=24)
# What stands behind it in a key is the channel that a fallback goes to.
VIA = " via "
KEY_LIMIT = 95
KIND_LIMIT = 40
SUBJECT_LIMIT = 60


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """Something to say, to exactly one of a channel and a member.

    `key` makes it unique for ever: the same key again plans nothing, even when the first was skipped,
    so whatever is changed or planned anew needs a new key. `refs` holds ids, never words. `fallback`
    names the channels to try in order when the target is closed or gone. After `expires_at` (24 hours
    after `due_at` when None) it is no longer sent. Raises ValueError or TypeError for what cannot be kept.
    """

    key: str
    kind: str
    subject: str
    due_at: datetime
    expires_at: datetime | None = None
    guild_id: int | None = None
    channel_id: int | None = None
    user_id: int | None = None
    refs: Mapping[str, Any] = field(default_factory=dict)
    fallback: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.channel_id is None) == (self.user_id is None):
            raise ValueError(f"{self.key}: a delivery goes to a channel or to a member")
        if not 0 < len(self.key.partition(VIA)[0]) <= KEY_LIMIT:
            raise ValueError(f"{self.key}: a key has 1 to {KEY_LIMIT} characters")
        if len(self.kind) > KIND_LIMIT or len(self.subject) > SUBJECT_LIMIT:
            raise ValueError(f"{self.key}: kind or subject is too long")
        for instant in (self.due_at, self.expires_at):
            if instant is not None and instant.tzinfo is None:
                raise TypeError(f"{self.key}: naive datetime")


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A delivery that this process may send until its lease ends, and the facts it needs for that.

    `fence` counts the claims so far; only the newest claim may postpone or give up. `attempts` counts
    them too, less those that were given back untried, and `errors` those that ended in an error.
    `lease_until` is in the ledger's own time.
    """

    id: int
    key: str
    kind: str
    subject: str
    guild_id: int | None
    channel_id: int | None
    user_id: int | None
    refs: dict[str, Any]
    created_at: datetime
    due_at: datetime
    expires_at: datetime | None
    attempts: int
    errors: int
    fence: int
    first_attempt_at: datetime
    lease_until: datetime
    last_error: str | None

    @property
    def is_retry(self) -> bool:
        """Whether an earlier attempt may have got through: then it must be looked for first."""
        return self.attempts > 1

    @property
    def gives_up_at(self) -> datetime:
        return self.expires_at if self.expires_at is not None else self.due_at + WORTH_SENDING

    @property
    def fallback(self) -> tuple[int, ...]:
        return tuple(self.refs.get("fallback", ()))

    def via_fallback(self) -> Outgoing | None:
        """The same to the next fallback channel, or None when there is none left.

        Its refs say in `instead_of` whom it could not reach: {"user": id} or {"channel": id}, of the
        first target of the chain.
        """
        if not self.fallback:
            return None
        channel_id, *rest = self.fallback
        missed = {"user": self.user_id} if self.user_id is not None else {"channel": self.channel_id}
        return Outgoing(
            key=f"{self.key.partition(VIA)[0]}{VIA}{channel_id}",
            kind=self.kind,
            subject=self.subject,
            due_at=self.due_at,
            expires_at=self.expires_at,
            guild_id=self.guild_id,
            channel_id=channel_id,
            refs={"instead_of": missed, **self.refs},
            fallback=tuple(rest),
        )


def nonce(delivery: Claimed) -> str:
    """24 characters, the same for every attempt at this row and for no other row, not even for one
    with the same id and key in a database that was made anew.
    """
    facts = f"{delivery.id}\n{delivery.key}\n{delivery.created_at.isoformat()}"
    return hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()
