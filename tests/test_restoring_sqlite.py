"""A backup is put in the place of a SQLite file, whatever state that is in, and it stays beside it."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.backups import make_backup, restore_backup
from bot.schema import CannotRun, schema_problems
from bot.settings import Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def settings_for(url: str, tmp_path: Path) -> Settings:
    return Settings(_env_file=None, database_url=url, models=tmp_path / "models")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in it, so that two looks can be compared."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("state", ["no database", "cut off", "empty", "no rights", "a lone log"])
async def test_a_restore_works_whatever_is_there(sqlite_url: str, tmp_path: Path, state: str) -> None:
    """It is kept as it is: perhaps somebody can still save what is in it."""
    file = tmp_path / "backup.zip"
    home, path = tmp_path / "home", tmp_path / "home" / "cohort.db"
    settings = settings_for(f"sqlite:///{path}", tmp_path)
    home.mkdir()
    shutil.copy(tmp_path / "cohort.db", path)
    await make_backup(settings, file, now=NOW)
    for left in ("-wal", "-shm"):
        (home / f"cohort.db{left}").unlink(missing_ok=True)
    match state:
        case "no database":
            path.write_bytes(b"no database at all" * 1000)
            (home / "cohort.db-wal").write_bytes(b"its log")
        case "cut off":
            path.write_bytes(path.read_bytes()[:5000])
        case "empty":
            path.write_bytes(b"")
        case "no rights":
            path.chmod(0)
        case "a lone log":
            path.unlink()
            (home / "cohort.db-wal").write_bytes(b"its log")
    before = contents(home)
    restored = await restore_backup(settings, file, replace=state != "a lone log", now=NOW)
    assert await schema_problems(settings) == []
    after = contents(home)
    assert set(after) - {"cohort.db", "cohort.db.running"} == {
        name.replace("cohort.db", "cohort-before-20261120-120000.db")
        for name in before
        if not name.endswith(".running")
    }
    for name, data in before.items():
        # Its header says how its log was folded.
        if not name.endswith(".running") and state != "no rights":
            assert after[name.replace("cohort.db", "cohort-before-20261120-120000.db")] == data
    assert (restored.kept is None) == (state == "a lone log")
    assert path.stat().st_mode & 0o600 == 0o600


@pytest.mark.parametrize("what", ["a folder", "read by another process", "written by another process"])
async def test_what_cannot_be_replaced_stays(sqlite_url: str, tmp_path: Path, what: str) -> None:
    settings, file = settings_for(sqlite_url, tmp_path), tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    path = tmp_path / "cohort.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if what == "a folder":
            path.unlink()
            path.mkdir()
            said = "is a folder"
        else:
            other.execute(f"BEGIN {'IMMEDIATE' if what.startswith('written') else 'DEFERRED'}")
            other.execute("SELECT count(*) FROM groups").fetchall()
            said = "Something still uses"
        before = contents(tmp_path)
        with pytest.raises(CannotRun, match=said):
            await restore_backup(settings, file, replace=True, now=NOW)
        assert {name: data for name, data in contents(tmp_path).items() if data} == {
            name: data for name, data in before.items() if data
        }


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
async def test_a_restored_database_is_open_to_those_who_could_read_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    settings, file, path = settings_for(sqlite_url, tmp_path), tmp_path / "backup.zip", tmp_path / "cohort.db"
    await make_backup(settings, file, now=NOW)
    for mode in (0o600, 0o640):
        path.chmod(mode)
        await restore_backup(settings, file, replace=True, now=NOW)
        assert path.stat().st_mode & 0o777 == mode
    # The second of these found the first one's place taken.
    assert len(list(path.parent.glob("cohort-before-*.db"))) == 2
    path.unlink()
    await restore_backup(settings, file, replace=False, now=NOW)
    assert path.stat().st_mode & 0o777 == 0o600
