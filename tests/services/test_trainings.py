"""Trainings without Discord: who may begin one, what comes of it, and what a dead process leaves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.classifier.manifest import Manifest
from bot.db.models import Group, Training, TrainingState, VersionState
from bot.errors import (
    BadModelName,
    BadNumber,
    ModelNameTaken,
    NoFeedback,
    NothingToTrainOn,
    NotOrganizer,
    TrainingBusy,
    TrainingGone,
    UnknownGroup,
    UnknownModel,
)
from bot.services.trainings import LOST_AFTER, TrainingStarted
from tests.services.classifying import (
    LABELS,
    MIRA,
    ORGANIZER,
    OTHER_GUILD,
    PARIS,
    TOM,
    Club,
    opened,
    png,
    write_bundle,
)


@pytest.fixture
async def club(database_url: str, tmp_path: Path) -> AsyncIterator[Club]:
    async with opened(database_url, tmp_path) as club:
        yield club


async def begin(
    club: Club, user_id: int = ORGANIZER, *, channel: int = 20, **options: Any
) -> TrainingStarted:
    given = {"group": None, "name": "mushrooms", "epochs": 4, "has_images": True, "base": None, **options}
    return await club.trainings.begin(
        caller=club.caller(user_id, channel=channel), channel_id=channel, **given
    )


def trained(club: Club, name: str = "mushrooms") -> tuple[str, Manifest]:
    bundle = club.folder / f"trained-{len(list(club.folder.iterdir()))}"
    manifest = write_bundle(bundle, name=name, seed=bundle.name)
    return club.store.add(bundle), manifest


async def state(club: Club, started: TrainingStarted) -> TrainingState:
    found = await club.trainings.get(started.training.training_id)
    assert found is not None
    return found.state


async def test_what_comes_of_a_training_is_a_draft(club: Club) -> None:
    started = await begin(club)
    number = started.training.training_id
    assert (started.base, started.takes_feedback) == (None, False)
    await club.trainings.attach_message(training_id=number, message_id=77)
    club.pass_time(minutes=1)
    assert await club.trainings.beat(training_id=number)
    digest, manifest = trained(club)
    club.pass_time(minutes=1)
    draft = await club.trainings.finish(training_id=number, digest=digest, manifest=manifest)
    assert (draft.name, draft.number, draft.group, draft.state) == (
        "mushrooms",
        1,
        "Berlin",
        VersionState.DRAFT,
    )
    assert (draft.ref.digest, draft.labels, draft.accuracy, draft.tested) == (digest, LABELS, 1.0, 30)
    assert draft.created_by == ORGANIZER
    found = await club.trainings.get(number)
    assert found is not None
    assert (found.state, found.finished_at, found.version_id, found.message_id) == (
        TrainingState.DONE,
        club.now,
        draft.version_id,
        77,
    )
    for late in (club.trainings.fail(training_id=number, error="?"), _cancel(club, number)):
        with pytest.raises(TrainingGone):
            await late
    assert not await club.trainings.beat(training_id=number)
    assert (await club.models.publish(caller=club.caller(), typed="mushrooms")).is_active
    again = await begin(club, name="Mushrooms")
    digest, manifest = trained(club)
    second = await club.trainings.finish(
        training_id=again.training.training_id, digest=digest, manifest=manifest
    )
    assert (second.name, second.number) == ("mushrooms", 2)


async def _cancel(club: Club, number: int, user_id: int = ORGANIZER) -> object:
    return await club.trainings.cancel(caller=club.caller(user_id), training_id=number)


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"name": "digits"}, ModelNameTaken),
        ({"name": "a/b"}, BadModelName),
        ({"epochs": 0}, BadNumber),
        ({"epochs": 51}, BadNumber),
        ({"group": "Rome"}, UnknownGroup),
        ({"base": "trees"}, UnknownModel),
        ({"has_images": False}, NothingToTrainOn),
        ({"has_images": False, "base": "digits"}, NoFeedback),
        ({"user_id": MIRA}, NotOrganizer),
        ({"user_id": TOM, "has_images": False, "base": "digits"}, NotOrganizer),
    ],
)
async def test_refused(club: Club, options: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await begin(club, **options)
    async with club.database.read() as session:
        assert (await session.scalars(select(Training))).all() == []


async def test_without_images_it_learns_from_feedback(club: Club) -> None:
    model = await club.published()
    with pytest.raises(NoFeedback):
        await begin(club, base="mushrooms", has_images=False)
    assert (await begin(club, base="mushrooms")).base == model
    club.pass_time(minutes=5)
    await club.predictions.feedback(
        caller=club.caller(MIRA),
        prediction_id=await club.answered(),
        right=False,
        label="bolete",
        image=png("1"),
    )
    started = await begin(club, base="mushrooms", has_images=False)
    assert (started.base, started.takes_feedback) == (model, True)


async def test_another_groups_pictures_are_for_its_organizers(club: Club) -> None:
    rome = await club.make_group("Rome", channel_id=30, members=(), created_by=TOM)
    await club.published()
    prediction_id = await club.answered()
    await club.predictions.feedback(
        caller=club.caller(MIRA), prediction_id=prediction_id, right=True, label="porcini", image=png("1")
    )
    with pytest.raises(NotOrganizer) as refused:
        await begin(club, TOM, channel=30, base="mushrooms", has_images=False)
    assert refused.value.group == "Berlin"
    started = await begin(club, TOM, channel=30, base="mushrooms")
    assert started.training.group_id == rome


async def test_a_group_has_one_training_at_a_time(club: Club) -> None:
    begun = await club.at_once(*(begin(club) for _ in range(8)))
    assert [type(one) for one in begun if isinstance(one, BaseException)] == 7 * [TrainingBusy]
    await begin(club, channel=PARIS, group="Paris")
    with pytest.raises(TrainingBusy):
        await begin(club, name="another")


async def test_a_cancelled_training_leaves_nothing(club: Club) -> None:
    started = await begin(club)
    number = started.training.training_id
    with pytest.raises(NotOrganizer):
        await _cancel(club, number, MIRA)
    with pytest.raises(TrainingGone):
        await club.trainings.cancel(caller=club.caller(guild_id=OTHER_GUILD), training_id=number)
    await _cancel(club, number)
    assert await state(club, started) is TrainingState.CANCELLED
    assert not await club.trainings.beat(training_id=number)
    digest, manifest = trained(club)
    with pytest.raises(TrainingGone):
        await club.trainings.finish(training_id=number, digest=digest, manifest=manifest)
    with pytest.raises(TrainingGone):
        await club.trainings.fail(training_id=number, error="killed")
    with pytest.raises(TrainingGone):
        await _cancel(club, number)
    assert await club.states() == []
    await begin(club)


async def test_who_began_it_may_cancel_even_as_no_organizer_any_more(club: Club) -> None:
    started = await begin(club)
    async with club.database.write() as session:
        (await session.get_one(Group, club.berlin)).created_by = TOM
    await _cancel(club, started.training.training_id)
    assert await state(club, started) is TrainingState.CANCELLED


async def test_a_failed_training_says_why(club: Club) -> None:
    started = await begin(club)
    failed = await club.trainings.fail(training_id=started.training.training_id, error="x" * 1000)
    assert (failed.state, failed.error, failed.finished_at) == (TrainingState.FAILED, "x" * 500, club.now)
    await begin(club)


async def test_a_silent_training_is_given_up_once_and_comes_back_when_it_speaks(club: Club) -> None:
    silent, alive = await begin(club), await begin(club, channel=PARIS, group="Paris")
    club.now += LOST_AFTER / 2
    await club.trainings.beat(training_id=alive.training.training_id)
    assert await club.trainings.interrupted() == []
    club.now += LOST_AFTER / 2
    found = await club.at_once(*(club.trainings.interrupted() for _ in range(6)))
    given_up = [one for some in found if isinstance(some, list) for one in some]
    assert [one.training_id for one in given_up] == [silent.training.training_id]
    assert await state(club, silent) is TrainingState.INTERRUPTED
    assert await state(club, alive) is TrainingState.RUNNING
    another = await begin(club, name="another")  # its group need not wait for it
    await _cancel(club, another.training.training_id)
    assert await club.trainings.beat(training_id=silent.training.training_id)
    found_again = await club.trainings.get(silent.training.training_id)
    assert found_again is not None
    assert (found_again.state, found_again.finished_at) == (TrainingState.RUNNING, None)
    digest, manifest = trained(club)
    await club.trainings.finish(training_id=silent.training.training_id, digest=digest, manifest=manifest)
    assert await state(club, silent) is TrainingState.DONE


async def test_a_silent_training_keeps_nobody_waiting(club: Club) -> None:
    await begin(club)
    club.now += LOST_AFTER
    await begin(club)


async def test_with_its_group_a_training_goes(club: Club) -> None:
    started = await begin(club)
    async with club.database.write() as session:
        await session.delete(await session.get_one(Group, club.berlin))
    number = started.training.training_id
    assert not await club.trainings.beat(training_id=number)
    digest, manifest = trained(club)
    with pytest.raises(TrainingGone):
        await club.trainings.finish(training_id=number, digest=digest, manifest=manifest)
