"""`/setup`: an organizer's way from an empty server to a group that meets, in one private message.

Nothing is kept of it: how far it has come is read from the group itself, and each step does what its own
command does, through the same service.
"""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import Group
from bot.errors import (
    BadOption,
    MissingPermission,
    NoStarterDeck,
    NotAnOrganizer,
    NothingToChange,
    UnusableChannel,
)
from bot.locales import _, ngettext
from bot.services.access import Caller
from bot.services.groups import GroupChanges
from bot.ui import setup as words
from bot.ui.answers import acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.deck_files import started_words
from bot.ui.errors import wording
from bot.ui.events import missing_for_event
from bot.ui.modals import Form
from bot.ui.moments import moment
from bot.ui.options import caller_of, require_guild
from bot.ui.places import VIEW_CHANNEL, require_home, require_postable
from bot.ui.reviews import redraw
from bot.ui.setup import Standing, beginning, which, wizard
from bot.ui.text import shown
from bot.ui.welcome import JOIN_LABEL
from cogs.setup.forms import (
    ChannelForm,
    CourseForm,
    CreateForm,
    DailyForm,
    FirstMeetup,
    Hour,
    MeetupForm,
    NewGroup,
    ZoneForm,
)

# The ticks that follow a change, by what is changed.
AFTER_MEETUP = ("posts", "events", "meetups")
AFTER_ZONE = ("digests", "daily cards")  # the same in every language
STEPS = (words.CHANNEL, words.COURSE, words.MEETUP, words.ZONE, words.DAILY)


