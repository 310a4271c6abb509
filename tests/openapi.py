"""Every REST body that the bot sends, held against Discord's own OpenAPI document.

The document is named by the environment variable DISCORD_OPENAPI; without it only the hand-written
limits of `tests/limits.py` are checked. Two readings differ from the letter of the document: snowflakes may
be numbers as well as strings, and its overlapping `oneOf` are read as `anyOf`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from tests import limits

if TYPE_CHECKING:
    from simcord import Env

METHODS = ("get", "post", "put", "patch", "delete")


class BadBody(AssertionError):
    """A request that Discord would refuse, or that its document does not know."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One method on one path template of the document."""

    method: str
    template: str
    segments: tuple[str, ...]
    schema: dict[str, Any] | None
    body_required: bool

    def matches(self, segments: Sequence[str]) -> bool:
        """Whether a path's segments fit the template; ids must be digits."""
        return len(segments) == len(self.segments) and all(
            (want == got or (want[0] == "{" and (not want.endswith("_id}") or got.isdigit())))
            for want, got in zip(self.segments, segments, strict=True)
        )

    @property
    def literals(self) -> int:
        return sum(segment[0] != "{" for segment in self.segments)


class BodyValidator:
    """Validates request bodies; `path` is below the API's base, as in `/channels/1/messages`.

    One instance may serve a whole test run: compiled schemas are kept, and a body that passed once is not
    checked again. Not thread-safe.
    """

    def __init__(self, document: Path | None = None) -> None:
        """`document` defaults to the file that DISCORD_OPENAPI names, or to none."""
        named = os.environ.get("DISCORD_OPENAPI")
        self.source = document or (Path(named) if named else None)
        self.checked = 0
        self._operations: list[Operation] = []
        self._components: dict[str, Any] = {}
        self._validators: dict[Operation, Draft202012Validator] = {}
        self._passed: set[bytes] = set()
        if self.source is not None:
            self._load(json.loads(self.source.read_text(encoding="utf-8")))

    def _load(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        schemas["SnowflakeType"] = {
            "anyOf": [dict(schemas["SnowflakeType"]), {"type": "integer", "minimum": 0}]
        }
        for template, item in document["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                body = item[method].get("requestBody", {})
                content = body.get("content", {})
                # A multipart body's payload_json has the schema of the JSON body; some routes (stickers)
                # know the multipart form alone.
                media = content.get("application/json") or content.get("multipart/form-data") or {}
                self._operations.append(
                    Operation(
                        method.upper(),
                        template,
                        tuple(template.strip("/").split("/")),
                        media.get("schema"),
                        body.get("required", False),
                    )
                )
        self._components = _as_any_of({"schemas": schemas}, schemas)

    def operation(self, method: str, path: str) -> Operation | None:
        """The document's operation for a request, the most literal template first."""
        segments = path.split("?", 1)[0].strip("/").split("/")
        found = [o for o in self._operations if o.method == method and o.matches(segments)]
        return max(found, key=lambda o: o.literals, default=None)

    def check(self, method: str, path: str, body: Any = None, files: Sequence[Any] | None = None) -> None:
        """Raise BadBody when Discord would not take this request.

        `body` is the decoded JSON (or `payload_json` part), None for none. `files` are the file names sent
        along, or objects with a `filename`; None when unknown.
        """
        self.checked += 1
        names = None if files is None else [getattr(file, "filename", file) for file in files]
        digest = hashlib.sha256(
            json.dumps([method, _shape(path), body, names], default=repr, sort_keys=True).encode()
        ).digest()
        if digest in self._passed:
            return
        problems = list(self._schema_problems(method, path, body))
        try:
            problems += dict.fromkeys(_limit_problems(method, path, body, names))
        except (AttributeError, TypeError, KeyError) as error:
            problems.append(f"values of the wrong type: {error} in {_short(body)}")
        if problems:
            raise BadBody(f"{method} {path}\n  " + "\n  ".join(problems))
        self._passed.add(digest)

    def _schema_problems(self, method: str, path: str, body: Any) -> Iterator[str]:
        if self.source is None:
            return
        operation = self.operation(method, path)
        if operation is None:
            yield "no such route in Discord's OpenAPI document"
            return
        if operation.schema is None:
            if body is not None:
                yield f"{operation.template} takes no body, got {_short(body)}"
            return
        if body is None:
            if operation.body_required:
                yield f"{operation.template} needs a body"
            return
        for error in islice(self._validator(operation).iter_errors(body), 5):
            inner = best_match([error]) or error  # of the alternatives that failed, the one meant
            where = "/".join(str(part) for part in inner.absolute_path) or "the body"
            yield f"{where}: {_short(inner.message)} ({operation.template})"

    def _validator(self, operation: Operation) -> Draft202012Validator:
        if operation not in self._validators:
            schema = _as_any_of(operation.schema, self._components["schemas"])
            self._validators[operation] = Draft202012Validator(
                {"allOf": [schema], "components": self._components}, format_checker=_formats()
            )
        return self._validators[operation]


def _shape(path: str) -> str:
    """The path with ids and tokens taken out: they do not change what a body may hold."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    if parts[0] in ("webhooks", "interactions") and len(parts) > 2:
        parts[2] = "token"
    return "/".join("0" if part.isdigit() else part for part in parts)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 400 else f"{text[:400]}…"


def _as_any_of(schema: Any, schemas: dict[str, Any]) -> Any:
    """A copy of `schema` with every `oneOf` read as `anyOf`, or as a choice by `type` where that is exact.

    The choice (if the `type` is x, then schema x) accepts the same bodies, but its errors name the field
    that is wrong instead of all the alternatives that do not fit.
    """
    if isinstance(schema, list):
        return [_as_any_of(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: _as_any_of(value, schemas) for key, value in schema.items() if key not in ("oneOf", "anyOf")}
    alternatives = schema.get("oneOf") or schema.get("anyOf")
    if isinstance(alternatives, list):
        chosen = _choice(alternatives, schemas)
        if chosen is not None:
            copy.setdefault("allOf", [])
            copy["allOf"] = [*copy["allOf"], *chosen]
        else:
            copy["anyOf"] = _as_any_of(alternatives, schemas)
    elif alternatives is not None:  # a property that happens to be called oneOf
        copy["oneOf" if "oneOf" in schema else "anyOf"] = _as_any_of(alternatives, schemas)
    return copy


def _choice(alternatives: list[Any], schemas: dict[str, Any]) -> list[Any] | None:
    """`if/then` pairs when required constants of one property tell all alternatives apart, else None."""
    for key in ("type", "entity_type"):
        constants: list[tuple[Any, list[Any]]] = []
        for alternative in alternatives:
            target = schemas.get(alternative.get("$ref", "").rpartition("/")[2], {})
            values = target.get("properties", {}).get(key, {}).get("enum")
            if values is None or key not in target.get("required", ()):
                break
            constants.append((alternative, values))
        else:
            known = [value for _, values in constants for value in values]
            if len(known) == len(set(known)):
                guard = {"type": "object", "required": [key], "properties": {key: {"enum": known}}}
                return [guard, *(_when(key, values, then) for then, values in constants)]
    return None


def _when(key: str, values: list[Any], then: Any) -> dict[str, Any]:
    return {"if": {"required": [key], "properties": {key: {"enum": values}}}, "then": then}


@cache
def _formats() -> FormatChecker:
    """The formats that matter here and that need no further package."""
    checker = FormatChecker(formats=())

    @checker.checks("date-time", raises=ValueError)
    def _date_time(value: object) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None

    @checker.checks("uri", raises=ValueError)
    def _uri(value: object) -> bool:
        return not isinstance(value, str) or bool(urlsplit(value).scheme)

    return checker


def _limit_problems(method: str, path: str, body: Any, files: Sequence[str] | None) -> Iterator[str]:
    """What `tests/limits.py` has to say about this request."""
    match method, *path.split("?", 1)[0].strip("/").split("/"):
        case ["POST", "interactions", _, _, "callback"] if isinstance(body, dict):
            yield from _callback_problems(body, files)
        case [("POST" | "PUT" | "PATCH") as verb, "applications", _, *scope] if "commands" in scope:
            if verb == "PUT" and isinstance(body, list):
                yield from limits.commands(body)
            elif isinstance(body, dict) and scope[-1] != "permissions":
                yield from limits.command(body)
        case ["POST", "guilds", _, "scheduled-events"] if isinstance(body, dict):
            yield from limits.scheduled_event(body, create=True)
        case ["PATCH", "guilds", _, "scheduled-events", _] if isinstance(body, dict):
            yield from limits.scheduled_event(body, create=False)
        case ["POST", "channels", _, *_, "threads"] if isinstance(body, dict):
            yield from limits.thread(body)
            if isinstance(body.get("message"), dict):
                yield from limits.message(body["message"], create=True, files=files)
        case ["POST", "channels", _, "messages"] | ["POST", "webhooks", _, _]:
            yield from limits.message(body or {}, create=True, files=files)
        case ["PATCH", "channels", _, "messages", _] | ["PATCH", "webhooks", _, _, "messages", _]:
            yield from limits.message(body or {}, create=False, files=files)


def _callback_problems(body: dict[str, Any], files: Sequence[str] | None) -> Iterator[str]:
    data = body.get("data") or {}
    match body.get("type"):
        case 4:
            yield from limits.message(data, create=True, files=files)
        case 7:
            yield from limits.message(data, create=False, files=files)
        case 8:
            yield from limits.autocomplete(data)
        case 9:
            yield from limits.modal(data)


@contextmanager
def watch_simcord(env: Env | None, validator: BodyValidator) -> Iterator[list[str]]:
    """Validate every REST call that a bot under SimCord makes inside this block.

    Yields the list of violations, which fills as they happen; leaving the block with one in it raises
    BadBody. The call itself still goes through, so that the bot's own error handling cannot hide the
    violation. `env` limits the watch to one world; None watches every world, also those that a restart opens.
    """
    from simcord.http import router

    dispatch = router.dispatch
    violations: list[str] = []

    def validated(backend: Any, method: str, path: str, **kwargs: Any) -> Any:
        if env is None or backend is env.backend:
            try:
                validator.check(method, path, kwargs.get("json"), kwargs.get("files") or ())
            except BadBody as error:
                violations.append(str(error))
        return dispatch(backend, method, path, **kwargs)

    router.dispatch = validated
    try:
        yield violations
    finally:
        router.dispatch = dispatch
    if violations:
        raise BadBody("\n".join(violations))
