"""`cohort doctor`: what the operator should know before, and when something does not work."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import aiohttp
import discord
from filelock import Timeout
from sqlalchemy import func, select

from bot.address import discord_address, log_in
from bot.bootstrap import build_classifier
from bot.classifier.protocol import Classifier, ModelRef, Readiness
from bot.classifier.store import ModelStore
from bot.classifier.training.trainer import Trainer
from bot.db import migrate
from bot.db.addresses import shown
from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState
from bot.errors import ModelDamaged, StudyError
from bot.invitation import invitation
from bot.schema import CannotRun, behind, database_revision, schema_problems, usable
from bot.settings import Settings
from bot.ui.errors import wording

PACKAGES = (
    "discord.py",
    "SQLAlchemy",
    "alembic",
    "APScheduler",
    "aiosqlite",
    "asyncpg",
    "icalendar",
    "simcord",
)
PYTHON = (3, 11)
PATIENCE = timedelta(seconds=20)
# PyTorch alone takes some of it.
WARM_UP = timedelta(seconds=60)
LOOK_BACK = timedelta(days=7)
SHOWN_FAILURES = 5
#: A PNG of one black pixel.
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000"
    "00003a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


@dataclass(frozen=True)
class Finding:
    """One line of the examination: what was looked at, whether it is well, and what to know or do."""

    subject: str
    ok: bool
    text: str


async def examine(
    settings: Settings, *, clock: Callable[[], datetime] = discord.utils.utcnow
) -> list[Finding]:
    """Look at everything and repair nothing. Never raises for what it finds, never tells a secret."""
    findings = [_settings(settings), _python(), _packages(), _zones()]
    findings += [finding async for finding in _database(settings, clock())]
    store = ModelStore(settings.models)
    findings += [await _classifier(settings, store), _training(settings, store)]
    findings += [finding async for finding in _discord(settings)]
    return [Finding(found.subject, found.ok, _without(settings.secrets(), found.text)) for found in findings]


def _settings(settings: Settings) -> Finding:
    database = shown(settings.database_url)
    where = ".env and the environment" if os.path.exists(".env") else "the environment, there is no .env here"
    return Finding("settings", True, f"read from {where}; database {database}, logs {settings.log_format}")


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return Finding(
            "python", False, f"{found} is too old. Install Python {'.'.join(map(str, PYTHON))} or newer."
        )
    return Finding("python", True, found)


def _packages() -> Finding:
    installed = []
    for name in PACKAGES:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            installed.append(f"{name} not installed")
    return Finding("packages", True, ", ".join(installed))


def _zones() -> Finding:
    try:
        edition = version("tzdata")
        ZoneInfo("Europe/Berlin")
    except (PackageNotFoundError, ZoneInfoNotFoundError):
        return Finding("zones", False, "the time zone data is not installed. Run: uv pip install tzdata")
    return Finding("zones", True, f"{len(available_timezones())} time zones, tzdata {edition}")


async def _database(settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    path = migrate.sqlite_path(settings.database_url)
    if path is not None:
        yield _file(path)
        if not await asyncio.to_thread(os.path.exists, path):  # nor where nobody may look
            return
    try:
        with usable(settings):
            yield Finding("database", True, await _ping(settings))
        found, head = await database_revision(settings)
        if found != head:
            yield Finding("schema", False, behind(found))
            return
        problems = await schema_problems(settings)
        drift = "; ".join(problems[:SHOWN_FAILURES])
        yield Finding("schema", not problems, drift or f"revision {head}, as the code expects")
        with usable(settings):
            yield await _deliveries(settings, now)
    except CannotRun as reason:
        yield Finding("database", False, f"{reason} Check COHORT_DATABASE_URL, and that the server runs.")


def _file(path: Path) -> Finding:
    """Whether the SQLite file can be written, and whether a bot runs on it."""
    folder = next(parent for parent in path.absolute().parents if os.path.exists(parent))
    try:
        probe = folder / f".{path.name}.probe"
        probe.touch()
        probe.unlink()
        if not path.exists():
            return Finding("file", True, f"{path} does not exist yet; cohort run makes it")
        path.open("r+b").close()
        with migrate.lock_on(path, "running").acquire(timeout=0):
            return Finding("file", True, f"{path} can be written, and no bot runs on it now")
    except Timeout:
        return Finding("file", True, f"{path} can be written, and a bot runs on it now")
    except OSError as error:
        return Finding(
            "file", False, f"{path} cannot be written ({error.strerror}). Give the bot's user that right."
        )


async def _ping(settings: Settings) -> str:
    database = Database(settings.database_url)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            answer = await database.ping()
        return f"SQLite {answer}" if database.is_sqlite else answer.partition(" on ")[0]
    finally:
        await database.close()


async def _deliveries(settings: Settings, now: datetime) -> Finding:
    """What could not be said in the last week, by reason; and what is overdue."""
    database = Database(settings.database_url)
    try:
        async with database.read() as session:
            failed = (
                await session.execute(
                    select(Delivery.kind, Delivery.last_error, func.count())
                    .where(Delivery.state == DeliveryState.FAILED, Delivery.settled_at > now - LOOK_BACK)
                    .group_by(Delivery.kind, Delivery.last_error)
                    .order_by(func.count().desc())
                )
            ).all()
            waiting = await session.scalar(
                select(func.count()).where(
                    Delivery.state.in_((DeliveryState.PENDING, DeliveryState.CLAIMED)),
                    Delivery.next_attempt_at < now - timedelta(minutes=5),
                )
            )
    finally:
        await database.close()
    if failed:
        reasons = "; ".join(f"{count} × {kind}: {error}" for kind, error, count in failed[:SHOWN_FAILURES])
        total = sum(count for _, _, count in failed)
        advice = "Give the bot Send Messages there, or set another channel with /group edit."
        return Finding("deliveries", False, f"{total} failed in the last week ({reasons}). {advice}")
    if waiting:
        return Finding("deliveries", False, f"{waiting} overdue. Start the bot: cohort run")
    return Finding("deliveries", True, "none failed in the last week, none is overdue")


async def _classifier(settings: Settings, store: ModelStore) -> Finding:
    """Start it as the bot would, and let it look at a picture."""
    shipped = await asyncio.to_thread(store.shipped)
    if damaged := store.damaged():
        return Finding("classifier", False, _reason(damaged[0]))
    models = ", ".join(f"{model.name} (sha256 {model.digest[:12]}…)" for model in shipped) or "no model"
    classifier = build_classifier(settings, store)
    await classifier.start()
    try:
        patience = WARM_UP if settings.classifier_url is None else PATIENCE
        return await _looked(classifier, shipped, models, patience)
    finally:
        await classifier.close()


async def _looked(
    classifier: Classifier, shipped: tuple[ModelRef, ...], models: str, patience: timedelta
) -> Finding:
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    while (status := classifier.status()).readiness is Readiness.WARMING_UP:
        if asyncio.get_running_loop().time() > deadline:
            return Finding("classifier", False, f"not ready after {patience.seconds} s: {status.text}")
        await asyncio.sleep(0.1)
    if status.readiness is Readiness.OFF:
        # A bot without it is whole: this is no fault.
        return Finding("classifier", True, f"off. {status.text}")
    if status.readiness is Readiness.FAILED:
        return Finding("classifier", False, f"it cannot start: {status.text}")
    try:
        seconds = [(await classifier.classify(DOT, model)).seconds for model in shipped]
    except StudyError as error:
        return Finding("classifier", False, f"on {status.device}, but it fails: {_reason(error)}")
    took = f", a picture takes {1000 * min(seconds):.0f} ms" if seconds else ""
    return Finding("classifier", True, f"on {status.device}, {models}{took}")


def _training(settings: Settings, store: ModelStore) -> Finding:
    trained = len(store.digests())
    there = f"{trained} {'model' if trained == 1 else 'models'} of your groups in {settings.models}"
    lacks = Trainer(store).available()
    # A bot that trains nothing is whole, too.
    return Finding("training", True, f"{there}; " + ("groups can train here" if lacks is None else lacks))


def _reason(error: StudyError) -> str:
    match error:
        case ModelDamaged(name=name, part=part):
            return f"{name} is damaged, {part}. Install the bot anew."
    return wording(error)


async def _discord(settings: Settings) -> AsyncIterator[Finding]:
    token = settings.discord_token.get_secret_value().strip() if settings.discord_token else ""
    if not token:
        yield Finding(
            "token",
            False,
            "DISCORD_TOKEN is not set. Put it into .env, or try the bot without one: make demo",
        )
        return
    client = discord.Client(intents=discord.Intents.none())
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await log_in(client, token, settings.discord_api_url)
            application = await client.application_info()
    except discord.LoginFailure:
        yield Finding(
            "token",
            False,
            "Discord refused DISCORD_TOKEN. Copy it again from the developer portal, page Bot.",
        )
    except (aiohttp.ClientError, TimeoutError, discord.HTTPException, discord.GatewayNotFound) as error:
        where = discord_address()
        reason = str(error) or type(error).__name__
        yield Finding("discord", False, f"{where} cannot be reached: {reason}. Check network and proxy.")
    else:
        yield Finding("token", True, f"accepted: {client.user} at {discord_address()}")
        yield _application(application)
    finally:
        await client.close()


def _application(application: discord.AppInfo) -> Finding:
    endpoint = getattr(application, "interactions_endpoint_url", None)
    if endpoint:
        return Finding(
            "application",
            False,
            f"Discord sends commands to {endpoint} instead of this bot. "
            "Empty “Interactions Endpoint URL” in the developer portal.",
        )
    link = invitation(application.id)
    servers = application.approximate_guild_count
    if servers == 0:
        return Finding("application", False, f"{application.name} is in no server. Invite it: {link}")
    public = "anyone may invite it" if application.bot_public else "only its owner may invite it"
    return Finding(
        "application", True, f"{application.name} is in {servers} servers, {public}. Invitation: {link}"
    )


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text
