"""The packs that come with the bot: files beside this one, read once; tests have checked them."""

from functools import cache
from importlib.resources import files

from bot.courses.checking import read_pack
from bot.courses.packs import Pack, pack_from, version_order

#: For authors; it lies with the packs and is none.
TEMPLATE = "template.yaml"


class CourseLibrary:
    """`shipped`: every pack that comes with the bot, by id and version. Raises BadPack when one is broken."""

    def __init__(self) -> None:
        self.shipped = _shipped()


@cache  # the demo and the tests build many bots in one process
def _shipped() -> tuple[Pack, ...]:
    found = [
        pack_from(read_pack(file.read_bytes(), is_ours=True))
        for file in (files("bot.courses") / "shipped").iterdir()
        if file.name.endswith(".yaml") and file.name != TEMPLATE
    ]
    return tuple(sorted(found, key=lambda pack: (pack.id, version_order(pack.version))))
