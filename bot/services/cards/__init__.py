"""Flashcards: written, approved, changed, listed, brought in and taken out as files."""

from bot.services.cards.approval import APPROVAL, let_in
from bot.services.cards.decks import DeckService, Exported, Imported, Started
from bot.services.cards.exporting import Format
from bot.services.cards.finding import Found
from bot.services.cards.incoming import Left, LeftOut
from bot.services.cards.listing import Entry, Page
from bot.services.cards.service import NO_LESSON, CardService, Written
from bot.services.cards.sides import SIDE_LIMIT

__all__ = [
    "APPROVAL",
    "NO_LESSON",
    "SIDE_LIMIT",
    "CardService",
    "DeckService",
    "Entry",
    "Exported",
    "Format",
    "Found",
    "Imported",
    "Left",
    "LeftOut",
    "Page",
    "Started",
    "Written",
    "let_in",
]
