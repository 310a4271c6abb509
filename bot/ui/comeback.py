"""Somebody is back after quiet weeks: one private question about how they want to go on."""

import logging
from datetime import timedelta
from typing import Any

import discord

from bot.locales import N_, _, speaking
from bot.ui.buttons import DurableButton, buttons
from bot.ui.languages import of_member

log = logging.getLogger(__name__)

FEATURE = "comeback"
SHRINK, PAUSE, CARRY_ON = "shrink", "pause", "carry_on"
#: Under a plan that was paused.
RESUME = "resume"
SHRINK_LABEL, PAUSE_LABEL, CARRY_ON_LABEL = N_("Shrink plan"), N_("Pause"), N_("Carry on")


async def offer_comeback(
    interaction: discord.Interaction[Any], quiet: timedelta | None, group_id: int
) -> None:
    """After an answer, ask a member of this group who was quiet for weeks; nothing when `quiet` is None.

    `quiet` is what `note_activity` returned. Only they see the question; what they choose changes their own
    plan alone. It is a courtesy: where Discord does not take it, the answer before it stands all the same.
    """
    if quiet is None:
        return
    with speaking(of_member(interaction)):  # the answer before it may have been for everybody
        question, choices = _question(), _choices(group_id)
    try:
        await interaction.followup.send(question, view=choices, ephemeral=True)
    except discord.HTTPException as error:
        log.warning("comeback not offered", extra={"group": group_id, "code": error.code})


def _question() -> str:
    return _(
        "Good to have you back. Your plan can follow your life: **{shrink}** halves its weekly hours, "
        "**{pause}** lets it rest until you want it again, **{carry_on}** leaves it as it is.",
        shrink=_(SHRINK_LABEL),
        pause=_(PAUSE_LABEL),
        carry_on=_(CARRY_ON_LABEL),
    )


def _choices(group_id: int) -> discord.ui.View:
    style = discord.ButtonStyle.primary
    return buttons(
        DurableButton(FEATURE, group_id, SHRINK, label=_(SHRINK_LABEL), style=style),
        DurableButton(FEATURE, group_id, PAUSE, label=_(PAUSE_LABEL)),
        DurableButton(FEATURE, group_id, CARRY_ON, label=_(CARRY_ON_LABEL)),
    )
