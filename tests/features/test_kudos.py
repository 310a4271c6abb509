"""`/kudos` as members live it: thanks to somebody else, out loud, and counted once a day."""

import asyncio
from datetime import UTC, datetime

from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Kudos, Membership
from bot.errors import ThankedToday
from bot.sandbox import World
from bot.services.access import Caller
from tests.features.meeting import history
from tests.features.reading import said
from tests.features.reminding import start_at


async def thank(
    world: World, by: MemberActor, whom: object, reason: str = "the chain rule", **options: str
) -> InteractionResult:
    return await by.slash(world.channel, "kudos", member=whom, reason=reason, **options)


async def given(world: World) -> list[Kudos]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Kudos).order_by(Kudos.id)))


async def test_kudos_are_public_and_ping_nobody(group_world: World) -> None:
    world = group_world
    await thank(world, world.organizer, world.alice, "the room")
    answer = await thank(world, world.alice, world.bob, "explaining @everyone the *chain rule*\u200b")
    assert not answer.ephemeral
    post = history(world)[-1]
    zero_width = "\u200b"
    assert post.content == (
        f"{world.alice.mention} thanks {world.bob.mention}: "
        rf"explaining @{zero_width}everyone the \*chain rule\*"
    )
    stored = world.env.backend.messages[post.channel.id][post.id]
    assert (list(stored.ping_user_ids), stored.mention_everyone) == ([], False)
    [room, rule] = await given(world)
    assert (rule.giver_id, rule.receiver_id, rule.reason) == (
        world.alice.id,
        world.bob.id,
        "explaining @everyone the *chain rule*",
    )
    assert room.receiver_id == world.alice.id


async def test_the_same_member_is_thanked_once_on_a_day_of_the_group(group_world: World) -> None:
    world = group_world
    await start_at(world, datetime(2026, 1, 5, 22, 30, tzinfo=UTC))  # 23:30 in Berlin
    await thank(world, world.alice, world.bob)
    again = await thank(world, world.alice, world.bob, "something else")
    assert again.ephemeral
    assert f"You have thanked {world.bob.mention} today already" in said(again)
    # Others are another matter: to somebody else, from somebody else, and back.
    for by, whom in ((world.alice, world.organizer), (world.organizer, world.bob), (world.bob, world.alice)):
        assert not (await thank(world, by, whom)).ephemeral
    await world.pass_time(minutes=29)
    assert (await thank(world, world.alice, world.bob)).ephemeral
    await world.pass_time(minutes=1)
    assert not (await thank(world, world.alice, world.bob)).ephemeral
    assert [one.given_on.day for one in await given(world)] == [5, 5, 5, 5, 6]


async def test_two_at_the_same_moment_count_once(group_world: World) -> None:
    world = group_world
    caller = Caller(user_id=world.alice.id, guild_id=world.guild.id)
    service = world.bot.services.kudos
    results = await asyncio.gather(
        *(
            service.give(
                caller=caller, typed="Berlin", receiver_id=world.bob.id, receiver_is_bot=False, reason="x"
            )
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ThankedToday) for result in results) == 4
    assert len(await given(world)) == 1


async def test_kudos_go_to_another_member_of_the_group(group_world: World) -> None:
    world = group_world
    stranger = world.guild.add_member(world.env.create_user("eve", global_name="Eve"))
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))
    await world.env.settle()
    refusals = {
        "Kudos go to somebody else": await thank(world, world.alice, world.alice),
        "is a bot": await thank(world, world.alice, robot),
        "is not in “Berlin”": await thank(world, world.alice, stranger),
        "You are not in “Berlin”": await thank(world, stranger, world.bob),
        "There is no group “Paris”": await thank(world, world.alice, world.bob, group="Paris"),
        "The reason needs at least one visible character": await thank(
            world, world.alice, world.bob, "\u3164"
        ),
        "the most is 300": await thank(world, world.alice, world.bob, "x" * 301),
    }
    for why, answer in refusals.items():
        assert answer.ephemeral
        assert why in said(answer)
    await world.bob.slash(world.channel, "group leave")
    assert "is not in “Berlin”" in said(await thank(world, world.alice, world.bob))
    assert await given(world) == []


async def test_giving_kudos_is_a_sign_of_life(group_world: World) -> None:
    world = group_world
    assert (await thank(world, world.alice, world.bob)).followups == []
    await world.pass_time(days=14)
    back = await thank(world, world.alice, world.bob)
    assert "Good to have you back" in back.followups[-1].content
    assert back.followups[-1].ephemeral
    async with world.bot.database.read() as session:
        rows = {row.user_id: row for row in await session.scalars(select(Membership))}
    assert (rows[world.alice.id].name, rows[world.alice.id].active_at) == ("Alice", world.now)
    assert rows[world.bob.id].active_at is None  # being thanked is nothing that one does
