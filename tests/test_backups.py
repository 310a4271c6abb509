"""A backup is made while the bot runs, and put back: nothing of it lost, no id given twice."""

import json
import os
import random
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
from sqlalchemy import URL, func, select

from bot.backups import DailyBackups, default_file, make_backup, restore_backup, restoring
from bot.db.engine import Database
from bot.db.models import Group, Member, Reminder, Restore
from bot.sandbox import World, open_world
from bot.schema import CannotRun, only_process
from bot.settings import Settings
from tests.features.meeting import history
from tests.features.reviewing import deck

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
# In Berlin, in winter.
NINE = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None, database_url=database_url, models=tmp_path / "models", backups=tmp_path / "backups"
    )


async def count_of(settings: Settings, table: type[Group | Member | Reminder]) -> int:
    database = Database(settings.database_url)
    try:
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0
    finally:
        await database.close()


async def test_what_was_backed_up_comes_back_and_what_came_later_does_not(
    settings: Settings, tmp_path: Path
) -> None:
    model = settings.models / "0a1b" / "model.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    file = tmp_path / "backup.zip"
    async with open_world(database_url=settings.database_url, empty=True) as world:
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        about = await make_backup(settings, file, now=NOW)
        if os.name == "posix":
            assert file.stat().st_mode & 0o077 == 0, "other users of the machine read what members told"
        await world.alice.slash(world.channel, "timezone", zone="Europe/Paris")
        await world.organizer.slash(world.channel, "group create", name="Later", timezone="Europe/Berlin")
    assert (await count_of(settings, Group), await count_of(settings, Member)) == (2, 1)
    shutil.rmtree(settings.models)

    with pytest.raises(CannotRun, match="--replace"):
        await restore_backup(settings, file, replace=False, now=NOW)
    assert await count_of(settings, Group) == 2

    restored = await restore_backup(settings, file, replace=True, now=NOW + timedelta(hours=2))
    assert restored.about == about
    assert (await count_of(settings, Group), await count_of(settings, Member)) == (1, 0)
    assert model.read_text() == "{}"
    if restored.kept is not None:
        with closing(sqlite3.connect(restored.kept)) as before:
            assert before.execute("SELECT count(*) FROM groups").fetchone() == (2,)

    async with open_world(database_url=settings.database_url) as world:
        await world.organizer.slash(world.channel, "group create", name="Newer", timezone="Europe/Berlin")
    database = Database(settings.database_url)
    try:
        async with database.read() as session:
            ids = dict((await session.execute(select(Group.name, Group.id))).all())
    finally:
        await database.close()
    # The lost group's id stands in buttons that are still there: no other group may get it.
    assert ids["Newer"] > ids["Berlin"] + 1


async def test_the_daily_post_of_the_lost_hours_is_not_posted_again(
    settings: Settings, tmp_path: Path
) -> None:
    """It was planned after the backup, so the restored database has never heard of it."""
    file = tmp_path / "backup.zip"
    async with open_world(database_url=settings.database_url, empty=True, start=NINE) as world:
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        await world.organizer.slash(world.channel, "group join")
        await deck(world, "one", "two", "three")
        await world.organizer.slash(world.channel, "cards daily", hour=11, count=2)
        await make_backup(settings, file, now=world.now)
        await world.pass_time(hours=4)
        assert len(daily_posts(world)) == 1
        crashed = world.now
    await restore_backup(settings, file, replace=True, now=crashed)
    async with open_world(database_url=settings.database_url, start=crashed) as world:
        assert not daily_posts(world)
        await world.pass_time(days=1)
        assert len(daily_posts(world)) == 1


@pytest.mark.parametrize("name", ["p%41q.db", "what?.db", "a?b/q.db", "a b/ü&=#+.db"])
async def test_a_file_whose_name_needs_escapes_is_restored(
    sqlite_url: str, tmp_path: Path, name: str
) -> None:
    """Neither is another file made, whose name is the escaped one's, nor is such a one touched."""
    file, home = tmp_path / "backup.zip", tmp_path / "home"
    url = URL.create("sqlite", database=str(home / name)).render_as_string()
    settings = Settings(_env_file=None, database_url=url, models=tmp_path / "models")
    (home / name).parent.mkdir(parents=True)
    shutil.copy(tmp_path / "cohort.db", home / name)
    database = Database(settings.database_url)
    try:
        await make_backup(settings, file, now=NOW)
        await restore_backup(settings, file, replace=True, now=NOW)
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(Restore)) == 1
    finally:
        await database.close()
    made = {path.name for path in home.rglob("*") if path.is_file()}
    stem, _, end = Path(name).name.rpartition(".")
    assert {left for left in made if not left.endswith((".running", "-wal", "-shm"))} == {
        f"{stem}.{end}",
        f"{stem}-before-20261120-120000.{end}",
    }


