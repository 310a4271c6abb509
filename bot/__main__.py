"""The `cohort` command: run, demo, db, doctor."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from bot.settings import Settings, explain

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(db, name="db")


def main() -> None:
    app()


@app.callback()
def cohort() -> None:
    """Cohort, the bot that local study groups run on."""


@app.command()
def run() -> None:
    """Run the bot on Discord, until Ctrl-C or SIGTERM."""
    settings = settings_or_exit()
    token = settings.discord_token.get_secret_value().strip() if settings.discord_token else ""
    if not token:
        stop("DISCORD_TOKEN is not set. Put it into .env, or try the bot without one: make demo")
    from bot.running import run_bot

    sys.exit(asyncio.run(run_bot(settings, token)))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="The page's port; 0 takes a free one.")] = 8080,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the demo's database and begin anew.")
    ] = False,
) -> None:
    """Run the bot in a simulated Discord and open it in the browser. Needs no token."""
    try:
        from bot.sandbox.demo import run_demo
    except ModuleNotFoundError as error:
        if error.name != "simcord":
            raise
        stop("The demo needs the sandbox extra. Install it with: uv pip install -e '.[sandbox]'")
    sys.exit(asyncio.run(run_demo(port=port, fresh=fresh)))


@db.command()
def upgrade() -> None:
    """Bring the schema to the newest revision."""
    from bot.db import migrate
    from bot.schema import upgrade_schema

    finish(upgrade_schema(settings_or_exit()))
    typer.echo(f"The database is at revision {migrate.head()}.")


@db.command()
def current() -> None:
    """Show the database's revision and the newest one."""
    from bot.schema import database_revision

    found, head = finish(database_revision(settings_or_exit()))
    typer.echo(f"database: {found or 'empty'}\nnewest: {head}")


@db.command()
def check() -> None:
    """Fail when the schema differs from what the code expects."""
    from bot.schema import schema_problems

    problems = finish(schema_problems(settings_or_exit()))
    if problems:
        stop("\n".join(problems), status=1)
    typer.echo("The schema is what the code expects.")


@app.command()
def doctor() -> None:
    """Check settings, database and Discord, and say what to do about each problem."""
    from bot.doctor import examine

    try:
        settings = Settings()
    except ValidationError as error:
        stop("\n".join(f"NO  settings: {line}" for line in explain(error).splitlines()), status=1)
    findings = asyncio.run(examine(settings))
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'NO '} {finding.subject}: {finding.text}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; what keeps the database from being used becomes one line."""
    from bot.schema import CannotRun

    try:
        return asyncio.run(work)
    except CannotRun as reason:
        stop(str(reason), status=1)


def settings_or_exit() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        stop(explain(error))


def stop(message: str, *, status: int = 2) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(status)


if __name__ == "__main__":
    main()
