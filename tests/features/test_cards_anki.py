"""From one member's Anki through `/cards import` and `/cards export` into another's: nothing gets lost."""

from pathlib import Path

import pytest

from bot.sandbox import World
from tests.features.test_cards_export import take
from tests.features.test_cards_import import bring, everything
from tests.flashcards.anki.official import PICTURE, Anki, Format
from tests.flashcards.anki.test_reader import DECK, fill
from tests.flashcards.anki.test_writer import content


@pytest.mark.parametrize("format", list(Format))
async def test_a_deck_of_every_kind_arrives_whole(group_world: World, tmp_path: Path, format: Format) -> None:
    world = group_world
    owner, friend = (
        Anki(folder) for folder in (tmp_path / "owner", tmp_path / "friend") if not folder.mkdir()
    )
    try:
        fill(owner)
        owner.add_medium("a cat.png", PICTURE)
        owner.add(
            "Basic", '<img src="a cat.png">', "purrs &lt; roars", deck="Course::Animals", tags=("cats",)
        )
        original = content(owner)
        package = owner.export(format).read_bytes()
        assert f"{len(original)} new" in await bring(world, package, "course.apkg")
        once = await everything(world)
        assert f"0 new, 0 changed, {len(original)} as they were" in await bring(world, package, "course.apkg")
        assert await everything(world) == once
        for deck in (DECK, "Course::Animals"):
            file = tmp_path / "from-discord.apkg"
            file.write_bytes(await take(world, deck))
            friend.imported(file)
        assert content(friend) == original
        assert (Path(friend.collection.media.dir()) / "a cat.png").read_bytes() == PICTURE
    finally:
        owner.close()
        friend.close()
