"""A backup that cannot be made says why in one sentence, and leaves nothing half made."""

import logging
import os
import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.backups import DailyBackups, make_backup, restore_backup
from bot.db.engine import Database
from bot.schema import CannotRun
from bot.settings import Settings
from tests import test_backups

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such limits")


def contents(folder: Path) -> dict[str, bytes | None]:
    """What SQLite puts beside a file while it is looked at is nothing that is left behind."""
    return {
        name: data
        for name, data in test_backups.contents(folder).items()
        if not name.endswith(("-wal", "-shm"))
    }


def settings_for(url: str, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None, database_url=url, models=tmp_path / "models", backups=tmp_path / "backups"
    )


def cohort(url: str, tmp_path: Path, *arguments: str, room: int) -> subprocess.CompletedProcess[str]:
    """The command as an operator types it, where no file may become larger than `room` bytes."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env={**os.environ, "COHORT_DATABASE_URL": url, "COHORT_MODELS": str(tmp_path / "models")},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )


@POSIX
@pytest.mark.parametrize("room", [0, 5_000, 100_000, 700_000])
def test_a_backup_onto_a_full_disk_is_one_sentence(sqlite_url: str, tmp_path: Path, room: int) -> None:
    model = tmp_path / "models" / "0a1b" / "weights"
    model.parent.mkdir(parents=True)
    model.write_bytes(os.urandom(800_000))
    before = contents(tmp_path)
    done = cohort(sqlite_url, tmp_path, "backup", str(tmp_path / "backup.zip"), room=room)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert "Traceback" not in said
    assert contents(tmp_path) == before


@POSIX
@pytest.mark.parametrize("room", [0, 5_000, 100_000])
async def test_a_restore_onto_a_full_disk_leaves_what_was_there(
    sqlite_url: str, tmp_path: Path, room: int
) -> None:
    file = tmp_path / "backup.zip"
    await make_backup(settings_for(sqlite_url, tmp_path), file, now=NOW)
    (tmp_path / "cohort.db.running").touch()
    before = contents(tmp_path)
    done = cohort(sqlite_url, tmp_path, "restore", str(file), "--replace", room=room)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert "Traceback" not in said
    assert contents(tmp_path) == before


async def test_a_copy_that_breaks_off_leaves_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full only where the database lies, not where the backup is unpacked."""
    settings, file = settings_for(sqlite_url, tmp_path), tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    (tmp_path / "cohort.db.running").touch()
    before = contents(tmp_path)

    def full(old: object, new: object, *_: object) -> None:
        if "restoring" in str(getattr(new, "name", "")) or isinstance(getattr(new, "name", ""), int):
            new.write(b"the first of it")  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device")
        copy(old, new)  # type: ignore[type-var]

    copy = shutil.copyfileobj
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(CannotRun, match=r"cannot be put at .*cohort\.db: No space left on device\. Nothing"):
        await restore_backup(settings, file, replace=True, now=NOW)
    assert contents(tmp_path) == before


async def test_a_daily_backup_onto_a_full_disk_is_one_line_in_the_log(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.write", full)
    settings = settings_for(sqlite_url, tmp_path)
    await DailyBackups(settings, clock=lambda: NOW).run()
    (line,) = caplog.messages
    assert line.startswith("no backup today: The backup")
    assert line.endswith("cannot be made: No space left on device.")
    assert not contents(settings.backups)


@pytest.mark.parametrize("target", ["afile/x.zip", "afile/below/x.zip", "/proc/nope/x.zip"])
async def test_a_place_where_no_backup_can_lie_is_named(sqlite_url: str, tmp_path: Path, target: str) -> None:
    (tmp_path / "afile").touch()
    before = contents(tmp_path)
    with pytest.raises(CannotRun, match=f"^The backup .*{target} cannot be made: "):
        await make_backup(settings_for(sqlite_url, tmp_path), tmp_path / target, now=NOW)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("what", ["the folder", "a model", "a file", "no folder"])
async def test_a_backup_without_the_models_is_none(
    database_url: str, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, file = settings_for(database_url, tmp_path), tmp_path / "backup.zip"
    model = settings.models / "0a1b"
    model.mkdir(parents=True)
    (model / "model.json").touch()
    refused = {"the folder": settings.models, "a model": model, "a file": model / "model.json"}
    listed, opened = os.listdir, Path.open

    # The tests may run as root, who can read everything.
    def look(path: Path) -> list[str]:
        if path == refused.get(what):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    def read(path: Path, *arguments: str) -> object:
        if path == refused.get(what):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "iterdir", lambda path: (path / name for name in look(path)))
    monkeypatch.setattr(Path, "open", read)
    said = "Permission denied"
    if what == "no folder":
        shutil.rmtree(settings.models)
        settings.models.touch()
        said = "Not a directory"
        monkeypatch.undo()
    with pytest.raises(CannotRun, match=f"The models in .*models cannot be read: {said}"):
        await make_backup(settings, file, now=NOW)
    assert not file.is_file()


async def test_models_that_are_lost_already_are_told(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(database_url, tmp_path)
    await make_backup(settings, tmp_path / "none.zip", now=NOW)
    assert not caplog.messages
    (settings.models / "0a1b").mkdir(parents=True)
    (settings.models / "0a1b" / "model.json").touch()
    database = Database(database_url)
    try:
        async with database.write() as session:
            await session.execute(
                text(
                    "INSERT INTO groups (id, guild_id, name, name_key, timezone, channel_id, created_by,"
                    " created_at) VALUES (7, 1, 'Berlin', 'berlin', 'Europe/Berlin', 2, 3, '2026-01-01')"
                )
            )
            await session.execute(
                text(
                    "INSERT INTO models (id, group_id, name, name_key, created_by, created_at)"
                    " VALUES (7, 7, 'Birds', 'birds', 3, '2026-01-01')"
                )
            )
            versions = (("0a1b", "published"), ("2c3d", "retired"), ("4e5f", "damaged"), ("6a7b", "draft"))
            await session.execute(
                text(
                    "INSERT INTO model_versions (model_id, number, digest, state, labels, tested, created_by,"
                    " created_at) VALUES (7, :number, :digest, :state, '[]', 0, 3, '2026-01-01')"
                ),
                [
                    {"number": number, "digest": digest, "state": state}
                    for number, (digest, state) in enumerate(versions)
                ],
            )
    finally:
        await database.close()
    with caplog.at_level(logging.WARNING):
        await make_backup(settings, tmp_path / "some.zip", now=NOW)
    (line,) = caplog.messages
    assert line.startswith("2 of the groups' models are not in the backup")
