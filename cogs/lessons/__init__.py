"""`/lesson`: what members did with the course, confirmed by each other."""

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import Stage
from bot.delivery.ledger import Claimed
from bot.errors import AlreadyVerified, NothingToVerify
from bot.locales import _, speaking
from bot.services.lessons import NEED_VERIFYING, POST, Marked, PostFacts
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press
from bot.ui.comeback import offer_comeback
from bot.ui.languages import of_everyone, of_member
from bot.ui.options import caller_of, group_choices, lesson_choices
from bot.ui.pictures import picture
from bot.ui.sending import Pointless, Rendered
from cogs.lessons.words import (
    FEATURE,
    VERIFY,
    alternative,
    grid,
    grid_embed,
    list_embed,
    marked_words,
    next_embed,
    points_words,
    post,
    taken_back,
    undone_words,
)

log = logging.getLogger(__name__)

PICTURE = "lessons"
STAGES = [app_commands.Choice(name=stage.value, value=stage.value) for stage in Stage]


@app_commands.guild_only()
class Lessons(commands.GroupCog, group_name="lesson", group_description="What you did with the course"):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.lessons = bot.services.lessons

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.sender.register(POST, self.render)

    async def cog_unload(self) -> None:
        self.bot.sender.unregister(POST)
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command()
    @app_commands.describe(
        lesson="The lesson, by its number or title",
        stage="How far you went; “ran” when left out",
        evidence="A link to your work, which others can open; needed from “reproduced” on",
        group="The group whose course it is",
    )
    @app_commands.choices(stage=STAGES)
    @app_commands.autocomplete(lesson=lesson_choices, group=group_choices)
    async def done(
        self,
        interaction: Interaction,
        lesson: str,
        stage: app_commands.Choice[str] | None = None,
        evidence: str | None = None,
        group: str | None = None,
    ) -> None:
        """Record what you did with a lesson."""
        reached = Stage(stage.value) if stage is not None else Stage.RAN
        private = reached not in NEED_VERIFYING
        if private:
            await acknowledge(interaction, private=True)
        work = self.lessons.done(
            caller=caller_of(interaction),
            typed=group,
            lesson=lesson,
            stage=reached,
            evidence=evidence,
            channel_id=interaction.channel_id,
        )
        marked = await (work if private else patiently(interaction, work))
        if marked.delivery is None:
            with speaking(of_member(interaction)):
                words = marked_words(marked)
            await reply(interaction, Reply(words), private=True)
        else:
            await self._ask_others(interaction, marked, marked.delivery)
        await offer_comeback(interaction, marked.quiet, marked.mark.group_id)

    @app_commands.command()
    @app_commands.describe(
        lesson="The lesson, by its number or title",
        stage="The stage to take back; the highest one when left out",
        group="The group whose course it is",
    )
    @app_commands.choices(stage=STAGES)
    @app_commands.autocomplete(lesson=lesson_choices, group=group_choices)
    async def undo(
        self,
        interaction: Interaction,
        lesson: str,
        stage: app_commands.Choice[str] | None = None,
        group: str | None = None,
    ) -> None:
        """Take back a stage that you recorded."""
        await acknowledge(interaction, private=True)
        undone = await self.lessons.undo(
            caller=caller_of(interaction),
            typed=group,
            lesson=lesson,
            stage=Stage(stage.value) if stage is not None else None,
        )
        await reply(interaction, Reply(undone_words(undone)), private=True)
        for channel_id, message_id in undone.posts:
            await self._withdraw(interaction, channel_id, message_id)
        await offer_comeback(interaction, undone.quiet, undone.mark.group_id)

    @app_commands.command(name="list")
    @app_commands.describe(group="The group whose course it is")
    @app_commands.autocomplete(group=group_choices)
    async def list_(self, interaction: Interaction, group: str | None = None) -> None:
        """Show what you have done of each lesson."""
        await acknowledge(interaction, private=True)
        course = await self.lessons.course(caller=caller_of(interaction), typed=group)
        await reply(interaction, Reply(embeds=[list_embed(course)]), private=True)

    @app_commands.command()
    @app_commands.describe(group="The group whose course it is")
    @app_commands.autocomplete(group=group_choices)
    async def next(self, interaction: Interaction, group: str | None = None) -> None:
        """Show the next lesson that you have not completed."""
        await acknowledge(interaction, private=True)
        course = await self.lessons.course(caller=caller_of(interaction), typed=group)
        await reply(interaction, Reply(embeds=[next_embed(course)]), private=True)

    @app_commands.command()
    @app_commands.describe(member="Whose progress; yours when left out", group="The group whose course it is")
    @app_commands.autocomplete(group=group_choices)
    async def progress(
        self, interaction: Interaction, member: discord.Member | None = None, group: str | None = None
    ) -> None:
        """Show lessons by stages as a picture, beside the group's plan."""
        await acknowledge(interaction, private=True)
        course = await self.lessons.course(
            caller=caller_of(interaction), typed=group, member_id=member.id if member is not None else None
        )
        name = (member or interaction.user).display_name
        embed = grid_embed(course, name=name)
        files = await picture(
            self.bot.painter,
            grid(course, name=name),
            theme=course.group.theme,
            name=PICTURE,
            alt=alternative(course, name=name),
        )
        for file in files:
            embed.set_image(url=f"attachment://{file.filename}")
        await reply(interaction, Reply(embeds=[embed], files=files), private=True)

    async def on_press(self, press: Press) -> None:
        """Verify, under somebody's evidence. A post that lags behind shows the present state on the way."""
        interaction = press.interaction
        await interaction.response.defer()
        if press.verb != VERIFY:
            raise NothingToVerify
        try:
            verified = await self.lessons.verify(caller=caller_of(interaction), mark_id=press.id)
        except (AlreadyVerified, NothingToVerify):
            await self._show(press, await self.lessons.post(press.id, guild_id=interaction.guild_id))
            raise
        await self._show(press, verified.post)
        mark = verified.post.mark
        text = _(
            "Thank you for looking. It counts {points} for {member} now.",
            points=points_words(mark.points),
            member=f"<@{mark.user_id}>",
        )
        await reply(interaction, Reply(text), private=True)
        await offer_comeback(interaction, verified.quiet, mark.group_id)

    async def render(self, delivery: Claimed) -> Rendered:
        """The post, when the process died before it could answer with it."""
        facts = await self.lessons.post(delivery.refs["mark"], guild_id=delivery.guild_id)
        if facts is None or facts.mark.verified_by is not None:
            raise Pointless("taken back or verified")
        answer = post(facts)
        return Rendered(embeds=answer.embeds, view=answer.view)

    async def _ask_others(self, interaction: Interaction, marked: Marked, delivery: Claimed) -> None:
        facts = PostFacts(mark=marked.mark, group=marked.course.group, lesson=marked.lesson)
        message = await reply(interaction, post(facts, delivery=delivery.id), private=False)
        if message is not None:
            await self.lessons.note_post(
                mark_id=marked.mark.id, channel_id=message.channel.id, message_id=message.id
            )
            await self.bot.ledger.sent(delivery, channel_id=message.channel.id, message_id=message.id)

    async def _show(self, press: Press, facts: PostFacts | None) -> None:
        with speaking(of_everyone(press.interaction)):
            answer = post(facts, delivery=press.delivery) if facts is not None else taken_back()
        await press.interaction.edit_original_response(
            content=answer.content, embeds=list(answer.embeds), view=answer.view
        )

    async def _withdraw(self, interaction: Interaction, channel_id: int, message_id: int) -> None:
        place = self.bot.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
        with speaking(of_everyone(interaction)):
            rest = taken_back()
        try:
            await place.get_partial_message(message_id).edit(
                content=rest.content, embeds=[], view=None, allowed_mentions=rest.allowed_mentions
            )
        except discord.HTTPException as error:
            # Deleted, or out of reach: its button, if it still has one, finds nothing to verify.
            log.info("post not withdrawn", extra={"message": message_id, "code": error.code})


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Lessons(bot))
