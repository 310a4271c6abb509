"""A database of either kind, open for one test."""

from collections.abc import AsyncIterator

import pytest

from bot.db.engine import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    try:
        yield opened
    finally:
        await opened.close()
