"""Models without Discord: which version answers, and what publishing, retiring and damage change."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.classifier.manifest import WEIGHTS
from bot.db.models import Delivery, Group, VersionState
from bot.errors import (
    AlreadyPublished,
    BadModelName,
    ModelDamaged,
    ModelMissing,
    ModelNameTaken,
    NotOrganizer,
    NotPublished,
    UnknownModel,
)
from bot.services.models import DAMAGED, ModelFacts, checked_name
from tests.services.classifying import (
    BERLIN,
    GUILD,
    MIRA,
    ORGANIZER,
    OTHER_GUILD,
    PARIS,
    TOM,
    Club,
    opened,
)


@pytest.fixture
async def club(database_url: str, tmp_path: Path) -> AsyncIterator[Club]:
    async with opened(database_url, tmp_path) as club:
        yield club


def titles(found: tuple[ModelFacts, ...] | list[ModelFacts]) -> list[str]:
    return [one.name if one.number is None else f"{one.name} v{one.number}" for one in found]


async def test_versions_are_numbered_per_model(club: Club) -> None:
    first, second = await club.add(), await club.add("Mushrooms")
    elsewhere = await club.add(group_id=club.paris)
    assert titles([first, second, elsewhere]) == ["mushrooms v1", "mushrooms v2", "mushrooms v1"]
    assert first.model_id == second.model_id != elsewhere.model_id
    assert first.state is VersionState.DRAFT
    assert not first.is_active
    listed = await club.models.list(caller=club.caller())
    assert titles(listed) == ["mushrooms v2", "mushrooms v1", "mushrooms v1", "digits"]
    assert titles(await club.models.list(caller=club.caller(), group="Paris")) == ["mushrooms v1"]


async def test_versions_that_come_at_once_get_different_numbers(club: Club) -> None:
    added = await club.at_once(*(club.add() for _ in range(6)))
    assert sorted(one.number or 0 for one in added if isinstance(one, ModelFacts)) == [1, 2, 3, 4, 5, 6]


async def test_publishing_takes_the_place_of_the_version_before_and_rolls_back(club: Club) -> None:
    first, second = await club.add(), await club.add()
    caller = club.caller()
    await club.models.publish(caller=caller, typed="mushrooms v1")
    club.pass_time(days=1)
    published = await club.models.publish(caller=caller, typed="mushrooms")
    assert (published.version_id, published.published_by, published.published_at) == (
        second.version_id,
        ORGANIZER,
        club.now,
    )
    assert await club.states() == ["superseded", "published"]
    with pytest.raises(AlreadyPublished) as refused:
        await club.models.publish(caller=caller, typed="mushrooms")
    assert (refused.value.name, refused.value.number) == ("mushrooms", 2)
    back = await club.models.publish(caller=caller, typed=str(first.version_id))
    assert back.number == 1
    assert await club.states() == ["published", "superseded"]
    assert titles(await club.models.chosen(caller=caller, typed="mushrooms")) == [
        "mushrooms v1",
        "mushrooms v2",
    ]


async def test_only_organizers_publish_and_retire(club: Club) -> None:
    await club.published()
    await club.add()
    for user_id in (MIRA, TOM):
        with pytest.raises(NotOrganizer):
            await club.models.publish(caller=club.caller(user_id), typed="mushrooms")
        with pytest.raises(NotOrganizer):
            await club.models.retire(caller=club.caller(user_id), typed="mushrooms")
    assert await club.states() == ["published", "draft"]


@pytest.mark.parametrize("typed", ["mushrooms", "1", "mushrooms v1", "digits", "toadstools", "v1", "9" * 40])
async def test_nobody_changes_the_models_of_another_server_nor_our_own(club: Club, typed: str) -> None:
    await club.published()
    await club.make_group("Elsewhere", channel_id=30, members=(), guild_id=OTHER_GUILD, created_by=9)
    stranger = club.caller(9, channel=30, guild_id=OTHER_GUILD)
    for change in (club.models.publish, club.models.retire):
        with pytest.raises(UnknownModel) as refused:
            await change(caller=stranger, typed=typed)
        assert refused.value.names == ()
    if typed != "digits":
        with pytest.raises(UnknownModel) as refused:
            await club.models.find(caller=stranger, typed=typed)
        assert refused.value.names == ("digits",)
    assert await club.states() == ["published"]


async def test_versions_published_at_once_leave_exactly_one(club: Club) -> None:
    drafts = [await club.add() for _ in range(5)]
    caller = club.caller()
    published = await club.at_once(
        *(club.models.publish(caller=caller, typed=str(draft.version_id)) for draft in drafts)
    )
    assert [one.state for one in published if isinstance(one, ModelFacts)] == 5 * [VersionState.PUBLISHED]
    assert sorted(await club.states()) == ["published"] + 4 * ["superseded"]


async def test_retired_models_answer_no_longer(club: Club) -> None:
    await club.published()
    await club.published()
    caller = club.caller()
    with pytest.raises(NotPublished):
        await club.models.retire(caller=caller, typed="mushrooms v1")
    retired = await club.models.retire(caller=caller, typed="mushrooms")
    assert (retired.number, retired.state) == (2, VersionState.RETIRED)
    with pytest.raises(NotPublished):
        await club.models.retire(caller=caller, typed="mushrooms")
    assert titles(await club.models.chosen(caller=club.caller(MIRA), typed=None)) == ["digits"]
    with pytest.raises(UnknownModel):
        await club.models.chosen(caller=club.caller(MIRA), typed="mushrooms")
    await club.models.publish(caller=caller, typed="mushrooms v2")
    assert await club.states() == ["superseded", "published"]


async def test_without_a_name_the_nearest_model_answers(club: Club) -> None:
    async def asked(user_id: int, channel: int) -> str:
        found = await club.models.chosen(caller=club.caller(user_id, channel=channel), typed=None)
        return titles(found)[0]

    assert await asked(MIRA, BERLIN) == "digits"
    await club.published("berlin trees")
    await club.published("berlin birds")
    await club.published("paris cheese", group_id=club.paris)
    await club.add("berlin draft")
    assert await asked(TOM, BERLIN) == "berlin birds v1"  # the channel's group, and there the newest
    assert await asked(MIRA, PARIS) == "paris cheese v1"
    assert await asked(MIRA, 99) == "berlin birds v1"  # her only group
    assert await asked(TOM, 99) == "paris cheese v1"  # in no group: the newest of the server
    async with club.database.write() as session:
        await session.execute(update(Group).where(Group.id == club.paris).values(archived_at=club.now))
    assert await asked(TOM, PARIS) == "berlin birds v1"
    with pytest.raises(UnknownModel):
        await club.models.chosen(caller=club.caller(), typed="paris cheese")


async def test_of_two_models_of_a_name_that_of_the_channel_is_meant(club: Club) -> None:
    here = await club.published()
    there = await club.published(group_id=club.paris)
    for channel, expected in ((BERLIN, here), (PARIS, there), (99, here)):
        caller = club.caller(MIRA, channel=channel)
        for typed in ("Mushrooms", "mushrooms  V1"):
            found = await club.models.find(caller=caller, typed=typed)
            chosen = await club.models.chosen(caller=caller, typed=typed)
            assert found.version_id == chosen[0].version_id == expected.version_id
    found = await club.models.find(caller=club.caller(MIRA), typed="mushrooms", group="Paris")
    assert found.version_id == there.version_id


async def test_drafts_answer_to_who_made_them_and_to_organizers_alone(club: Club) -> None:
    draft = await club.add(created_by=MIRA)
    for typed in ("mushrooms", "mushrooms v1", str(draft.version_id)):
        for user_id in (MIRA, ORGANIZER):
            chosen = await club.models.chosen(caller=club.caller(user_id), typed=typed)
            assert titles(chosen) == ["mushrooms v1"]
        with pytest.raises(UnknownModel) as refused:
            await club.models.chosen(caller=club.caller(TOM), typed=typed)
        assert refused.value.names == ("mushrooms", "digits")


async def test_a_damaged_version_gives_way_to_the_last_good_one(club: Club) -> None:
    for _ in range(3):
        await club.published()
    for typed in ("mushrooms v1", "mushrooms v2"):
        club.pass_time(hours=1)
        damaged = await club.models.publish(caller=club.caller(), typed=typed)
    assert damaged.version_id is not None
    club.pass_time(hours=1)
    file = club.store.path(damaged.ref.digest) / WEIGHTS
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    chosen = await club.models.chosen(caller=club.caller(MIRA), typed=None)
    assert titles(chosen) == ["mushrooms v2", "mushrooms v1", "mushrooms v3"]

    instead = await club.at_once(
        *(club.models.mark_damaged(version_id=damaged.version_id, part="too short") for _ in range(3))
    )
    assert [one.number for one in instead if isinstance(one, ModelFacts)] == [1, 1, 1]
    assert await club.states() == ["published", "damaged", "superseded"]
    found = await club.models.find(caller=club.caller(), typed="mushrooms v2")
    assert found.damage == "too short"
    now = await club.models.find(caller=club.caller(), typed="mushrooms")
    assert (now.number, now.published_by, now.published_at) == (1, None, club.now)

    async with club.database.read() as session:
        notes = (await session.scalars(select(Delivery).where(Delivery.kind == DAMAGED))).all()
    assert [(note.user_id, note.guild_id) for note in notes] == [(ORGANIZER, GUILD)]
    facts = {"group": club.berlin, "version": damaged.version_id, "instead": now.version_id}
    assert facts.items() <= notes[0].refs.items()

    with pytest.raises(ModelDamaged) as refused:
        await club.models.publish(caller=club.caller(), typed="mushrooms v2")
    assert WEIGHTS in refused.value.part
    file.write_bytes(whole)
    mended = await club.models.publish(caller=club.caller(), typed="mushrooms v2")
    assert (mended.state, mended.damage) == (VersionState.PUBLISHED, None)


async def test_a_damaged_draft_changes_nothing_that_answers(club: Club) -> None:
    await club.published()
    draft = await club.add()
    assert draft.version_id is not None
    instead = await club.models.mark_damaged(version_id=draft.version_id, part="x" * 1000)
    assert instead is not None
    assert instead.number == 1
    assert await club.states() == ["published", "damaged"]
    only = await club.add("alone")
    assert only.version_id is not None
    assert await club.models.mark_damaged(version_id=only.version_id, part="weights") is None
    assert await club.models.mark_damaged(version_id=10_000, part="weights") is None
    # Who asks for it by name is told that it is damaged, by whoever reads its files.
    assert titles(await club.models.chosen(caller=club.caller(TOM), typed="alone")) == ["alone v1"]


async def test_what_has_no_files_here_is_not_published(club: Club) -> None:
    draft = await club.add()
    club.store.remove(draft.ref.digest)
    with pytest.raises(ModelMissing):
        await club.models.publish(caller=club.caller(), typed="mushrooms")
    with pytest.raises(ModelMissing):
        await club.models.manifest(ref=draft.ref)
    assert await club.states() == ["draft"]


async def test_the_card_is_that_of_the_files(club: Club) -> None:
    draft = await club.add()
    card = await club.models.manifest(ref=draft.ref)
    assert (card.labels, card.metrics is not None and card.metrics.accuracy) == (draft.labels, draft.accuracy)


async def test_damaged_files_of_our_own_model_harm_no_other(club: Club) -> None:
    await club.published()
    (club.folder / "shipped" / "digits" / "model.json").write_text("{}")
    assert titles(await club.models.list(caller=club.caller())) == ["mushrooms v1"]
    assert titles(await club.models.chosen(caller=club.caller(), typed=None)) == ["mushrooms v1"]
    with pytest.raises(UnknownModel) as refused:
        await club.models.chosen(caller=club.caller(), typed="digits")
    assert refused.value.typed == "digits"


async def test_suggestions_are_the_likeliest_of_the_states_asked_for(club: Club) -> None:
    await club.published("trees", group_id=club.paris)
    await club.published("trees of berlin")
    await club.add("trees of berlin")
    every = await club.models.suggestions(caller=club.caller(MIRA), typed="", limit=25)
    assert titles(list(every)) == ["trees of berlin v2", "trees of berlin v1", "trees v1", "digits"]
    drafts = await club.models.suggestions(
        caller=club.caller(MIRA), typed="TREES", states=(VersionState.DRAFT,), limit=25
    )
    assert titles(list(drafts)) == ["trees of berlin v2"]
    assert titles(list(await club.models.suggestions(caller=club.caller(), typed="v1", limit=1))) == [
        "trees of berlin v1"
    ]
    stranger = club.caller(TOM, guild_id=OTHER_GUILD)
    assert titles(list(await club.models.suggestions(caller=stranger, typed="", limit=25))) == ["digits"]


@pytest.mark.parametrize("name", ["mushrooms", "Pilze 2026", "грибы_2", "मशरूम", "a", "x" * 32, "re-v2"])
def test_names(name: str) -> None:
    assert checked_name(f"  {name} ") == name


@pytest.mark.parametrize("name", ["", "   ", "x" * 33, "17", "a/b", "a\x00b", "🍄", "m v2", "a V10", "-_-"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(BadModelName) as refused:
        checked_name(name)
    assert refused.value.limit == 32


def test_the_names_of_our_own_models_are_taken() -> None:
    for name in ("digits", "DIGITS", "ｄｉｇｉｔｓ"):
        with pytest.raises(ModelNameTaken):
            checked_name(name)
    with pytest.raises(ModelNameTaken):
        checked_name("Letters", shipped=["letters"])
