"""Predictions without Discord: what was said, who corrected it, and how often one may ask."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from bot.classifier.protocol import Doubt, Picture
from bot.db.models import Group, Prediction, PredictionFeedback
from bot.errors import (
    BadText,
    ClassifiedTooOften,
    ImageRefused,
    TooMuchFeedback,
    UnknownModel,
    UnknownPrediction,
)
from bot.services.access import Caller
from bot.services.predictions import KEPT_FOR, Allowance, service
from tests.services.classifying import (
    GUILD,
    JPEG,
    MIRA,
    NOW,
    OTHER_GUILD,
    TOM,
    Club,
    opened,
    png,
    verdict,
)

ROOM = 10 * 2**20


@pytest.fixture
async def club(database_url: str, tmp_path: Path) -> AsyncIterator[Club]:
    async with opened(database_url, tmp_path) as club:
        yield club


async def test_a_prediction_is_known_in_its_server_alone(club: Club) -> None:
    model = await club.published()
    prediction_id = await club.predictions.record(
        caller=club.caller(MIRA), model=model, verdict=verdict("death cap", 0.25, Doubt.UNDECIDED)
    )
    found = await club.predictions.get(caller=club.caller(TOM), prediction_id=prediction_id)
    assert (found.label, found.probability, found.sure) == ("death cap", 0.25, False)
    assert (found.user_id, found.at, found.model) == (MIRA, club.now, model)
    stranger = club.caller(MIRA, guild_id=OTHER_GUILD)
    for unknown in ((stranger, prediction_id), (club.caller(MIRA), prediction_id + 1)):
        caller, number = unknown
        with pytest.raises(UnknownPrediction):
            await club.predictions.get(caller=caller, prediction_id=number)
        with pytest.raises(UnknownPrediction):
            await club.predictions.feedback(
                caller=caller, prediction_id=number, right=True, label="x", image=None
            )


async def test_what_comes_with_the_bot_stays_known_after_an_update(club: Club) -> None:
    digits = (await club.models.shipped())[0]
    caller = club.caller(MIRA)
    now = await club.predictions.record(caller=caller, model=digits, verdict=verdict("7"))
    earlier = replace(digits, ref=replace(digits.ref, digest="0" * 64))
    before = await club.predictions.record(caller=caller, model=earlier, verdict=verdict("7"))
    assert (await club.predictions.get(caller=caller, prediction_id=now)).model == digits
    found = await club.predictions.get(caller=caller, prediction_id=before)
    assert (found.model.name, found.model.labels, found.model.ref) == ("digits", ("7",), earlier.ref)


async def test_an_answer_of_a_model_that_was_deleted_meanwhile(club: Club) -> None:
    model = await club.published()
    async with club.database.write() as session:
        await session.delete(await session.get_one(Group, club.berlin))
    with pytest.raises(UnknownModel):
        await club.predictions.record(caller=club.caller(MIRA), model=model, verdict=verdict())


async def test_the_last_word_of_each_member_counts(club: Club) -> None:
    await club.published()
    prediction_id = await club.answered()
    said = await club.say(prediction_id, "whatever", right=True)
    assert (said.right, said.label, said.kept) == (True, "porcini", False)
    said = await club.say(prediction_id, "  DEATH   cap ")
    assert (said.right, said.label) == (False, "death cap")  # as the model spells it
    said = await club.say(prediction_id, "Porcini")
    assert (said.right, said.label) == (True, "porcini")
    said = await club.say(prediction_id, "chanterelle", by=TOM)
    assert (said.right, said.label) == (False, "chanterelle")
    with pytest.raises(BadText):
        await club.say(prediction_id, "\u200b")
    with pytest.raises(BadText):
        await club.say(prediction_id, "x" * 101)
    async with club.database.read() as session:
        rows = await session.execute(
            select(PredictionFeedback.user_id, PredictionFeedback.label).order_by(PredictionFeedback.user_id)
        )
        assert [tuple(row) for row in rows] == [(MIRA, "porcini"), (TOM, "chanterelle")]


async def test_words_said_at_once_leave_one(club: Club) -> None:
    await club.published()
    prediction_id = await club.answered()
    said = await club.at_once(*(club.say(prediction_id, label) for label in "abcdefgh"))
    assert [one for one in said if isinstance(one, BaseException)] == []
    async with club.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(PredictionFeedback)) == 1


async def test_a_picture_is_kept_only_as_its_owner_agreed(club: Club) -> None:
    await club.published()
    prediction_id = await club.answered()

    async def image() -> bytes | None:
        async with club.database.read() as session:
            return await session.scalar(
                select(PredictionFeedback.image).where(PredictionFeedback.user_id == MIRA)
            )

    await club.say(prediction_id, right=True)
    assert await image() is None
    with pytest.raises(UnknownPrediction):
        await club.say(prediction_id, right=True, by=TOM, image=png("Tom saved Mira's picture"))
    said = await club.say(prediction_id, right=True, image=png("Mira's"))
    assert said.kept
    assert await image() == png("Mira's").data
    assert (await club.say(prediction_id, right=True)).kept  # Right has no tick to be taken off
    assert not (await club.say(prediction_id, "bolete")).kept  # Wrong has one
    assert await image() is None


@pytest.mark.parametrize(
    "image",
    [
        Picture(data=b"GIF89a", ending="gif"),
        Picture(data=JPEG, ending="png"),
        Picture(data=b"", ending="jpg"),
        Picture(data=png("x" * (4 * 2**20)).data, ending="png"),
    ],
)
async def test_nothing_but_a_picture_of_ours_is_kept(club: Club, image: Picture) -> None:
    await club.published()
    prediction_id = await club.answered()
    with pytest.raises(ImageRefused):
        await club.say(prediction_id, right=True, image=image)


async def test_a_server_keeps_no_more_pictures_than_there_is_room(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SERVER_BYTES", 1000)
    await club.published()
    await club.kept("bolete", "a", size=600)
    second = await club.answered()
    with pytest.raises(TooMuchFeedback):
        await club.say(second, "bolete", image=png("b", 600))
    await club.say(second, "bolete")
    other = club.caller(MIRA, guild_id=OTHER_GUILD)
    digits = (await club.models.shipped())[0]
    elsewhere = await club.predictions.record(caller=other, model=digits, verdict=verdict("7"))
    assert (
        await club.predictions.feedback(
            caller=other, prediction_id=elsewhere, right=True, label="7", image=png("c", 600)
        )
    ).kept


async def test_what_nobody_answered_to_is_forgotten(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PRUNED_AT_ONCE", 3)
    await club.published()
    old = [await club.answered() for _ in range(8)]
    await club.say(old[4], "bolete")
    club.now += KEPT_FOR
    new = await club.answered()
    assert await club.predictions.prune(before=club.now - KEPT_FOR) == 7
    async with club.database.read() as session:
        assert list(await session.scalars(select(Prediction.id).order_by(Prediction.id))) == [old[4], new]
    assert await club.predictions.prune(before=club.now - KEPT_FOR) == 0


class Questions:
    """Members who ask, and a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.allowance = Allowance(clock=lambda: self.now)

    def ask(self, user_id: int, guild_id: int = GUILD) -> ClassifiedTooOften | None:
        try:
            self.allowance.take(Caller(user_id=user_id, guild_id=guild_id))
        except ClassifiedTooOften as error:
            return error
        return None


