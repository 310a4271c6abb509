"""`/meetup schedule|edit|skip|move|cancel`."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import BotHost
from bot.locales import _, speaking
from bot.scheduling.recurrence import Repeat
from bot.services.meetups import MeetupChanges, Scheduled
from bot.ui.answers import Reply, patiently, reply
from bot.ui.errors import wording
from bot.ui.events import missing_for_event
from bot.ui.languages import of_member
from bot.ui.meetup_posts import called_off, card, dropped_words, embed, next_one, told
from bot.ui.moments import moment
from bot.ui.options import caller_of, group_choices, require_guild
from bot.ui.places import Place, require_home, require_visible
from bot.ui.text import shown
from cogs.meetups.options import meetup_choices

#: The ticks that follow a change: posts, Discord's events, and the calendar of what ends when.
FOLLOWING_TICKS = ("posts", "events", "meetups")


class PlanningCommands(commands.Cog):
    """The part of `/meetup` that changes what is planned."""

    bot: StudyBot

    @app_commands.command()
    @app_commands.describe(
        when="A day and a time, such as: next thursday at 19:00",
        lesson="The lesson you want to work on",
        title="What the meetup is called; the lesson when left out",
        minutes="How long it lasts; 90 when left out",
        where="The channel where you meet",
        repeat="How often it repeats, at the same time of day",
        capacity="How many can come; whoever is beyond that waits for a place",
        host="Who leads it; you when left out",
        group="The group that meets",
    )
    @app_commands.autocomplete(group=group_choices)
    async def schedule(
        self,
        interaction: Interaction,
        when: str,
        lesson: str | None = None,
        title: str | None = None,
        minutes: int | None = None,
        where: Place | None = None,
        repeat: Literal["weekly", "fortnightly", "monthly"] | None = None,
        capacity: int | None = None,
        host: discord.Member | None = None,
        group: str | None = None,
    ) -> None:
        """Plan a meetup: its post, event and reminders follow by themselves."""
        require_visible(where)
        require_person(host)

        async def planned() -> Scheduled:
            found = await self.bot.services.groups.resolve(caller=caller_of(interaction), typed=group)
            require_home(require_guild(interaction), found)
            return await self.bot.services.meetups.schedule(
                caller=caller_of(interaction),
                group_id=found.id,
                when=when,
                title=title,
                lesson=lesson,
                minutes=minutes,
                where_channel_id=where.id if where is not None else None,
                repeat=Repeat(repeat) if repeat is not None else Repeat.NONE,
                capacity=capacity,
                host_id=host.id if host is not None else None,
                answer_is_post=found.channel_id == interaction.channel_id,
            )

        scheduled = await patiently(interaction, planned())
        facts, claimed = scheduled.facts, scheduled.claimed
        if claimed is None:
            self._follow_up()
            with speaking(of_member(interaction)):
                text = _(
                    "**{title}** is planned for {when}. Its post stands in {channel}.",
                    title=shown(facts.title),
                    when=moment(facts.occurrence.starts_at),
                    channel=f"<#{facts.group.channel_id}>",
                )
            await reply(interaction, Reply(text), private=True)
            await self._mention_event_trouble(interaction, where)
            return
        message = await reply(interaction, card(facts, delivery=claimed.id), private=False)
        if message is not None:
            await self.bot.ledger.sent(claimed, channel_id=message.channel.id, message_id=message.id)
            await self.bot.services.meetups.note_post(
                occurrence_id=facts.occurrence.id,
                channel_id=message.channel.id,
                message_id=message.id,
                version=facts.occurrence.version,
            )
        self._follow_up()
        await self._mention_event_trouble(interaction, where)

    @app_commands.command()
    @app_commands.describe(
        meetup="The meetup to change; all its coming dates follow",
        title="A new title",
        lesson="Another lesson",
        minutes="How long it lasts",
        where="Another channel to meet in",
        repeat="How often it repeats from now on",
        capacity="How many can come; nobody who has a place loses it",
        host="Who leads it",
    )
    @app_commands.autocomplete(meetup=meetup_choices)
    async def edit(
        self,
        interaction: Interaction,
        meetup: str,
        title: str | None = None,
        lesson: str | None = None,
        minutes: int | None = None,
        where: Place | None = None,
        repeat: Literal["once", "weekly", "fortnightly", "monthly"] | None = None,
        capacity: int | None = None,
        host: discord.Member | None = None,
    ) -> None:
        """Change a meetup; for its host and organizers."""
        require_visible(where)
        require_person(host)
        changes = MeetupChanges(
            title=title,
            lesson=lesson,
            minutes=minutes,
            where_channel_id=where.id if where is not None else None,
            repeat=None if repeat is None else Repeat.NONE if repeat == "once" else Repeat(repeat),
            capacity=capacity,
            host_id=host.id if host is not None else None,
        )
        facts, dropped = await patiently(
            interaction,
            self.bot.services.meetups.edit(caller=caller_of(interaction), typed=meetup, changes=changes),
        )
        self._follow_up()
        awaited = [date for date in dropped if date.going]
        text = "\n".join([_("The meetup has changed."), *map(dropped_words, awaited)])
        answer = told(text, *awaited)
        answer.embeds = [embed(facts)]
        await reply(interaction, answer, private=False)

    @app_commands.command()
    @app_commands.describe(meetup="The date that does not take place; later ones stay")
    @app_commands.autocomplete(meetup=meetup_choices)
    async def skip(self, interaction: Interaction, meetup: str) -> None:
        """Leave out one date of a repeating meetup; for its host and organizers."""
        facts = await patiently(
            interaction, self.bot.services.meetups.skip(caller=caller_of(interaction), typed=meetup)
        )
        self._follow_up()
        text = dropped_words(facts)
        if facts.next_starts:
            text = f"{text} {next_one(facts)}"
        await reply(interaction, told(text, facts), private=False)

    @app_commands.command()
    @app_commands.describe(
        meetup="The date to move",
        when="The new day and time, such as: friday 18:30",
        scope="Only this date, or all later ones too; only this one when left out",
    )
    @app_commands.autocomplete(meetup=meetup_choices)
    async def move(
        self,
        interaction: Interaction,
        meetup: str,
        when: str,
        scope: Literal["this", "following"] = "this",
    ) -> None:
        """Move a meetup to another time; for its host and organizers."""
        facts, before = await patiently(
            interaction,
            self.bot.services.meetups.move(
                caller=caller_of(interaction), typed=meetup, when=when, following=scope == "following"
            ),
        )
        self._follow_up()
        text = _(
            "**{title}** moves from {before} to {after}.",
            title=shown(facts.title),
            before=moment(before),
            after=moment(facts.occurrence.starts_at),
        )
        if scope == "following" and facts.next_starts:
            following = moment(facts.next_starts[0])
            later = _("All later dates move with it; the next one: {when}.", when=following)
            text = f"{text} {later}"
        await reply(interaction, told(text, facts), private=False)

    @app_commands.command()
    @app_commands.describe(meetup="The meetup to call off, with all its coming dates")
    @app_commands.autocomplete(meetup=meetup_choices)
    async def cancel(self, interaction: Interaction, meetup: str) -> None:
        """Call a meetup off, with all its coming dates; for its host and organizers."""
        facts, dates = await patiently(
            interaction, self.bot.services.meetups.cancel(caller=caller_of(interaction), typed=meetup)
        )
        self._follow_up()
        await reply(interaction, told(called_off(facts), *dates), private=False)

    async def _mention_event_trouble(self, interaction: Interaction, where: Place | None) -> None:
        """Tell whoever planned a meetup, at once and alone, that Discord's event for it has to wait."""
        missing = missing_for_event(require_guild(interaction), where.id if where is not None else None)
        if missing is not None:
            with speaking(of_member(interaction)):
                stands = _("The meetup stands, but without an event in Discord’s own list.")
                text = f"{stands} {wording(missing)}"
            await reply(interaction, Reply(text), private=True)

    def _follow_up(self) -> None:
        """Let what shows meetups elsewhere catch up."""
        for tick in FOLLOWING_TICKS:
            self.bot.scheduler.wake(tick, self.bot.clock())


def require_person(host: discord.Member | None) -> None:
    """Raises BotHost."""
    if host is not None and host.bot:
        raise BotHost(user_id=host.id)
