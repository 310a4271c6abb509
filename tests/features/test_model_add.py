"""`cohort model add`: the operator brings a model to one group, whose organizer then publishes it."""

import asyncio
import shutil
from pathlib import Path

import pytest

import bot.classifier
from bot.sandbox import World, open_world
from tests.features.classifying import answered
from tests.features.meeting import read
from tests.features.reading import said
from tests.features.test_classifier_at_work import NOUGHT, on_paper, ready
from tests.test_command_line import invoke

DIGITS = Path(bot.classifier.__file__).parent / "shipped" / "digits"


async def add(world: World, folder: Path, models: Path, **options: str) -> tuple[int, str]:
    """Beside the bot that runs, as an operator would: exit status, and all that was said."""
    chosen = [word for name, value in options.items() for word in (f"--{name}", value)]
    url = world.bot.database.url
    done = await asyncio.to_thread(
        invoke, "model", "add", str(folder), *chosen, COHORT_DATABASE_URL=url, COHORT_MODELS=str(models)
    )
    return done.exit_code, " ".join(done.output.split())


async def found_groups(world: World) -> None:
    elsewhere = world.guild.create_text_channel("paris")
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
    await world.organizer.slash(elsewhere, "group create", name="Paris", timezone="Europe/Paris")


async def test_the_group_gets_a_draft_and_answers_with_it_once_published(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(
        database_url=database_url, classifier="local", empty=True, models=tmp_path
    ) as world:
        await found_groups(world)
        assert await add(world, DIGITS, tmp_path, group="Berlin", name="numbers") == (
            0,
            "numbers v1 waits in “Berlin”: /model publish model: numbers",
        )
        berlin = said(await world.alice.slash(world.channel, "model list", group="Berlin"))
        assert "v1 draft" in berlin
        assert "numbers" not in said(await world.alice.slash(world.channel, "model list", group="Paris"))
        await world.organizer.slash(world.channel, "model publish", model="numbers")
        await ready(world)
        answer = await answered(world, world.alice, on_paper(NOUGHT), model="numbers")
        assert answer.embeds[0].title == "0"
        assert "**numbers v1**" in read(answer)


@pytest.mark.parametrize(
    ("group", "what", "complaint"),
    [
        ("Rome", None, "Rome"),
        ("Berlin", "model.onnx", "are damaged"),
        ("Berlin", "model.json", "no model"),
    ],
)
async def test_what_cannot_be_added_changes_nothing(
    sqlite_url: str, tmp_path: Path, group: str, what: str | None, complaint: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DIGITS, bundle)
    if what == "model.json":
        (bundle / what).unlink()
    elif what is not None:
        (bundle / what).write_bytes((bundle / what).read_bytes()[:-1])
    models = tmp_path / "models"
    async with open_world(database_url=sqlite_url, empty=True, models=models) as world:
        await found_groups(world)
        before = said(await world.alice.slash(world.channel, "model list"))
        status, text = await add(world, bundle, models, group=group)
        assert status == 1
        assert complaint in text
        assert "Traceback" not in text
        assert said(await world.alice.slash(world.channel, "model list")) == before
    assert not list(models.glob("*/model.json")) or what is None
