"""Every text for members stands in every catalogue, whole, and as long as Discord takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import discord
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bot.locales import FOLDER, LANGUAGES, SOURCE, TRANSLATIONS, language_of
from bot.sandbox import open_world
from tests.locales.__main__ import compiled, is_translated, read, updated, written
from tests.locales.source import described, marked
from tests.locales.unmarked import called, unmarked

MARKUP = re.compile(r"`[^`]*`|\*\*|<[#@:/][^>]*>|https?://[^\s)]+")
# https://discord.com/developers/docs/interactions/application-commands
DESCRIPTION_LIMIT = CHOICE_LIMIT = 100
MENU_LIMIT = 32


@pytest.fixture(scope="module", params=TRANSLATIONS)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return read(request.param)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Each form of the translation beside the form of the source that it stands for."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
        return
    for number, text in enumerate(message.string):
        yield message.id[min(number, 1)], text


def fields(text: str) -> set[str]:
    return {name.partition(".")[0] for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_no_text_for_members_is_left_unmarked() -> None:
    assert unmarked() == []


def test_what_is_marked_is_found() -> None:
    found = {message.id if isinstance(message.id, str) else message.id[0] for message in marked()}
    assert [place for place, message in called() if message not in found] == []


async def test_every_message_has_its_translation(sqlite_url: str) -> None:
    source = marked()
    async with open_world(database_url=sqlite_url, empty=True) as world:
        for text in sorted(described(world)):
            source.add(text)
    for language in TRANSLATIONS:
        now = updated(source, read(language), language)
        missing = [message.id for message in now if message.id and not is_translated(message.string)]
        assert not missing, (
            f"{len(missing)} without a translation; make translations, then edit {language}.po"
        )
        path = FOLDER / f"{language}.po"
        assert written(now) == path.read_bytes(), "make translations brings it up to date"
        assert compiled(now) == path.with_suffix(".mo").read_bytes(), "make translations compiles it"


def test_what_is_filled_in_is_the_same(catalogue: Catalog) -> None:
    for message in catalogue:
        for source, text in forms(message):
            if message.id and "{" in source:
                # The number of one thing may be a word: "eine Karte".
                left_out = fields(source) - fields(text)
                assert fields(text) <= fields(source) | {"n"}, message.id
                assert left_out <= ({"n"} if not isinstance(message.id, str) else set()), message.id


def test_commands_mentions_and_bold_stay(catalogue: Catalog) -> None:
    for message in catalogue:
        for source, text in forms(message):
            if message.id:
                assert sorted(MARKUP.findall(text)) == sorted(MARKUP.findall(source)), message.id


def test_what_begins_or_ends_with_a_gap_does_so_everywhere(catalogue: Catalog) -> None:
    for message in catalogue:
        for source, text in forms(message) if message.id else ():
            assert (text[:1].isspace(), text[-1:].isspace()) == (source[:1].isspace(), source[-1:].isspace())


async def test_discord_shows_its_menus_in_each_language(sqlite_url: str) -> None:
    async with open_world(database_url=sqlite_url, empty=True) as world:
        tree = world.bot.tree
        translator = tree.translator
        assert translator is not None
        for kind in discord.AppCommandType:
            for command in tree.get_commands(type=kind):
                payload = await command.get_translated_payload(tree, translator)
                for place, texts in localised(payload):
                    assert set(texts) == {"de"}, place
                    assert 1 <= len(texts["de"]) <= limit_of(place), texts
                if kind is discord.AppCommandType.chat_input:
                    assert "name_localizations" not in payload or not payload["name_localizations"]
                    assert payload["description_localizations"]


def localised(payload: Any, place: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Every translation in a command's payload: where it stands, and its texts by locale."""
    if isinstance(payload, dict):
        for key, value in payload.items():
            if key.endswith("_localizations") and value:
                yield f"{place}/{payload.get('name', '')}/{key}", value
            else:
                yield from localised(value, f"{place}/{payload.get('name', '')}")
    elif isinstance(payload, list):
        for value in payload:
            yield from localised(value, place)


def limit_of(place: str) -> int:
    return MENU_LIMIT if place.count("/") == 2 and place.endswith("name_localizations") else DESCRIPTION_LIMIT


def test_locales_that_nobody_translated_speak_english() -> None:
    assert [language_of(locale) for locale in ("de", "en-US", "en-GB", "fr", "zh-CN", "", None)] == [
        "de",
        *[SOURCE] * 6,
    ]
    assert {language_of(locale.value) for locale in discord.Locale} == set(LANGUAGES)


def test_the_catalogues_are_no_drafts(catalogue: Catalog) -> None:
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    with (FOLDER / f"{catalogue.locale}.po").open("rb") as file:
        assert not read_po(file).obsolete
