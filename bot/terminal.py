"""How every command of `cohort` begins and ends: with settings, and one line when it cannot go on."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer

from bot.settings import Settings, WrongSettings, read_settings

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; what keeps the database or a file from being used becomes one line."""
    from bot.schema import CannotRun

    try:
        return asyncio.run(work)
    except CannotRun as reason:
        stop(str(reason), status=1)
    except OSError as error:
        if error.filename is None:
            raise
        stop(f"{error.filename} cannot be used: {error.strerror}.", status=1)


def settings_or_exit() -> Settings:
    """The settings, or a line for each that is wrong, without its value."""
    try:
        return read_settings()
    except WrongSettings as error:
        stop(str(error))


def stop(message: str, *, status: int = 2) -> NoReturn:
    """End the command with this on standard error."""
    typer.echo(message, err=True)
    raise typer.Exit(status)
