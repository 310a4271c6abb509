"""Direct messages to organizers about what could not be said in their group's channel."""

from discord.ext import commands

from bot.client import StudyBot
from bot.delivery.ledger import Claimed
from bot.services.notes import NOTE, Obstacle
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.sending import Pointless, Rendered
from bot.ui.text import shown

FEATURE = "note"
ABOUT = {
    "card_approval": "a new flashcard",
    "card_explain": "a card that a member wants explained",
    "course_shift": "the new dates of the course",
    "daily_cards": "the daily cards",
    "digest": "the weekly digest",
    "group_welcome": "the group’s invitation",
    "lesson_post": "a member’s evidence for a lesson",
    "meetup_post": "a meetup",
    "meetup_reminder": "a meetup’s reminder",
    "project_post": "news of a project",
    "promoted": "that a member got a place",
    "reminder": "a member’s own reminder",
    "reminder_snoozed": "a member’s own reminder",
}


class Notes(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.notes = bot.services.notes

    async def cog_load(self) -> None:
        self.bot.sender.register(NOTE, self.render)
        self.bot.buttons.register(FEATURE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.sender.unregister(NOTE)
        self.bot.buttons.unregister(FEATURE)

    async def render(self, delivery: Claimed) -> Rendered:
        group = await self.notes.group(delivery.refs["group"])
        if group is None or group.archived_at is not None:
            raise Pointless("group archived")
        done = DurableButton(FEATURE, group.id, "done", label="Done", delivery=delivery.id)
        return Rendered(content=note(group.name, delivery), view=buttons(done))

    async def on_press(self, press: Press) -> None:
        """Done: the note stays, its button rests."""
        done = DurableButton(FEATURE, press.id, "done", label="Done", delivery=press.delivery, disabled=True)
        await press.interaction.response.edit_message(view=buttons(done))


def note(group: str, delivery: Claimed) -> str:
    """What could not be said, where, why, and what helps."""
    refs = delivery.refs
    channel = f"<#{refs['channel']}>"
    what = ABOUT.get(refs["about"], "a message")
    match Obstacle(refs["obstacle"]):
        case Obstacle.PERMISSION:
            names = ", ".join(f"**{name}**" for name in refs["permissions"])
            why, cure = f"I lack {names} there", "Give my role that permission in the channel’s settings"
        case Obstacle.FORBIDDEN:
            why = "Discord does not let me write there"
            cure = "Give my role **View Channel** and **Send Messages** in the channel’s settings"
        case Obstacle.GONE:
            why, cure = "that channel is gone", "Make another channel"
            channel = "its channel"
    return (
        f"I could not post {what} of **{shown(group)}** in {channel}: {why}. "
        f"{cure}, or choose another one with `/group edit`. If it stays like this, I tell you once a day."
    )


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Notes(bot))
