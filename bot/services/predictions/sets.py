"""Feedback as a training set: a zip with a folder per label, and a table of all that was said."""

import asyncio
import csv
import io
import zipfile
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from sqlalchemy.ext.asyncio import AsyncSession

from bot.classifier.training.files import FEWEST, IMAGES, LABELS
from bot.db.types import name_key
from bot.flashcards.sheets import no_formula
from bot.services.models import ModelFacts
from bot.services.predictions.answers import Answer, load_pictures
from bot.services.predictions.facts import TrainingSet
from bot.services.predictions.folders import folder_names

TABLE = "feedback.csv"
COLUMNS = ("picture", "prediction", "version", "said", "probability", "sure", "right", "label", "at")
#: At most one byte in so many is the table's.
TABLE_SHARE = 4
# Of a zip: what stands before each file, what stands in the directory for each, and the directory's end.
LOCAL, CENTRAL, END = 30, 46, 22


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What goes into the zip: `labels` and `paths` of pictures by `Answer.id`; `at` is the table's time."""

    answers: Sequence[Answer]
    pictures: Sequence[Answer]
    labels: Mapping[int, str]
    paths: Mapping[int, str]
    at: datetime
    conflicting: int
    left_out: int


def planned(answers: Sequence[Answer], *, limit: int, now: datetime, to_train: bool = False) -> Plan:
    """What of the answers, newest first, fits into a zip of `limit` bytes, no label before another.

    A picture on whose label members do not agree is left out; so are, if the set is to be trained with as it
    is, labels with too few pictures for that, as long as two labels have enough. One that several members
    asked about is there once.
    """
    spellings: dict[str, str] = {}
    said: dict[str, set[str]] = {}
    pictured: dict[str, Answer] = {}
    for answer in answers:
        spellings.setdefault(name_key(answer.label), answer.label)
        said.setdefault(answer.subject, set()).add(name_key(answer.label))
        if answer.size:
            pictured.setdefault(answer.subject, answer)
    folders = folder_names(spellings.values())
    agreed = [answer for answer in pictured.values() if len(said[answer.subject]) == 1]
    labels = {answer.id: spellings[name_key(answer.label)] for answer in agreed}
    paths = {
        answer.id: f"{folders[labels[answer.id]]}/{answer.prediction_id}.{answer.ending}" for answer in agreed
    }
    rows = list(_fitting_rows(answers, paths, limit // TABLE_SHARE))
    left = limit - END - _zipped(TABLE, len(table(rows, paths)))
    pictures: list[Answer] = []
    for answer in _by_turns(_enough(agreed) if to_train else agreed):
        needed = _zipped(paths[answer.id], answer.size)
        if needed <= left and len(pictures) < IMAGES:
            pictures.append(answer)
            left -= needed
    return Plan(
        answers=rows,
        pictures=pictures,
        labels=labels,
        paths=paths,
        at=now,
        conflicting=len(pictured) - len(agreed),
        left_out=len(agreed) - len(pictures),
    )


async def write(session: AsyncSession, plan: Plan, file: IO[bytes], *, model: ModelFacts) -> TrainingSet:
    """Write the zip into a file that is open, in threads. What was erased meanwhile is not in it."""
    labels: Counter[str] = Counter()
    there: dict[int, str] = {}
    with zipfile.ZipFile(file, "w") as archive:
        async for some in load_pictures(session, plan.pictures):
            files = [(plan.paths[answer.id], answer.at, image) for answer, image in some]
            await asyncio.to_thread(_add_all, archive, files)
            there |= {answer.id: plan.paths[answer.id] for answer, _ in some}
            labels.update(plan.labels[answer.id] for answer, _ in some)
        rows = await asyncio.to_thread(table, plan.answers, there)
        await asyncio.to_thread(_add_all, archive, [(TABLE, plan.at, rows)])
    return TrainingSet(
        model=model,
        labels=dict(labels),
        answers=len(plan.answers),
        conflicting=plan.conflicting,
        left_out=plan.left_out,
    )


def table(answers: Sequence[Answer], paths: Mapping[int, str]) -> bytes:
    """The answers as CSV, as spreadsheets read it: no cell is a formula."""
    return b"".join((_line(COLUMNS).encode("utf-8-sig"), *(_row(answer, paths) for answer in answers)))


def _row(answer: Answer, paths: Mapping[int, str]) -> bytes:
    cells = (
        paths.get(answer.id, ""),
        str(answer.prediction_id),
        "" if answer.version is None else str(answer.version),
        answer.said,
        f"{answer.probability:.4f}",
        "yes" if answer.sure else "no",
        "yes" if answer.right else "no",
        answer.label,
        answer.at.isoformat(timespec="seconds"),
    )
    return _line(cells).encode()


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(map(no_formula, cells))
    return file.getvalue()


def _fitting_rows(answers: Sequence[Answer], paths: Mapping[int, str], room: int) -> Iterator[Answer]:
    for answer in answers:
        room -= len(_row(answer, paths))
        if room < 0:
            return
        yield answer


def _enough(answers: Sequence[Answer]) -> Sequence[Answer]:
    """Those of the commonest labels, less the ones whose training would be refused. All of them when that
    leaves less than two: the refusal then names what is missing.
    """
    counts = Counter(name_key(answer.label) for answer in answers)
    enough = {key for key, count in counts.most_common(LABELS) if count >= FEWEST}
    if len(enough) < 2:
        return answers
    return [answer for answer in answers if name_key(answer.label) in enough]


def _by_turns(answers: Sequence[Answer]) -> Iterator[Answer]:
    """One of each label, then the next of each: what is cut off in between leaves no label without any."""
    queues: dict[str, deque[Answer]] = {}
    for answer in answers:
        queues.setdefault(name_key(answer.label), deque()).append(answer)
    while queues:
        for key in list(queues):
            yield queues[key].popleft()
            if not queues[key]:
                del queues[key]


def _zipped(path: str, size: int) -> int:
    """Bytes of a file in a zip that compresses nothing: pictures are compressed already."""
    return LOCAL + CENTRAL + 2 * len(path.encode()) + size


def _add_all(archive: zipfile.ZipFile, files: Sequence[tuple[str, datetime, bytes]]) -> None:
    for path, at, data in files:
        info = zipfile.ZipInfo(path, at.timetuple()[:6])
        info.external_attr = 0o644 << 16
        archive.writestr(info, data)
