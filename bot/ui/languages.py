"""Who is spoken to in which language: members in their own, a server in its, commands in Discord's menus."""

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation, TranslationContextTypes, locale_str

from bot.locales import SOURCE, known, language_of

# The contract's names are the same everywhere, so that what one member writes works for every other.
NAMES = frozenset(
    {
        TranslationContextLocation.command_name,
        TranslationContextLocation.group_name,
        TranslationContextLocation.parameter_name,
    }
)


class CatalogueTranslator(app_commands.Translator):
    """Descriptions, choices and the names in menus, as Discord shows them in the member's own language."""

    async def translate(
        self, string: locale_str, locale: discord.Locale, context: TranslationContextTypes
    ) -> str | None:
        language = language_of(locale.value)
        if language == SOURCE or (context.location in NAMES and not _is_of_a_menu(context)):
            return None
        return known(string.message, language)


def _is_of_a_menu(context: TranslationContextTypes) -> bool:
    return isinstance(context.data, app_commands.ContextMenu)


def of_member(interaction: discord.Interaction[Any]) -> str:
    """The language of whoever typed or pressed."""
    return language_of(interaction.locale.value)


def of_everyone(interaction: discord.Interaction[Any]) -> str:
    """The language for what all of the server see; in direct messages the member's own."""
    if interaction.guild_id is None:
        return of_member(interaction)
    locale = interaction.guild_locale
    return of_server(interaction.client, locale.value if locale is not None else None)


def of_guild(client: Any, guild_id: int | None) -> str:
    """The language for what all of this server see."""
    guild = client.get_guild(guild_id) if guild_id is not None else None
    return of_server(client, guild.preferred_locale.value if guild is not None else None)


def of_server(client: Any, locale: str | None) -> str:
    """The operator's choice for all servers (COHORT_LANGUAGE), else the server's own.

    Discord lets only Community servers choose one, so without that choice most servers speak English.
    """
    chosen: str | None = client.language
    return chosen if chosen is not None else language_of(locale)