class Setup(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.services = bot.services

    async def cog_load(self) -> None:
        self.bot.buttons.register(words.FEATURE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(words.FEATURE)

    @app_commands.command()
    @app_commands.guild_only()
    async def setup(self, interaction: Interaction) -> None:
        """Set up a group step by step: channel, course, first meetup, zone, daily cards; for organizers."""
        await acknowledge(interaction, private=True)
        caller = caller_of(interaction)
        groups = await self._meant(caller)
        if not groups:
            answer = beginning()
        elif len(groups) > 1:
            answer = which(groups)
        else:
            answer = wizard(await self._standing(interaction, groups[0].id))
        await reply(interaction, answer, private=True)

    async def on_press(self, press: Press) -> None:
        """A step, or one of several groups; what is a form's comes back to the methods below."""
        interaction = press.interaction
        if press.verb in (words.SHOW, words.STARTER):
            await interaction.response.defer()
            said = await self._starter(interaction, press.id) if press.verb == words.STARTER else None
            await self._show(interaction, press.id, said)
        elif press.verb == words.OTHERS:
            await interaction.response.defer()
            if groups := await self._meant(caller_of(interaction)):
                await redraw(interaction, which(groups, page=press.id))
        elif press.verb == words.CREATE:
            if not caller_of(interaction).manages_server:
                raise NotAnOrganizer
            here = interaction.channel if isinstance(interaction.channel, discord.TextChannel) else None
            await interaction.response.send_modal(CreateForm(channel=here, submitted=self.create))
        else:
            standing = await self._standing(interaction, press.id)
            await interaction.response.send_modal(await self._form(interaction, press.verb, standing))

    async def create(self, interaction: Interaction, new: NewGroup) -> None:
        await interaction.response.defer()
        if not caller_of(interaction).manages_server:
            raise NotAnOrganizer
        require_postable(channel_called(interaction, new.channel_id))
        group, _claimed = await self.services.groups.create(
            caller=caller_of(interaction),
            name=new.name,
            timezone=new.timezone,
            channel_id=new.channel_id,
        )
        said = _(
            "**{group}** is made, and its invitation comes to {channel}. "
            "Press {button} there to be in it yourself.",
            group=shown(group.name),
            channel=f"<#{group.channel_id}>",
            button=_(JOIN_LABEL),
        )
        await self._show(interaction, group.id, said)

    async def _meant(self, caller: Caller) -> list[Group]:
        """Of the groups that the caller organizes, those of this channel if any. Raises NotAnOrganizer."""
        groups = await self.services.groups.organized(caller=caller)
        return [group for group in groups if group.channel_id in caller.channel_ids] or groups

    async def _form(self, interaction: Interaction, verb: str, standing: Standing) -> Form:
        """The form of a step, filled in with what is set. Raises BadOption."""
        group = standing.group

        async def channel(interaction: Interaction, channel_id: int) -> None:
            await interaction.response.defer()
            require_postable(channel_called(interaction, channel_id))
            await self._edit(interaction, group, GroupChanges(channel_id=channel_id))
            said = _("Meetups and cards come to {channel} from now on.", channel=f"<#{channel_id}>")
            await self._show(interaction, group.id, said)

        async def course(interaction: Interaction, typed: str | None) -> None:
            await interaction.response.defer()
            if typed is None:
                raise NothingToChange(what="group")
            changed = await self._edit(interaction, group, GroupChanges(course=typed))
            said = _("The group follows **{course}**.", course=shown(changed.course or typed))
            if changed.pack is not None:
                more = _("**{button}** can plan one for each of its lessons.", button=_("First meetup"))
                said = f"{said} {more}"
            await self._show(interaction, group.id, said)

        async def zone(interaction: Interaction, typed: str) -> None:
            await interaction.response.defer()
            changed = await self._edit(interaction, group, GroupChanges(timezone=typed))
            self._wake(AFTER_ZONE)
            said = _(
                "The group lives in **{zone}**. Meetups that are planned keep their zone.",
                zone=changed.timezone,
            )
            await self._show(interaction, group.id, said)

        async def meetup(interaction: Interaction, planned: FirstMeetup) -> None:
            await self._plan(interaction, group, planned)

        async def daily(interaction: Interaction, hour: Hour) -> None:
            await self._set_daily(interaction, group, hour)

        match verb:
            case words.CHANNEL:
                home = require_guild(interaction).get_channel(group.channel_id)
                known = home if isinstance(home, discord.TextChannel) else None
                return ChannelForm(channel=known, submitted=channel)
            case words.COURSE:
                packs = await self.services.courses.newest(guild_id=group.guild_id)
                return CourseForm(group=group, packs=packs, submitted=course)
            case words.MEETUP:
                return MeetupForm(group=group, submitted=meetup)
            case words.ZONE:
                return ZoneForm(zone=group.timezone, submitted=zone)
            case words.DAILY:
                return DailyForm(group=group, daily=standing.daily, submitted=daily)
        raise BadOption(field="step", value=verb, choices=STEPS)

    async def _plan(self, interaction: Interaction, group: Group, planned: FirstMeetup) -> None:
        """The first meetup alone or repeating, as `/meetup schedule` plans it; or one for each lesson, as
        `/course start` does.
        """
        await interaction.response.defer()
        caller, guild = caller_of(interaction), require_guild(interaction)
        # As it is now: the form may have been open for a while.
        group = (await self._standing(interaction, group.id)).group
        require_home(guild, group)
        if planned.every_weeks is not None:
            started = await self.services.courses.start(
                caller=caller,
                typed_group=str(group.id),
                course=f"{group.pack}@{group.pack_version}",
                first=planned.when,
                every_weeks=planned.every_weeks,
            )
            first = started.dates[0].found.occurrence.starts_at
            said = ngettext(
                "{n} meetups are planned, the first for {when}.",
                "{n} meetups are planned, the first for {when}.",
                len(started.dates),
                when=moment(first),
            )
        else:
            scheduled = await self.services.meetups.schedule(
                caller=caller,
                group_id=group.id,
                when=planned.when,
                title=planned.title,
                repeat=planned.repeat,
            )
            facts = scheduled.facts
            said = _(
                "**{title}** is planned for {when}.",
                title=shown(facts.title),
                when=moment(facts.occurrence.starts_at),
            )
        self._wake(AFTER_MEETUP)
        parts = [said, _("Its post comes to {channel}.", channel=f"<#{group.channel_id}>")]
        missing = missing_for_event(guild, None)
        if missing is not None:
            parts += [_("But there is no event in Discord’s own list."), wording(missing)]
        await self._show(interaction, group.id, " ".join(parts))

    async def _set_daily(self, interaction: Interaction, group: Group, hour: Hour) -> None:
        await interaction.response.defer()
        daily, caller, typed = self.services.daily, caller_of(interaction), str(group.id)
        if hour.hour is None:
            await daily.switch_off(caller=caller, typed=typed)
            await self._show(interaction, group.id, _("There are no daily cards."))
            return
        before = await daily.setting(caller=caller, typed=typed)
        # A deck that `/cards daily` chose stays chosen.
        deck = str(before.deck.id) if before.deck is not None else None
        setting = await daily.set(caller=caller, typed=typed, hour=hour.hour, count=hour.count, deck=deck)
        if setting.next_at is not None:
            self.bot.scheduler.wake("daily cards", setting.next_at)  # the same in every language
        said = _("Daily cards come at {hour:02}:00.", hour=hour.hour)
        if setting.ready == 0:
            said = " ".join((said, _("A day on which no card is due for anybody is skipped.")))
        await self._show(interaction, group.id, said)

    async def _starter(self, interaction: Interaction, group_id: int) -> str:
        """The decks of the course and its prerequisites; the latter alone where the course has none."""
        decks, caller = self.services.decks, caller_of(interaction)
        try:
            started = await decks.starter(caller=caller, typed=str(group_id))
        except NoStarterDeck:
            started = await decks.starter(caller=caller, typed=str(group_id), only_prerequisites=True)
        return started_words(started)

    async def _edit(self, interaction: Interaction, group: Group, changes: GroupChanges) -> Group:
        return await self.services.groups.edit(
            caller=caller_of(interaction), typed=str(group.id), changes=changes
        )

    async def _show(self, interaction: Interaction, group_id: int, said: str | None) -> None:
        await redraw(interaction, wizard(await self._standing(interaction, group_id), said=said))

    async def _standing(self, interaction: Interaction, group_id: int) -> Standing:
        """Raises UnknownGroup, NotOrganizer."""
        caller, typed = caller_of(interaction), str(group_id)
        # First, for it refuses whoever is no organizer.
        setting = await self.services.daily.setting(caller=caller, typed=typed)
        facts = await self.services.groups.facts(caller=caller, typed=typed)
        decks = await self.services.cards.deck_suggestions(caller=caller, group=typed, typed="", limit=1)
        problem = None
        try:
            require_home(require_guild(interaction), facts.group)
        except (UnusableChannel, MissingPermission) as error:
            problem = wording(error)
        return Standing(
            group=facts.group,
            channel_problem=problem,
            next_meetup=facts.next_meetup.starts_at if facts.next_meetup is not None else None,
            daily=setting.daily,
            next_cards=setting.next_at,
            has_deck=bool(decks),
        )

    def _wake(self, ticks: tuple[str, ...]) -> None:
        for tick in ticks:
            self.bot.scheduler.wake(tick, self.bot.clock())


def channel_called(interaction: Interaction, channel_id: int) -> discord.abc.GuildChannel:
    """A channel that was picked from Discord's list. Raises MissingPermission when the bot cannot see it."""
    channel = require_guild(interaction).get_channel(channel_id)
    if channel is None:
        raise MissingPermission(permissions=(VIEW_CHANNEL,), channel_id=channel_id)
    return channel


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Setup(bot))
