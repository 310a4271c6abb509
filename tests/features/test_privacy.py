"""`/privacy`: all of it told, and nothing of it left."""

import json
import re
from datetime import UTC, datetime

import pytest
from simcord import InteractionResult
from sqlalchemy import BigInteger, Integer, Table, insert, select

from bot.db.models import Base, PredictionFeedback
from bot.sandbox import World, open_world
from bot.services.access import NOBODY
from bot.services.privacy import COUNTED, OWN, SIGNED
from tests.features.learning import follow
from tests.features.meeting import history, labels, posts, read, schedule
from tests.features.reading import said
from tests.features.test_groups import has_role

#: Integer columns that hold ids of other things than members, or no ids.
NOT_MEMBERS = re.compile(
    r"^id$|(^|_)(guild_id|channel_id|role_id|message_id|post_id|event_id|interaction_id|card_ids|count|limit|minutes"
    r"|number|hour|weeks|points|version|round|sequence|attempts|errors|fence|size|tested|epochs|turn|ordinal"
    r"|reps|lapses|step|took_ms|revision|new_per_day|capacity|hours_per_week)$"
)
ALICE = "alice"


async def everything(world: World) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, as the database holds it."""
    async with world.bot.database.read() as session:
        return {
            table.name: [dict(row) for row in (await session.execute(select(table))).mappings()]
            for table in Base.metadata.sorted_tables
        }


def test_every_column_that_can_hold_a_member_is_known() -> None:
    """A new table whose author did not think of `/privacy` fails here."""
    listed = {(column.class_.__tablename__, column.key) for column in (*OWN, *COUNTED, *SIGNED)}
    found = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, BigInteger | Integer)
        and not column.foreign_keys
        and not NOT_MEMBERS.search(column.name)
    }
    assert found == listed


@pytest.fixture
async def busy_world(group_world: World) -> World:
    """Alice has left a trace in every corner; Bob did some of the same."""
    world = group_world
    channel = world.channel
    await follow(world)
    for member in (world.alice, world.bob):
        await member.slash(channel, "timezone", zone="Europe/Paris")
        await member.slash(channel, "remind me", when="in 2 days", what=f"call {member.name}")
        await member.slash(channel, "plan", hours_per_week=5)
        await member.slash(channel, "project start", title=f"Bears of {member.name}", goal="Tell bears apart")
        await member.slash(channel, "lesson done", lesson="1", stage="ran")
    await world.organizer.slash(
        channel, "meetup schedule", when="in 3 days", title="Algebra", capacity=1, host=world.alice
    )
    post = next(m for m in channel.history() if "Algebra" in str(m.embeds[0].title if m.embeds else ""))
    await world.alice.click(post, label="Going")
    await world.bob.click(post, label="Going")
    await world.alice.slash(channel, "kudos", member=world.bob, reason="for the proof")
    await world.bob.slash(channel, "kudos", member=world.alice, reason="for the picture")
    await world.alice.slash(channel, "cards add", front="What is a tensor?", back="An array of any rank")
    await world.alice.slash(
        channel, "lesson done", lesson="2", stage="reproduced", evidence="https://example.org/a"
    )
    return world


async def fill_what_is_left(world: World, user_id: int) -> None:
    """A row of Alice's in every table that the story did not reach, so that no column goes untested."""
    async with world.bot.database.write() as session:
        for column in (*OWN, *COUNTED, *SIGNED):
            table = column.class_.__table__
            assert isinstance(table, Table)
            there = await session.scalar(select(column).where(column == user_id).limit(1))
            if there is None:
                row = (await session.execute(select(table).limit(1))).mappings().one_or_none()
                if row is not None:
                    key = next(iter(table.primary_key))
                    await session.execute(
                        table.update().where(key == row[key.name]).values({column.key: user_id})
                    )
                elif table.name == "predictions":
                    now = datetime(2026, 1, 1, tzinfo=UTC)
                    values = {
                        "id": 1,
                        "guild_id": 1,
                        "user_id": user_id,
                        "model": "digits",
                        "digest": "0" * 64,
                    }
                    values |= {"label": "3", "probability": 0.9, "sure": True, "at": now}
                    await session.execute(insert(table).values(values))
                    feedback = {
                        "prediction_id": 1,
                        "user_id": user_id,
                        "right": True,
                        "label": "3",
                        "at": now,
                    }
                    await session.execute(insert(PredictionFeedback).values(image=b"png", **feedback))


