"""What the bot confirmed, beside what the database holds in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import LessonMark, Member, Reminder, Rsvp, Stage
from tests.soak.members import COURSE, Belief, Hall, Person


@dataclass
class Verdict:
    """Facts that were confirmed, those of them that are not so, and reminders that came to be twice."""

    facts: int = 0
    confirmed: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.lost and not self.doubled

    def __str__(self) -> str:
        lines = [
            f"{self.confirmed:,} confirmed writes to {self.facts:,} facts: {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled"
        ]
        return "\n  ".join([*lines, *self.lost[:10], *self.doubled[:10]])

    def judge(self, name: str, belief: Belief[Any], found: Any) -> None:
        self.facts += 1
        self.confirmed += belief.confirmed
        if found not in belief.possible:
            self.lost.append(f"{name}: {found!r}, told {sorted(map(repr, belief.possible))}")


async def judge(database: Database, halls: Sequence[Hall]) -> Verdict:
    """Read everything that members were told about, and compare."""
    verdict = Verdict()
    people = {person.user.id: person for hall in halls for person in hall.people}
    occurrences = {hall.occurrence_id for hall in halls}
    async with database.read() as session:
        chosen = await session.execute(select(Member.user_id, Member.timezone))
        zones = {user: zone for user, zone in chosen}
        answers = {
            (occurrence, user): answer
            for occurrence, user, answer in await session.execute(
                select(Rsvp.occurrence_id, Rsvp.user_id, Rsvp.answer).where(
                    Rsvp.occurrence_id.in_(occurrences)
                )
            )
        }
        marked = await session.execute(select(LessonMark.user_id, LessonMark.lesson, LessonMark.stage))
        marks: set[tuple[int, str, Stage]] = {(user, lesson, stage) for user, lesson, stage in marked}
        said = Counter(
            (user, what) for user, what in await session.execute(select(Reminder.user_id, Reminder.what))
        )
    numbers = _lesson_ids()
    for person in people.values():
        name = person.user.name
        verdict.judge(f"zone of {name}", person.zone, zones.get(person.user.id))
        verdict.judge(
            f"answer of {name}", person.answer, answers.get((person.hall.occurrence_id, person.user.id))
        )
        for (number, stage), belief in person.marks.items():
            found = (person.user.id, numbers[number], stage) in marks
            verdict.judge(f"lesson {number} {stage} of {name}", belief, found)
        _judge_reminders(verdict, person, said)
    return verdict


def _judge_reminders(verdict: Verdict, person: Person, said: Counter[tuple[int, str]]) -> None:
    for what, belief in person.reminders.items():
        found = said[person.user.id, what]
        if found > 1:
            verdict.doubled.append(f"{what}: {found} times")
        verdict.judge(f"reminder {what}", belief, min(found, 1))


def _lesson_ids() -> dict[int, str]:
    pack = next(pack for pack in CourseLibrary().shipped if pack.id == COURSE)
    return {lesson.number: lesson.id for lesson in pack.lessons}
