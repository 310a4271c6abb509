"""The `cohort` command: run, demo, db, model, backup, restore, doctor."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.model_commands import model
from bot.settings import WrongSettings, read_settings
from bot.terminal import finish, settings_or_exit, stop

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(db, name="db")
app.add_typer(model, name="model")


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


@db.command()
def move(
    target: Annotated[str, typer.Argument(help="Where to, such as postgresql://user@host/cohort.")],
) -> None:
    """Copy everything into another, empty database, and compare it row by row."""
    from bot.moving import move as move_all

    settings = settings_or_exit()
    try:
        target = read_settings(database_url=target).database_url
    except WrongSettings as error:
        stop(str(error).replace("COHORT_DATABASE_URL", "the target"))
    finish(move_all(settings, target, on_table=lambda moved: typer.echo(f"{moved.rows:>9,}  {moved.table}")))
    typer.echo("Every row is the same in both. Now set COHORT_DATABASE_URL to the new one.")


@app.command()
def backup(
    file: Annotated[Path | None, typer.Argument(help="Where to; a dated file when left out.")] = None,
) -> None:
    """Save the database and the models in one zip file, while the bot runs."""
    from bot.backups import default_file, make_backup

    settings, now = settings_or_exit(), datetime.now(UTC)
    target = file or default_file(settings, now)
    about = finish(make_backup(settings, target, now=now))
    size = target.stat().st_size / 2**20
    typer.echo(f"{target}: {about.database} at revision {about.revision}, {size:.1f} MB, checked.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup that `cohort backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of the database that is there.")
    ] = False,
) -> None:
    """Put a backup back. Stop the bot first."""
    from bot.backups import restore_backup

    restored = finish(restore_backup(settings_or_exit(), file, replace=replace, now=datetime.now(UTC)))
    typer.echo(f"Restored as of {restored.about.made_at:%Y-%m-%d %H:%M} UTC.")
    if restored.kept is not None:
        typer.echo(f"The database that was there is kept as {restored.kept}.")
    if restored.kept_schema is not None:
        typer.echo(
            f"What was there is kept in the database, in the schema {restored.kept_schema}. "
            f"When nobody needs it any more: DROP SCHEMA {restored.kept_schema} CASCADE"
        )
    typer.echo(
        f"{restored.open} messages fell due since. The bot looks whether each was said before it says it; "
        "what it had only planned after the backup is not said again."
    )


@app.command()
def doctor() -> None:
    """Check settings, database and Discord, and say what to do about each problem."""
    from bot.doctor import examine

    try:
        settings = read_settings()
    except WrongSettings as error:
        stop("\n".join(f"NO  settings: {line}" for line in str(error).splitlines()), status=1)
    findings = asyncio.run(examine(settings))
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'NO '} {finding.subject}: {finding.text}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


if __name__ == "__main__":
    main()
