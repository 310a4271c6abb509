"""Two busy servers, one where the bot may do nothing, and people with and without rights in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord
import simcord
from simcord import MemberActor

from bot.classifier.training.trainer import Trainer
from bot.sandbox import World, open_world
from tests.features.classifying import picture_of, stored
from tests.features.reading import said

COURSE = "fastai-2019"


@dataclass(frozen=True)
class Server:
    """A server, its group's channel, and a person of each kind: a stranger is in no group."""

    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    voice: simcord.ChannelHandle
    role: simcord.RoleHandle
    organizer: MemberActor
    alice: MemberActor
    member: MemberActor
    stranger: MemberActor

    @property
    def people(self) -> tuple[MemberActor, ...]:
        return self.organizer, self.alice, self.member, self.stranger


@dataclass(frozen=True)
class Town:
    """`here` and `elsewhere` have a busy group; `barred` lets the bot do nothing."""

    world: World
    here: Server
    elsewhere: Server
    barred: Server

    @property
    def servers(self) -> tuple[Server, ...]:
        return self.here, self.elsewhere, self.barred


class NoTrainer(Trainer):
    """As where fastai is not installed: a training takes minutes of a processor."""

    def available(self) -> str | None:
        return "Nothing is trained here."


@asynccontextmanager
async def open_town(database_url: str) -> AsyncIterator[Town]:
    async with open_world(database_url=database_url, classifier="fake", empty=True) as world:
        world.bot.trainer = NoTrainer(world.bot.store)
        here = _server(
            world, world.guild, world.channel, "here", organizer=world.organizer, alice=world.alice
        )
        elsewhere = _new(world, "elsewhere")
        barred = _new(world, "barred")
        await world.env.settle()
        for server in (here, elsewhere):
            await _busy(world, server)
        await barred.organizer.slash(barred.channel, "group create", name="Barred", timezone="Europe/Berlin")
        await barred.organizer.slash(barred.channel, "group join")
        _bar(world, barred)
        await world.env.settle()
        yield Town(world, here, elsewhere, barred)


def _new(world: World, name: str) -> Server:
    guild = world.env.create_guild(name)
    channel = guild.create_text_channel(f"group-{name}")
    manages = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    organizer = guild.add_member(world.env.create_user(f"organizer-{name}"), roles=[manages])
    return _server(world, guild, channel, name, organizer=organizer)


def _server(
    world: World,
    guild: simcord.GuildHandle,
    channel: simcord.ChannelHandle,
    name: str,
    *,
    organizer: MemberActor,
    alice: MemberActor | None = None,
) -> Server:
    def joining(who: str) -> MemberActor:
        return guild.add_member(world.env.create_user(f"{who}-{name}"))

    return Server(
        guild=guild,
        channel=channel,
        voice=guild.create_voice_channel("room"),
        role=guild.create_role("Learners"),
        organizer=organizer,
        alice=alice or joining("alice"),
        member=joining("member"),
        stranger=joining("stranger"),
    )


async def _busy(world: World, server: Server) -> None:
    """Something of every feature, done through the commands by the organizer, Alice and the member."""

    async def do(by: MemberActor, command: str, **options: object) -> simcord.InteractionResult:
        answer = await by.slash(server.channel, command, **options)
        assert "wrong on my side" not in said(answer), said(answer)
        return answer

    mira, alice, carl = server.organizer, server.alice, server.member
    await do(mira, "group create", name="Berlin", timezone="Europe/Berlin", course=COURSE)
    for one in (mira, alice, carl):
        await do(one, "group join")
    await do(mira, "group edit", card_approval=False)
    if server.guild.id == world.guild.id:
        await do(mira, "course start", course=COURSE, first="2026-01-08 19:00", every="weekly")
    await do(mira, "meetup schedule", when="2026-01-03 18:00", title="Algebra", capacity=1, host=alice)
    await do(mira, "meetup schedule", when="in 2 hours", title="Now")
    for question in ("What is a tensor?", "What is a *loss*?"):
        await do(alice, "cards add", front=question, back="An answer")
    await do(mira, "cards daily", hour=9, count=2)
    await do(mira, "group edit", digest=True, goal="20 lessons")
    await do(mira, "group edit", card_approval=True)
    for one in (alice, carl):
        await do(one, "timezone", zone="Europe/Paris")
        await do(one, "remind me", when="in 1 hour", what=f"call {one.name}")
        await do(one, "remind me", when="in 9 days", what=f"write {one.name}", repeat="weekly")
        await do(one, "plan", hours_per_week=5)
        await do(one, "project start", title=f"Bears of {one.name}", goal="Tell bears apart")
        await do(one, "lesson done", lesson="1", stage="reproduced", evidence="https://example.org/a")
        await do(one, "cards add", front=f"What does {one.name} ask?", back="An answer")
        await do(one, "review")
        await do(one, "cards settings", retention=90)
    # Their answers show buttons.
    for command in (
        "setup",
        "profile",
        "help",
        "cards list",
        "leaderboard show",
        "meetup list",
        "project show",
    ):
        await do(alice if command == "project show" else mira, command)
    await do(alice, "kudos", member=server.member, reason="for the proof")
    await do(carl, "kudos", member=server.alice, reason="for the picture")
    await _model(world, server)
    for one in (alice, carl):
        await do(one, "classify", image=("bear.png", picture_of(1)))
    await world.pass_time(hours=2, minutes=5)
    for post in server.channel.history():
        labels = [item.label for row in post.components for item in row.children]  # type: ignore[union-attr]
        if "Going" in labels:
            await alice.click(post, label="Going")
            await carl.click(post, label="Going")


async def _model(world: World, server: Server) -> None:
    from sqlalchemy import select

    from bot.db.models import Group
    from bot.services.access import Caller

    async with world.bot.database.read() as session:
        group = await session.scalar(select(Group.id).where(Group.guild_id == server.guild.id))
    assert group is not None
    for number in range(2):
        digest = stored(world, "bears", licence=f"{server.guild.id} {number}")
        made = await world.bot.services.models.add_version(
            group_id=group,
            name="bears",
            digest=digest,
            labels=("black bear", "grizzly", "teddy"),
            accuracy=0.9,
            tested=30,
            created_by=server.organizer.id,
        )
        if number == 0:
            caller = Caller(user_id=server.organizer.id, guild_id=server.guild.id, manages_server=True)
            await world.bot.services.models.publish(caller=caller, typed=str(made.version_id))


def _bar(world: World, server: Server) -> None:
    """From now on the bot may do nothing in that server but be asked."""
    backend = world.env.backend
    for role_id in backend.get_guild(server.guild.id).members[backend.bot_user.id].role_ids:
        backend.edit_role(server.guild.id, role_id, {"permissions": 0})
    backend.edit_role(
        server.guild.id, server.guild.id, {"permissions": discord.Permissions(view_channel=False).value}
    )
