"""What a model may be called."""

import re
import unicodedata
from collections.abc import Collection

from bot.db.types import name_key
from bot.errors import BadModelName, ModelNameTaken

NAME_LIMIT = 32
#: Kept for the bot's own model, also where it is not installed.
RESERVED = frozenset({"digits"})

# "mushrooms v2" is the second version of mushrooms, "17" the version of that id.
VERSION = re.compile(r"(?P<name>.+?)\s+v(?P<number>\d{1,9})", re.IGNORECASE | re.ASCII)


def checked_name(typed: str, *, shipped: Collection[str] = ()) -> str:
    """The name as it is kept: letters, digits, hyphens, underscores and single spaces, with a letter.

    Raises BadModelName, and ModelNameTaken for a name of `shipped` or one kept for the bot.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    fits = 0 < len(name) <= NAME_LIMIT and all(map(_may_stand, name)) and any(map(str.isalpha, name))
    if not fits or VERSION.fullmatch(name):
        raise BadModelName(name=typed[:100], limit=NAME_LIMIT)
    if name_key(name) in RESERVED | {name_key(one) for one in shipped}:
        raise ModelNameTaken(name=name)
    return name


def _may_stand(character: str) -> bool:
    """Marks are parts of letters: Hindi has no word without them."""
    return character in "-_ " or unicodedata.category(character)[0] in "LMN"
