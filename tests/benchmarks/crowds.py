"""Servers as they are: channels, roles, emojis, threads, an event, some members in voice."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.wire.standin.world import (
    CATEGORY,
    FORUM,
    PUBLIC_THREAD,
    TEXT,
    VOICE,
    Guild,
    Member,
    Overwrite,
    Permission,
    ScheduledEvent,
    User,
    World,
)

MEMBERS = 200
# What a server of that size has, chosen by us: 26 channels in 5 categories, and so on.
CATEGORIES, TEXTS, VOICES, FORUMS, THREADS, ROLES, EMOJIS, IN_VOICE = 5, 20, 5, 1, 4, 25, 25, 6
TOPIC = "Questions about the lesson go here; links to notebooks and papers are welcome. Week {}."


def add_servers(world: World, count: int) -> list[Guild]:
    """So many servers with the same 200 people in each; the stand-in keeps one object for each of them."""
    chance = random.Random(1)
    people = [world.add_user(f"Member {number}") for number in range(MEMBERS - 1)]
    members = {one.id: Member(one.id, world.clock.now()) for one in people}
    return [_server(world, f"Study server {n}", people, members, chance) for n in range(count)]


def _server(
    world: World, name: str, people: list[User], members: dict[int, Member], chance: random.Random
) -> Guild:
    guild = world.add_guild(name, owner=people[0])
    guild.members |= members
    roles = [
        world.add_role(guild, f"Role number {n}", int(Permission.VIEW_CHANNEL), position=n + 1)
        for n in range(ROLES - 2)  # beside @everyone and the bot's own
    ]
    guild.emojis = [_emoji(world, number) for number in range(EMOJIS)]
    for category in range(CATEGORIES):
        parent = world.add_channel(guild, f"Category {category}", CATEGORY)
        closed = [
            Overwrite(guild.id, 0, deny=int(Permission.VIEW_CHANNEL)),
            Overwrite(chance.choice(roles).id, 0, allow=int(Permission.VIEW_CHANNEL)),
        ]
        kinds = [TEXT] * (TEXTS // CATEGORIES) + [VOICE] * (VOICES // CATEGORIES)
        for number, kind in enumerate(kinds):
            world.add_channel(
                guild,
                f"room-{category}-{number}",
                kind,
                parent_id=parent.id,
                topic=TOPIC.format(number) if kind == TEXT else None,
                overwrites=list(closed) if category < 2 else [],
            )
    forum = world.add_channel(guild, "questions", FORUM, topic=TOPIC.format(0))
    for number in range(THREADS):
        world.add_channel(
            guild, f"How do I read figure {number}?", PUBLIC_THREAD, parent_id=forum.id, owner_id=people[1].id
        )
    voice = next(id_ for id_ in guild.channel_ids if world.channels[id_].type == VOICE)
    guild.voice = {one.id: voice for one in chance.sample(people, IN_VOICE)}
    starts = (world.clock.now() + timedelta(days=3)).isoformat()
    event = ScheduledEvent(
        world.snowflake(),
        guild.id,
        people[0].id,
        {"name": "Lesson 4", "scheduled_start_time": starts, "entity_type": 2, "channel_id": str(voice)},
    )
    guild.events[event.id] = event
    return guild


def _emoji(world: World, number: int) -> dict[str, object]:
    return {
        "id": str(world.snowflake()),
        "name": f"emoji_{number}",
        "roles": [],
        "require_colons": True,
        "managed": False,
        "animated": number % 5 == 0,
        "available": True,
    }
