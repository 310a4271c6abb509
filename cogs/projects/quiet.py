"""The kind word to somebody whose project fell quiet, and what they choose under it."""

from typing import Any

import discord

from bot.client import Interaction, StudyBot
from bot.db.models import ProjectStage, ProjectState
from bot.delivery.ledger import Claimed
from bot.errors import WrongProjectState
from bot.locales import _
from bot.services.access import Caller
from bot.services.projects import TEXT_LIMIT, Step
from bot.ui.buttons import Press
from bot.ui.modals import Form
from bot.ui.projects import ASK, PAUSE, QUESTION, UPDATE, nudge_buttons, nudge_words
from bot.ui.sending import Pointless, Rendered
from bot.ui.stages import stage_words
from bot.ui.text import begun_large

VERBS = (UPDATE, PAUSE, ASK)


class Quiet:
    """The nudge and its buttons. They stand in direct messages, so the project has to tell the server.

    Nobody is asked here how to go on after a pause, as after other acts: the nudge was that question.
    """

    def __init__(self, bot: StudyBot) -> None:
        self._bot = bot
        self._projects = bot.services.projects

    async def render(self, delivery: Claimed) -> Rendered:
        facts = await self._projects.facts(delivery.refs["project"])
        if facts is None or not facts.is_quiet:
            raise Pointless("not quiet any more")
        return Rendered(content=nudge_words(facts), view=nudge_buttons(facts.project, delivery=delivery.id))

    async def on_press(self, press: Press) -> None:
        """Only the owner's own project is ever found, whoever presses."""
        interaction = press.interaction
        project = await self._projects.own(user_id=interaction.user.id, project_id=press.id)
        caller = Caller(user_id=interaction.user.id, guild_id=project.guild_id)
        if press.verb == UPDATE:
            if project.state is not ProjectState.ACTIVE:
                raise WrongProjectState(title=project.title, state=project.state)
            await interaction.response.send_modal(UpdateForm(self, caller, press))
            return
        await interaction.response.defer()
        typed = str(project.id)
        if press.verb == PAUSE:
            step = await self._projects.pause(caller=caller, typed=typed)
            said = _("Paused. `/project resume` takes it up again whenever you like.")
        else:
            step = await self._projects.ask(caller=caller, typed=typed, text=QUESTION)
            said = _("Asked in <#{channel}>.", channel=step.facts.group.channel_id)
        await self._settle(interaction, step, press, said)

    async def update(
        self, interaction: Interaction, caller: Caller, press: Press, *, text: str, stage: ProjectStage | None
    ) -> None:
        """What the form brought back."""
        await interaction.response.defer()
        step = await self._projects.update(caller=caller, typed=str(press.id), text=text, stage=stage)
        channel_id = step.facts.group.channel_id
        said = _("Noted, and told the group in <#{channel}>.", channel=channel_id)
        await self._settle(interaction, step, press, said)

    async def _settle(self, interaction: Interaction, step: Step, press: Press, said: str) -> None:
        """Say under the nudge what was chosen. Its buttons stay: the first carries the delivery's mark."""
        before = interaction.message.content if interaction.message is not None else ""
        await interaction.edit_original_response(
            content=f"{before}\n\n{said}",
            view=nudge_buttons(step.facts.project, delivery=press.delivery, disabled=True),
        )


class UpdateForm(Form):
    def __init__(self, quiet: Quiet, caller: Caller, press: Press) -> None:
        super().__init__(title=_("What is new in your project"))
        self._quiet, self._caller, self._press = quiet, caller, press
        self._text: discord.ui.TextInput[UpdateForm] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph, max_length=TEXT_LIMIT, custom_id="text"
        )
        self._stage: discord.ui.Select[UpdateForm] = discord.ui.Select(
            options=[
                discord.SelectOption(label=begun_large(stage_words(stage)), value=stage.value)
                for stage in ProjectStage
            ],
            min_values=0,
            required=False,
            custom_id="stage",
        )
        self.add_item(discord.ui.Label(text=_("What is new?"), component=self._text))
        self.add_item(
            discord.ui.Label(
                text=_("Where has it come to?"),
                description=_("Leave it empty when the stage is the same."),
                component=self._stage,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        values = self._stage.values
        await self._quiet.update(
            interaction,
            self._caller,
            self._press,
            text=self._text.value,
            stage=ProjectStage(values[0]) if values else None,
        )
