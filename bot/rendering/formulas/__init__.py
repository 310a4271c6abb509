"""Formulas as one picture: Discord shows none within a line, so they stand below the card's text."""

from dataclasses import dataclass

from bot.flashcards.math import Formula

FORMULAS_AT_MOST = 12


@dataclass(frozen=True, kw_only=True)
class FormulaPicture:
    """A PNG with a line per formula, and those that it lacks, which are shown as their source: what could not
    be drawn right, was too large, or came after the twelfth. `png` is empty when it lacks all of them.
    """

    png: bytes
    lacking: tuple[Formula, ...]
