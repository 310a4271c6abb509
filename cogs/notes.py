"""Direct messages to organizers about what could not be said in their group's channel."""

from discord.ext import commands

from bot.client import StudyBot
from bot.delivery.ledger import Claimed
from bot.locales import N_, _
from bot.services.notes import NOTE, Obstacle
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.places import SEND_MESSAGES, VIEW_CHANNEL
from bot.ui.sending import Pointless, Rendered
from bot.ui.text import shown

FEATURE = "note"
ABOUT = {
    "card_approval": N_("a new flashcard"),
    "card_explain": N_("a card that a member wants explained"),
    "course_shift": N_("the new dates of the course"),
    "daily_cards": N_("the daily cards"),
    "digest": N_("the weekly digest"),
    "group_welcome": N_("the group’s invitation"),
    "lesson_post": N_("a member’s evidence for a lesson"),
    "meetup_post": N_("a meetup"),
    "meetup_reminder": N_("a meetup’s reminder"),
    "project_post": N_("news of a project"),
    "promoted": N_("that a member got a place"),
    "reminder": N_("a member’s own reminder"),
    "reminder_snoozed": N_("a member’s own reminder"),
}
OTHERWISE = N_("a message")
DONE = N_("Done")


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
        done = DurableButton(FEATURE, group.id, "done", label=_(DONE), delivery=delivery.id)
        return Rendered(content=note(group.name, delivery), view=buttons(done))

    async def on_press(self, press: Press) -> None:
        """Done: the note stays, its button rests."""
        done = DurableButton(FEATURE, press.id, "done", label=_(DONE), delivery=press.delivery, disabled=True)
        await press.interaction.response.edit_message(view=buttons(done))


def note(group: str, delivery: Claimed) -> str:
    """What could not be said, where, why, and what helps."""
    refs = delivery.refs
    what, channel = _(ABOUT.get(refs["about"], OTHERWISE)), f"<#{refs['channel']}>"
    match Obstacle(refs["obstacle"]):
        case Obstacle.PERMISSION:
            text = _(
                "I could not post {what} of **{group}** in {channel}: I lack {permissions} there. Give my "
                "role that permission in the channel’s settings, or choose another one with `/group edit`.",
                what=what,
                group=shown(group),
                channel=channel,
                permissions=", ".join(f"**{_(name)}**" for name in refs["permissions"]),
            )
        case Obstacle.FORBIDDEN:
            text = _(
                "I could not post {what} of **{group}** in {channel}: Discord does not let me write there. "
                "Give my role **{view}** and **{send}** in the channel’s settings, or choose another one "
                "with `/group edit`.",
                what=what,
                group=shown(group),
                channel=channel,
                view=_(VIEW_CHANNEL),
                send=_(SEND_MESSAGES),
            )
        case Obstacle.GONE:
            text = _(
                "I could not post {what} of **{group}** in its channel: that channel is gone. Make another "
                "channel, or choose another one with `/group edit`.",
                what=what,
                group=shown(group),
            )
    return " ".join((text, _("If it stays like this, I tell you once a day.")))


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Notes(bot))
