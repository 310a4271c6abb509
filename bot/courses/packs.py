"""What a course pack holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.db.types import name_key

#: One effort point is one university paper over a 12-week semester. Someone studying full time (40 hours a
#: week) carries four of them, so a point is 40 x 12 / 4 hours.
HOURS_PER_POINT = 120


@dataclass(frozen=True, kw_only=True)
class Link:
    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One lesson. `id` stays for ever, `number` counts from 1 in the pack's order; `hours` is the effort of
    one member, `cost` in US dollars."""

    id: str
    number: int
    title: str
    summary: str
    topics: tuple[str, ...]
    links: tuple[Link, ...]
    hours: float
    cost: float

    @property
    def points(self) -> float:
        """Effort in points of `HOURS_PER_POINT` hours."""
        return self.hours / HOURS_PER_POINT


@dataclass(frozen=True, kw_only=True)
class Capstone:
    """The project at a course's end; it opens at half of the lessons."""

    title: str
    summary: str
    hours: float


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A course in one version. Marks name (pack, version, lesson) by their ids."""

    id: str
    version: str
    title: str
    summary: str
    lessons: tuple[Lesson, ...]
    capstone: Capstone | None
    links: tuple[Link, ...]

    @property
    def hours(self) -> float:
        """The whole effort in hours, the capstone included."""
        return sum(lesson.hours for lesson in self.lessons) + (self.capstone.hours if self.capstone else 0)

    def lesson(self, lesson_id: str) -> Lesson | None:
        return next((lesson for lesson in self.lessons if lesson.id == lesson_id), None)

    def find(self, typed: str) -> Lesson | None:
        """The lesson that a member means: by id, number, "lesson 3", title, or any of them behind the pack's
        own id and a colon or slash, which is what autocomplete sends."""
        wanted = name_key(typed)
        for separator in (":", "/"):
            wanted = wanted.removeprefix(f"{name_key(self.id)}{separator}").strip()
        number = wanted.removeprefix("lesson").strip(" #.-")
        numbered = next((lesson for lesson in self.lessons if number == str(lesson.number)), None)
        titled = next((lesson for lesson in self.lessons if wanted == name_key(lesson.title)), None)
        return self.lesson(wanted) or numbered or titled


def version_order(version: str) -> tuple[int, ...]:
    """For comparing: 1.10 comes after 1.9."""
    return tuple(map(int, version.split(".")))


def pack_from(document: Mapping[str, Any]) -> Pack:
    """The pack in the plain data of its file, which `read_pack` has checked."""
    lessons = tuple(
        Lesson(
            id=lesson["id"],
            number=number,
            title=lesson["title"],
            summary=lesson["summary"],
            topics=tuple(lesson.get("topics", ())),
            links=_links(lesson),
            hours=lesson["hours"] if "hours" in lesson else lesson["points"] * HOURS_PER_POINT,
            cost=lesson.get("cost", 0),
        )
        for number, lesson in enumerate(document["lessons"], start=1)
    )
    capstone = document.get("capstone")
    return Pack(
        id=document["id"],
        version=document["version"],
        title=document["title"],
        summary=document["summary"],
        lessons=lessons,
        capstone=Capstone(**capstone) if capstone is not None else None,
        links=_links(document),
    )


def _links(document: Mapping[str, Any]) -> tuple[Link, ...]:
    return tuple(Link(**link) for link in document.get("links", ()))
