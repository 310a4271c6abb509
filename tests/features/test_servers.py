"""The bot is taken out of a server: it falls silent at once, and forgets the server after a month."""

from sqlalchemy import func, select

from bot.db.models import Base, Group, Prediction, PredictionFeedback
from bot.sandbox import World
from bot.sandbox.world import GUILD_ID
from tests.features.meeting import history
from tests.features.reading import said


async def rows_of(world: World, guild_id: int) -> list[str]:
    """The tables that still know the server or one of its groups."""
    async with world.bot.database.read() as session:
        groups = select(Group.id).where(Group.guild_id == guild_id)
        found = []
        for table in Base.metadata.sorted_tables:
            for name, ids in (("guild_id", [guild_id]), ("group_id", groups)):
                if name in table.c:
                    query = select(func.count()).select_from(table).where(table.c[name].in_(ids))
                    found += [table.name] * bool(await session.scalar(query))
    return found


async def busy(world: World) -> None:
    await world.organizer.slash(world.channel, "meetup schedule", when="in 3 days", title="Algebra")
    await world.alice.slash(world.channel, "project start", title="Bears", goal="Tell bears apart")
    await world.alice.slash(world.channel, "remind me", when="in 2 days", what="topology")


async def test_a_server_that_comes_back_finds_everything(group_world: World) -> None:
    world = group_world
    await busy(world)
    await world.bot.services.servers.left(guild_id=GUILD_ID)
    before = len(history(world))
    assert "no study group yet" in said(await world.alice.slash(world.channel, "group info"))
    await world.pass_time(days=4)
    assert len(history(world)) == before, "nothing is said in a server that was left"
    # Her own reminder is not the server's.
    assert "topology" in str(world.last_dm(world.alice).content)
    # Invited again: the next start, or the event, finds the server among the bot's.
    await world.restart()
    assert "Berlin" in said(await world.alice.slash(world.channel, "group info"))
    await world.pass_time(days=60)
    assert "groups" in await rows_of(world, GUILD_ID)


async def test_a_server_is_forgotten_after_a_month(group_world: World) -> None:
    world = group_world
    await busy(world)
    world.env.backend.remove_guild(GUILD_ID)
    await world.env.settle()
    await world.pass_time(days=29)
    assert "groups" in await rows_of(world, GUILD_ID)
    await world.pass_time(days=2)
    assert await rows_of(world, GUILD_ID) == []


async def test_what_a_model_said_is_kept_for_a_month_unless_corrected(group_world: World) -> None:
    world = group_world
    async with world.bot.database.write() as session:
        for number in (1, 2):
            session.add(
                Prediction(
                    id=number, guild_id=GUILD_ID, user_id=1, model="digits", digest="0" * 64, label="3",
                    probability=0.9, sure=True, at=world.now,
                )
            )  # fmt: skip
        await session.flush()
        session.add(PredictionFeedback(prediction_id=2, user_id=1, right=True, label="3", at=world.now))
    await world.pass_time(days=29)
    await world.pass_time(days=2)
    async with world.bot.database.read() as session:
        assert list(await session.scalars(select(Prediction.id))) == [2]
