"""The bot's image and the compose setup, without Docker: the files' steps and commands, run for real.

`python -m tests.deploy.images` does the same with everything that a test leaves out.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from bot.ui.answers import MEANWHILE
from tests.conftest import count_as
from tests.deploy.container import Container, compose, in_order, shut, stripped, unlock
from tests.deploy.dockerfile import Builder, Image, StepFailed, stages
from tests.deploy.images import seven
from tests.deploy.locked import PLAIN, PROJECT, ROOT, extras, read
from tests.openapi import BodyValidator
from tests.postgres import PostgresServer, find_binaries
from tests.wire.standin import StandIn
from tests.wire.test_health import ask, free_port, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the images are for Linux")

# The cache that filled this environment is good enough for a test, and links to it.
QUICK = {"UV_NO_CACHE": "", "UV_LINK_MODE": "hardlink"}
MOST_MEGABYTES = 250
UNREACHABLE = ("Could not find a version", "Failed to fetch", "error sending request", "dns error")


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    made = Builder(tmp_path_factory.mktemp("image"), instead=QUICK)
    yield made
    unlock(made.folder)
    shutil.rmtree(made.folder)


def test_the_files_stages_are_what_is_built() -> None:
    found = stages((ROOT / "deploy" / "Dockerfile").read_text("utf-8"))
    assert set(found) == {"build", "build-worker", "base", "worker", "bot"}
    bases = {steps[0][1].split()[0] for steps in found.values()} - set(found)
    assert len(bases) == 1, "one Python and one Debian for all of them"


async def test_the_image_and_the_scaled_setup_run(
    builder: Builder,
    postgres: PostgresServer,
    tmp_path: Path,
    record_property: Any,
    request: pytest.FixtureRequest,
) -> None:
    """One test, because one build serves all of it."""
    try:
        image = await asyncio.to_thread(builder.build, "bot")
    except StepFailed as failed:
        if "CI" not in os.environ and any(reason in str(failed) for reason in UNREACHABLE):
            pytest.skip("no registry of Python packages can be reached")
        raise
    assert image.user == "10001"
    assert image.left_out, "Debian's packages are not for a test to install"
    assert all(step.startswith("apt-get ") for step in image.left_out)
    environment = builder.here / "opt" / "cohort" / ".venv"
    files = [file for file in environment.rglob("*") if file.is_file() and not file.is_symlink()]
    size = sum(file.stat().st_size for file in files if file.suffix != ".pyc") / 1e6
    compiled = sum(file.stat().st_size for file in files if file.suffix == ".pyc") / 1e6
    record_property(
        "figure",
        f"the bot's image: {size:.0f} MB of Python packages, at most {MOST_MEGABYTES}; "
        f"and {compiled:.0f} MB of their bytecode",
    )
    assert compiled > 0, "each start would compile everything: nothing can be written there"
    assert size <= MOST_MEGABYTES
    parcels = (folder.stem.rsplit("-", 1)[0] for folder in environment.rglob("*.dist-info"))
    named = {canonicalize_name(parcel) for parcel in parcels}
    found = extras(read())
    assert {PROJECT, "discord-py", "asyncpg", "onnxruntime"} <= named
    assert named <= found[PLAIN] | found["postgres"] | found["classify"] | {PROJECT}
    shut(builder.here, but=image.volumes)
    validator = BodyValidator()
    count_as(request, "sqlite")
    await plain_image(builder, image, validator, tmp_path)
    count_as(request, "postgresql")
    await scaled_setup(builder, image, postgres, validator, tmp_path)


async def plain_image(builder: Builder, image: Image, validator: BodyValidator, tmp_path: Path) -> None:
    """`docker run` with a token alone: SQLite in the volume, a schema made at the start, the digits known."""
    port = free_port()
    moved = {":9464": f":{port}"}
    await Container(
        builder, image, tmp_path / "rights.log", command=["sh", "-c", "id -u; ! touch /opt/cohort/new"]
    ).run()
    user = (tmp_path / "rights.log").read_text().splitlines()[0]
    assert user == "10001" or (user == "0" and stripped()[0] == "setpriv") or os.geteuid() != 0
    async with StandIn(validator) as discord, AsyncExitStack() as ends:
        env = {"DISCORD_TOKEN": discord.token, "COHORT_DISCORD_API_URL": discord.api_url_for("image")}
        bot = Container(builder, image, tmp_path / "image.log", env=env, instead=moved)
        ends.push_async_callback(bot.kill)
        await bot.start()
        await ready(discord, bot)
        assert await until(port, "/readyz", 200) == "ok"
        health = Container(builder, image, tmp_path / "health.log", command=image.healthcheck, instead=moved)
        await health.run()
        assert "7" in await classified(discord, seven()), bot.log()
        assert await bot.stop() == 0, bot.log()
        await health.start()
        assert await health.ended() != 0, "nobody is there any more"
        assert (builder.here / "data" / "cohort.db").stat().st_size > 0
        assert discord.violations == []


async def ready(discord: StandIn, *bots: Container) -> None:
    await discord.wait_until(
        lambda: (
            any(bot.status is not None for bot in bots)
            or (len(discord.gateway.ready_shards) == discord.gateway.shards and discord.guilds.command_syncs)
        ),
        90,
        "READY on every shard",
    )
    for bot in bots:
        assert bot.status is None, bot.log()


async def classified(discord: StandIn, picture: bytes) -> str:
    """What the bot sees in it, asked again for as long as its worker is still warming up."""
    for _ in range(45):
        answer = await asked(discord, picture)
        if "warming up" not in answer:
            break
        await asyncio.sleep(2)
    return answer


async def asked(discord: StandIn, picture: bytes) -> str:
    interaction = await discord.slash(
        discord.alice, discord.channel, "classify", {"image": ("seven.png", picture)}, wait=False
    )

    def is_over() -> bool:
        # A private refusal takes the place of a public "thinking" by way of this.
        return interaction.answered and interaction.text != MEANWHILE

    await discord.wait_until(is_over, 90, "an answer to /classify")
    return interaction.text


async def scaled_setup(
    builder: Builder, image: Image, postgres: PostgresServer, validator: BodyValidator, tmp_path: Path
) -> None:
    """compose.yaml with compose.scale.yaml on top, in the order that they ask for."""
    name = postgres.unused_name()
    postgres.create_database(name)
    address = postgres.url(name).partition("://")[2]
    password = address.partition(":")[2].partition("@")[0]
    async with StandIn(validator, shards=4) as discord, AsyncExitStack() as ends:
        variables = {"POSTGRES_PASSWORD": password, "DISCORD_TOKEN": discord.token}
        services = compose("compose.yaml", "compose.scale.yaml", variables=variables)
        started = {name: service for name, service in services.items() if "profiles" not in service}
        order = in_order(started)
        assert order[0] == "database"
        assert order.index("migrate") < min(order.index("bot"), order.index("bot-3"), order.index("backup"))
        where = {f"cohort:{password}@database/cohort": address}
        bots: dict[str, tuple[Container, int]] = {}
        for service in order[1:]:
            port = free_port()
            container = Container(
                builder,
                image,
                tmp_path / f"{service}.log",
                command=started[service].get("command", ()),
                env=variables | started[service]["environment"]
                # Debian's tools of PostgreSQL, which the image has and this machine may have elsewhere.
                | {"PATH": f"{builder.environment(image)['PATH']}:{find_binaries()}"}
                | {"COHORT_DISCORD_API_URL": discord.api_url_for(service), "COHORT_CLASSIFIER": "off"},
                instead=where | {":9464": f":{port}"},
            )  # fmt: skip
            ends.push_async_callback(container.kill)
            if service == "migrate":
                assert "is at revision" in await container.run()
                continue
            await container.start()
            if service == "backup":
                backup = container
            else:
                bots[service] = (container, port)
        assert len(bots) == 4
        await ready(discord, *(bot for bot, _ in bots.values()))
        assert set(discord.gateway.ready_shards) == {0, 1, 2, 3}
        for _, port in bots.values():
            assert await until(port, "/readyz", 200) == "ok"
        answer = await discord.slash(discord.alice, discord.channel, "timezone", {"zone": "Europe/Berlin"})
        assert answer.repeated == 0, "one process only answers"
        async with asyncio.timeout(60):
            while not (saved := list((builder.here / "data" / "backups").glob("cohort-*.zip"))):
                assert backup.status is None, backup.log()
                await asyncio.sleep(0.1)
        assert saved[0].stat().st_size > 0
        for bot, _ in bots.values():
            assert await bot.stop() == 0, bot.log()
        assert await backup.stop() != 0
        assert (await ask_closed(port)) is None
        assert discord.violations == []
    postgres.drop_database(name)


async def ask_closed(port: int) -> tuple[int, str] | None:
    try:
        return await ask(port, "/livez")
    except OSError:
        return None
