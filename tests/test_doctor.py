"""`cohort doctor`: each thing that can be wrong has its line with what to do, and no line has a secret."""

import os
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from filelock import FileLock
from sqlalchemy import text

from bot.classifier.store import ModelStore
from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState
from bot.doctor import Finding, examine
from bot.settings import Settings
from tests.openapi import BodyValidator
from tests.wire.standin import StandIn

NOW = datetime(2026, 10, 22, 17, tzinfo=UTC)
NO_ONE_LISTENS = "http://127.0.0.1:9/api/v10"


@pytest.fixture(autouse=True)
def restored_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """discord.py keeps where Discord is on classes; and no `.env` is read."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    # Its worker takes a second to start: for those tests that are about it.
    monkeypatch.setenv("COHORT_CLASSIFIER", "off")
    monkeypatch.chdir(tmp_path)


async def findings(address: str, /, **values: Any) -> dict[str, Finding]:
    if token := values.pop("token", None):
        values["DISCORD_TOKEN"] = token
    settings = Settings(_env_file=None, database_url=address, **values)
    found = await examine(settings, clock=lambda: NOW)
    assert all(finding.text for finding in found)
    return {finding.subject: finding for finding in found}


async def plan(database_url: str, **values: Any) -> None:
    database = Database(database_url)
    try:
        async with database.write() as session:
            session.add(
                Delivery(
                    **{
                        "dedupe_key": f"test:{len(values)}:{values.get('last_error')}",
                        "kind": "reminder",
                        "subject": "reminder:1",
                        "user_id": 1,
                        "refs": {},
                        "created_at": NOW - timedelta(days=1),
                        "due_at": NOW - timedelta(days=1),
                        "next_attempt_at": NOW - timedelta(days=1),
                        **values,
                    }
                )
            )
    finally:
        await database.close()


async def test_a_healthy_database_is_ok_and_a_missing_token_says_what_to_do(database_url: str) -> None:
    found = await findings(database_url)
    assert [subject for subject, finding in found.items() if not finding.ok] == ["token"]
    assert "DISCORD_TOKEN" in found["token"].text
    assert "make demo" in found["token"].text
    assert "as the code expects" in found["schema"].text
    assert "discord.py 2." in found["packages"].text


async def test_an_empty_database_asks_for_the_upgrade(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await database.ping()  # which makes the file on SQLite
    await database.close()
    found = await findings(empty_database_url)
    assert not found["schema"].ok
    assert "cohort db upgrade" in found["schema"].text


async def test_a_schema_that_drifted_is_described(database_url: str) -> None:
    database = Database(database_url)
    async with database.write() as session:
        await session.execute(text("ALTER TABLE reminders ADD COLUMN colour VARCHAR(7)"))
    await database.close()
    found = await findings(database_url)
    assert not found["schema"].ok
    assert "colour" in found["schema"].text


async def test_deliveries_that_failed_this_week_are_counted_by_reason(database_url: str) -> None:
    failed = {"state": DeliveryState.FAILED, "last_error": "missing permission in 123"}
    await plan(database_url, **failed, settled_at=NOW - timedelta(days=6))
    assert "1 × reminder: missing permission in 123" in (await findings(database_url))["deliveries"].text
    assert not (await findings(database_url))["deliveries"].ok


async def test_older_failures_and_fresh_rows_are_no_problem(database_url: str) -> None:
    await plan(database_url, state=DeliveryState.FAILED, last_error="old", settled_at=NOW - timedelta(days=8))
    await plan(database_url, next_attempt_at=NOW - timedelta(minutes=1))
    assert (await findings(database_url))["deliveries"].ok


async def test_overdue_deliveries_say_that_no_bot_runs(database_url: str) -> None:
    await plan(database_url)
    found = (await findings(database_url))["deliveries"]
    assert not found.ok
    assert "1 overdue" in found.text


async def test_the_sqlite_file_is_looked_at_but_not_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cohort.db"
    found = await findings(f"sqlite:///{file}")
    assert found["file"].ok
    assert "cohort run makes it" in found["file"].text
    assert "schema" not in found
    assert os.listdir(tmp_path) == []


async def test_a_running_bot_is_noticed_and_not_disturbed(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    with FileLock(f"{path}.running"):
        found = await findings(sqlite_url)
    assert found["file"].ok
    assert "a bot runs on it now" in found["file"].text
    assert "no bot runs on it now" in (await findings(sqlite_url))["file"].text


@pytest.fixture
def shopping_list(tmp_path: Path) -> Path:
    """A file of more than one page that is no database."""
    file = tmp_path / "cohort.db"
    file.write_text("milk, eggs, flour, " * 100)
    return file


async def test_what_is_no_database_file_is_said(shopping_list: Path) -> None:
    found = await findings(f"sqlite:///{shopping_list}")
    assert not found["database"].ok
    assert "not a database" in found["database"].text


async def test_an_unreachable_server_is_named_without_its_password() -> None:
    found = await findings("postgresql://cohort:geheim@127.0.0.1:9/cohort")
    assert not found["database"].ok
    assert "127.0.0.1:9" in found["database"].text
    assert "geheim" not in repr(found)


async def test_without_network_the_line_names_the_address(database_url: str) -> None:
    found = await findings(database_url, token="a-token", discord_api_url=NO_ONE_LISTENS)
    assert not found["discord"].ok
    assert NO_ONE_LISTENS in found["discord"].text
    assert "a-token" not in repr(found)


@pytest.fixture(scope="module")
def validator() -> BodyValidator:
    return BodyValidator()


async def test_an_accepted_token_shows_the_bot_and_its_invitation(
    database_url: str, validator: BodyValidator
) -> None:
    async with StandIn(validator) as discord:
        found = await findings(database_url, token=discord.token, discord_api_url=discord.api_url)
        assert found["token"].ok
        assert discord.api_url in found["token"].text
        assert "scope=bot+applications.commands" in found["application"].text
        assert discord.token not in repr(found)


async def test_a_refused_token_says_where_to_copy_it(database_url: str, validator: BodyValidator) -> None:
    async with StandIn(validator) as discord:
        found = await findings(database_url, token="wrong-token", discord_api_url=discord.api_url)
    assert not found["token"].ok
    assert "developer portal" in found["token"].text
    assert "wrong-token" not in repr(found)


async def test_a_classifier_that_is_off_is_no_fault(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = (await findings(sqlite_url))["classifier"]
    assert found.ok
    assert "off. COHORT_CLASSIFIER is off" in found.text
    monkeypatch.setattr("bot.classifier.serving.local.lacking", lambda: ["onnxruntime"])
    found = (await findings(sqlite_url, classifier="auto"))["classifier"]
    assert found.ok
    assert "Not installed: onnxruntime." in found.text


async def test_the_classifier_looks_at_a_picture(sqlite_url: str) -> None:
    found = (await findings(sqlite_url, classifier="auto", classifier_device="cpu"))["classifier"]
    assert found.ok
    assert re.search(
        r"on cpu, .*onnxruntime.*, digits \(sha256 [0-9a-f]{12}…\), a picture takes \d+ ms", found.text
    )


async def test_a_damaged_model_of_the_bots_own_is_said(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "shipped" / "digits"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    monkeypatch.setattr("bot.doctor.ModelStore", partial(ModelStore, shipped=folder.parent))
    found = (await findings(sqlite_url, classifier="auto"))["classifier"]
    assert not found.ok
    assert "digits is damaged, model.json" in found.text
    assert "Install the bot anew." in found.text


async def test_a_classifier_elsewhere_that_does_not_answer_is_said(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.doctor.PATIENCE", timedelta(seconds=0.3))
    address = "http://someone:geheim@127.0.0.1:9"
    found = (await findings(sqlite_url, classifier="auto", classifier_url=address))["classifier"]
    assert not found.ok
    assert "The server does not answer yet." in found.text
    assert "geheim" not in found.text


async def test_models_and_what_training_needs_are_said(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models" / ("a" * 64)).mkdir(parents=True)
    found = (await findings(sqlite_url, models=tmp_path / "models"))["training"]
    assert found.ok
    assert found.text.startswith(f"1 model of your groups in {tmp_path / 'models'}; ")
    monkeypatch.setattr("bot.doctor.Trainer.available", lambda _self: "Training needs fastai.")
    assert (await findings(sqlite_url))["training"].text.endswith("; Training needs fastai.")
