"""A small discord.py bot for testing the stand-in itself; run as its own process or inside a test."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from typing import Any

import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL


class Vote(discord.ui.Button[discord.ui.View]):
    def __init__(self) -> None:
        super().__init__(label="Vote", custom_id="vote", style=discord.ButtonStyle.primary)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.edit_message(
            content=f"{interaction.user.display_name} voted", view=self.view
        )


class Feedback(discord.ui.Modal, title="Feedback"):
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Words", max_length=100)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await interaction.response.send_message(f"You said {self.words.value}", ephemeral=True)


class Pick(discord.ui.View):
    """A select of words and a select of members."""

    @discord.ui.select(
        custom_id="word",
        max_values=2,
        options=[discord.SelectOption(label=word.title(), value=word) for word in ("red", "green", "blue")],
    )
    async def word(self, interaction: discord.Interaction[Any], select: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(" and ".join(select.values), ephemeral=True)

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="who")
    async def who(self, interaction: discord.Interaction[Any], select: discord.ui.UserSelect[Any]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content=select.values[0].display_name, view=None)


class Report(discord.ui.Modal, title="Report"):
    """A modal of labels: a select with a preset and an upload."""

    kind: discord.ui.Label[Any] = discord.ui.Label(
        text="Kind",
        component=discord.ui.Select(
            options=[
                discord.SelectOption(label="Bug", default=True),
                discord.SelectOption(label="Wish"),
            ]
        ),
    )
    proof: discord.ui.Label[Any] = discord.ui.Label(
        text="Proof", component=discord.ui.FileUpload(required=False)
    )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        assert isinstance(self.kind.component, discord.ui.Select)
        assert isinstance(self.proof.component, discord.ui.FileUpload)
        sizes = [len(await file.read()) for file in self.proof.component.values]
        await interaction.response.send_message(f"{self.kind.component.values[0]} {sizes}")


class Program(discord.AutoShardedClient):
    """Knows a few commands that show one kind of answer each."""

    def __init__(self, **options: Any) -> None:
        intents = discord.Intents(
            guilds=True, guild_messages=True, guild_scheduled_events=True, voice_states=True
        )
        super().__init__(intents=intents, guild_ready_timeout=0.1, **options)
        self.tree = app_commands.CommandTree(self)
        self.log: list[str] = []
        self._add_commands()

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Discord wants five seconds between identifies; the stand-in does not."""

    async def on_shard_resumed(self, shard_id: int) -> None:
        self.log.append("resumed")

    async def on_message(self, message: discord.Message) -> None:
        self.log.append(f"message {message.content}")

    def _add_commands(self) -> None:
        tree = self.tree
        say = app_commands.Group(name="say", description="Say things")

        @say.command(description="Echo a text")
        @app_commands.describe(text="What to say", times="How often")
        async def echo(
            interaction: discord.Interaction[Any], text: str, times: app_commands.Range[int, 1, 3] = 1
        ) -> None:
            await interaction.response.send_message(" ".join([text] * times))

        @echo.autocomplete("text")
        async def _texts(
            interaction: discord.Interaction[Any], current: str
        ) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=f"{current}!", value=current)]

        tree.add_command(say)

        @tree.command(description="Think, then answer")
        async def think(interaction: discord.Interaction[Any], member: discord.Member) -> None:
            await interaction.response.defer(ephemeral=True)
            await interaction.followup.send(f"{member.display_name} joined {member.joined_at:%Y}")
            await interaction.followup.send("and more", ephemeral=True)

        @tree.command(description="A button")
        async def poll(interaction: discord.Interaction[Any]) -> None:
            view = discord.ui.View(timeout=None)
            view.add_item(Vote())
            await interaction.response.send_message("Vote!", view=view)

        @tree.command(description="A modal")
        async def feedback(interaction: discord.Interaction[Any]) -> None:
            await interaction.response.send_modal(Feedback())

        @tree.command(description="Two selects")
        async def pick(interaction: discord.Interaction[Any]) -> None:
            await interaction.response.send_message("Pick", view=Pick(timeout=None))

        @tree.command(description="A modal of labels")
        async def report(interaction: discord.Interaction[Any]) -> None:
            await interaction.response.send_modal(Report())

        @tree.command(description="A file back")
        async def copy(interaction: discord.Interaction[Any], file: discord.Attachment) -> None:
            data = await file.read()
            embed = discord.Embed(title="Copy").set_image(url=f"attachment://{file.filename}")
            copied = discord.File(io.BytesIO(data[::-1]), file.filename, description="The copy")
            await interaction.response.send_message(embed=embed, file=copied)

        @tree.context_menu(name="Count letters")
        async def count(interaction: discord.Interaction[Any], message: discord.Message) -> None:
            await interaction.response.send_message(str(len(message.content)))


async def connect(program: Program, api_url: str, token: str) -> None:
    """Log in and run until closed, with REST and gateway at `api_url`; settles for the whole process."""
    Route.BASE = api_url
    await program.login(token)
    _, gateway, _ = await program.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)
    await program.connect()


async def main() -> None:
    """Run as a process: the address and the token come from the environment, SIGTERM ends it."""
    program = Program()
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: program.loop.create_task(program.close())
    )
    await connect(program, os.environ["COHORT_DISCORD_API_URL"], os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    asyncio.run(main())
