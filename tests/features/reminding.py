"""What the tests of reminders share: asking for one, closed direct messages, time in which no bot runs."""

import re
from datetime import UTC, datetime, timedelta

import discord
from simcord import InteractionResult, MemberActor

from bot.sandbox import World


async def remind(world: World, by: MemberActor, when: str, what: str, **options: str) -> InteractionResult:
    answer = await by.slash(world.channel, "remind me", when=when, what=what, **options)
    assert answer.ephemeral
    return answer


async def start_at(world: World, instant: datetime) -> None:
    """Let time pass until then; one second before, so that what is due then is still to come."""
    await world.pass_time(seconds=(instant - world.now).total_seconds())


async def sleep_through(world: World, downtime: timedelta) -> None:
    """No process runs for so long; then one starts."""
    await world.bot.scheduler.stop()
    await world.env.advance_time(downtime.total_seconds())
    await world.restart()


def instant_in(text: str) -> datetime:
    """The first Discord timestamp in a text."""
    found = re.search(r"<t:(\d+)", text)
    assert found is not None, text
    return datetime.fromtimestamp(int(found[1]), UTC)


def ids(choices: list[dict[str, object]]) -> list[object]:
    return [choice["value"] for choice in choices]


def close_dms(world: World, member: MemberActor, *, closed: bool = True) -> None:
    """SimCord has no such switch, but refuses messages to bots with the same error, 50007."""
    world.env.backend.users[member.id].bot = closed


def custom_id(message: discord.Message, label: str) -> str:
    for row in message.components:
        for button in getattr(row, "children", ()):
            if button.label == label:
                return str(button.custom_id)
    raise LookupError(label)
