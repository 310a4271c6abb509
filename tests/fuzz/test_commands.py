"""Every slash command, suggestion, menu, button and form, with whatever values, by everybody."""

from collections.abc import Callable

import pytest

from tests.fuzz import shots, surface
from tests.fuzz.conftest import Siege

#: Batches for each of them in the gate's short form; a batch is up to three interactions at once.
BATCHES = {"commands": 3, "suggestions": 1, "menus": 8, "buttons": 7}


def test_nothing_breaks_and_nobody_gets_in(
    besieged: Callable[[str], Siege], database_url: str, record_property: Callable[[str, object], None]
) -> None:
    siege = besieged(database_url)
    bot, town, stock = siege.town.world.bot, siege.town, siege.stock
    leaves, features = surface.leaves(bot), surface.features(bot)
    for leaf in leaves:
        siege.attack(f"/{leaf.name}", shots.commands(leaf, stock, town), times=BATCHES["commands"])
    for feature in features:
        pressing = shots.presses(feature, stock)
        siege.attack(f"{feature.name} under a message", pressing, times=BATCHES["buttons"])
    if bot.database.is_sqlite:  # what is read is the same on any database
        for leaf in leaves:
            for option in surface.autocompleted(leaf):
                typing = shots.suggestions(leaf, option, stock, town)
                siege.attack(f"/{leaf.name} {option['name']}", typing, times=BATCHES["suggestions"])
        for name, kind in surface.menus(bot):
            siege.attack(name, shots.menus(name, kind, stock, town), times=BATCHES["menus"])
    record_property("figure", siege.figure())
    siege.report()
    assert siege.range.answered > len(leaves)
    assert siege.range.forms, "no form ever opened"


def test_the_judge_sees_what_it_is_there_for(
    besieged: Callable[[str], Siege], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of rights that is gone, and a command that breaks, do not go unnoticed."""
    siege = besieged(sqlite_url)
    leaves = {leaf.name: leaf for leaf in surface.leaves(siege.town.world.bot)}
    stranger = next(actor for actor in siege.actors if actor.name == "stranger")
    archive = shots.Shot(2, shots.nested(leaves["group archive"], []) | {"resolved": {}})
    siege.fire(stranger, archive)
    told = siege.fire(stranger, shots.Shot(2, shots.nested(leaves["remind cancel"], []) | {"resolved": {}}))
    assert "has changed meanwhile" in told[0]
    count = {"name": "epochs", "type": 4, "value": 2**70}
    name = {"name": "name", "type": 3, "value": "bears"}
    told = siege.fire(
        stranger, shots.Shot(2, shots.nested(leaves["model train"], [name, count]) | {"resolved": {}})
    )
    assert "does not fit that option" in told[0]
    monkeypatch.setattr("bot.services.groups.require_organizer", lambda *_: None)
    with pytest.raises(AssertionError, match="changed without right: groups"):
        siege.fire(stranger, archive)

    async def broken(**_: object) -> None:
        raise ValueError("broken on purpose")

    monkeypatch.setattr(siege.town.world.bot.services.groups, "archive", broken)
    with pytest.raises(AssertionError, match="told 'Something went wrong"):
        siege.fire(stranger, archive)
