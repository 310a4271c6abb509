"""Feedback as a training set: what is in it, what is left out, and how labels become folders."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from bot.classifier.training import archive
from bot.classifier.training.files import entry_of, is_label, survey
from bot.db.models import PredictionFeedback
from bot.errors import (
    BadTrainingSet,
    NoFeedback,
    NotOrganizer,
    TrainingFault,
    UnknownModel,
)
from bot.services.access import Caller
from bot.services.predictions.folders import folder_names
from tests.services.classifying import (
    GUILD,
    MIRA,
    OTHER_GUILD,
    TOM,
    Club,
    opened,
    png,
)

ROOM = 10 * 2**20


@pytest.fixture
async def club(database_url: str, tmp_path: Path) -> AsyncIterator[Club]:
    async with opened(database_url, tmp_path) as club:
        yield club


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def rows_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["feedback.csv"].decode("utf-8-sig"), newline="")))


async def test_an_export_has_a_folder_per_label_and_the_table(club: Club) -> None:
    await club.published()
    porcini = await club.kept("porcini", "1")
    await club.published()  # feedback on every version counts
    bolete = await club.kept("bolete", "2")
    formula = await club.kept("=cmd|' /C calc'!A1", "3")
    without = await club.answered()
    await club.say(without, "death cap", by=TOM)
    disputed = await club.kept("bolete", "5")
    await club.say(disputed, "porcini", by=TOM)
    await club.published("trees")
    await club.say(await club.answered(model="trees"), "oak", image=png("of another model"))

    export = await club.predictions.export(caller=club.caller(), typed="mushrooms", limit=ROOM)
    assert export.name == "mushrooms-feedback.zip"
    (club.folder / "export.zip").write_bytes(export.data)
    with archive.opened(club.folder / "export.zip") as source:
        assert len(source.entries()) == 3
    files = unpacked(export.data)
    assert {name: data for name, data in files.items() if name != "feedback.csv"} == {
        f"porcini/{porcini}.png": png("1").data,
        f"bolete/{bolete}.png": png("2").data,
        f"=cmd_' _C calc'!A1/{formula}.png": png("3").data,
    }
    made = export.training_set
    assert (made.labels, made.pictures) == ({"porcini": 1, "bolete": 1, "=cmd|' /C calc'!A1": 1}, 3)
    assert (made.answers, made.conflicting, made.left_out) == (6, 1, 0)

    rows = rows_of(files)
    assert len(rows) == 6
    by_prediction = {row["prediction"]: row for row in rows if row["prediction"] != str(disputed)}
    row = by_prediction[str(bolete)]
    assert (row["picture"], row["version"], row["said"], row["label"], row["right"]) == (
        f"bolete/{bolete}.png",
        "2",
        "porcini",
        "bolete",
        "no",
    )
    assert (row["probability"], row["sure"]) == ("0.9000", "yes")
    assert by_prediction[str(without)]["picture"] == ""
    assert by_prediction[str(formula)]["label"].startswith("'=")
    assert by_prediction[str(formula)]["picture"].startswith("'=")
    assert sorted(row["label"] for row in rows if row["prediction"] == str(disputed)) == ["bolete", "porcini"]


@pytest.mark.parametrize("limit", [2_000, 10_000, 30_000])
async def test_an_export_keeps_to_its_limit_without_forgetting_a_label(club: Club, limit: int) -> None:
    await club.published()
    for number in range(12):
        await club.kept("porcini", f"p{number}", size=1000)
    await club.kept("bolete", "b", size=1000)
    export = await club.predictions.export(caller=club.caller(), typed="mushrooms", limit=limit)
    assert len(export.data) <= limit
    made = export.training_set
    assert made.pictures + made.left_out == 13
    assert made.left_out == 0 or limit - len(export.data) < 1500  # no room for another one
    if limit > 2_000:
        assert made.labels["bolete"] == 1
    files = unpacked(export.data)
    assert Counter(name.partition("/")[0] for name in files if "/" in name) == made.labels
    pictures = {row["picture"] for row in rows_of(files)} - {""}
    assert pictures <= set(files)


async def test_a_picture_that_was_asked_about_twice_is_one(club: Club) -> None:
    await club.published()
    await club.kept("bolete", "twice")
    newer = await club.kept("bolete", "twice")
    for label in ("bolete", "porcini"):
        await club.kept(label, "disputed")
    export = await club.predictions.export(caller=club.caller(), typed="mushrooms", limit=ROOM)
    assert [name for name in unpacked(export.data) if "/" in name] == [f"bolete/{newer}.png"]
    assert (export.training_set.answers, export.training_set.conflicting) == (4, 1)


async def test_who_may_export(club: Club) -> None:
    await club.published()
    await club.kept("bolete", "1")
    digits = await club.answered(model="digits")
    await club.say(digits, "3", image=png("7"))
    for typed in ("mushrooms", "digits"):
        for user_id in (MIRA, TOM):
            with pytest.raises(NotOrganizer):
                await club.predictions.export(caller=club.caller(user_id), typed=typed, limit=ROOM)
        manager = Caller(user_id=TOM, guild_id=GUILD, manages_server=True)
        assert (await club.predictions.export(caller=manager, typed=typed, limit=ROOM)).data
    export = await club.predictions.export(caller=club.caller(), typed="digits", limit=ROOM)
    assert export.training_set.labels == {"3": 1}
    stranger = Caller(user_id=9, guild_id=OTHER_GUILD, manages_server=True)
    with pytest.raises(UnknownModel):
        await club.predictions.export(caller=stranger, typed="mushrooms", limit=ROOM)
    with pytest.raises(NoFeedback):  # what our own model was told in another server stays there
        await club.predictions.export(caller=stranger, typed="digits", limit=ROOM)


async def test_nothing_kept_is_nothing_to_export(club: Club) -> None:
    await club.published()
    with pytest.raises(NoFeedback):
        await club.predictions.export(caller=club.caller(), typed="mushrooms", limit=ROOM)
    await club.say(await club.answered(), "bolete")
    with pytest.raises(NoFeedback):
        await club.predictions.export(caller=club.caller(), typed="mushrooms", limit=ROOM)


async def test_a_set_for_training_is_a_file(club: Club, tmp_path: Path) -> None:
    await club.published()
    numbers = [await club.kept(label, f"{label}{i}") for label in ("porcini", "bolete") for i in range(14)]
    file = tmp_path / "feedback.zip"
    made = await club.predictions.collect(caller=club.caller(), typed="mushrooms", file=file)
    assert made.labels == {"porcini": 14, "bolete": 14}
    files = unpacked(file.read_bytes())
    assert {name for name in files if "/" in name} == {
        f"{'porcini' if i < 14 else 'bolete'}/{number}.png" for i, number in enumerate(numbers)
    }
    with archive.opened(file) as source:
        found = survey(source)
    assert Counter(entry.label for entry in found.images) == made.labels
    assert found.others == ()
    with pytest.raises(FileExistsError):
        await club.predictions.collect(caller=club.caller(), typed="mushrooms", file=file)


async def test_a_set_for_training_has_no_label_that_would_have_it_refused(club: Club, tmp_path: Path) -> None:
    await club.published()
    for label, count in (("porcini", 6), ("bolete", 5), ("death cap", 4)):
        for number in range(count):
            await club.kept(label, f"{label}{number}")
    caller = club.caller()
    made = await club.predictions.collect(caller=caller, typed="mushrooms", file=tmp_path / "1.zip")
    assert (made.labels, made.left_out) == ({"porcini": 6, "bolete": 5}, 4)
    # With one label left nothing is kept back, so that the training can say what it lacks.
    async with club.database.write() as session:
        await session.execute(delete(PredictionFeedback).where(PredictionFeedback.label == "bolete"))
    made = await club.predictions.collect(caller=caller, typed="mushrooms", file=tmp_path / "2.zip")
    assert made.labels == {"porcini": 6, "death cap": 4}
    with (
        archive.opened(tmp_path / "2.zip") as source,
        pytest.raises(BadTrainingSet) as refused,
    ):
        survey(source)
    assert (refused.value.fault, refused.value.names) == (TrainingFault.TOO_FEW_IMAGES, ("death cap",))


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("death cap", "death cap"),
        ("Röhrling", "Röhrling"),
        ("きのこ", "きのこ"),
        ("../../etc", "_.._.._etc"),
        ("a/b\\c:d", "a_b_c_d"),
        ("..", "label"),
        ("?!", "label _!"),
        ("ا\u061cب", "اب"),
        ("@eaDir", "_@eaDir"),
        (".hidden", "_.hidden"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("console", "console"),
        ("trailing. .", "trailing"),
        ("__MACOSX", "___MACOSX"),
        ("é" * 100, "é" * 50),
    ],
)
def test_labels_as_folders(label: str, folder: str) -> None:
    assert folder_names([label]) == {label: folder}


def test_labels_that_would_share_a_folder_get_one_each() -> None:
    assert folder_names(["a/b", "a:b", "A_B", "a_b (2)"]) == {
        "a/b": "a_b",
        "a:b": "a_b (2)",
        "A_B": "A_B (3)",
        "a_b (2)": "a_b (2) (2)",
    }
    assert folder_names(["x" * 60, "x" * 61]) == {"x" * 60: "x" * 50, "x" * 61: "x" * 46 + " (2)"}


@given(st.lists(st.text(min_size=1, max_size=100), unique=True, max_size=30))
def test_any_label_is_a_plain_folder(labels: list[str]) -> None:
    names = folder_names(labels)
    assert len({name.casefold() for name in names.values()}) == len(labels)
    for name in names.values():
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert name.rstrip(". ") == name
        entry = entry_of(0, f"{name}/1.png")
        assert entry is not None
        assert entry.label == name
        assert is_label(name)
