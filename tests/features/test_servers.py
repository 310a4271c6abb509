"""The bot is taken out of a server: it falls silent at once, and forgets the server after a month."""

from sqlalchemy import func, select

from bot.db.models import Base, Group, Prediction, PredictionFeedback
from bot.sandbox import World
from bot.sandbox.world import GUILD_ID
from tests.features.meeting import dates, history, ledger_rows, posts, reminders, schedule
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


async def leave_and_return(world: World, **away: float) -> None:
    await world.bot.services.servers.left(guild_id=GUILD_ID)
    await world.pass_time(**away)
    # The listener itself, awaited: simulated time would run away from a dispatched event.
    servers = world.bot.cogs["Servers"]
    await servers.on_guild_join(world.bot.get_guild(GUILD_ID))  # type: ignore[attr-defined]


async def test_what_was_still_to_come_is_said_once_after_the_return(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 3 days")
    await schedule(world, when="in 26 hours", title="Topology")
    await world.organizer.slash(world.channel, "cards add", front="What is a tensor?", back="An array")
    await world.organizer.slash(world.channel, "group edit", card_approval=False, digest=True)
    await world.organizer.slash(world.channel, "cards daily", hour=9)
    for post in posts(world):
        await world.alice.click(post, label="Going")
    await world.pass_time(hours=2, minutes=1)
    await leave_and_return(world, hours=1)
    assert len(posts(world)) == 2
    await world.pass_time(days=5)
    for title in ("Algebra", "Topology"):
        assert sum(title in message.content for message in reminders(world)) == 3, title
    assert {user.id for message in reminders(world) for user in message.mentions} == {world.alice.id}
    for kind, times in (("daily_cards", 1), ("digest", 1)):
        assert len(await ledger_rows(world, kind, state="sent")) >= times
    assert len(posts(world)) == 2


async def test_what_was_missed_meanwhile_is_late_or_left_out(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 25 hours")
    await schedule(world, when="in 3 hours", title="Topology")
    for post in posts(world):
        await world.alice.click(post, label="Going")
    await leave_and_return(world, hours=4)
    await world.pass_time(minutes=1)
    [late] = reminders(world)
    assert "Algebra" in late.content
    assert "I could not send it then" in late.content
    await world.pass_time(days=2)
    assert [message for message in reminders(world) if "Topology" in message.content] == []


async def test_a_series_goes_on_after_a_return_at_the_last_moment(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    before = len(posts(world))
    await leave_and_return(world, days=29)
    await world.pass_time(minutes=10)
    assert len([date for date in await dates(world) if date.starts_at > world.now]) == 4
    assert len(posts(world)) == before + 1
    await world.bob.click(posts(world)[-1], label="Going")
    await world.pass_time(days=7)
    assert {user.id for message in reminders(world) for user in message.mentions} == {world.bob.id}
    assert len(reminders(world)) >= 2


async def test_a_group_that_was_archived_before_stays_silent(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 3 days")
    await world.alice.click(posts(world)[0], label="Going")
    await world.organizer.slash(world.channel, "group archive")
    await leave_and_return(world, hours=1)
    await world.pass_time(days=4)
    assert reminders(world) == []


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
