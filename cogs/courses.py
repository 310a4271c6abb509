"""`/course`: what there is to learn, and a group's way through it by date."""

import asyncio
import io
from typing import Any, Literal

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.courses.documents import SIZE_LIMIT
from bot.delivery.ledger import Claimed
from bot.errors import BadPack, PackTooLarge, UnknownCourse, UnknownShift, UnreachableFile
from bot.locales import N_, _, speaking
from bot.services.courses import MOST_WEEKS, SHIFT, Started
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press
from bot.ui.courses import (
    FEATURE,
    PAGES,
    UNDO,
    catalogue,
    imported_words,
    shift_notice,
    started_embed,
    syllabus,
    undone_notice,
)
from bot.ui.errors import wording
from bot.ui.events import missing_for_event
from bot.ui.languages import of_everyone, of_member
from bot.ui.options import CHOICES, caller_of, course_choices, group_choices, require_guild
from bot.ui.pack_problems import REPORT_NAME, report
from bot.ui.places import Place, require_home, require_visible
from bot.ui.sending import Pointless, Rendered

#: The ticks that follow new dates: posts, Discord's events, and the calendar of what ends when.
FOLLOWING_TICKS = ("posts", "events", "meetups")
EVERY = {"weekly": (1, N_("a lesson every week")), "2 weeks": (2, N_("a lesson every two weeks"))}


async def coming_lesson_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The lessons that the group still meets for; the value is the pack's and the lesson's id."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.courses.coming_lessons(
        caller=caller_of(interaction), typed_group=interaction.namespace.group
    )
    labelled = [(f"{lesson.number}. {lesson.title}", f"{pack_id}:{lesson.id}") for pack_id, lesson in found]
    wanted = typed.casefold().strip()
    return [
        app_commands.Choice(name=name[:100], value=value)
        for name, value in labelled
        if wanted in name.casefold()
    ][:CHOICES]


