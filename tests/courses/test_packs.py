"""Packs: the shipped ones, their schema, and finding a lesson in one."""

import json
import math
import re
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.courses.checking import read_pack
from bot.courses.library import TEMPLATE, CourseLibrary
from bot.courses.packs import Pack, pack_from, version_order

HERE = Path(__file__).parent
SHIPPED = files("bot.courses") / "shipped"


@pytest.fixture(scope="module")
def library() -> CourseLibrary:
    return CourseLibrary()


def pack(library: CourseLibrary, pack_id: str) -> Pack:
    return next(pack for pack in library.shipped if pack.id == pack_id)


def test_the_shipped_packs_are_there_and_the_template_is_none_of_them(library: CourseLibrary) -> None:
    assert [pack.id for pack in library.shipped] == ["fastai-2019", "fastai-2022", "math-prerequisites"]
    template = pack_from(read_pack((SHIPPED / TEMPLATE).read_bytes()))
    assert [lesson.hours for lesson in template.lessons] == [6, 6]


def test_what_is_ours_stands_the_check_that_a_start_leaves_out() -> None:
    shipped = [file.read_bytes() for file in SHIPPED.iterdir() if file.name.endswith(".yaml")]
    assert len(shipped) == 4
    for data in shipped:
        assert read_pack(data) == read_pack(data, is_ours=True)


def test_fastai_2019_is_what_the_course_facts_say(library: CourseLibrary) -> None:
    course = pack(library, "fastai-2019")
    assert len(course.lessons) == 7
    assert {lesson.hours for lesson in course.lessons} == {9}
    assert all(lesson.topics and lesson.links for lesson in course.lessons)
    assert course.hours == 180
    assert course.hours / 120 == 1.5


def test_fastai_2022_has_nine_lessons(library: CourseLibrary) -> None:
    course = pack(library, "fastai-2022")
    assert [lesson.number for lesson in course.lessons] == list(range(1, 10))
    assert (course.lessons[0].title, course.lessons[8].title) == ("Getting started", "Data ethics")
    assert course.hours == 180


def test_the_prerequisites_are_the_four_that_the_course_takes_for_granted(library: CourseLibrary) -> None:
    course = pack(library, "math-prerequisites")
    assert [lesson.id for lesson in course.lessons] == [
        "derivative",
        "log-exp",
        "matrix-product",
        "broadcasting",
    ]


def test_the_study_plan_sums_to_7_4_points_and_367_dollars() -> None:
    plan = pack_from(read_pack((HERE / "study-plan.yaml").read_bytes()))
    assert math.fsum(lesson.points for lesson in plan.lessons) == pytest.approx(7.4, abs=1e-9)
    assert math.fsum(lesson.cost for lesson in plan.lessons) == 367


def test_the_schema_is_one_and_editors_find_it_beside_every_pack() -> None:
    schema = json.loads((files("bot.courses") / "pack.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    for file in SHIPPED.iterdir():
        first = file.read_text("utf-8").splitlines()[0]
        found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert found is not None
        assert (Path(str(file)).parent / found[1]).resolve() == Path(
            str(files("bot.courses") / "pack.schema.json")
        )


@pytest.mark.parametrize(
    ("typed", "lesson_id"),
    [
        ("log-exp", "log-exp"),
        ("LOG-EXP", "log-exp"),
        ("2", "log-exp"),
        ("lesson 2", "log-exp"),
        ("Lesson #2", "log-exp"),
        ("  logarithm   and exponential ", "log-exp"),
        ("math-prerequisites:log-exp", "log-exp"),
        ("math-prerequisites/2", "log-exp"),
        ("fastai-2019:log-exp", None),
        ("0", None),
        ("5", None),
        ("", None),
        ("lesson", None),
    ],
)
def test_a_lesson_is_found_by_id_number_and_title(
    library: CourseLibrary, typed: str, lesson_id: str | None
) -> None:
    found = pack(library, "math-prerequisites").find(typed)
    assert (found.id if found is not None else None) == lesson_id


def test_an_id_or_title_that_begins_with_lesson_is_found_as_it_is_written() -> None:
    text = """
id: odd
version: "1"
title: Odd
summary: Names that look like numbers.
lessons:
  - {id: lesson-2, title: Lesson planning, summary: First., hours: 1}
  - {id: second, title: Second, summary: Second., hours: 1}
"""
    odd = pack_from(read_pack(text.encode()))
    numbers = {typed: odd.find(typed) for typed in ("lesson-2", "lesson planning", "lesson 2", "2")}
    assert {typed: lesson and lesson.number for typed, lesson in numbers.items()} == {
        "lesson-2": 1,
        "lesson planning": 1,
        "lesson 2": 2,
        "2": 2,
    }


def test_versions_are_ordered_by_their_numbers() -> None:
    assert sorted(["1.10", "2", "1.9", "1", "1.9.1"], key=version_order) == ["1", "1.9", "1.9.1", "1.10", "2"]
