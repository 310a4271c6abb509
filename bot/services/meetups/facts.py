"""What a post, a list or a reminder shows of one date of a meetup."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Answer, Group, Meetup, Occurrence, OccurrenceState, Rsvp

NEXT_DATES = 3


@dataclass(frozen=True, kw_only=True)
class MeetupFacts:
    """One date of a meetup, its group, and who answered what, as of `now`.

    Members stand in the order of their answers. `next_starts` has up to three later dates of a series,
    skipped ones left out. The rows are detached: reading them asks no database.
    """

    group: Group
    meetup: Meetup
    occurrence: Occurrence
    going: tuple[int, ...]
    maybe: tuple[int, ...]
    waiting: tuple[int, ...]
    cant: int
    next_starts: tuple[datetime, ...]
    now: datetime

    @property
    def title(self) -> str:
        return title_of(self.meetup, self.occurrence)

    @property
    def is_over(self) -> bool:
        return self.occurrence.ends_at <= self.now

    @property
    def is_open(self) -> bool:
        """Takes place and is not over: can be answered, and changed by its host."""
        return self.occurrence.state is OccurrenceState.PLANNED and not self.is_over


def title_of(meetup: Meetup, occurrence: Occurrence) -> str:
    return occurrence.title or meetup.title


async def load_facts(
    session: AsyncSession, occurrence_ids: Sequence[int], *, now: datetime
) -> list[MeetupFacts]:
    """The facts of these dates, in the order asked for; unknown ids are left out."""
    if not occurrence_ids:
        return []
    rows = await session.execute(
        select(Occurrence, Meetup, Group)
        .join(Meetup, Meetup.id == Occurrence.meetup_id)
        .join(Group, Group.id == Meetup.group_id)
        .where(Occurrence.id.in_(occurrence_ids))
        # What Core statements changed in this transaction is not in the session's objects yet.
        .execution_options(populate_existing=True)
    )
    found = {occurrence.id: (occurrence, meetup, group) for occurrence, meetup, group in rows}
    answers: dict[tuple[int, Answer], list[int]] = defaultdict(list)
    rsvps = await session.execute(
        select(Rsvp.occurrence_id, Rsvp.answer, Rsvp.user_id)
        .where(Rsvp.occurrence_id.in_(found))
        .order_by(Rsvp.answered_at, Rsvp.user_id)
    )
    for occurrence_id, answer, user_id in rsvps:
        answers[occurrence_id, answer].append(user_id)
    coming: dict[int, list[datetime]] = defaultdict(list)
    starts = await session.execute(
        select(Occurrence.meetup_id, Occurrence.starts_at)
        .where(
            Occurrence.meetup_id.in_({meetup.id for _, meetup, _ in found.values()}),
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at)
    )
    for meetup_id, starts_at in starts:
        coming[meetup_id].append(starts_at)
    facts = []
    for occurrence_id in occurrence_ids:
        if occurrence_id not in found:
            continue
        occurrence, meetup, group = found[occurrence_id]
        later = [start for start in coming[meetup.id] if start > occurrence.starts_at]
        facts.append(
            MeetupFacts(
                group=group,
                meetup=meetup,
                occurrence=occurrence,
                going=tuple(answers[occurrence_id, Answer.GOING]),
                maybe=tuple(answers[occurrence_id, Answer.MAYBE]),
                waiting=tuple(answers[occurrence_id, Answer.WAITLISTED]),
                cant=len(answers[occurrence_id, Answer.CANT]),
                next_starts=tuple(later[:NEXT_DATES]),
                now=now,
            )
        )
    return facts
