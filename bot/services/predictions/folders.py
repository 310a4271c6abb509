"""Labels as names of folders, on every system, in every archive, and to the reader of training sets."""

import re
import unicodedata
from collections.abc import Iterable

from bot.classifier.training.files import LABEL_LENGTH, entry_of
from bot.db.types import name_key

#: Of a name on Linux, in bytes of UTF-8.
NAME_BYTES = 255
# What Windows does not allow in names, and what would lead into another folder.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
# Devices of Windows, whatever ending follows them.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """For each label a name of its own that is its own spelling wherever that can be: no two are the same
    to a system that ignores case.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        name = folder_name(label)
        number = 2
        while name_key(name) in taken:
            name = folder_name(label, ending=f" ({number})")
            number += 1
        taken.add(name_key(name))
        names[label] = name
    return names


def folder_name(label: str, *, ending: str = "") -> str:
    """Without path separators and what Windows forbids; never empty, hidden, or one of its devices; always a
    label that `/model train` takes.
    """
    name = "".join(filter(_is_seen, _FORBIDDEN.sub("_", unicodedata.normalize("NFC", label))))
    name = name.strip().rstrip(". ")
    if _DEVICE.fullmatch(name) or (name and entry_of(0, f"{name}/1.png") is None):
        name = f"_{name}"
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in name):
        name = f"label {name}".strip()
    room = LABEL_LENGTH - len(ending), NAME_BYTES - len(ending)
    name = name[: room[0]].encode()[: room[1]].decode(errors="ignore").rstrip(". ")
    return f"{name}{ending}"


def _is_seen(letter: str) -> bool:
    return letter in _JOINERS or unicodedata.category(letter) not in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    )
