"""`/group`: make one, join it, leave it, look after it."""

from itertools import groupby

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import Group
from bot.delivery.dispatcher import Pointless
from bot.delivery.ledger import Claimed
from bot.errors import NotInServer
from bot.locales import _, ngettext, speaking
from bot.services.groups import THEMES, WELCOME, GroupChanges, GroupFacts
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.boards import progress_words
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.languages import of_everyone, of_member
from bot.ui.meetup_posts import called_off, told
from bot.ui.moments import moment
from bot.ui.options import (
    caller_of,
    course_choices,
    group_choices,
    joined_choices,
    require_guild,
    zone_choices,
)
from bot.ui.places import give_role, require_grantable, require_postable
from bot.ui.sending import Rendered
from bot.ui.text import fitting, person, shown
from bot.ui.welcome import (
    GOAL_LABEL,
    JOIN_LABEL,
    ZONE_LABEL,
    goal_button,
    joined_words,
    next_steps,
    zone_button,
)

COLOUR = discord.Colour(0x2F6FED)
MOST_LISTED = 30


@app_commands.guild_only()
class Groups(commands.GroupCog, group_name="group", group_description="Study groups of this server"):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.groups = bot.services.groups

    async def cog_load(self) -> None:
        self.bot.buttons.register("group", self.on_press)
        self.bot.sender.register(WELCOME, self.render_welcome)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister("group")
        self.bot.sender.unregister(WELCOME)

    @app_commands.command()
    @app_commands.describe(
        name="What the group is called",
        timezone="Where the group lives, such as Europe/Berlin",
        channel="Where the group talks; this channel when left out",
        course="The course you follow together",
        role="A role that members of the group get",
    )
    @app_commands.autocomplete(timezone=zone_choices, course=course_choices)
    async def create(
        self,
        interaction: Interaction,
        name: str,
        timezone: str,
        channel: discord.TextChannel | None = None,
        course: str | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Make a study group and invite people to join it."""
        home = channel if channel is not None else home_channel(interaction)
        require_postable(home)
        if role is not None:
            require_grantable(role, by=interaction.user)
        group, claimed = await patiently(
            interaction,
            self.groups.create(
                caller=caller_of(interaction),
                name=name,
                timezone=timezone,
                channel_id=home.id,
                course=course,
                role_id=role.id if role is not None else None,
                answer_is_welcome=home.id == interaction.channel_id,
            ),
        )
        if claimed is None:
            with speaking(of_member(interaction)):
                answer = _(
                    "**{group}** is made. The invitation stands in {channel}.",
                    group=shown(group.name),
                    channel=f"<#{home.id}>",
                )
            await reply(interaction, Reply(answer), private=True)
            return
        message = await reply(interaction, welcome(group, delivery=claimed.id), private=False)
        if message is not None:
            await self.bot.ledger.sent(claimed, channel_id=message.channel.id, message_id=message.id)

    @app_commands.command()
    @app_commands.describe(group="The group to join")
    @app_commands.autocomplete(group=group_choices)
    async def join(self, interaction: Interaction, group: str | None = None) -> None:
        """Join a study group."""
        await acknowledge(interaction, private=True)
        await self._join(interaction, typed=group)

    @app_commands.command()
    @app_commands.describe(group="The group to leave")
    @app_commands.autocomplete(group=joined_choices)
    async def leave(self, interaction: Interaction, group: str | None = None) -> None:
        """Leave a study group; your places at its coming meetups go to others."""
        await acknowledge(interaction, private=True)
        left = await self.groups.leave(caller=caller_of(interaction), typed=group)
        for tick in ("posts", "events"):
            self.bot.scheduler.wake(tick, self.bot.clock())
        problem = await give_role(interaction, require_guild(interaction), role_id=left.role_id, has=False)
        text = _("You have left **{group}**. You are welcome back any time.", group=shown(left.name))
        await reply(interaction, Reply(" ".join(filter(None, (text, problem)))), private=True)

    @app_commands.command()
    @app_commands.describe(group="The group to look at")
    @app_commands.autocomplete(group=group_choices)
    async def info(self, interaction: Interaction, group: str | None = None) -> None:
        """Show a group: its people, channel, zone and next meetup."""
        facts = await patiently(interaction, self.groups.facts(caller=caller_of(interaction), typed=group))
        view = buttons(join_button(facts.group)) if not facts.joined else None
        await reply(interaction, Reply(embeds=[card(facts)], view=view), private=False)

    @app_commands.command(name="list")
    async def list_(self, interaction: Interaction) -> None:
        """Show the study groups of this server."""
        found = await patiently(interaction, self.groups.all_facts(caller=caller_of(interaction)))
        if not found:
            with speaking(of_member(interaction)):
                text = _("This server has no study group yet. Make one with `/group create`.")
            await reply(interaction, Reply(text), private=True)
            return
        embed = discord.Embed(title=_("Study groups here"), colour=COLOUR)
        lines = fitting([line(facts) for facts in found[:MOST_LISTED]])
        embed.description = "\n".join(lines)
        if len(found) > len(lines):
            left = len(found) - len(lines)
            embed.set_footer(text=_("and {count} more; /group info finds them by name", count=left))
        await reply(interaction, Reply(embeds=[embed]), private=False)

    @app_commands.command()
    @app_commands.describe(
        group="The group to change",
        name="A new name",
        timezone="A new zone; meetups that are planned keep theirs",
        channel="A new home channel; reminders go there from now on",
        course="The course you follow together",
        role="A role that members of the group get from now on",
        organizer_role="Whoever has this role may organize the group",
        goal="What you want to reach together, such as “40 lessons a month”; “none” takes it away",
        digest="Whether the channel gets a digest of the past week on Mondays at 09:00",
        theme="The colours of the group’s pictures",
        card_approval="Whether a new flashcard waits for a second member before it joins the deck",
    )
    @app_commands.choices(theme=[app_commands.Choice(name=theme, value=theme) for theme in THEMES])
    @app_commands.autocomplete(group=group_choices, timezone=zone_choices, course=course_choices)
    async def edit(
        self,
        interaction: Interaction,
        group: str | None = None,
        name: str | None = None,
        timezone: str | None = None,
        channel: discord.TextChannel | None = None,
        course: str | None = None,
        role: discord.Role | None = None,
        organizer_role: discord.Role | None = None,
        goal: str | None = None,
        digest: bool | None = None,
        theme: app_commands.Choice[str] | None = None,
        card_approval: bool | None = None,
    ) -> None:
        """Change a group's settings; for its organizers."""
        await acknowledge(interaction, private=True)
        if channel is not None:
            require_postable(channel)
        if role is not None:
            require_grantable(role, by=interaction.user)
        changes = GroupChanges(
            name=name,
            timezone=timezone,
            channel_id=channel.id if channel is not None else None,
            course=course,
            role_id=role.id if role is not None else None,
            organizer_role_id=organizer_role.id if organizer_role is not None else None,
            goal=goal,
            digest=digest,
            theme=theme.value if theme is not None else None,
            card_approval=card_approval,
        )
        changed = await self.groups.edit(caller=caller_of(interaction), typed=group, changes=changes)
        for tick in ("digests", "posts"):  # what another channel makes possible
            self.bot.scheduler.wake(tick, self.bot.clock())
        facts = await self.groups.facts(caller=caller_of(interaction), typed=str(changed.id))
        await reply(interaction, Reply(_("Saved."), embeds=[card(facts)]), private=True)

    @app_commands.command()
    @app_commands.describe(group="The group to archive")
    @app_commands.autocomplete(group=group_choices)
    async def archive(self, interaction: Interaction, group: str | None = None) -> None:
        """Close a group: its meetups are cancelled, its history stays; for its organizers."""
        await acknowledge(interaction, private=True)
        closed, dates = await self.groups.archive(caller=caller_of(interaction), typed=group)
        for tick in ("posts", "events"):
            self.bot.scheduler.wake(tick, self.bot.clock())
        text = _("**{group}** is archived, and its coming meetups are cancelled.", group=shown(closed.name))
        await reply(interaction, Reply(text), private=True)
        for _meetup, of_meetup in groupby(dates, key=lambda facts: facts.meetup.id):
            called = list(of_meetup)
            if any(facts.going for facts in called):
                with speaking(of_everyone(interaction)):
                    news = told(called_off(called[0]), *called)
                await reply(interaction, news, private=False)

    async def on_press(self, press: Press) -> None:
        """The Join button under a welcome."""
        if press.interaction.guild_id is None:
            raise NotInServer
        await acknowledge(press.interaction, private=True)
        await self._join(press.interaction, group_id=press.id)

    async def render_welcome(self, delivery: Claimed) -> Rendered:
        group = await self.groups.get(delivery.refs["group"])
        if group is None or group.archived_at is not None:
            raise Pointless("group archived")
        answer = welcome(group)
        return Rendered(embeds=answer.embeds, view=answer.view)

    async def _join(
        self, interaction: Interaction, *, typed: str | None = None, group_id: int | None = None
    ) -> None:
        joined = await self.groups.join(caller=caller_of(interaction), typed=typed, group_id=group_id)
        problem = await give_role(interaction, require_guild(interaction), role_id=joined.role_id, has=True)
        has_card = await self.bot.services.reviews.has_card(user_id=interaction.user.id, group=joined)
        text = joined_words(joined, has_card=has_card)
        view = next_steps(joined, has_card=has_card)
        await reply(interaction, Reply("\n".join(filter(None, (text, problem))), view=view), private=True)


def home_channel(interaction: Interaction) -> discord.abc.GuildChannel:
    """Where the command was used; a thread's parent, for a group outlives its threads."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if not isinstance(channel, discord.abc.GuildChannel):
        raise NotInServer
    return channel


def join_button(group: Group, *, delivery: int | None = None) -> DurableButton:
    style = discord.ButtonStyle.primary
    return DurableButton("group", group.id, "join", label=_(JOIN_LABEL), style=style, delivery=delivery)


def welcome(group: Group, *, delivery: int | None = None) -> Reply:
    """The invitation that stands in the group's channel."""
    embed = discord.Embed(title=shown(group.name), colour=COLOUR)
    channel = f"<#{group.channel_id}>"
    if group.course:
        course = shown(group.course)
        first = _(
            "A new study group meets in {channel} and follows **{course}**.", channel=channel, course=course
        )
    else:
        first = _("A new study group meets in {channel}.", channel=channel)
    second = _(
        "Press **{join}** to be part of it: you will be asked to meetups and can answer them here. "
        "**{zone}** if you live elsewhere, and **{goal}** notes how much time you have.",
        join=_(JOIN_LABEL),
        zone=_(ZONE_LABEL),
        goal=_(GOAL_LABEL),
    )
    embed.description = f"{first}\n{second}"
    embed.add_field(name=_("Time zone"), value=group.timezone)
    embed.add_field(name=_("Organizer"), value=person(group.created_by))
    # The delivery's mark stands in the first one.
    choices = buttons(join_button(group, delivery=delivery), zone_button(), goal_button(group))
    return Reply(embeds=[embed], view=choices)


def card(facts: GroupFacts) -> discord.Embed:
    group = facts.group
    embed = discord.Embed(title=shown(group.name), colour=COLOUR)
    embed.add_field(name=_("Members"), value=str(facts.members))
    embed.add_field(name=_("Channel"), value=f"<#{group.channel_id}>")
    embed.add_field(name=_("Time zone"), value=group.timezone)
    if group.course:
        embed.add_field(name=_("Course"), value=shown(group.course))
    if group.role_id:
        embed.add_field(name=_("Role"), value=f"<@&{group.role_id}>")
    embed.add_field(name=_("Organizer"), value=organizers(group))
    if facts.goal is not None:
        embed.add_field(name=_("Group goal"), value=progress_words(facts.goal))
    if group.digest_since is not None:
        embed.add_field(name=_("Weekly digest"), value=_("Mondays at 09:00"))
    if not group.cards_need_approval:
        embed.add_field(name=_("New flashcards"), value=_("Join the deck without approval"))
    coming = facts.next_meetup
    when = moment(coming.starts_at) if coming else _("None planned yet")
    embed.add_field(name=_("Next meetup"), value=when, inline=False)
    return embed


def organizers(group: Group) -> str:
    role = f", <@&{group.organizer_role_id}>" if group.organizer_role_id else ""
    return f"{person(group.created_by)}{role}"


def line(facts: GroupFacts) -> str:
    parts = [ngettext("{n} member", "{n} members", facts.members)]
    if facts.next_meetup:
        parts.append(_("next meetup {when}", when=moment(facts.next_meetup.starts_at)))
    if facts.joined:
        parts.append(_("you are in it"))
    return _(
        "**{group}** in {channel}: {facts}",
        group=shown(facts.group.name),
        channel=f"<#{facts.group.channel_id}>",
        facts=", ".join(parts),
    )


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Groups(bot))
