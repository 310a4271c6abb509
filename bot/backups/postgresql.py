"""PostgreSQL's own tools, which write and read its dumps."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, make_url

from bot.schema import CannotRun
from bot.settings import Settings


def run_tool(name: str, settings: Settings, *arguments: str | Path, connect: bool = True) -> str:
    """Run pg_dump or pg_restore and return what it printed. The settings' database is named behind
    `--dbname` if that is given, else at the end, unless it is not to `connect`. Raises CannotRun.
    """
    program = shutil.which(name)
    if program is None:
        raise CannotRun(f"{name} is not installed. It comes with PostgreSQL's client tools.")
    url = make_url(settings.database_url)
    given = [str(argument) for argument in arguments]
    if connect:
        address = _libpq(url)
        if "--dbname" in given:
            given.insert(given.index("--dbname") + 1, address)
        else:
            given += ["--dbname", address]
        given.insert(0, "--no-password")
    done = subprocess.run(  # noqa: S603 (PostgreSQL's own program)
        [program, *given],
        env=_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stderr.strip() or "it said nothing").split())
        raise CannotRun(f"{name} failed: {said[-500:]}")
    return done.stdout


def _libpq(url: URL) -> str:
    """The address as libpq knows it, without the password: other users can see the list of processes."""
    query = {("sslmode" if name == "ssl" else name): value for name, value in url.query.items()}
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return bare.render_as_string(hide_password=False)


def _environment(url: URL) -> dict[str, str]:
    return {**os.environ, **({"PGPASSWORD": url.password} if url.password else {})}
