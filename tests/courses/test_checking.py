"""Reading a pack from anybody: every mistake by its line, and nothing that harms."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.courses.checking import read_pack
from bot.courses.documents import DEPTH_LIMIT, SIZE_LIMIT, VALUES_LIMIT
from bot.errors import BadPack, PackFlaw, PackProblem, PackTooLarge
from bot.ui.pack_problems import problem_line, summary

HERE = Path(__file__).parent
GOOD = """\
id: strang
version: "1"
title: Linear algebra
summary: Eight evenings with matrices.
lessons:
  - id: elimination
    title: Elimination
    summary: Solve equations.
    hours: 4
"""

#: Every mistake of the file, by line.
FORTY = [
    (2, PackFlaw.MISSING),
    (2, PackFlaw.BAD_ID),
    (3, PackFlaw.WRONG_KIND),
    (5, PackFlaw.UNKNOWN_KEY),
    (6, PackFlaw.UNKNOWN_KEY),
    (9, PackFlaw.BAD_LINK),
    (10, PackFlaw.TOO_SHORT),
    (11, PackFlaw.BAD_LINK),
    (12, PackFlaw.MISSING),
    (12, PackFlaw.BAD_LINK),
    (13, PackFlaw.WRONG_KIND),
    (15, PackFlaw.TWO_EFFORTS),
    (20, PackFlaw.REPEATED),
    (21, PackFlaw.REPEATED),
    (22, PackFlaw.TOO_SHORT),
    (23, PackFlaw.TOO_SMALL),
    (24, PackFlaw.WRONG_KIND),
    (25, PackFlaw.TOO_LONG),
    (27, PackFlaw.WRONG_KIND),
    (28, PackFlaw.WRONG_KIND),
    (29, PackFlaw.BAD_ID),
    (34, PackFlaw.WRONG_KIND),
    (35, PackFlaw.REPEATED),
    (36, PackFlaw.TOO_SHORT),
    (37, PackFlaw.TOO_LARGE),
    (38, PackFlaw.NO_EFFORT),
    (39, PackFlaw.HIDDEN_CHARACTER),
    (41, PackFlaw.WRONG_KIND),
    (42, PackFlaw.ALIAS),
    (47, PackFlaw.REPEATED_KEY),
    (48, PackFlaw.ALIAS),
    (49, PackFlaw.TAG),
    (54, PackFlaw.MISSING),
    (54, PackFlaw.MISSING),
    (54, PackFlaw.NO_EFFORT),
    (56, PackFlaw.WRONG_KIND),
    (58, PackFlaw.UNKNOWN_KEY),
    (59, PackFlaw.WRONG_KIND),
    (63, PackFlaw.KEY_NOT_TEXT),
    (65, PackFlaw.WRONG_KIND),
]


def problems(text: str | bytes) -> tuple[PackProblem, ...]:
    with pytest.raises(BadPack) as refused:
        read_pack(text.encode() if isinstance(text, str) else text)
    return refused.value.problems


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_all_of_forty_mistakes_are_reported_by_line() -> None:
    found = problems((HERE / "forty-mistakes.yaml").read_bytes())
    assert [(problem.line, problem.flaw) for problem in found] == FORTY
    assert len(FORTY) == 40
    lines = [problem_line(problem) for problem in found]
    assert "line 5, column 1: “sumary” is no key of a pack. Did you mean “summary”?" in lines
    assert "line 37, column 12: lesson 4, hours: is 5000; the most is 1000." in lines
    assert (
        "line 12, column 10: link 3, url: “https://example.org/a b” is no public web address. "
        in "\n".join(lines)
    )
    assert len(summary(found)) <= 2000


def test_every_flaw_has_words() -> None:
    for flaw in PackFlaw:
        problem = PackProblem(line=1, column=1, flaw=flaw, found="string", wanted="string")
        assert problem_line(problem).endswith((".", "?", '"1.2".', "”."))


@pytest.mark.parametrize(
    ("text", "flaw", "line"),
    [
        ("", PackFlaw.EMPTY, 1),
        ("# nothing\n", PackFlaw.EMPTY, 1),
        ("hello", PackFlaw.WRONG_KIND, 1),
        ("- a\n- b\n", PackFlaw.WRONG_KIND, 1),
        (b"\x89PNG\r\n\x1a\n", PackFlaw.NOT_UTF8, 1),
        (GOOD.encode() + b"# caf\xe9\n", PackFlaw.NOT_UTF8, 10),
        (GOOD.encode("utf-16"), PackFlaw.NOT_UTF8, 1),
        (b"\xef\xbb\xbf" + "éé".encode() + b"\xff", PackFlaw.NOT_UTF8, 1),
        (GOOD + "\x00", PackFlaw.HIDDEN_CHARACTER, 10),
        (GOOD + "---\nid: second\n", PackFlaw.SEVERAL_DOCUMENTS, 10),
        (changed("id: strang", "id: strang: odd"), PackFlaw.NOT_YAML, 1),
        (changed("    hours: 4", "\thours: 4"), PackFlaw.NOT_YAML, 9),
        (changed("Linear", '"\\U99999999" #'), PackFlaw.NOT_YAML, 1),
        ("%YAML 1." + "1" * 5000 + "\n---\na", PackFlaw.NOT_YAML, 1),
        ("[" * 100_000, PackFlaw.TOO_DEEP, 1),
        ("- " * 100_000, PackFlaw.TOO_DEEP, 1),
        ("? " * 100_000, PackFlaw.TOO_DEEP, 1),
        (changed("hours: 4", "{hours}: 4"), PackFlaw.KEY_NOT_TEXT, 9),
        (changed("hours: 4", "<<: *e\n    hours: 4"), PackFlaw.ALIAS, 9),
        (changed("Linear algebra", '"Linear\\ud800"'), PackFlaw.HIDDEN_CHARACTER, 3),
        (changed("Linear algebra", '"\\0"'), PackFlaw.HIDDEN_CHARACTER, 3),
        (changed("Solve equations.", "Sol\u200bve"), PackFlaw.HIDDEN_CHARACTER, 8),
        (changed("hours: 4", "hours: .nan"), PackFlaw.WRONG_KIND, 9),
        (changed("hours: 4", "hours: 1e999"), PackFlaw.TOO_LARGE, 9),
        (changed("hours: 4", "hours: true"), PackFlaw.WRONG_KIND, 9),
        (changed('version: "1"', 'version: "1.x"'), PackFlaw.BAD_VERSION, 2),
        (changed('version: "1"', 'version: "01"'), PackFlaw.BAD_VERSION, 2),
        (changed('version: "1"', "version: !!str 1"), PackFlaw.TAG, 2),
    ],
)
def test_what_is_no_pack_is_refused_where_it_goes_wrong(text: str | bytes, flaw: PackFlaw, line: int) -> None:
    [problem, *_] = [one for one in problems(text) if one.flaw is flaw]
    assert problem.line == line


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://localhost/",
        "http://127.0.0.1/",
        "https://user:secret@example.org/",
        "https://example",
        "https://exa mple.org",
        "https://example.org/<b>",
        "https://example.org/a|b",
        "https://-example.org",
        "//example.org",
        "https://example.org/\u00e9",
    ],
)
def test_a_link_is_a_public_address(url: str) -> None:
    text = f'{GOOD}links:\n  - title: Here\n    url: "{url}"\n'
    [problem] = problems(text)
    assert (problem.line, problem.flaw) == (12, PackFlaw.BAD_LINK)


def test_links_to_real_pages_are_accepted() -> None:
    urls = [
        "https://example.org",
        "http://a.b-c.example.co.uk:8080/x_(y)?q=1&r=%20#top",
        "https://www.youtube.com/watch?v=8SF_h3xF3cE&t=1s",
        "https://xn--bcher-kva.example/",
    ]
    listed = "\n".join(f"  - title: Here\n    url: {url}" for url in urls)
    assert [link["url"] for link in read_pack(f"{GOOD}links:\n{listed}\n".encode())["links"]] == urls


def test_texts_are_one_line_and_scalars_are_read_as_yaml_1_2() -> None:
    text = changed("Solve equations.", ">-\n      Solve\n      yes\n\n      12:30  on").replace(
        "Linear algebra", "no"
    )
    read = read_pack(text.encode())
    assert read["lessons"][0]["summary"] == "Solve yes 12:30 on"
    assert read["title"] == "no"


def test_more_than_sixty_lessons_are_too_many() -> None:
    lesson = "  - {{id: l{0}, title: T{0}, summary: S, hours: 1}}\n"
    head = GOOD.partition("lessons:\n")[0] + "lessons:\n"
    assert len(read_pack((head + "".join(map(lesson.format, range(60)))).encode())["lessons"]) == 60
    [problem] = problems(head + "".join(map(lesson.format, range(61))))
    assert (problem.flaw, problem.found, problem.wanted, problem.line) == (PackFlaw.TOO_MANY, "61", "60", 6)


def test_the_size_is_refused_before_anything_is_read() -> None:
    padded = GOOD.encode("utf-8-sig").ljust(SIZE_LIMIT, b"#")
    assert read_pack(padded)["id"] == "strang"
    with pytest.raises(PackTooLarge) as refused:
        read_pack(padded + b"#")
    assert (refused.value.size, refused.value.limit) == (SIZE_LIMIT + 1, SIZE_LIMIT)


def test_a_bomb_costs_no_more_than_what_is_written() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    found = problems(bomb)
    assert [problem.flaw for problem in found].count(PackFlaw.ALIAS) == 9 + 8 * 9
    many = problems("lessons: [" + "*a, " * (VALUES_LIMIT + 1) + "]")
    assert [problem.flaw for problem in many] == [PackFlaw.TOO_MANY_VALUES]
    deep = problems("a: " + "[" * DEPTH_LIMIT + "x" + "]" * DEPTH_LIMIT)
    assert [problem.flaw for problem in deep] == [PackFlaw.TOO_DEEP]


@pytest.mark.parametrize(
    "hostile",
    [
        "lessons:\n" + "- {}\n" * 4900,
        "".join(f"- &a{number} x\n" for number in range(9000)),
        "- a\n" * 9000 + "#\n" * 100_000,
        "true&a   " + "|\n" * 130_000,
        "%A\n" * 87_000,
        "a: >\n" + " x\n" * 87_000,
    ],
    ids=["problems", "anchors", "items", "plain", "directives", "folded"],
)
async def test_the_event_loop_goes_on_while_a_hostile_file_is_read(hostile: str) -> None:
    """Two threads take turns at Python code every few milliseconds: the loop is slowed, and never held up."""
    turns = 0

    async def live() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    life = asyncio.create_task(live())
    with pytest.raises(BadPack):
        await asyncio.to_thread(read_pack, hostile.encode()[:SIZE_LIMIT])
    life.cancel()
    assert turns > 10


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>%@#'\"\\ \n\t\u2028\ufeff1.~<é"), max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    found = problems(text)
    assert found
    assert len(summary(found)) <= 2000


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(BadPack):
        read_pack(data)
