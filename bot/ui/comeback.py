"""Somebody is back after quiet weeks: one private question about how they want to go on."""

import logging
from datetime import timedelta
from typing import Any

import discord

from bot.ui.buttons import DurableButton, buttons

log = logging.getLogger(__name__)

FEATURE = "comeback"
SHRINK, PAUSE, CARRY_ON = "shrink", "pause", "carry_on"
#: Under a plan that was paused.
RESUME = "resume"
QUESTION = (
    "Good to have you back. Your plan can follow your life: **Shrink plan** halves its weekly hours, "
    "**Pause** lets it rest until you want it again, **Carry on** leaves it as it is."
)


async def offer_comeback(
    interaction: discord.Interaction[Any], quiet: timedelta | None, group_id: int
) -> None:
    """After an answer, ask a member of this group who was quiet for weeks; nothing when `quiet` is None.

    `quiet` is what `note_activity` returned. Only they see the question; what they choose changes their own
    plan alone. It is a courtesy: where Discord does not take it, the answer before it stands all the same.
    """
    if quiet is None:
        return
    choices = buttons(
        DurableButton(FEATURE, group_id, SHRINK, label="Shrink plan", style=discord.ButtonStyle.primary),
        DurableButton(FEATURE, group_id, PAUSE, label="Pause"),
        DurableButton(FEATURE, group_id, CARRY_ON, label="Carry on"),
    )
    try:
        await interaction.followup.send(QUESTION, view=choices, ephemeral=True)
    except discord.HTTPException as error:
        log.warning("comeback not offered", extra={"group": group_id, "code": error.code})
