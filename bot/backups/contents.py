"""What is in a backup, and whether it is whole."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.schema import CannotRun

FORMAT = 1
ABOUT, SQLITE_FILE, POSTGRESQL_FILE, MODELS = "about.json", "cohort.db", "cohort.dump", "models/"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a backup says of itself. `files` has the SHA-256 of each, by its name in the zip."""

    database: str
    revision: str
    made_at: datetime
    files: dict[str, str]


def to_json(about: About) -> str:
    fields: dict[str, Any] = {
        "format": FORMAT,
        "database": about.database,
        "revision": about.revision,
        "made_at": about.made_at.astimezone(UTC).isoformat(),
        "files": about.files,
    }
    return json.dumps(fields, indent=1)


def from_json(raw: bytes) -> About:
    """Raises ValueError, LookupError or TypeError for anything else than what `to_json` wrote."""
    fields = json.loads(raw)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError("its format is not known")
    made_at = datetime.fromisoformat(fields["made_at"])
    about = About(
        database=fields["database"], revision=fields["revision"], made_at=made_at, files=dict(fields["files"])
    )
    words = (about.database, about.revision, *about.files, *about.files.values())
    if made_at.tzinfo is None or not all(isinstance(word, str) for word in words):
        raise ValueError("what it says of itself is not what a backup says")
    if any(part.startswith(MODELS) and part.count("/") < 2 for part in about.files):
        raise ValueError("it holds a file where a model should be")
    if {"sqlite": SQLITE_FILE, "postgresql": POSTGRESQL_FILE}.get(about.database) not in about.files:
        raise ValueError("it holds no database")
    return about


def reason_of(error: OSError) -> str:
    """Why a file could not be used, in the system's words, without a number."""
    if isinstance(error, shutil.Error):  # a list of what went wrong with each file
        return str(error.args[0][0][2]).partition("] ")[2]
    return error.strerror or str(error)


def check_sqlite(file: Path) -> None:
    """Raises CannotRun for a database that is broken."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            problems = [row[0] for row in database.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
            problems += [
                f"row of {row[0]}" for row in database.execute("PRAGMA foreign_key_check").fetchmany(3)
            ]
    except sqlite3.DatabaseError as error:
        problems = [str(error)]
    if problems:
        raise CannotRun(f"The database is damaged: {'; '.join(problems)}.")


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
