"""What somebody new presses: under a group's invitation, and after joining."""

import discord

from bot.db.models import Group
from bot.locales import N_, _
from bot.ui.buttons import DurableButton, buttons
from bot.ui.reviews import FEATURE as REVIEW
from bot.ui.reviews import START
from bot.ui.text import shown

#: Answered by `/timezone`'s cog; a member has one zone, whatever the group, so its id is always 0.
ZONE = "zone"
#: Answered by `/plan`'s cog.
GOAL = "plan"
SET = "set"
JOIN_LABEL = N_("Join")
ZONE_LABEL, GOAL_LABEL, REVIEW_LABEL = N_("Set my zone"), N_("My goal"), N_("Review my first card")


def zone_button() -> DurableButton:
    return DurableButton(ZONE, 0, SET, label=_(ZONE_LABEL))


def goal_button(group: Group) -> DurableButton:
    return DurableButton(GOAL, group.id, SET, label=_(GOAL_LABEL))


def next_steps(group: Group, *, has_card: bool) -> discord.ui.View:
    """The buttons for who has just joined; the review stands first where there is something to review."""
    style = discord.ButtonStyle.primary
    review = DurableButton(REVIEW, group.id, START, label=_(REVIEW_LABEL), style=style)
    return buttons(*([review] if has_card else []), zone_button(), goal_button(group))


def joined_words(group: Group, *, has_card: bool) -> str:
    lines = [
        _(
            "Welcome to **{group}**! You will find the others in {channel}.",
            group=shown(group.name),
            channel=f"<#{group.channel_id}>",
        ),
        _(
            "**{button}** if you live elsewhere than {zone}, so that I read your times right.",
            button=_(ZONE_LABEL),
            zone=group.timezone,
        ),
        _("**{button}** notes how many hours a week you have; only you see it.", button=_(GOAL_LABEL)),
    ]
    if has_card:
        lines.append(_("**{button}** takes less than a minute.", button=_(REVIEW_LABEL)))
    return "\n".join([*lines, _("`/help` shows everything else you can do here.")])
