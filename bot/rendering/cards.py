"""What the pictures show. Every fact in them also stands in the text beside them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.rendering.model_cards import ClassificationCard, ConfusionCard
from bot.rendering.review_cards import ReviewStats, ReviewSummary


class Theme(StrEnum):
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a group wants to reach together; `label` says what and by when, such as "lessons this month"."""

    label: str
    reached: int
    wanted: int


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """`apart` is set where places were left out before this row."""

    rank: int
    name: str
    score: int
    is_caller: bool = False
    apart: bool = False


@dataclass(frozen=True, kw_only=True)
class BoardCard:
    """A leaderboard: the goal first, then the rows. `unit` names what is counted, such as "lessons"."""

    title: str
    subtitle: str
    unit: str
    rows: tuple[BoardRow, ...]
    goal: Goal | None = None


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A big value with its small label, such as ("5 of 7", "lessons")."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class ProfileCard:
    """One member: at most six facts, how much of the course is done (left out where `lessons_total` is 0),
    the project if there is one.
    """

    name: str
    subtitle: str
    facts: tuple[Fact, ...]
    lessons_done: int
    lessons_total: int
    project: str | None = None
    project_stage: str | None = None


class Cell(StrEnum):
    """One stage of one lesson: not done, done and waiting for somebody to verify it, or done and counted."""

    EMPTY = "empty"
    CLAIMED = "claimed"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class GridLesson:
    """`cells` has one entry per stage, in the grid's order; `planned` is the day of its meetup."""

    number: int
    title: str
    cells: tuple[Cell, ...]
    planned: date | None = None


@dataclass(frozen=True, kw_only=True)
class LessonGrid:
    """Lessons by stages. The pace line stands under the lesson that the plan has reached (`planned_done`
    lessons by now); None without a plan. Of a long course the part around the last begun lesson is drawn."""

    title: str
    name: str
    stages: tuple[str, ...]
    lessons: tuple[GridLesson, ...]
    planned_done: int | None = None


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A stage and the day on which the project got there; None when it has not."""

    label: str
    reached: date | None


@dataclass(frozen=True, kw_only=True)
class LogLine:
    day: date
    text: str


@dataclass(frozen=True, kw_only=True)
class ProjectTimeline:
    """A project from its start to now: its stages in order, and the newest lines of its log."""

    title: str
    name: str
    state: str
    started: date
    until: date
    milestones: tuple[Milestone, ...]
    log: tuple[LogLine, ...]


Card = (
    BoardCard
    | ProfileCard
    | LessonGrid
    | ProjectTimeline
    | ReviewSummary
    | ReviewStats
    | ClassificationCard
    | ConfusionCard
)
