"""Structured logs: one line per event, the interaction's reference on each, secrets never."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

# Discord's bot tokens, interaction tokens (base64 of "interaction:"; discord.py logs whole payloads when
# debugging), and the tokens inside webhook addresses.
TOKEN_SHAPES = (
    re.compile(r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"),
    re.compile(r"aW50ZXJhY3Rpb246[\w-]{20,}"),
    re.compile(r"(?<=/)[\w-]{60,}"),
)


def set_up_logs(*, level: str, format: str, secrets: Iterable[str] = ()) -> None:
    """Send the standard library's and structlog's events through one formatter to standard error.

    `secrets` never appear; tracebacks come without local variables, which hold what members typed.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redact = Redactor(secrets)
    tracebacks = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    last: list[Processor] = (
        [tracebacks, redact, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if format == "json"
        else [
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = CarefulHandler(redact, sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    # What nobody caught would be printed by Python itself, as it is.
    sys.excepthook = log_uncaught
    # Each poll and each SQL statement on its own line would bury what matters.
    for chatty in ("apscheduler", "aiosqlite", "alembic.runtime.plugins"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last line of a process that ends with an exception; Ctrl-C is none."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("bot").critical("ended by an unexpected error", exc_info=(kind, error, trace))


class CarefulHandler(logging.StreamHandler[Any]):
    """Writes lines; one that cannot be written is told of without what it would have said."""

    def __init__(self, redact: "Redactor", stream: Any) -> None:
        super().__init__(stream)
        self._redact = redact

    def handleError(self, record: logging.LogRecord) -> None:  # logging's own name
        # The standard library's prints the message and its arguments as they are.
        where = f"{record.pathname}:{record.lineno}"
        text = f"a log line from {where} could not be written\n{traceback.format_exc()}"
        sys.stderr.write(self._redact.clean(text))


class Redactor:
    """Takes known secrets, and whatever has the shape of a Discord token, out of every value."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may be a part of another.
        self._secrets = sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self.clean(value) for key, value in event.items()}

    def clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "[redacted]")
            for shape in TOKEN_SHAPES:
                value = shape.sub("[redacted]", value)
            return value
        if isinstance(value, dict):
            return {self.clean(key): self.clean(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.clean(inner) for inner in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.clean(str(value))


def forms(secret: str) -> Iterator[str]:
    """The ways in which a secret stands in a line: itself, in an address, inside of JSON or a repr."""
    if secret:
        yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
        yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(repr(secret))[2:-2])