@pytest.mark.parametrize("there", ["the database", "an older backup", "a folder", "a link to nothing"])
async def test_a_backup_replaces_nothing(sqlite_url: str, tmp_path: Path, there: str) -> None:
    settings = Settings(_env_file=None, database_url=sqlite_url, models=tmp_path / "models")
    target = tmp_path / ("cohort.db" if there == "the database" else "there")
    match there:
        case "an older backup":
            await make_backup(settings, target, now=NOW)
        case "a folder":
            target.mkdir()
        case "a link to nothing":
            target.symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    with pytest.raises(CannotRun, match=f"{target.name} is there already"):
        await make_backup(settings, target, now=NOW)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in it, so that two looks can be compared."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def daily_posts(world: World) -> list[discord.Message]:
    return [message for message in history(world) if "Cards of the day" in message.content]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("missing", "There is no file"),
        ("not a zip", "is no backup of Cohort"),
        ("cut off", "is no backup of Cohort"),
        ("another zip", "is no backup of Cohort"),
        ("a changed byte", "is damaged"),
        ("outside", "is no backup of Cohort"),
        ("newer", "made by a newer version"),
        ("of PostgreSQL", "was made of postgresql"),
        ("running", "Another Cohort process uses"),
    ],
)
async def test_a_bad_backup_changes_nothing(sqlite_url: str, tmp_path: Path, damage: str, said: str) -> None:
    settings = Settings(_env_file=None, database_url=sqlite_url, models=tmp_path / "models")
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    await make_backup(settings, good, now=NOW)
    before = (tmp_path / "cohort.db").read_bytes()
    with zipfile.ZipFile(good) as archive:
        about, data = json.loads(archive.read("about.json")), archive.read("cohort.db")
    match damage:
        case "not a zip":
            bad.write_bytes(b"not a zip at all")
        case "cut off":
            bad.write_bytes(good.read_bytes()[:-200])
        case "another zip":
            pack(bad, {"hello": 1}, {})
        case "a changed byte":
            pack(bad, about, {"cohort.db": data[:5000] + b"\xff" + data[5001:]})
        case "outside":
            about["files"]["../escaped"] = about["files"]["cohort.db"]
            pack(bad, about, {"cohort.db": data, "../escaped": data})
        case "newer":
            pack(bad, about | {"revision": "ffffffffffff"}, {"cohort.db": data})
        case "of PostgreSQL":
            digest = about["files"]["cohort.db"]
            pack(
                bad,
                about | {"database": "postgresql", "files": {"cohort.dump": digest}},
                {"cohort.dump": data},
            )
        case "running":
            shutil.copy(good, bad)
            with only_process(sqlite_url), pytest.raises(CannotRun, match=said):
                await restore_backup(settings, bad, replace=True, now=NOW)
            return
    with pytest.raises(CannotRun, match=said):
        await restore_backup(settings, bad, replace=True, now=NOW)
    assert (tmp_path / "cohort.db").read_bytes() == before
    assert not (tmp_path.parent / "escaped").exists()


