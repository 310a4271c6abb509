"""What members type into text options, made safe to store."""

import unicodedata

from bot.errors import BadText

# Characters that show nothing and can hide, reorder or stretch what stands beside them; the joiners
# U+200C and U+200D stay, for Persian, Indic scripts and emoji need them.
INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u180e\u3164\u115f\u1160\uffa0")
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(field: str, typed: str, *, limit: int, lines: bool = False) -> str:
    """The text without control, invisible and direction characters, spaces joined.

    Raises BadText when nothing visible is left or more than `limit` characters are.
    """
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", typed)
        if character not in INVISIBLE
        and character not in DIRECTIONS
        and (unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn") or character in "\n\t ")
    )
    if lines:
        text = "\n".join(" ".join(line.split()) for line in kept.strip().splitlines())
    else:
        text = " ".join(kept.split())
    seen = any(unicodedata.category(character)[0] not in "ZCM" for character in text)
    if not seen or len(text) > limit:
        raise BadText(field=field, limit=limit, length=len(text) if seen else 0)
    return text
