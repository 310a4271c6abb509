"""Flashcards without Discord or database: decks from outside and to outside, and what they are made of."""
