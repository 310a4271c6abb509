"""What a member hears when the database goes away in the middle of a command."""

import asyncio
import threading

import asyncpg
import pytest
from sqlalchemy import Connection, event

from bot.sandbox import open_world
from tests.features.reading import said


async def test_nobody_is_told_that_nothing_was_changed_when_it_may_have_been(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether a COMMIT that lost its connection came through, the bot cannot know."""

    def cut(connection: Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

        async def end() -> None:
            other = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            await other.close()

        ending = threading.Thread(target=asyncio.run, args=[end()])
        ending.start()
        ending.join()

    with pytest.raises(BaseExceptionGroup, match="the bot raised"):  # noqa: PT012 (raised on leaving)
        async with open_world(database_url=postgres_url) as world:
            event.listen(world.bot.database.engine.sync_engine, "commit", cut, once=True)
            answer = said(await world.alice.slash(world.channel, "timezone", zone="Asia/Tokyo"))
            assert "My database went away meanwhile. Look whether it worked" in answer
            assert "nothing was changed" not in answer
            # The next connection is a new one.
            answer = said(await world.alice.slash(world.channel, "timezone", zone="Asia/Tokyo"))
            assert "**Asia/Tokyo**" in answer
            caplog.clear()