@app_commands.guild_only()
class Courses(commands.GroupCog, group_name="course", group_description="Courses and their lessons"):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.courses = bot.services.courses

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.buttons.register(PAGES, self.on_turn)
        self.bot.sender.register(SHIFT, self.render_shift)

    async def cog_unload(self) -> None:
        self.bot.sender.unregister(SHIFT)
        self.bot.buttons.unregister(PAGES)
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command(name="list")
    async def list_(self, interaction: Interaction) -> None:
        """Show the courses that a group of this server can take."""
        packs = await patiently(interaction, self.courses.newest(guild_id=require_guild(interaction).id))
        await reply(interaction, Reply(embeds=[catalogue(packs)]), private=False)

    @app_commands.command()
    @app_commands.describe(course="The course to look at; my-course@1.2 names a version")
    @app_commands.autocomplete(course=course_choices)
    async def show(self, interaction: Interaction, course: str) -> None:
        """Show a course: its lessons, topics, effort and links."""
        guild_id = require_guild(interaction).id
        pack = await patiently(interaction, self.courses.show(guild_id=guild_id, typed=course))
        await reply(interaction, syllabus(pack), private=False)

    @app_commands.command(name="import")
    @app_commands.describe(file="The course as a YAML file")
    async def import_(self, interaction: Interaction, file: discord.Attachment) -> None:
        """Bring a course of your own to this server; for organizers."""
        await acknowledge(interaction, private=True)
        try:
            imported = await self.courses.import_pack(caller=caller_of(interaction), data=await read(file))
        except BadPack as refused:
            # In a thread: ten thousand mistakes are possible.
            text = await asyncio.to_thread(report, refused.problems)
            everything = discord.File(io.BytesIO(text), REPORT_NAME)
            await reply(interaction, Reply(wording(refused), files=[everything]), private=True)
            return
        await reply(interaction, Reply(imported_words(imported)), private=True)

    @app_commands.command()
    @app_commands.describe(
        course="The course to take",
        first="The first meetup, such as: next thursday at 19:00",
        every="How often the group meets for the next lesson",
        where="The channel where you meet",
        minutes="How long each meetup lasts; 90 when left out",
        group="The group that takes it",
    )
    @app_commands.autocomplete(course=course_choices, group=group_choices)
    async def start(
        self,
        interaction: Interaction,
        course: str,
        first: str,
        every: Literal["weekly", "2 weeks"],
        where: Place | None = None,
        minutes: int | None = None,
        group: str | None = None,
    ) -> None:
        """Plan one meetup for each lesson of a course; for the group's organizers."""
        weeks, rhythm = EVERY[every]
        require_visible(where)

        async def started() -> Started:
            found = await self.bot.services.groups.resolve(caller=caller_of(interaction), typed=group)
            require_home(require_guild(interaction), found)
            return await self.courses.start(
                caller=caller_of(interaction),
                typed_group=str(found.id),
                course=course,
                first=first,
                every_weeks=weeks,
                where_channel_id=where.id if where is not None else None,
                minutes=minutes,
            )

        course_dates = await patiently(interaction, started())
        answer = started_embed(course_dates, every=_(rhythm))
        self._follow_up()
        await reply(interaction, Reply(embeds=[answer]), private=False)
        missing = missing_for_event(require_guild(interaction), where.id if where is not None else None)
        if missing is not None:
            with speaking(of_member(interaction)):
                text = _(
                    "The meetups stand, but without events in Discord’s own list. {why}", why=wording(missing)
                )
            await reply(interaction, Reply(text), private=True)

    @app_commands.command()
    @app_commands.describe(
        from_lesson="The first lesson to move; every later one moves with it",
        weeks="How many weeks later; a negative number for earlier",
        group="The group whose course it is",
    )
    @app_commands.autocomplete(from_lesson=coming_lesson_choices, group=group_choices)
    async def shift(
        self,
        interaction: Interaction,
        from_lesson: str,
        weeks: app_commands.Range[int, -MOST_WEEKS, MOST_WEEKS],
        group: str | None = None,
    ) -> None:
        """Move a lesson's meetup and all later ones by whole weeks; for the group's organizers."""
        shift, claimed = await patiently(
            interaction,
            self.courses.shift(
                caller=caller_of(interaction),
                typed_group=group,
                from_lesson=from_lesson,
                weeks=weeks,
                interaction_id=interaction.id,
                channel_id=interaction.channel_id,
            ),
        )
        self._follow_up()
        if claimed is None:
            with speaking(of_member(interaction)):
                text = _(
                    "The move stands in <#{channel}>, with a button that takes it back.",
                    channel=shift.group.channel_id,
                )
            await reply(interaction, Reply(text), private=True)
            return
        message = await reply(interaction, shift_notice(shift, delivery=claimed.id), private=False)
        if message is not None:
            await self.bot.ledger.sent(claimed, channel_id=message.channel.id, message_id=message.id)

    async def render_shift(self, delivery: Claimed) -> Rendered:
        shift = await self.courses.get_shift(delivery.refs["shift"])
        if shift is None or shift.row.undone_at is not None:
            raise Pointless("the move was taken back")
        notice = shift_notice(shift)
        return Rendered(
            content=notice.content,
            embeds=notice.embeds,
            view=notice.view,
            allowed_mentions=notice.allowed_mentions,
        )

    async def on_press(self, press: Press) -> None:
        """Undo, under the notice of a move."""
        interaction = press.interaction
        if press.verb != UNDO:
            raise UnknownShift
        undone = await patiently(
            interaction, self.courses.undo_shift(caller=caller_of(interaction), shift_id=press.id)
        )
        self._follow_up()
        # The notice stays, its button rests; those who were coming hear of it in a message of its own.
        notice = shift_notice(undone.shift, delivery=press.delivery)
        changed: dict[str, Any] = {
            "content": notice.content,
            "view": notice.view,
            "allowed_mentions": discord.AllowedMentions.none(),
        }
        if not interaction.response.is_done():
            await interaction.response.edit_message(**changed)
        elif interaction.message is not None:
            await interaction.message.edit(**changed)
        await reply(interaction, undone_notice(undone), private=False)

    async def on_turn(self, press: Press) -> None:
        """Back or Next, under a course of several pages."""
        if press.interaction.guild_id is None:
            raise UnknownCourse(typed=press.verb, names=())
        pack_id = press.verb.replace("_", "-")
        pack = await self.courses.show(guild_id=press.interaction.guild_id, typed=pack_id)
        with speaking(of_everyone(press.interaction)):
            page = syllabus(pack, page=press.id)
        await press.interaction.response.edit_message(embeds=page.embeds, view=page.view)

    def _follow_up(self) -> None:
        """Let what shows meetups elsewhere catch up."""
        for tick in FOLLOWING_TICKS:
            self.bot.scheduler.wake(tick, self.bot.clock())


async def read(file: discord.Attachment) -> bytes:
    """Raises PackTooLarge before anything is fetched, UnreachableFile."""
    if file.size > SIZE_LIMIT:
        raise PackTooLarge(size=file.size, limit=SIZE_LIMIT)
    try:
        return await file.read()
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError):
        raise UnreachableFile(name=file.filename) from None


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Courses(bot))