def test_a_member_asks_six_times_a_minute() -> None:
    questions = Questions()
    for _ in range(6):
        assert questions.ask(MIRA) is None
        questions.now += timedelta(seconds=5)
    assert questions.ask(MIRA) == ClassifiedTooOften(seconds=30, is_member=True)
    assert questions.ask(TOM) is None
    assert questions.ask(MIRA, OTHER_GUILD) is None
    questions.now += timedelta(seconds=29, milliseconds=999)
    assert questions.ask(MIRA) == ClassifiedTooOften(seconds=1, is_member=True)
    questions.now += timedelta(milliseconds=1)
    assert questions.ask(MIRA) is None
    assert questions.ask(MIRA) == ClassifiedTooOften(seconds=5, is_member=True)


def test_a_server_asks_sixty_times_a_minute() -> None:
    questions = Questions()
    for number in range(60):
        assert questions.ask(100 + number) is None
    refused = questions.ask(MIRA)
    assert refused == ClassifiedTooOften(seconds=60, is_member=False)
    assert questions.ask(MIRA, OTHER_GUILD) is None
    questions.now -= timedelta(hours=1)  # a clock that is set back locks nobody out
    assert questions.ask(MIRA) is None


def test_who_asked_long_ago_is_forgotten() -> None:
    questions = Questions()
    for number in range(20_000):
        questions.now += timedelta(seconds=1)
        assert questions.ask(number, guild_id=number) is None
    assert len(questions.allowance._asked) <= 1100


@given(
    st.lists(
        st.tuples(st.sampled_from((1, 2, 3)), st.floats(0, 40, allow_nan=False)), min_size=1, max_size=80
    )
)
def test_no_minute_has_more_than_six_questions_of_a_member(steps: list[tuple[int, float]]) -> None:
    questions = Questions()
    asked: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for user_id, pause in steps:
        questions.now += timedelta(seconds=pause)
        second = (questions.now - NOW).total_seconds()
        recent = [one for one in asked[user_id] if second - one < 60]
        refused = questions.ask(user_id)
        assert (refused is None) == (len(recent) < 6)
        if refused is None:
            asked[user_id].append(second)
        else:
            assert refused.seconds - 1 <= recent[-6] + 60 - second <= refused.seconds
