"""What the tests of meetups share: planning one, finding its post, reading the ledger."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import discord
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Delivery, Occurrence
from bot.sandbox import World

# The world's clock starts on 2026-01-01 00:00 UTC, a Thursday.
FIRST_WHEN = "2026-01-08 19:00"
FIRST = datetime(2026, 1, 8, 18, 0, tzinfo=UTC)


def full(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:F>"


def both(instant: datetime) -> str:
    """As every time is shown."""
    return f"{full(instant)} (<t:{int(instant.timestamp())}:R>)"


async def schedule(world: World, by: MemberActor | None = None, **options: Any) -> InteractionResult:
    """`/meetup schedule` in the group's channel: by the organizer, a week ahead, unless told otherwise."""
    given = {"when": FIRST_WHEN, "title": "Algebra", **options}
    return await (by or world.organizer).slash(world.channel, "meetup schedule", **given)


async def dates(world: World) -> list[Occurrence]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Occurrence).order_by(Occurrence.starts_at, Occurrence.id)))


@dataclass(frozen=True)
class Planned:
    """One row of the ledger, as far as the tests look at it."""

    due_at: datetime
    state: str
    key: str


async def ledger_rows(world: World, kind: str, *, state: str | None = None) -> list[Planned]:
    async with world.bot.database.read() as session:
        rows = await session.scalars(
            select(Delivery).where(Delivery.kind == kind).order_by(Delivery.due_at, Delivery.id)
        )
        found = [Planned(due_at=row.due_at, state=row.state.value, key=row.dedupe_key) for row in rows]
    return [row for row in found if state in (None, row.state)]


def history(world: World) -> list[discord.Message]:
    """The channel's messages, oldest first."""
    return sorted(world.channel.history(), key=lambda message: message.id)


def read(message: discord.Message) -> str:
    """Everything a message shows its reader."""
    texts = [message.content]
    for embed in message.embeds:
        texts += [embed.title or "", embed.description or ""]
        texts += [f"{field.name} {field.value}" for field in embed.fields]
    return "\n".join(texts)


def posts(world: World) -> list[discord.Message]:
    """The posts of meetups, oldest first: cards without words beside them."""
    return [
        message
        for message in history(world)
        if message.embeds and not message.content and "Going (" in read(message)
    ]


def reminders(world: World) -> list[discord.Message]:
    return [message for message in history(world) if " starts <t:" in message.content]


def labels(message: discord.Message) -> list[str]:
    return [item.label for row in message.components for item in row.children]  # type: ignore[union-attr]
