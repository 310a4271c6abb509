"""Structured logs: one line per event, the interaction's reference on each, secrets never."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Each poll and each SQL statement on its own line would bury what matters.
    for chatty in ("apscheduler", "aiosqlite", "alembic.runtime.plugins"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Redactor:
    """Takes known secrets, and whatever has the shape of a Discord token, out of every value."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "[redacted]")
            for shape in TOKEN_SHAPES:
                value = shape.sub("[redacted]", value)
            return value
        if isinstance(value, dict):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(inner) for inner in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._clean(str(value))
