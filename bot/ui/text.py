"""What members typed, shown to others: as they typed it, without power over what stands around it."""

import re
from collections.abc import Sequence
from functools import reduce

import regex

from bot.locales import _

# Discord's markdown, where a backslash before the character takes its meaning away.
SPECIAL = re.compile(r"([\\*_~`|\[\]<>#])")
# These mean something only where a line begins: list signs, "1." of a list, "---" of a rule, and "-#" of
# small print.
LINE_START = re.compile(r"(?m)^(\s*)(-+|\+|\d{1,9}[.)])(?=\s|$)")
SMALL_PRINT = re.compile(r"(?m)^(\s*-)(?=\\#)")
# An address stays one word: a backslash inside would become part of it, so what could be markdown
# there is percent-encoded instead, which leads to the same place.
# Round brackets belong to it as long as it opened them itself.
ADDRESS = regex.compile(r"https?://(?:[^\s()]|(?P<pair>\((?:[^\s()]|(?P>pair))*+\)?+))++")
SPECIAL_IN_ADDRESS = re.compile(r"[\\*~`|\[\]<>]")
EVERYONE = re.compile(r"@(?=everyone\b|here\b)", re.IGNORECASE)
ZERO_WIDTH_SPACE = "\u200b"
#: What an embed's description takes.
DESCRIPTION_LIMIT = 4096
# Of a message's 2,000 characters; the rest is for the sentence around a list of names.
LIST_ROOM = 1600


def plain(text: str) -> str:
    """The text so that Discord shows it literally: no formatting, no mention, no masked link.

    Who is pinged is decided by `allowed_mentions`, never by this; here a mention only loses its looks.
    """
    pieces = []
    end = 0
    for address in ADDRESS.finditer(text):
        pieces += [_escaped(text[end : address.start()]), _encoded(address.group())]
        end = address.end()
    pieces.append(_escaped(text[end:]))
    whole = EVERYONE.sub("@" + ZERO_WIDTH_SPACE, "".join(pieces))
    return LINE_START.sub(_line_start, SMALL_PRINT.sub(r"\1" + ZERO_WIDTH_SPACE, whole))


def shown(text: str, *, most: int = 100) -> str:
    """One line of at most `most` characters, literal: for names and titles inside a sentence."""
    line = " ".join(text.split())
    return plain(line if len(line) <= most else line[: most - 1] + "…")


def person(user_id: int) -> str:
    """The member as a mention, which pings nobody by itself; words for one who had themselves forgotten."""
    return f"<@{user_id}>" if user_id > 0 else _("somebody who left")


def fitting(lines: Sequence[str], *, room: int = DESCRIPTION_LIMIT, between: str = "\n") -> list[str]:
    """The first of these lines, as many as `room` characters take with `between` after each.

    What members typed may double in length when it is escaped, so counting lines alone is not enough.
    """
    kept = []
    for line in lines:
        room -= len(line) + len(between)
        if room < 0:
            break
        kept.append(line)
    return kept


def listed(names: Sequence[str], *, most: int = 12) -> str:
    """Names in bold, as many as fit into a sentence, and how many more there are."""
    words = fitting([f"**{shown(name)}**" for name in names[:most]], room=LIST_ROOM, between=", ")
    left = len(names) - len(words)
    names_shown = ", ".join(words)
    return _("{names} and {left} more", names=names_shown, left=left) if left else names_shown


def one_of(words: Sequence[str]) -> str:
    """ "this or that"; "" of none."""
    return reduce(_or, words) if words else ""


def all_of(words: Sequence[str]) -> str:
    """ "this and that"; "" of none."""
    return reduce(_and, words) if words else ""


def begun_large(words: str) -> str:
    """With a capital first letter, for where the words stand alone; the others stay as they are."""
    return words[:1].upper() + words[1:]


def megabytes(size: int) -> str:
    return _("{size:,.0f} MB", size=size / 2**20)


def _or(before: str, last: str) -> str:
    return _("{before} or {last}", before=before, last=last)


def _and(before: str, last: str) -> str:
    return _("{before} and {last}", before=before, last=last)


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _encoded(address: str) -> str:
    return SPECIAL_IN_ADDRESS.sub(lambda found: f"%{ord(found.group()):02X}", address)


def _line_start(found: re.Match[str]) -> str:
    space, sign = found.groups()
    return f"{space}{sign[:-1]}\\{sign[-1]}"
