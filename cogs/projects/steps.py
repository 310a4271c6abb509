"""`/project start`, `update`, `pause`, `resume`, `ship` and `drop`: what members do with their own."""

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import ProjectStage
from bot.delivery.ledger import Claimed
from bot.errors import NotInServer
from bot.locales import _, speaking
from bot.services.projects import ProjectService, Step
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.comeback import offer_comeback
from bot.ui.images import fetch_image
from bot.ui.languages import of_everyone, of_member
from bot.ui.options import caller_of, group_choices
from bot.ui.projects import capstone_words, post_reply
from bot.ui.sending import Pointless, Rendered
from bot.ui.text import shown
from cogs.projects.options import active_choices, resumable_choices, unfinished_choices

POSTS_TICK = "project posts"  # the same in every language
ADOPT_AFTER = timedelta(seconds=5)
STAGES = [app_commands.Choice(name=stage.value, value=stage.value) for stage in ProjectStage]


class StepCommands(commands.Cog):
    """The part of `/project` that changes one's own."""

    bot: StudyBot
    projects: ProjectService

    @app_commands.command()
    @app_commands.describe(
        title="What the project is called",
        goal="What it will be able to do, or find out",
        repo="Where its code is, if it has a place already",
        group="The group it belongs to",
    )
    @app_commands.autocomplete(group=group_choices)
    async def start(
        self,
        interaction: Interaction,
        title: str,
        goal: str,
        repo: str | None = None,
        group: str | None = None,
    ) -> None:
        """Start a project; one at a time."""
        work = self.projects.start(
            caller=caller_of(interaction),
            group=group,
            title=title,
            goal=goal,
            repo=repo,
            answer_in=channel_of(interaction),
        )
        await self._answer(interaction, self._worded(interaction, work))

    @app_commands.command()
    @app_commands.describe(
        text="What is new",
        stage="Where the project has come to",
        link="Something to look at",
        image="A picture: PNG, JPEG, GIF or WebP, 8 MB at most",
        project="The project; your active one when left out",
    )
    @app_commands.choices(stage=STAGES)
    @app_commands.autocomplete(project=active_choices)
    async def update(
        self,
        interaction: Interaction,
        text: str,
        stage: app_commands.Choice[str] | None = None,
        link: str | None = None,
        image: discord.Attachment | None = None,
        project: str | None = None,
    ) -> None:
        """Tell the group what is new in your project."""
        await self._answer(interaction, self._update(interaction, text, stage, link, image, project))

    @app_commands.command()
    async def pause(self, interaction: Interaction) -> None:
        """Let your project rest; nothing is lost."""
        await acknowledge(interaction, private=True)
        step = await self.projects.pause(caller=caller_of(interaction))
        title = shown(step.facts.project.title)
        text = _("**{title}** rests. `/project resume` takes it up again.", title=title)
        await self._answer_privately(interaction, step, text)

    @app_commands.command()
    @app_commands.describe(project="The project; your paused one when left out")
    @app_commands.autocomplete(project=resumable_choices)
    async def resume(self, interaction: Interaction, project: str | None = None) -> None:
        """Take up a project again that you paused or dropped."""
        await acknowledge(interaction, private=True)
        step = await self.projects.resume(caller=caller_of(interaction), typed=project)
        title = shown(step.facts.project.title)
        text = _("**{title}** goes on. `/project update` adds to its log.", title=title)
        await self._answer_privately(interaction, step, text)

    @app_commands.command()
    @app_commands.describe(
        link="Where others can see it", project="The project; your active one when left out"
    )
    @app_commands.autocomplete(project=unfinished_choices)
    async def ship(
        self, interaction: Interaction, link: str | None = None, project: str | None = None
    ) -> None:
        """Finish your project and show it to the group."""
        work = self.projects.ship(
            caller=caller_of(interaction), typed=project, link=link, answer_in=channel_of(interaction)
        )
        await self._answer(interaction, self._worded(interaction, work))

    @app_commands.command()
    @app_commands.describe(project="The project; your active one when left out")
    @app_commands.autocomplete(project=unfinished_choices)
    async def drop(self, interaction: Interaction, project: str | None = None) -> None:
        """Give up your project; what you learned stays."""
        await acknowledge(interaction, private=True)
        step = await self.projects.drop(caller=caller_of(interaction), typed=project)
        text = _(
            "**{title}** is dropped, and the group’s list leaves it out. "
            "`/project resume` brings it back, `/project start` begins another.",
            title=shown(step.facts.project.title),
        )
        await self._answer_privately(interaction, step, text)

    async def render_post(self, delivery: Claimed) -> Rendered:
        """A post that no command's answer was, or whose answer got lost."""
        facts = await self.projects.facts(delivery.refs["project"])
        if facts is None or not facts.is_member or facts.group.archived_at is not None:
            raise Pointless("nobody left whose project it is")
        entry = next(entry for entry in facts.entries if entry.id == delivery.refs["entry"])
        answer = await post_reply(self.bot.painter, facts, entry)
        # Soon after, the tick learns where it stands.
        self.bot.scheduler.wake(POSTS_TICK, self.bot.clock() + ADOPT_AFTER)
        return Rendered(embeds=answer.embeds, view=answer.view, files=answer.files)

    async def _update(
        self,
        interaction: Interaction,
        text: str,
        stage: app_commands.Choice[str] | None,
        link: str | None,
        image: discord.Attachment | None,
        project: str | None,
    ) -> tuple[Step, Reply]:
        file = None
        if image is not None:
            with speaking(of_everyone(interaction)):
                alt = _("Picture by {name}: {text}", name=interaction.user.display_name, text=text)
            file = await fetch_image(image, name="project", alt=alt)
        work = self.projects.update(
            caller=caller_of(interaction),
            typed=project,
            text=text,
            stage=ProjectStage(stage.value) if stage is not None else None,
            link=link,
            has_image=file is not None,
            answer_in=channel_of(interaction),
        )
        return await self._worded(interaction, work, image=file)

    async def _worded(
        self, interaction: Interaction, work: Coroutine[Any, Any, Step], *, image: discord.File | None = None
    ) -> tuple[Step, Reply]:
        """The step, and the answer to it: its post, or, when that stands elsewhere, where."""
        step = await work
        facts, painter = step.facts, self.bot.painter
        if step.delivery is None:
            text = _(
                "**{title}** is shipped. The announcement stands in <#{channel}>.",
                title=shown(facts.project.title),
                channel=facts.group.channel_id,
            )
            return step, Reply(text)
        with speaking(of_everyone(interaction)):
            post = await post_reply(painter, facts, step.entry, image=image, delivery=step.delivery.id)
        return step, post

    async def _answer(
        self, interaction: Interaction, prepared: Coroutine[Any, Any, tuple[Step, Reply]]
    ) -> None:
        step, answer = await patiently(interaction, prepared)
        message = await reply(interaction, answer, private=step.delivery is None)
        if message is not None and step.delivery is not None:
            await self.bot.ledger.sent(step.delivery, channel_id=message.channel.id, message_id=message.id)
            self.bot.scheduler.wake(POSTS_TICK, self.bot.clock())
        with speaking(of_member(interaction)):
            if step.capstone is not None:
                await interaction.followup.send(capstone_words(step.capstone), ephemeral=True)
            await offer_comeback(interaction, step.quiet, step.facts.group.id)

    async def _answer_privately(self, interaction: Interaction, step: Step, text: str) -> None:
        await reply(interaction, Reply(text), private=True)
        await offer_comeback(interaction, step.quiet, step.facts.group.id)


def channel_of(interaction: Interaction) -> int:
    """Where the command is answered; raises NotInServer where that cannot be told."""
    if interaction.channel_id is None:
        raise NotInServer
    return interaction.channel_id
