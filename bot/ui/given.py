"""What came for a command's options, looked at once before any command sees it.

Discord refuses most of this by itself. But commands change while somebody still has the earlier ones on their
screen, and discord.py passes on whatever comes: a text for a number, a file that is not there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import discord
from discord import AppCommandOptionType, app_commands
from discord.app_commands.transformers import IdentityTransformer

#: Discord's own bounds: characters of an option, and the whole numbers that every client can tell apart.
MOST_CHARACTERS = 6000
LARGEST_NUMBER = 2**53

NESTED = (AppCommandOptionType.subcommand.value, AppCommandOptionType.subcommand_group.value)
#: Where Discord puts what an option names by its id.
RESOLVED = {
    AppCommandOptionType.user: ("users",),
    AppCommandOptionType.channel: ("channels",),
    AppCommandOptionType.role: ("roles",),
    AppCommandOptionType.mentionable: ("users", "roles"),
    AppCommandOptionType.attachment: ("attachments",),
}


def check_options(interaction: discord.Interaction[Any]) -> None:
    """Raises TransformerError for a value that its option cannot have, and CommandSignatureMismatch when
    options are missing or nobody's. While somebody types, only what no text can have is refused.
    """
    command = interaction.command
    if not isinstance(command, app_commands.Command):
        return
    data: Mapping[str, Any] = interaction.data or {}
    given = {option["name"]: option for option in _leaves(data.get("options") or ())}
    known = {parameter.display_name: parameter for parameter in command.parameters}
    typing = interaction.type is discord.InteractionType.autocomplete
    required = {name for name, parameter in known.items() if parameter.required and not typing}
    if not required <= given.keys() <= known.keys():
        raise app_commands.CommandSignatureMismatch(command)
    for name, option in given.items():
        parameter, value = known[name], option.get("value")
        fits = _is_text(str(value)) if typing else _fits(parameter, value, data.get("resolved") or {})
        if not fits:
            kind = parameter.type
            raise app_commands.TransformerError(_said(value), kind, IdentityTransformer(kind))


def check_form(form: discord.ui.Modal) -> None:
    """Raises TransformerError for what the form's field does not take or never offered."""
    for field in form.walk_children():
        if isinstance(field, discord.ui.TextInput):
            values, most = [field.value], field.max_length or MOST_CHARACTERS
            fits = _is_text(field.value) and len(field.value) <= most
        elif isinstance(field, discord.ui.Select):
            values = field.values
            fits = {*values} <= {option.value for option in field.options}
        else:
            continue
        if not fits:
            kind = AppCommandOptionType.string
            raise app_commands.TransformerError(_said(values[0]), kind, IdentityTransformer(kind))


def _said(value: object) -> str:
    """As an answer can repeat it."""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")


def _leaves(options: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """The options below the subcommand, if there is one."""
    for option in options:
        if option.get("type") in NESTED:
            yield from _leaves(option.get("options") or ())
        else:
            yield option


def _fits(parameter: app_commands.Parameter, value: Any, resolved: Mapping[str, Any]) -> bool:
    least: float | None
    most: float | None
    match parameter.type:
        case AppCommandOptionType.string:
            fits = isinstance(value, str) and _is_text(value)
            size = len(value) if fits else 0
            least, most = parameter.min_value or 0, parameter.max_value or MOST_CHARACTERS
        case AppCommandOptionType.integer:
            fits = isinstance(value, int) and not isinstance(value, bool)
            size = value
            least, most = parameter.min_value, parameter.max_value
        case AppCommandOptionType.number:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            size = value
            least, most = parameter.min_value, parameter.max_value
        case AppCommandOptionType.boolean:
            return isinstance(value, bool)
        case kind:
            return any(str(value) in (resolved.get(part) or {}) for part in RESOLVED.get(kind, ()))
    least = -LARGEST_NUMBER if least is None else least
    most = LARGEST_NUMBER if most is None else most
    if not fits or not least <= size <= most:
        return False
    return not parameter.choices or any(choice.value == value for choice in parameter.choices)


def _is_text(value: str) -> bool:
    """Whether it can be stored and sent: no half of a character (JSON has them), and no NUL."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
