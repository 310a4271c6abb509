"""`/leaderboard`: the boards, what stands behind one's own number, and whether one is shown."""

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import BadOption
from bot.locales import _, speaking
from bot.services.boards import BoardFacts, Measure, Period
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.boards import FEATURE, SHOW, absence_words, board_reply, parse_verb, why_embed
from bot.ui.buttons import Press
from bot.ui.languages import of_everyone, of_member
from bot.ui.options import caller_of, group_choices
from bot.ui.text import shown as literal

MEASURES = [app_commands.Choice(name=measure.value, value=measure.value) for measure in Measure]
PERIODS = [app_commands.Choice(name=period.value, value=period.value) for period in Period]


@app_commands.guild_only()
class Leaderboards(
    commands.GroupCog, group_name="leaderboard", group_description="What the group has really done"
):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.boards = bot.services.boards

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command()
    @app_commands.describe(
        by="What is counted; lessons when left out",
        period="Since when; everything when left out",
        group="The group to look at",
    )
    @app_commands.choices(by=MEASURES, period=PERIODS)
    @app_commands.autocomplete(group=group_choices)
    async def show(
        self,
        interaction: Interaction,
        by: app_commands.Choice[str] | None = None,
        period: app_commands.Choice[str] | None = None,
        group: str | None = None,
    ) -> None:
        """Show who has done how much, and how far the group is."""
        facts, answer = await patiently(interaction, self._board(interaction, by, period, group))
        await reply(interaction, answer, private=False)
        with speaking(of_member(interaction)):
            absence = absence_words(facts)
        if absence is not None:
            await interaction.followup.send(absence, ephemeral=True)

    @app_commands.command()
    @app_commands.describe(
        by="What is counted; lessons when left out",
        period="Since when; everything when left out",
        group="The group it is about",
    )
    @app_commands.choices(by=MEASURES, period=PERIODS)
    @app_commands.autocomplete(group=group_choices)
    async def why(
        self,
        interaction: Interaction,
        by: app_commands.Choice[str] | None = None,
        period: app_commands.Choice[str] | None = None,
        group: str | None = None,
    ) -> None:
        """See what your own number on a board is made of; only you see it."""
        await acknowledge(interaction, private=True)
        measure, chosen = picked(by, period)
        found = await self.boards.why(
            caller=caller_of(interaction), typed=group, measure=measure, period=chosen
        )
        await reply(interaction, Reply(embeds=[why_embed(found)]), private=True)

    @app_commands.command()
    @app_commands.describe(
        shown="Whether the group’s boards and digests show you", group="The group it is about"
    )
    @app_commands.autocomplete(group=group_choices)
    async def visibility(self, interaction: Interaction, shown: bool, group: str | None = None) -> None:
        """Choose whether the boards show you; what you do counts for the group’s goal either way."""
        await acknowledge(interaction, private=True)
        found = await self.boards.set_visibility(caller=caller_of(interaction), typed=group, shown=shown)
        name = literal(found.name)
        if shown:
            text = _("The boards of **{group}** show you from now on.", group=name)
        else:
            text = _(
                "The boards of **{group}** don’t show you any more. What you do still counts for the "
                "group’s goal, and `/leaderboard why` tells you your own number.",
                group=name,
            )
        await reply(interaction, Reply(text), private=True)

    async def on_press(self, press: Press) -> None:
        """Switch the board in place, or show it to whoever pressed, under a message that is none."""
        interaction = press.interaction
        if press.verb == SHOW:
            await acknowledge(interaction, private=True)
            facts = await self._switched(press, Measure.LESSONS, Period.ALL, is_theirs=True)
            answer = await board_reply(self.bot.painter, facts)
            answer.content = absence_words(facts)
            await reply(interaction, answer, private=True)
            return
        await interaction.response.defer()
        wanted = parse_verb(press.verb)
        if wanted is None:
            raise BadOption(field="board", value=press.verb, choices=tuple(Measure))
        facts = await self._switched(press, *wanted, is_theirs=asked_for(interaction))
        with speaking(language_of_message(interaction)):
            answer = await board_reply(self.bot.painter, facts)
        await interaction.edit_original_response(
            content=None, embeds=answer.embeds, view=answer.view, attachments=answer.files
        )

    async def _switched(
        self, press: Press, measure: Measure, period: Period, *, is_theirs: bool
    ) -> BoardFacts:
        return await self.boards.switch(
            caller=caller_of(press.interaction),
            group_id=press.id,
            measure=measure,
            period=period,
            is_theirs=is_theirs,
        )

    async def _board(
        self,
        interaction: Interaction,
        by: app_commands.Choice[str] | None,
        period: app_commands.Choice[str] | None,
        group: str | None,
    ) -> tuple[BoardFacts, Reply]:
        measure, chosen = picked(by, period)
        facts = await self.boards.show(
            caller=caller_of(interaction), typed=group, measure=measure, period=chosen
        )
        with speaking(of_everyone(interaction)):
            return facts, await board_reply(self.bot.painter, facts)


def picked(
    by: app_commands.Choice[str] | None, period: app_commands.Choice[str] | None
) -> tuple[Measure, Period]:
    return (
        Measure(by.value) if by is not None else Measure.LESSONS,
        Period(period.value) if period is not None else Period.ALL,
    )


def asked_for(interaction: Interaction) -> bool:
    """Whether the message whose button was pressed is this member's own: a board shows the place of whoever
    asked for it, and nobody else's press brings that back.
    """
    message = interaction.message
    metadata = message.interaction_metadata if message is not None else None
    return metadata is not None and metadata.user.id == interaction.user.id


def language_of_message(interaction: Interaction) -> str:
    """In which the message whose button was pressed goes on: a private one in its reader's."""
    message = interaction.message
    private = message is not None and message.flags.ephemeral
    return of_member(interaction) if private else of_everyone(interaction)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Leaderboards(bot))