async def test_alice_is_told_everything_and_then_forgotten(busy_world: World) -> None:
    world = busy_world
    id_ = world.alice.user.id
    # First Bob's prediction feedback would need a prediction: made for Alice, in any order of the lists.
    await fill_what_is_left(world, id_)
    await fill_what_is_left(world, id_)
    before = await everything(world)
    goal = sum(len(before[table]) for table in ("lesson_marks",))

    exported = json.loads(await file_of(await world.alice.slash(world.channel, "privacy export")))
    assert exported["user_id"] == id_
    told = exported["tables"]
    traces = {table for table, rows in before.items() if any(names(row, id_) for row in rows)}
    # What an event shows repeats its meetup's host, who is told with the meetup.
    traces.discard("occurrences")
    assert set(told) == traces
    for table in traces:
        assert len(told[table]) == sum(1 for row in before[table] if names(row, id_)), table

    refused = await world.alice.slash(world.channel, "privacy delete", confirm=False)
    assert "Nothing was erased" in said(refused)
    assert await everything(world) == before

    answer = await world.alice.slash(world.channel, "privacy delete", confirm=True)
    assert answer.ephemeral
    after = await everything(world)
    for table, rows in after.items():
        for row in rows:
            assert not names(row, id_), table
            assert "https://example.org/a" not in str(row)
    # Bob and the group keep what is theirs; Bob also got Alice's place.
    assert any(row["user_id"] == world.bob.user.id for row in after["projects"])
    assert [row["answer"] for row in after["rsvps"] if row["user_id"] == world.bob.user.id] == ["going"]
    assert len(after["lesson_marks"]) == goal
    assert len(after["notes"]) == len(before["notes"])
    assert any(row["created_by"] == NOBODY for row in after["notes"])
    board = await world.bob.slash(world.channel, "leaderboard show")
    assert str(id_) not in said(board)
    assert "<@-" not in said(board)
    await world.pass_time(days=4)
    again = await world.alice.slash(world.channel, "privacy delete", confirm=True)
    assert "I knew nothing about you" in said(again)


def names(row: dict[str, object], id_: int) -> bool:
    """Whether the member's id, or their name, stands anywhere in the row, in text and JSON too."""
    return any(re.search(rf"(?<!\d){id_}(?!\d)", str(value)) for value in row.values())


async def file_of(answer: InteractionResult) -> bytes:
    assert answer.ephemeral
    assert answer.response is not None
    (attachment,) = answer.response.attachments
    return await attachment.read()


async def test_a_strangers_export_is_empty(database_url: str) -> None:
    async with open_world(database_url=database_url) as world:
        exported = json.loads(await file_of(await world.bob.slash(world.channel, "privacy export")))
        assert str(world.alice.user.id) not in json.dumps(exported["tables"].get("members", []))


async def test_a_place_held_from_outside_the_group_goes_to_who_waits(group_world: World) -> None:
    world = group_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    await schedule(world, capacity=1)
    await carol.click(posts(world)[0], label="Going")
    await world.bob.click(posts(world)[0], label="Going")
    assert f"Waiting list (1) {world.bob.mention}" in read(posts(world)[0])
    await carol.slash(world.channel, "privacy delete", confirm=True)
    await world.pass_time(seconds=1)
    text = read(posts(world)[0])
    assert f"Going (1/1) {world.bob.mention}" in text
    assert "Waiting list" not in text
    assert carol.mention not in text
    assert "A place became free" in world.last_dm(world.bob).content
    assert world.dms(world.alice) == []


async def test_the_role_goes_and_so_do_posts_about_the_member(group_world: World) -> None:
    world = group_world
    role = world.guild.create_role("berlin", position=0)
    await world.organizer.slash(world.channel, "group edit", role=role)
    for member in (world.alice, world.bob):
        await member.slash(world.channel, "group leave")
        await member.slash(world.channel, "group join")
        await member.slash(
            world.channel, "project start", title=f"Bears of {member.name}", goal="Tell bears apart"
        )
    await world.alice.slash(
        world.channel, "cards add", front="What is a tensor?", back="An array of any rank"
    )
    asking = next(m for m in history(world) if "Approve" in labels(m))
    await world.bob.click(asking, label="Approve")
    await world.pass_time(minutes=20)
    # An archived group lets nobody go, so its role would stay for ever.
    await world.organizer.slash(world.channel, "group archive")
    answer = await world.alice.slash(world.channel, "privacy delete", confirm=True)
    assert "kudos, profiles and boards, stay until" in said(answer)
    assert not has_role(world, world.alice, role)
    assert has_role(world, world.bob, role)
    shown = " ".join(read(message) for message in world.channel.history())
    assert "Bears of alice" not in shown
    assert "tensor" not in shown
    assert "Bears of bob" in shown


async def test_a_role_that_stays_is_named(group_world: World) -> None:
    world = group_world
    role = world.guild.create_role("berlin", position=0)
    await world.organizer.slash(world.channel, "group edit", role=role)
    world.env.inject_error("DELETE", "/guilds/*/members/*/roles/*", status=403, code=50013, message="no")
    answer = said(await world.alice.slash(world.channel, "privacy delete", confirm=True))
    assert answer.startswith("Done:")
    assert "I could not take back" in answer
