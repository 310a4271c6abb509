"""Everything of the bot that a client can reach, read from the bot itself: so what is new is covered."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord

from bot.client import StudyBot

ROOT = Path(__file__).resolve().parents[2]
#: What can stand as a verb in a custom id.
VERB = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True)
class Leaf:
    """A slash command: the path to it, its options as Discord keeps them."""

    root: dict[str, Any]
    path: tuple[str, ...]
    options: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        return " ".join(self.path)


def leaves(bot: StudyBot) -> list[Leaf]:
    """Every slash command and subcommand."""
    found = []
    for command in bot.tree.get_commands(type=discord.AppCommandType.chat_input):
        root = command.to_dict(bot.tree)
        found += list(_below(root, root, (command.name,)))
    return sorted(found, key=lambda leaf: leaf.path)


def _below(root: dict[str, Any], node: dict[str, Any], path: tuple[str, ...]) -> Iterator[Leaf]:
    options = node.get("options") or []
    below = [option for option in options if option["type"] in (1, 2)]
    if not below:
        yield Leaf(root, path, tuple(options))
    for child in below:
        yield from _below(root, child, (*path, child["name"]))


def menus(bot: StudyBot) -> list[tuple[str, int]]:
    """Every context menu, as name and type."""
    return [
        (command.name, kind.value)
        for kind in (discord.AppCommandType.user, discord.AppCommandType.message)
        for command in bot.tree.get_commands(type=kind)
    ]


@dataclass(frozen=True)
class Feature:
    """What answers the buttons of one feature: words its code knows, and patterns it reads verbs with."""

    name: str
    words: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]


def features(bot: StudyBot) -> list[Feature]:
    """Every feature that has buttons. Its verbs are among the words of its own modules and of those that they
    import from bot.ui.
    """
    found = []
    for name, handler in sorted(bot.buttons._handlers.items()):
        modules = _modules(inspect.getmodule(handler))
        words = {word for module in modules for word in _words(module)}
        patterns = {
            value.pattern: value
            for module in modules
            for value in vars(module).values()
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str)
        }
        found.append(Feature(name, tuple(sorted(words)), tuple(patterns[key] for key in sorted(patterns))))
    return found


def _modules(module: Any) -> list[Any]:
    """The module and what it knows by name of bot.ui and of its own package."""
    package = module.__name__.rpartition(".")[0] if module.__name__.count(".") > 1 else module.__name__
    near = {module.__name__: module}
    for value in vars(module).values():
        other = value if inspect.ismodule(value) else inspect.getmodule(value)
        if other is not None and other.__name__.startswith(("bot.ui.", package + ".")):
            near[other.__name__] = other
    return [near[name] for name in sorted(near)]


def _words(module: Any) -> Iterator[str]:
    tree = ast.parse(Path(inspect.getfile(module)).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VERB.fullmatch(node.value):
            yield node.value
    for value in vars(module).values():
        if isinstance(value, type) and hasattr(value, "__members__"):
            yield from (str(one.value) for one in value if VERB.fullmatch(str(one.value)))


def autocompleted(leaf: Leaf) -> list[dict[str, Any]]:
    return [option for option in leaf.options if option.get("autocomplete")]
