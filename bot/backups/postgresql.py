"""PostgreSQL's own tools, which write and read its dumps."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, make_url

from bot.schema import CannotRun
from bot.settings import Settings

# The driver's names for what libpq calls otherwise.
_NAMES = {"ssl": "sslmode", "timeout": "connect_timeout", "database": "dbname"}
# What may stand in the address that libpq gets: no password, and nothing that only the driver knows.
_KNOWN = {
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "krbsrvname",
    "options",
    "passfile",
    "port",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "user",
}


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
    given = {name: ",".join(values) for name, values in url.normalized_query.items()}
    query = {_NAMES.get(name, name): value for name, value in given.items()}
    known = {name: value for name, value in query.items() if name in _KNOWN}
    if "host" in known and ":" in known["host"] and not known["host"].startswith("/"):
        # SQLAlchemy's way to name several servers, each with its port.
        pairs = [one.rpartition(":") if ":" in one else (one, "", "5432") for one in known["host"].split(",")]
        known |= {"host": ",".join(pair[0] for pair in pairs), "port": ",".join(pair[2] for pair in pairs)}
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, known)
    return bare.render_as_string(hide_password=False)


def _environment(url: URL) -> dict[str, str]:
    # Behind the question mark the driver takes it, too.
    password = ",".join(url.normalized_query.get("password", ())) or url.password
    return {**os.environ, **({"PGPASSWORD": password} if password else {})}
