"""Logs: secrets never appear, wherever they hide, and a line names the interaction it belongs to."""

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog

from bot.logs import set_up_logs
from bot.settings import Settings

PASSWORD = "correct-horse"
BOT_TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs-AB"
INTERACTION_TOKEN = "aW50ZXJhY3Rpb246" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA6c29tZXRoaW5n"
WEBHOOK = "https://discord.com/api/webhooks/1234/" + "x" * 68
SECRETS = (PASSWORD, BOT_TOKEN, INTERACTION_TOKEN, "x" * 68)

Start = Callable[..., Callable[[], str]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Set logs up as the process does; gives what reads them. Afterwards logging is as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def begin(format: str, level: str = "INFO", secrets: Iterable[str] = ()) -> Callable[[], str]:
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr("sys.excepthook", sys.excepthook)
        set_up_logs(level=level, format=format, secrets=[PASSWORD, *secrets])
        return stream.getvalue

    yield begin
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for chatty in ("apscheduler", "aiosqlite", "alembic.runtime.plugins"):
        logging.getLogger(chatty).setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def say_everything() -> None:
    log = logging.getLogger("bot.somewhere")
    log.warning("the password is %s and the token %s", PASSWORD, BOT_TOKEN)
    log.warning("posting to %s", WEBHOOK)
    log.warning("nested", extra={"payload": {"token": INTERACTION_TOKEN, "list": [{"deep": (BOT_TOKEN,)}]}})
    log.warning("objects", extra={"failure": RuntimeError(PASSWORD), "chosen": {BOT_TOKEN}})
    try:
        try:
            raise ValueError(f"login with {PASSWORD} refused")
        except ValueError as error:
            raise RuntimeError(f"cannot reach {WEBHOOK}") from error
    except RuntimeError:
        log.exception("failed")
    structlog.get_logger("bot.elsewhere").warning("structured", token=BOT_TOKEN, nested={"a": [PASSWORD]})


@pytest.mark.parametrize("format", ["console", "json"])
def test_no_secret_is_ever_written(start: Start, format: str) -> None:
    written = start(format)
    say_everything()
    text = written()
    assert all(secret not in text for secret in SECRETS)
    assert text.count("[redacted]") >= 11
    for still_said in ("nested", "refused", "RuntimeError", "webhooks/1234/", "structured"):
        assert still_said in text


def test_json_is_one_object_per_line_with_the_traceback_inside(start: Start) -> None:
    written = start("json")
    say_everything()
    events = [json.loads(line) for line in written().splitlines()]
    assert [event["level"] for event in events] == ["warning"] * 4 + ["error", "warning"]
    assert {event["logger"] for event in events} == {"bot.somewhere", "bot.elsewhere"}
    assert all(event["timestamp"].endswith("Z") for event in events)
    outer, inner = events[4]["exception"]
    assert (outer["exc_type"], inner["exc_type"]) == ("RuntimeError", "ValueError")
    assert outer["frames"][-1]["name"] == "say_everything"


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_traceback_does_not_show_what_variables_held(start: Start, format: str) -> None:
    written = start(format)
    diary = "dear diary, " + "nobody may read this"
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("bot").exception("failed while saving %d letters", len(diary))
    assert "boom" in written()
    assert "nobody may read this" not in written()


@pytest.mark.parametrize("format", ["console", "json"])
def test_every_line_of_an_interaction_carries_its_reference(start: Start, format: str) -> None:
    written = start(format)
    with structlog.contextvars.bound_contextvars(reference="5ee4d00f", user=7):
        logging.getLogger("discord.http").warning("slow answer")
        logging.getLogger("bot.services").error("failed")
    logging.getLogger("bot").warning("unrelated")
    first, second, third = written().splitlines()
    assert "5ee4d00f" in first
    assert "5ee4d00f" in second
    assert "5ee4d00f" not in third


def test_the_level_decides_and_poll_chatter_is_left_out(start: Start) -> None:
    written = start("console", level="INFO")
    logging.getLogger("bot").debug("details")
    logging.getLogger("apscheduler.scheduler").info("looking for jobs")
    logging.getLogger("bot").info("ready")
    assert len(written().splitlines()) == 1
    assert "ready" in written()


def test_numbers_and_absent_values_stay_what_they_are(start: Start) -> None:
    written = start("json")
    logging.getLogger("bot").info("counted", extra={"guilds": 3, "shard": None, "warm": True, "share": 0.5})
    event = json.loads(written())
    assert (event["guilds"], event["shard"], event["warm"], event["share"]) == (3, None, True, 0.5)


# Everything that another writing of it could change: quotes, a backslash, what addresses encode, an umlaut.
AWKWARD = "p@ss/w'o\"r\\d %ü+&"


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_secret_is_known_in_every_writing(start: Start, format: str) -> None:
    written = start(format, secrets=[AWKWARD])
    log = logging.getLogger("bot")
    log.warning("cannot reach postgresql://cohort:%s@db/cohort", quote(AWKWARD, safe=""))
    log.warning("with %r and %r", {"password": AWKWARD}, repr({"password": AWKWARD}))
    log.warning("body %s", json.dumps({"password": AWKWARD}), extra={"by": {AWKWARD: 1}})
    text = written()
    assert text.count("[redacted]") >= 5
    assert "ss/w" not in text
    assert quote(AWKWARD, safe="")[:12] not in text


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_line_that_cannot_be_written_and_a_warning_tell_no_secret(start: Start, format: str) -> None:
    written = start(format)

    class Unspeakable:
        def __str__(self) -> str:
            raise ValueError(f"not with {PASSWORD}")

    logging.getLogger("bot").warning("%d of %s", BOT_TOKEN, PASSWORD)  # %d takes no text
    logging.getLogger("bot").warning("it is %s", Unspeakable())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"deprecated: {PASSWORD}", stacklevel=1)
    text = written()
    assert all(secret not in text for secret in SECRETS)
    assert text.count("could not be written") == 2
    assert "test_logs.py" in text
    assert "deprecated: [redacted]" in text


def test_what_nobody_caught_is_told_like_the_rest(tmp_path: Path) -> None:
    program = (
        "from bot.logs import set_up_logs\n"
        f"set_up_logs(level='INFO', format='console', secrets=[{PASSWORD!r}])\n"
        f"raise RuntimeError('login with {PASSWORD} refused')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "login with [redacted] refused" in ended.stderr
    assert "ended by an unexpected error" in ended.stderr
    assert PASSWORD not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("database_url", "postgresql://cohort:s3cr%2Ft@db/cohort"),
        ("database_url", "postgresql://db/cohort?user=cohort&password=s3cr%2Ft"),
        ("classifier_url", "https://cohort:s3cr%2Ft@models.example/v1"),
        ("classifier_url", "https://models.example/v1?key=s3cr%2Ft"),
    ],
)
def test_a_password_in_an_address_is_a_secret(variable: str, value: str) -> None:
    assert Settings(_env_file=None, **{variable: value}).secrets() == ["s3cr/t"]
