"""What somebody new presses: under a group's invitation, and after joining."""

import discord

from bot.db.models import Group
from bot.ui.buttons import DurableButton, buttons
from bot.ui.reviews import FEATURE as REVIEW
from bot.ui.reviews import START
from bot.ui.text import shown

#: Answered by `/timezone`'s cog; a member has one zone, whatever the group, so its id is always 0.
ZONE = "zone"
#: Answered by `/plan`'s cog.
GOAL = "plan"
SET = "set"
ZONE_LABEL, GOAL_LABEL, REVIEW_LABEL = "Set my zone", "My goal", "Review my first card"


def zone_button() -> DurableButton:
    return DurableButton(ZONE, 0, SET, label=ZONE_LABEL)


def goal_button(group: Group) -> DurableButton:
    return DurableButton(GOAL, group.id, SET, label=GOAL_LABEL)


def next_steps(group: Group, *, has_card: bool) -> discord.ui.View:
    """The buttons for who has just joined; the review stands first where there is something to review."""
    review = DurableButton(REVIEW, group.id, START, label=REVIEW_LABEL, style=discord.ButtonStyle.primary)
    return buttons(*([review] if has_card else []), zone_button(), goal_button(group))


def joined_words(group: Group, *, has_card: bool) -> str:
    lines = [
        f"Welcome to **{shown(group.name)}**! You will find the others in <#{group.channel_id}>.",
        f"**{ZONE_LABEL}** if you live elsewhere than {group.timezone}, so that I read your times right.",
        f"**{GOAL_LABEL}** notes how many hours a week you have; only you see it.",
    ]
    if has_card:
        lines.append(f"**{REVIEW_LABEL}** takes less than a minute.")
    return "\n".join([*lines, "`/help` shows everything else you can do here."])
