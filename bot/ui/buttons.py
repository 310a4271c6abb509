"""Buttons that outlive restarts: their state is their custom id, `feature:id:verb`."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.locales import _, speak
from bot.ui.answers import Reply, reply
from bot.ui.errors import answer_error
from bot.ui.languages import of_member

#: A delivered message carries its delivery's id behind the `#`: the mark that finds it again.
TEMPLATE = r"(?P<feature>[a-z]{2,20}):(?P<id>\d{1,20}):(?P<verb>[a-z0-9_]{1,40})(?:#(?P<delivery>\d{1,20}))?"


@dataclass(frozen=True)
class Press:
    """A pressed button, parsed and nothing more: whether the member may is the service's question."""

    interaction: discord.Interaction[Any]
    id: int
    verb: str
    #: The delivery whose message carries the button, when it came out of the ledger.
    delivery: int | None = None


# A row's id has 63 bits; a longer number is nobody's, and no database takes it.
LARGEST_ID = 2**63 - 1

ButtonHandler = Callable[[Press], Awaitable[None]]


class ButtonHandlers:
    """Which feature answers its buttons; cogs register when they load and leave when they unload."""

    def __init__(self) -> None:
        self._handlers: dict[str, ButtonHandler] = {}

    def register(self, feature: str, handler: ButtonHandler) -> None:
        if feature in self._handlers:
            raise ValueError(f"buttons of {feature!r} have a handler already")
        self._handlers[feature] = handler

    def unregister(self, feature: str) -> None:
        self._handlers.pop(feature, None)

    def get(self, feature: str) -> ButtonHandler | None:
        return self._handlers.get(feature)


class DurableButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TEMPLATE):
    """Every button of this bot. discord.py only logs what a dynamic item raises, so this one answers."""

    def __init__(
        self,
        feature: str,
        id: int,
        verb: str,
        *,
        label: str | None = None,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        emoji: str | None = None,
        disabled: bool = False,
        row: int | None = None,
        delivery: int | None = None,
    ) -> None:
        mark = f"#{delivery}" if delivery is not None else ""
        super().__init__(
            discord.ui.Button(
                label=label,
                style=style,
                emoji=emoji,
                disabled=disabled,
                row=row,
                custom_id=f"{feature}:{id}:{verb}{mark}",
            )
        )
        self.feature, self.id_, self.verb, self.delivery = feature, id, verb, delivery

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        delivery = int(match["delivery"]) if match["delivery"] else None
        return cls(match["feature"], int(match["id"]), match["verb"], delivery=delivery)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        speak(of_member(interaction))
        handlers: ButtonHandlers = interaction.client.buttons
        handler = handlers.get(self.feature)
        try:
            if handler is None or max(self.id_, self.delivery or 0) > LARGEST_ID:
                gone = _("This button belongs to a feature that is switched off.")
                await reply(interaction, Reply(gone), private=True)
                return
            await handler(Press(interaction=interaction, id=self.id_, verb=self.verb, delivery=self.delivery))
        except Exception as error:  # the last handler before discord.py swallows it
            await answer_error(interaction, error)


def buttons(*items: DurableButton) -> discord.ui.View:
    """A view of durable buttons. It has no timeout, and discord.py keeps nothing of it in memory."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view
