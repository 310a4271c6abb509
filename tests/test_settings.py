"""Settings: read from the environment, refused by name, documented to the last variable."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.db.addresses import shown
from bot.settings import Settings, WrongSettings, explain, read_settings

EXAMPLE = Path(__file__).parents[1] / "deploy" / "env.example"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of whoever runs the tests, and no `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISCORD_TOKEN", *(f"COHORT_{field.upper()}" for field in Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)


def variables() -> set[str]:
    """The names by which each setting is documented."""
    return {
        "DISCORD_TOKEN" if field == "discord_token" else f"COHORT_{field.upper()}"
        for field in Settings.model_fields
    }


def lines() -> list[str]:
    return EXAMPLE.read_text().splitlines()


def test_the_example_documents_every_variable_and_no_other() -> None:
    named = [line.partition("=")[0] for line in lines() if "=" in line and not line.startswith("#")]
    assert sorted(named) == sorted(variables())


def test_each_variable_has_a_comment_above_it() -> None:
    for before, line in zip(lines(), lines()[1:], strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("# "), line


def test_the_example_as_it_stands_gives_the_defaults() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_the_token_comes_from_the_variable_the_readme_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "  secret-token ")
    settings = Settings()
    assert "secret-token" not in repr(settings)
    assert settings.secrets() == ["secret-token"]


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("COHORT_LOG_FORMAT=json\nCOHORT_LEASE_SECONDS=9\nUNRELATED=1\n")
    monkeypatch.setenv("COHORT_LEASE_SECONDS", "7")
    settings = Settings()
    assert (settings.log_format, settings.lease_seconds) == ("json", 7)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_dotenv_file_as_windows_saves_it_is_read(encoding: str) -> None:
    Path(".env").write_text("DISCORD_TOKEN=first\nCOHORT_LEASE_SECONDS=9\n# für alle\n", encoding=encoding)
    settings = Settings()
    assert (settings.secrets(), settings.lease_seconds) == (["first"], 9)


def test_a_folder_of_fonts_is_one_that_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COHORT_FONTS", str(tmp_path))
    assert Settings().fonts == tmp_path


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.setenv(name, "")
    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
        ("postgres://u:p%40ss@h/d", "postgresql+asyncpg://u:p%40ss@h/d"),
        ("postgresql://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
        ("postgresql+psycopg2://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql://h/d?user=u&password=p%40ss", "postgresql+asyncpg://u:p%40ss@h/d"),
        ("postgresql://u@server:p@h/d", "postgresql+asyncpg://u%40server:p@h/d"),
    ],
)
def test_a_database_address_as_people_write_it_gets_our_driver(
    monkeypatch: pytest.MonkeyPatch, typed: str, understood: str
) -> None:
    monkeypatch.setenv("COHORT_DATABASE_URL", typed)
    assert Settings().database_url == understood


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COHORT_DATABASE_URL", "mysql://root:hunter2@localhost/x"),
        ("COHORT_DATABASE_URL", "hunter2"),
        ("COHORT_DATABASE_URL", "sqlite://"),
        ("COHORT_DATABASE_URL", "sqlite:///hunter2/"),
        ("COHORT_DATABASE_URL", "sqlite://hunter2/x.db"),
        ("COHORT_DATABASE_URL", "sqlite:///x.db?mode=hunter2"),
        ("COHORT_DATABASE_URL", "postgresql://h:99999/hunter2"),
        ("COHORT_DATABASE_URL", "postgresql://h/d?statement_cache_size=hunter2"),
        ("COHORT_DATABASE_URL", "sqlite:///:memory:"),
        ("COHORT_DISCORD_API_URL", "hunter2.example"),
        ("COHORT_DISCORD_API_URL", "http://user:hunter2@127.0.0.1:8081"),
        ("COHORT_DISCORD_API_URL", "http://hunter2:port"),
        ("COHORT_DISCORD_API_URL", "http://proxy/api/v10?key=hunter2"),
        ("COHORT_CLASSIFIER_URL", "http://[::hunter2"),
        ("COHORT_CLASSIFIER_TOKEN", "hunter2\nhunter2"),
        ("DISCORD_TOKEN", "hunter2\nhunter2"),
        ("COHORT_HEALTH", "hunter2"),
        ("COHORT_HEALTH", "127.0.0.1:99999"),
        ("COHORT_SHARDS", "hunter2"),
        ("COHORT_SHARDS", "4/4"),
        ("COHORT_CLASSIFIER_DEVICE", "hunter2"),
        ("COHORT_LOG_LEVEL", "hunter2"),
        ("COHORT_LOG_FORMAT", "hunter2"),
        ("COHORT_LEASE_SECONDS", "0"),
        ("COHORT_LEASE_SECONDS", "nan"),
        ("COHORT_FONTS", "hunter2"),
        ("COHORT_MIGRATE_ON_START", "hunter2"),
    ],
)
def test_a_wrong_value_is_refused_by_the_variables_name_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    said = explain(refused.value)
    assert said.startswith(f"{name}: ")
    assert len(said.splitlines()) == 1
    assert "hunter2" not in said
    assert "pattern" not in said


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://cohort:pw@foo:hunter2@host/db",
        "postgresql://cohort:x@hunter2@127.0.0.1:1/db",
        "postgresql://cohort:x@y/hunter2@127.0.0.1:1/db",
        "postgresql://host:hunter2/db",
    ],
)
def test_a_password_that_is_not_escaped_is_explained_and_not_shown(value: str) -> None:
    with pytest.raises(WrongSettings) as refused:
        read_settings(_env_file=None, database_url=value)
    assert "in percent form (@ is %40" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "invalid literal" not in str(refused.value)


def test_an_option_that_the_driver_does_not_know_is_named() -> None:
    with pytest.raises(WrongSettings, match="does not know: pgbouncer"):
        read_settings(_env_file=None, database_url="postgresql://h/d?pgbouncer=hunter2")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hunter2@h/d",
        "postgresql://h/d?password=hunter2",
        "postgresql://u@h/d?password=hunter2",
        "postgresql://h/d?sslpassword=hunter2",
    ],
)
def test_an_address_is_shown_without_its_passwords(address: str) -> None:
    settings = Settings(_env_file=None, database_url=address)
    assert "hunter2" not in shown(settings.database_url)
    assert "***" in shown(settings.database_url)
    assert settings.secrets() == ["hunter2"]


def test_every_wrong_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHORT_LEASE_SECONDS", "900")
    monkeypatch.setenv("COHORT_DISCORD_API_URL", "ftp://x")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert sorted(line.partition(":")[0] for line in explain(refused.value).splitlines()) == [
        "COHORT_DISCORD_API_URL",
        "COHORT_LEASE_SECONDS",
    ]


def test_addresses_and_levels_are_read_kindly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHORT_DISCORD_API_URL", "http://127.0.0.1:8081/api/v10/")
    monkeypatch.setenv("COHORT_LOG_LEVEL", "debug")
    monkeypatch.setenv("COHORT_HEALTH", "OFF")
    monkeypatch.setenv("COHORT_CLASSIFIER_TOKEN", " shared\n")
    monkeypatch.setenv("DISCORD_TOKEN", "token")
    monkeypatch.setenv("COHORT_DATABASE_URL", "postgresql://u:geheim@h/d")
    settings = Settings()
    assert settings.discord_api_url == "http://127.0.0.1:8081/api/v10"
    assert settings.log_level == "DEBUG"
    assert settings.health == "off"
    assert settings.secrets() == ["token", "shared", "geheim"]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/api/v10"),
        ("http://127.0.0.1:8081/api/", "http://127.0.0.1:8081/api/v10"),
        ("https://proxy.example/bots/api/v9", "https://proxy.example/bots/api/v9"),
    ],
)
def test_an_address_without_the_api_version_gets_it(
    monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setenv("COHORT_DISCORD_API_URL", given)
    assert Settings(_env_file=None).discord_api_url == used
