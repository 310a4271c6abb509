"""The permissions that the invitation asks for: all that is needed, and nothing else in the bot's hands."""

import discord

from bot.invitation import INVITED, NEEDED, invitation
from bot.sandbox import World
from cogs.doctor import IN_CHANNEL, IN_SERVER
from tests.features.meeting import posts, schedule
from tests.features.reading import said


def invited_as_asked(world: World) -> None:
    """The bot has what its invitation asked for, and nothing by way of @everyone."""
    backend = world.env.backend
    guild = backend.get_guild(world.guild.id)
    for role_id in guild.members[backend.bot_user.id].role_ids:
        backend.edit_role(world.guild.id, role_id, {"permissions": INVITED.value})
    people = world.guild.create_role(
        "People",
        permissions=discord.Permissions(view_channel=True, send_messages=True, use_application_commands=True),
        position=0,
    )
    for member in (world.organizer, world.alice, world.bob):
        guild.members[member.id].role_ids.append(people.id)
    backend.edit_role(world.guild.id, world.guild.id, {"permissions": 0})


async def test_what_the_invitation_asks_for_is_enough(world: World) -> None:
    invited_as_asked(world)
    await world.restart()
    assert world.bot.get_guild(world.guild.id).me.guild_permissions == INVITED  # type: ignore[union-attr]
    role = world.guild.create_role("berlin", position=0)
    voice = world.guild.create_voice_channel("room")
    made = await world.organizer.slash(
        world.channel, "group create", name="Berlin", timezone="Europe/Berlin", role=role
    )
    assert not made.ephemeral, said(made)
    joined = await world.alice.slash(world.channel, "group join")
    assert "could not" not in said(joined)
    assert role.id in world.env.backend.get_guild(world.guild.id).members[world.alice.id].role_ids
    planned = await schedule(world, where=voice)
    assert "without an event" not in said(planned)
    await world.pass_time(minutes=2)
    assert len(posts(world)) == 1
    [event] = world.env.backend.get_guild(world.guild.id).scheduled_events.values()
    assert event.channel_id == voice.id
    await world.pass_time(days=7)
    assert "All is well." in said(await world.organizer.slash(world.channel, "doctor"))


def test_what_the_doctor_looks_for_is_asked_for() -> None:
    assert {*IN_CHANNEL, *IN_SERVER} <= set(NEEDED)
    # Those that open more than a study group needs.
    for name in ("administrator", "manage_guild", "manage_channels", "manage_messages", "mention_everyone"):
        assert not getattr(INVITED, name), name
    assert invitation(7).startswith("https://discord.com/oauth2/authorize?client_id=7&")
