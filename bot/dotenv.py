"""`.env`, read to the last line or not at all."""

import codecs
import io
from pathlib import Path

from dotenv.parser import Binding, parse_stream

OURS = ("COHORT_", "DISCORD_TOKEN")
# Windows' Notepad writes one of these first when it does not write UTF-8.
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class WrongFile(Exception):
    """It cannot be read as a whole; the message names file and line, never what stands there."""


def check_dotenv(path: Path) -> str | None:
    """The encoding to read it with; None: there is no such file. Raises WrongFile."""
    try:
        if not path.exists():
            return None
        raw = path.read_bytes()
    except OSError as error:
        raise WrongFile(f"{path} cannot be read: {error.strerror}.") from None
    encoding = "utf-16" if raw.startswith(WIDE) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 that does not say so has one beside every letter
        raise WrongFile(
            f"{path} is not UTF-8. Open it in your editor and save it again with the encoding UTF-8."
        )
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise WrongFile(
                f"{path}, line {_line(binding)}: cannot be read. A line is NAME=value, and a value that "
                "begins with a quote ends with one."
            )
        if binding.value is None and binding.key is not None and binding.key.startswith(OURS):
            raise WrongFile(f"{path}, line {_line(binding)}: there is no = behind the name.")
    return encoding


def _line(binding: Binding) -> int:
    """Where it begins; the parser counts the empty lines before it as its own."""
    whole = binding.original.string
    return binding.original.line + whole[: len(whole) - len(whole.lstrip())].count("\n")
