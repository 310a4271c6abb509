"""The `cohort` command as an operator meets it: its own process, one clear line, the right status."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from filelock import FileLock
from sqlalchemy import text
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.db import migrate
from bot.db.engine import Database
from bot.schema import CannotRun, prepare_schema
from bot.settings import Settings

ROOT = Path(__file__).parents[1]
NO_ONE_LISTENS = "http://127.0.0.1:9/api/v10"
UNREACHABLE = "postgresql://cohort:hunter2@127.0.0.1:9/cohort"


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the processes share compiled modules, also where the environment says not to write any:
    compiling SQLAlchemy anew takes each of them seconds.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(autouse=True)
def away_from_any_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def cohort(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `cohort` in a folder of its own, with these variables and no others of ours."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COHORT_") and name != "DISCORD_TOKEN"
    }
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def invoke(*arguments: str, **variables: str) -> Result:
    """The same command inside this process, which takes a tenth of the time; not for `run`, which sets
    up logging. Async tests call it in a thread, for it runs an event loop of its own.
    """
    unset = {name: None for name in os.environ if name.startswith("COHORT_") or name == "DISCORD_TOKEN"}
    return CliRunner().invoke(app, arguments, env={**unset, **variables})


def lines(process: subprocess.CompletedProcess[str]) -> list[str]:
    """What it said on standard error, without the ordinary course of events."""
    return [line for line in process.stderr.splitlines() if "info" not in line]


async def test_the_database_is_upgraded_checked_and_shown(empty_database_url: str, tmp_path: Path) -> None:
    address = {"COHORT_DATABASE_URL": empty_database_url}
    before = await asyncio.to_thread(invoke, "db", "current", **address)
    assert before.stdout == f"database: empty\nnewest: {migrate.head()}\n"
    early = await asyncio.to_thread(invoke, "db", "check", **address)
    assert (early.exit_code, early.stdout) == (1, "")
    assert "cohort db upgrade" in early.stderr
    upgraded = await asyncio.to_thread(cohort, tmp_path, "db", "upgrade", **address)
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert upgraded.stdout == f"The database is at revision {migrate.head()}.\n"
    checked = await asyncio.to_thread(cohort, tmp_path, "db", "check", **address)
    assert (checked.returncode, checked.stderr) == (0, "")
    after = await asyncio.to_thread(cohort, tmp_path, "db", "current", **address)
    assert after.stdout == f"database: {migrate.head()}\nnewest: {migrate.head()}\n"


async def test_check_fails_on_a_schema_that_drifted(database_url: str) -> None:
    database = Database(database_url)
    async with database.write() as session:
        await session.execute(text("ALTER TABLE members ADD COLUMN colour VARCHAR(7)"))
    await database.close()
    checked = await asyncio.to_thread(invoke, "db", "check", COHORT_DATABASE_URL=database_url)
    assert checked.exit_code == 1
    assert "colour" in checked.stderr


async def test_a_schema_from_a_newer_version_is_left_alone(database_url: str) -> None:
    database = Database(database_url)
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'fromthefuture'"))
    await database.close()
    for command in ("db upgrade", "db check", "db move sqlite:///other.db"):
        refused = await asyncio.to_thread(invoke, *command.split(), COHORT_DATABASE_URL=database_url)
        assert refused.exit_code == 1
        [line] = refused.stderr.splitlines()
        assert "fromthefuture" in line
        assert "newer" in line
        assert "cohort db upgrade" not in line


def test_run_without_a_token_names_the_variable_and_the_demo(tmp_path: Path) -> None:
    refused = cohort(tmp_path, "run")
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert "DISCORD_TOKEN" in line
    assert "make demo" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "db upgrade", "db current", "db check"])
def test_wrong_settings_are_named_before_anything_happens(command: str) -> None:
    variables = {"COHORT_DATABASE_URL": "mysql://u:hunter2@h/d", "DISCORD_TOKEN": "x"}
    refused = invoke(*command.split(), **variables)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "COHORT_DATABASE_URL: must begin with sqlite or postgresql\n"


NEVER = "hunter2"
COMMANDS = [
    "run",
    "doctor",
    "db current",
    "db check",
    "db upgrade",
    "backup",
    "restore x.zip",
    "db move sqlite:///y.db",
]
UNQUOTED = f'DISCORD_TOKEN=x\n\nCOHORT_DATABASE_URL="postgresql://u:{NEVER}@h/db\n'


@pytest.mark.parametrize("command", COMMANDS)
def test_a_line_of_dotenv_that_cannot_be_read_is_named_and_nothing_is_made(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / ".env").write_text(UNQUOTED)
    refused = invoke(*command.split())
    assert (refused.exit_code, refused.stdout) == (1 if command == "doctor" else 2, "")
    [line] = refused.stderr.splitlines()
    assert ".env, line 3: cannot be read" in line
    assert NEVER not in line
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"# f\xfcr alle\nDISCORD_TOKEN=hunter2\n", "save it again with the encoding UTF-8"),
        ("DISCORD_TOKEN=hunter2\n".encode("utf-16-le"), "save it again with the encoding UTF-8"),
        (b"\nDISCORD_TOKEN: hunter2\n", "line 2: cannot be read"),
        (b"COHORT_DATABASE_URL\n", "line 1: there is no = behind the name"),
    ],
)
def test_a_dotenv_file_that_is_none_is_told_in_one_line(tmp_path: Path, written: bytes, said: str) -> None:
    (tmp_path / ".env").write_bytes(written)
    refused = invoke("db", "current")
    assert refused.exit_code == 2
    [line] = refused.stderr.splitlines()
    assert said in line
    assert NEVER not in line


def test_a_dotenv_file_that_may_not_be_read_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=x\n")
    monkeypatch.setattr(Path, "read_bytes", partial(refuse, "Permission denied"))
    refused = invoke("db", "current")
    assert (refused.exit_code, refused.stderr) == (2, ".env cannot be read: Permission denied.\n")


def refuse(reason: str, *_arguments: object) -> NoReturn:
    """What root is never told."""
    raise PermissionError(13, reason)


@pytest.mark.parametrize(
    "command",
    ["model add {folder} --group 1", "model train {folder} --out new"],
)
def test_wrong_settings_of_a_model_command_are_named(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    refused = invoke(*command.format(folder=folder).split(), COHORT_DATABASE_URL="mysql://u:hunter2@h/d")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "COHORT_DATABASE_URL: must begin with sqlite or postgresql\n"


def test_a_second_process_on_one_sqlite_file_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    path = migrate.sqlite_path(sqlite_url)
    with FileLock(f"{path}.running"):
        refused = cohort(tmp_path, "run", COHORT_DATABASE_URL=sqlite_url, DISCORD_TOKEN="x")
    assert refused.returncode == 1
    [line] = lines(refused)
    assert f"Another Cohort process uses {path}" in line


async def test_an_old_schema_is_refused_when_upgrading_is_switched_off(
    empty_database_url: str, tmp_path: Path
) -> None:
    refused = await asyncio.to_thread(
        cohort,
        tmp_path,
        "run",
        COHORT_DATABASE_URL=empty_database_url,
        COHORT_MIGRATE_ON_START="false",
        DISCORD_TOKEN="x",
    )
    assert refused.returncode == 1
    [line] = lines(refused)
    assert "is at revision empty" in line
    assert "cohort db upgrade" in line


async def test_run_upgrades_by_itself_and_says_when_discord_cannot_be_reached(
    empty_database_url: str, tmp_path: Path
) -> None:
    failed = await asyncio.to_thread(
        cohort,
        tmp_path,
        "run",
        COHORT_DATABASE_URL=empty_database_url,
        COHORT_DISCORD_API_URL=NO_ONE_LISTENS,
        DISCORD_TOKEN="a-secret-token",
    )
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert "a-secret-token" not in failed.stderr
    assert NO_ONE_LISTENS in lines(failed)[-1]
    database = Database(empty_database_url)
    try:
        assert await migrate.current(database) == migrate.head()
    finally:
        await database.close()


def test_run_names_an_unreachable_database_in_one_line_without_its_password(tmp_path: Path) -> None:
    failed = cohort(tmp_path, "run", COHORT_DATABASE_URL=UNREACHABLE, DISCORD_TOKEN="x")
    assert failed.returncode == 1
    [line] = lines(failed)
    assert "127.0.0.1:9" in line
    assert "hunter2" not in failed.stderr


ADD = "model add bot/classifier/shipped/digits --group 1"


@pytest.mark.parametrize("command", ["db upgrade", "db current", "db check", "backup", ADD])
@pytest.mark.parametrize("address", [UNREACHABLE, "postgresql://127.0.0.1:9/cohort?password=hunter2"])
def test_an_unreachable_database_is_one_line_without_its_password(command: str, address: str) -> None:
    command = command.replace("bot/classifier", f"{ROOT}/bot/classifier")
    failed = invoke(*command.split(), COHORT_DATABASE_URL=address)
    assert failed.exit_code == 1
    [line] = failed.stderr.splitlines()
    assert "127.0.0.1:9" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "list.db").write_text("milk, eggs, and more of what fills a whole page of a file " * 100)
    failed = invoke("db", command, COHORT_DATABASE_URL=f"sqlite:///{tmp_path / 'list.db'}")
    assert failed.exit_code == 1
    [line] = failed.stderr.splitlines()
    assert "not a database" in line


def test_a_model_is_not_added_where_no_database_is(tmp_path: Path) -> None:
    refused = invoke(*ADD.replace("bot/classifier", f"{ROOT}/bot/classifier").split())
    assert (refused.exit_code, refused.stderr) == (1, "There is no database at data/cohort.db.\n")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_may_only_be_read_is_refused(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everything: the connection is one for reading, as it is to others.
    path = migrate.sqlite_path(sqlite_url)
    settings = Settings(_env_file=None, database_url=sqlite_url)
    readable = settings.model_copy(
        update={"database_url": f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true"}
    )
    with pytest.raises(CannotRun, match="readonly database"):
        await prepare_schema(readable)


@pytest.mark.parametrize("command", ["db current", "backup", "doctor", ADD])
def test_a_folder_that_may_not_be_searched_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def stat(path: Path, **options: Any) -> os.stat_result:  # root may search everything
        if path.name == "cohort.db" and path.parent.name == "data":
            raise PermissionError(13, "Permission denied", str(path))
        return os.stat(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    refused = invoke(*command.replace("bot/classifier", f"{ROOT}/bot/classifier").split())
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit)
    said = [line for line in refused.output.splitlines() if "Permission denied" in line]
    assert len(said) == 1 if command != "doctor" else "token" in refused.output


def test_doctor_without_token_and_network_says_what_to_do(tmp_path: Path) -> None:
    examined = cohort(tmp_path, "doctor")
    assert (examined.returncode, examined.stderr) == (1, "")
    found = dict(line[4:].split(": ", 1) for line in examined.stdout.splitlines())
    assert [line for line in examined.stdout.splitlines() if line.startswith("NO ")] == [
        f"NO  token: {found['token']}"
    ]
    assert list(tmp_path.iterdir()) == []


def test_doctor_shows_wrong_settings_as_findings() -> None:
    examined = invoke("doctor", COHORT_LEASE_SECONDS="soon")
    assert examined.exit_code == 1
    assert examined.stderr.startswith("NO  settings: COHORT_LEASE_SECONDS: ")


def test_help_lists_the_commands() -> None:
    shown = invoke("--help")
    assert shown.exit_code == 0
    assert all(command in shown.stdout for command in ("run", "demo", "db", "doctor"))
