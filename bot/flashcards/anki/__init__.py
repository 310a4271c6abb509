"""Anki's `.apkg` files, read in every format in use and written."""
