"""The languages that the bot speaks: gettext catalogues, and which of them is spoken right now.

English is the language of the source. Each other language has one file, `LANGUAGE.po`, and beside it the
compiled `LANGUAGE.mo`; `make translations` brings both up to date with the source.
"""

import gettext as _gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final

FOLDER = Path(__file__).parent
SOURCE: Final = "en"
#: What there is beside the language of the source.
TRANSLATIONS: Final = ("de",)
LANGUAGES: Final = (SOURCE, *TRANSLATIONS)
# Languages that write 1.234,5 where English writes 1,234.5.
COMMA_FOR_DECIMALS = frozenset({"de"})
SWAPPED = str.maketrans(",.", ".,")

_spoken: ContextVar[str] = ContextVar("spoken language", default=SOURCE)


def language_of(locale: str | None) -> str:
    """The language for a locale of Discord's ("de", "en-GB", "pt-BR"): English where we have no other."""
    language = (locale or SOURCE).partition("-")[0]
    return language if language in LANGUAGES else SOURCE


def spoken() -> str:
    """The language in which this task words what it says."""
    return _spoken.get()


def speak(language: str) -> None:
    """From here on this task, and what it calls, words everything in this language."""
    _spoken.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside, everything is worded in this language."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def _(message: str, /, **values: Any) -> str:
    """The message in the spoken language, with `{names}` filled in as `str.format` does.

    Without values nothing is filled in, and braces stand for themselves.
    """
    # Nothing stays nothing: under the empty message a catalogue keeps its header.
    return _filled(catalogue(spoken()).gettext(message) if message else "", values)


def ngettext(one: str, many: str, n: int, /, **values: Any) -> str:
    """The form of the message for so many; `{n}` is the number."""
    return _filled(catalogue(spoken()).ngettext(one, many, n), {"n": n, **values})


def pgettext(context: str, message: str, /, **values: Any) -> str:
    """As `_`, for a word that means one thing here and another elsewhere: the context tells them apart."""
    return _filled(catalogue(spoken()).pgettext(context, message), values)


def N_(message: str, /) -> str:
    """Marks a constant for the catalogues; whoever shows it calls `_(CONSTANT)`."""
    return message


def known(message: str, language: str) -> str | None:
    """The message in that language; None where its catalogue has none."""
    found = catalogue(language).gettext(message)
    return found if found != message else None


@cache
def catalogue(language: str) -> _gettext.NullTranslations:
    """The compiled catalogue; for English an empty one, which gives back what it is asked."""
    if language == SOURCE:
        return _gettext.NullTranslations()
    with (FOLDER / f"{language}.mo").open("rb") as file:
        return _gettext.GNUTranslations(file)


class _Numbers(Formatter):
    """`str.format`, with numbers as the spoken language writes them."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        text = super().format_field(value, format_spec)
        if isinstance(value, int | float) and spoken() in COMMA_FOR_DECIMALS:
            return text.translate(SWAPPED)
        return text


_numbers = _Numbers()


def _filled(text: str, values: dict[str, Any]) -> str:
    return _numbers.vformat(text, (), values) if values else text
