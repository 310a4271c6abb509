"""`/cards starter|import|export`: whole decks."""

import io
import re
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import CardGone, NoStarterDeck, UnreachableFile
from bot.locales import _
from bot.services.cards import DeckService, Format
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.cards import counted
from bot.ui.deck_files import REPORT_NAME, imported_words, report, started_words
from bot.ui.errors import wording
from bot.ui.options import caller_of, deck_choices, group_choices
from bot.ui.text import shown

#: The feature of the button that offers the prerequisites where a course has no deck of its own.
STARTER = "starter"
ADD = "add"
FORMATS = [app_commands.Choice(name=format.value, value=format.value) for format in Format]
NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class FileCommands(commands.Cog):
    """The part of `/cards` that brings decks in and out."""

    bot: StudyBot
    decks: DeckService

    @app_commands.command()
    @app_commands.describe(group="The group that gets the decks")
    @app_commands.autocomplete(group=group_choices)
    async def starter(self, interaction: Interaction, group: str | None = None) -> None:
        """Add the decks that come with your course, or their newest wording; for organizers."""
        await acknowledge(interaction, private=True)
        try:
            started = await self.decks.starter(caller=caller_of(interaction), typed=group)
        except NoStarterDeck as missing:
            offer = DurableButton(
                STARTER,
                missing.group_id,
                ADD,
                label=_("Add the prerequisites"),
                style=discord.ButtonStyle.primary,
            )
            await reply(interaction, Reply(wording(missing), view=buttons(offer)), private=True)
            return
        await reply(interaction, Reply(started_words(started)), private=True)

    @app_commands.command(name="import")
    @app_commands.describe(
        file="A deck from Anki (.apkg), or a table (.csv, .tsv) whose first row says front, back, …",
        deck="The deck that new cards go to, whatever the file says",
        group="The group that gets the cards",
    )
    @app_commands.autocomplete(deck=deck_choices, group=group_choices)
    async def import_(
        self,
        interaction: Interaction,
        file: discord.Attachment,
        deck: str | None = None,
        group: str | None = None,
    ) -> None:
        """Bring cards in from a file: new ones are added, known ones changed."""
        await acknowledge(interaction, private=True)
        imported = await self.decks.import_file(
            caller=caller_of(interaction),
            typed=group,
            name=file.filename,
            size=file.size,
            fetch=partial(fetched, file),
            deck=deck,
        )
        everything = report(imported.merged.left_out)
        files = [discord.File(io.BytesIO(everything), REPORT_NAME)] if everything is not None else []
        words = imported_words(imported, file.filename)
        await reply(interaction, Reply(words, files=files), private=True)

    @app_commands.command()
    @app_commands.describe(
        deck="The deck to export, with those below it",
        format="apkg for Anki, csv or tsv for a spreadsheet; apkg when left out",
        pictures="Whether an apkg brings its pictures along; it does when left out",
        group="The group whose deck it is",
    )
    @app_commands.choices(format=FORMATS)
    @app_commands.autocomplete(deck=deck_choices, group=group_choices)
    async def export(
        self,
        interaction: Interaction,
        deck: str,
        format: app_commands.Choice[str] | None = None,
        pictures: bool = True,
        group: str | None = None,
    ) -> None:
        """Get a deck as a file, for Anki or for a spreadsheet."""
        await acknowledge(interaction, private=True)
        wanted = Format(format.value) if format is not None else Format.APKG
        exported = await self.decks.export(
            caller=caller_of(interaction),
            typed=group,
            deck=deck,
            format=wanted,
            pictures=pictures,
            limit=interaction.filesize_limit,
        )
        file = discord.File(io.BytesIO(exported.data), f"{file_name(exported.deck)}.{wanted}")
        text = f"**{shown(exported.deck)}**: {counted(exported.notes, 'note')}."
        if wanted is Format.APKG:
            anki = _("Anki opens it with File › Import; what it has already is brought up to date.")
            text = f"{text} {anki}"
        await reply(interaction, Reply(text, files=[file]), private=True)

    async def on_offer(self, press: Press) -> None:
        """Add the prerequisites, where the group's course has no deck of its own."""
        interaction = press.interaction
        if press.verb != ADD:
            raise CardGone
        await acknowledge(interaction, private=True)
        started = await self.decks.starter(
            caller=caller_of(interaction), typed=str(press.id), only_prerequisites=True
        )
        await reply(interaction, Reply(started_words(started)), private=True)


async def fetched(file: discord.Attachment) -> bytes:
    """Raises UnreachableFile."""
    try:
        return await file.read()
    except discord.HTTPException:
        raise UnreachableFile(name=file.filename) from None


def file_name(deck: str) -> str:
    return NOT_IN_NAMES.sub("-", deck).strip("-.")[:60] or "deck"