@pytest.mark.parametrize("seed", range(4))
async def test_no_flipped_byte_is_a_traceback(
    sqlite_url: str, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the backup is refused in one sentence, or the byte was one that does not matter."""
    settings = Settings(_env_file=None, database_url=sqlite_url, models=tmp_path / "models")
    model = settings.models / "0a1b" / "model.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    await make_backup(settings, good, now=NOW)
    whole, before = good.read_bytes(), (tmp_path / "cohort.db").read_bytes()
    chance = random.Random(seed)
    # Most of it is the packed database, and most of what can go wrong is in the zip's own words.
    places = [*range(300), *range(len(whole) - 400, len(whole))] + [
        chance.randrange(len(whole)) for _ in range(100)
    ]

    async def no_further(*_: object, **__: object) -> None:
        raise CannotRun("as good as whole")

    monkeypatch.setattr(restoring, "_restore", no_further)
    for _ in range(150):
        bytes_ = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 5))):
            bytes_[chance.choice(places)] ^= chance.choice((1, 8, 64, 255, chance.randrange(1, 256)))
        bad.write_bytes(bytes_)
        with pytest.raises(CannotRun) as refused:
            await restore_backup(settings, bad, replace=True, now=NOW)
        assert "\n" not in str(refused.value)
    assert (tmp_path / "cohort.db").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        [],
        None,
        {"format": 1},
        {"files": ["cohort.db"]},
        {"files": {"cohort.db": 5}},
        {"files": {"cohort.db": "0", "models/file": "0"}},
        {"files": {"cohort.db": "0", "a\0b": "0"}},
        {"made_at": 5},
        {"made_at": "2026-11-20T12:00:00"},
        {"made_at": "yesterday"},
        {"revision": None},
        {"revision": ["1df3f2704128"]},
        {"database": {}},
    ],
    ids=repr,
)
async def test_strange_words_of_a_backup_are_one_sentence(
    sqlite_url: str, tmp_path: Path, words: object
) -> None:
    settings = Settings(_env_file=None, database_url=sqlite_url, models=tmp_path / "models")
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    await make_backup(settings, good, now=NOW)
    with zipfile.ZipFile(good) as archive:
        about, data = json.loads(archive.read("about.json")), archive.read("cohort.db")
    pack(
        bad,
        about | words if isinstance(words, dict) and "format" not in words else words,
        {"cohort.db": data},
    )
    before = contents(tmp_path)
    with pytest.raises(CannotRun, match=r"^bad\.zip is (no backup|damaged)"):
        await restore_backup(settings, bad, replace=True, now=NOW)
    assert contents(tmp_path) == before


async def test_a_backup_that_cannot_be_opened_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/data/cohort.db")
    (tmp_path / "afile").touch()
    before = contents(tmp_path)
    for name, said in (
        ("nofile.zip", "There is no file .*nofile.zip"),
        ("afile/x.zip", "There is no file .*afile/x.zip"),
        (".", "is a folder, not a backup"),
    ):
        with pytest.raises(CannotRun, match=said):
            await restore_backup(settings, tmp_path / name, replace=False, now=NOW)
    assert contents(tmp_path) == before


async def test_models_come_back_with_the_database_or_not_at_all(database_url: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, database_url=database_url, models=tmp_path / "models")
    for digest in ("0a1b", "2c3d"):
        (settings.models / digest).mkdir(parents=True)
        (settings.models / digest / "model.json").write_text(digest)
    file = tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    shutil.rmtree(settings.models / "2c3d")
    with pytest.raises(CannotRun, match="--replace"):
        await restore_backup(settings, file, replace=False, now=NOW)
    assert sorted(contents(settings.models)) == ["0a1b", "0a1b/model.json"]
    settings.models.rename(tmp_path / "others")
    settings.models.touch()
    with pytest.raises(CannotRun, match=r"The models cannot be put into .*models: File exists. Nothing"):
        await restore_backup(settings, file, replace=True, now=NOW)
    settings.models.unlink()
    await restore_backup(settings, file, replace=True, now=NOW)
    assert (settings.models / "2c3d" / "model.json").read_text() == "2c3d"


def pack(file: Path, about: object, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("about.json", json.dumps(about))
        for name, data in parts.items():
            archive.writestr(name, data)


async def test_a_backup_a_day_and_no_more_than_are_kept(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, database_url=sqlite_url, backups=tmp_path / "backups", backups_kept=2)
    now = NOW
    backups = DailyBackups(settings, clock=lambda: now)
    for hours in (0, 1, 23, 25, 26, 50, 73):
        now = NOW + timedelta(hours=hours)
        await backups.run()
    assert sorted(contents(settings.backups)) == [
        "cohort-20261121-130000.zip",
        "cohort-20261122-140000.zip",
    ]


async def test_only_daily_backups_count_as_such_and_are_deleted(sqlite_url: str, tmp_path: Path) -> None:
    """A week of them stays, whatever else lies there, what the operator made by hand, too."""
    settings = Settings(_env_file=None, database_url=sqlite_url, backups=tmp_path / "backups", backups_kept=7)
    now = NOW
    backups = DailyBackups(settings, clock=lambda: now)
    settings.backups.mkdir()
    others = ["cohort-zebra.zip", "cohort-before-update.zip", "holiday.zip", "cohort-20261120-1200.zip"]
    others += ["cohort-99999999-999999.zip", "cohort-20261120-120000 (1).zip"]
    for name in others:
        (settings.backups / name).touch()
        os.utime(settings.backups / name, (0, 0))
    for hours in range(0, 24 * 9, 6):
        now = NOW + timedelta(hours=hours)
        await backups.run()
        if hours % 24 == 6:
            by_hand = default_file(settings, now)
            await make_backup(settings, by_hand, now=now)
            others.append(by_hand.name)
    daily = sorted({*contents(settings.backups)} - {*others})
    assert daily == [f"cohort-{NOW + timedelta(days=day):%Y%m%d}-120000.zip" for day in range(2, 9)]
    assert {*others} <= {*contents(settings.backups)}


async def test_a_backup_from_the_future_stands_for_no_day(sqlite_url: str, tmp_path: Path) -> None:
    """The machine's clock was wrong when it was made."""
    settings = Settings(_env_file=None, database_url=sqlite_url, backups=tmp_path / "backups")
    settings.backups.mkdir()
    (settings.backups / "cohort-20990101-000000.zip").touch()
    now = NOW
    backups = DailyBackups(settings, clock=lambda: now)
    for hours in (0, 1, 2, 24):
        now = NOW + timedelta(hours=hours)
        await backups.run()
    assert sorted(contents(settings.backups)) == [
        "cohort-20261120-120000.zip",
        "cohort-20261121-120000.zip",
        "cohort-20990101-000000.zip",
    ]
