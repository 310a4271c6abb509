"""What every test may ask for: a fresh database of either kind, with the schema already in it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.db.migrate import upgrade
from tests.postgres import NoPostgres, PostgresServer, outside_the_loop

DATABASES = ("sqlite", "postgresql")
TEMPLATE = "template_cohort"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL, started by the first test that needs it; it is never skipped."""
    server = PostgresServer()
    try:
        server.start()
    except NoPostgres as error:
        pytest.exit(str(error), returncode=3)
    with server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with the newest schema and no rows."""
    postgres.create_database(TEMPLATE)
    outside_the_loop(upgrade(postgres.url(TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and no rows."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    outside_the_loop(upgrade(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh SQLite database with the newest schema."""
    count_as(request, "sqlite")
    file = tmp_path / "cohort.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), file)
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
def postgres_url(
    request: pytest.FixtureRequest, postgres: PostgresServer, postgres_template: str
) -> Iterator[str]:
    """A fresh PostgreSQL database with the newest schema, dropped afterwards."""
    count_as(request, "postgresql")
    yield from _postgres_database(postgres, template=postgres_template)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with the newest schema, once of each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database without a schema, once of each kind: for tests of the migrations themselves."""
    count_as(request, request.param)
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    else:
        yield from _postgres_database(request.getfixturevalue("postgres"), template=None)


def _postgres_database(server: PostgresServer, *, template: str | None) -> Iterator[str]:
    name = server.unused_name()
    server.create_database(name, template=template)
    yield server.url(name)
    server.drop_database(name)


def count_as(request: pytest.FixtureRequest, database: str) -> None:
    """Note on which database this test runs, for the count at the end."""
    request.node.user_properties.append(("database", database))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests passed on each database: a gate that quietly lost one of them shows it here.

    Then the figures that tests recorded under that name.
    """
    passed: Counter[str] = Counter()
    figures: list[object] = []
    for report in terminalreporter.getreports("passed"):
        figures += [value for name, value in report.user_properties if name == "figure"]
        for database in {value for name, value in report.user_properties if name == "database"}:
            passed[database] += 1
    if passed:
        counts = (f"{passed[name]} tests on {name}" for name in DATABASES)
        terminalreporter.write_line(f"databases: {', '.join(counts)} passed")
    for figure in figures:
        terminalreporter.write_line(str(figure))
