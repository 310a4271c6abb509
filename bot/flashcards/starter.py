"""The decks that come with the course packs: cards of our own, one YAML file per pack."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from typing import NoReturn

import yaml

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_GUID_LIMIT = 64


@dataclass(frozen=True, kw_only=True)
class StarterCard:
    """One fact of one lesson, in Discord's markdown with \\(…\\) for formulas.

    `guid` outlives a change of wording: by it a new version of the deck finds the card that it improves.
    """

    guid: str
    lesson: str
    front: str
    back: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StarterDeck:
    """The cards for one course pack, in the order of its lessons."""

    pack: str
    title: str
    cards: tuple[StarterCard, ...]


class BadDeck(ValueError):
    """A deck file that breaks its form; the message names file, line and what is wrong there."""


def starter_decks() -> dict[str, StarterDeck]:
    """Every deck that ships with the bot, by the id of its pack. Reads them for some 0.2 s: call it once."""
    files = resources.files("bot.flashcards").joinpath("decks").iterdir()
    decks = [read_deck(file.read_text(encoding="utf-8"), source=file.name) for file in files]
    return {deck.pack: deck for deck in sorted(decks, key=lambda deck: deck.pack)}


def read_deck(text: str, *, source: str) -> StarterDeck:
    """Read one deck file, strictly: an unknown, missing, repeated or empty field raises BadDeck, and so does
    a text that YAML takes for a number or a date."""
    return _Reading(source).deck(text)


class _Reading:
    def __init__(self, source: str) -> None:
        self._source = source
        self._guids: set[str] = set()

    def deck(self, text: str) -> StarterDeck:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise BadDeck(f"{self._source}, line {line}: {error.reason}") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise BadDeck(f"{self._source}, line {line}: {error.problem}") from None
        deck = self._fields(root, ("pack", "title", "lessons"))
        pack = self._name(deck["pack"])
        return StarterDeck(
            pack=pack,
            title=self._text(deck["title"]),
            cards=tuple(
                card for lesson in self._items(deck["lessons"]) for card in self._lesson(pack, lesson)
            ),
        )

    def _lesson(self, pack: str, node: yaml.Node) -> list[StarterCard]:
        lesson = self._fields(node, ("lesson", "cards"))
        lesson_id = self._name(lesson["lesson"])
        return [self._card(pack, lesson_id, card) for card in self._items(lesson["cards"])]

    def _card(self, pack: str, lesson: str, node: yaml.Node) -> StarterCard:
        card = self._fields(node, ("id", "front", "back"), optional=("tags",))
        guid = f"{pack}:{self._name(card['id'])}"
        if guid in self._guids:
            self._refuse(card["id"], f"{guid} is there already")
        if len(guid) > _GUID_LIMIT:
            self._refuse(card["id"], f"{guid} is longer than {_GUID_LIMIT} characters")
        self._guids.add(guid)
        return StarterCard(
            guid=guid,
            lesson=lesson,
            front=self._text(card["front"]),
            back=self._text(card["back"]),
            tags=tuple(self._name(tag) for tag in self._items(card["tags"])) if "tags" in card else (),
        )

    def _fields(
        self, node: yaml.Node | None, required: Collection[str], optional: Collection[str] = ()
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, f"expected {', '.join(required)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if name in found or name not in (*required, *optional):
                self._refuse(key, f"{name} is {'repeated' if name in found else 'unknown'}")
            found[name] = value
        if missing := [name for name in required if name not in found]:
            self._refuse(node, f"{', '.join(missing)} is missing")
        return found

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._refuse(node, "expected a list")
        items: list[yaml.Node] = node.value
        return items

    def _text(self, node: yaml.Node) -> str:
        if node.tag != "tag:yaml.org,2002:str":
            self._refuse(node, "expected text; put numbers and dates into quotes")
        text: str = node.value.strip()
        return text or self._refuse(node, "expected text")

    def _name(self, node: yaml.Node) -> str:
        name = self._text(node)
        if not _NAME.fullmatch(name):
            self._refuse(node, f"{name} is not made of small letters, digits and single hyphens")
        return name

    def _refuse(self, node: yaml.Node | None, why: str) -> NoReturn:
        raise BadDeck(f"{self._source}, line {node.start_mark.line + 1 if node else 1}: {why}")
