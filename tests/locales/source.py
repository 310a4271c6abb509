"""Every message of the source: what `_` and its like mark, and the descriptions in Discord's menus."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from discord import AppCommandType, app_commands

import bot.locales
from bot.sandbox import World, open_world

ROOT = Path(bot.locales.__file__).parents[2]
# Compiled catalogues carry a date; with this one they are the same whenever they are compiled.
ONCE = datetime(2026, 1, 1, tzinfo=UTC)
#: Where members are spoken to.
ROOMS = ("bot", "cogs")
#: These read the catalogues themselves, and mark nothing.
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def marked() -> Catalog:
    """What the code marks, in the order of the files, without the places where it stands."""
    catalog = new_catalog()
    for room in ROOMS:
        for _file, _line, message, _comments, context in sorted(
            extract_from_dir(str(ROOT / room), method_map=[("**.py", "python")], keywords=KEYWORDS),
            key=lambda found: found[:2],
        ):
            if message:
                catalog.add(message, context=context)
    return catalog


def new_catalog(language: str | None = None) -> Catalog:
    """An empty one with a header that says nothing of days and machines."""
    catalog = Catalog(
        language,
        project="Cohort",
        version="1",
        msgid_bugs_address="-",
        last_translator="-",
        language_team="-",
        fuzzy=False,
        charset="utf-8",
        creation_date=ONCE,
        revision_date=ONCE,
    )
    catalog.header_comment = ""
    return catalog


def described(world: World) -> set[str]:
    """What Discord's menus show of the commands: descriptions, choices, names in the context menus."""
    found = set()
    for command in world.bot.tree.walk_commands():
        found.add(command.description)
        if isinstance(command, app_commands.Command):
            for parameter in command.parameters:
                found.add(str(parameter.description))
                found.update(choice.name for choice in parameter.choices)
    for kind in (AppCommandType.message, AppCommandType.user):
        found.update(menu.name for menu in world.bot.tree.walk_commands(type=kind))
    return found


async def everything() -> Catalog:
    catalog = marked()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'cohort.db'}"
        async with open_world(database_url=url, empty=True) as world:
            for text in sorted(described(world)):
                catalog.add(text)
    return catalog


def current() -> Catalog:
    return asyncio.run(everything())
