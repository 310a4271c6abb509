"""What the bot and a classifier's server say to each other: image bytes in, JSON out.

`POST /v1/classify?model=DIGEST&name=NAME&exact=0&photo=0` and `POST /v1/explain?model=DIGEST&name=NAME` (with
`&label=LABEL`, if another one than the most probable) carry the file's bytes as their body, `GET /v1/status`
nothing. An answer of status 200 is a verdict, a picture or a status; any other is a refusal, whose name
stands under "error" and whose facts under "facts". An answer without that name is not the classifier's own: a
proxy said it, or another program.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from bot.classifier.protocol import Doubt, Guess, ModelRef, Picture, Readiness, Status, Verdict
from bot.errors import (
    ClassifierBusy,
    ClassifierLost,
    ClassifierOff,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    ModelDamaged,
    ModelMissing,
    StudyError,
)

CLASSIFY, EXPLAIN, STATUS = "/v1/classify", "/v1/explain", "/v1/status"
#: Bytes of a body, as for every image from outside.
MOST_BYTES = 8 * 2**20
#: Bytes of an answer: the picture of an explanation is the largest part of one.
MOST_ANSWERED = 16 * 2**20
#: Ray Serve sends a request with this header to a replica that has the model in its memory.
MODEL_HEADER = "serve_multiplexed_model_id"
UNAUTHORISED = "Unauthorised"

_LABELS, _TEXT, _LONGEST_WAIT = 10_000, 500, 3_600
_STATUSES: dict[type[StudyError], int] = {
    ModelMissing: 404,
    ModelDamaged: 409,
    ImageRefused: 422,
    ClassifierBusy: 429,
    ClassifierOff: 501,
    ClassifierLost: 502,
    ClassifierWarmingUp: 503,
}
_T = TypeVar("_T")


class BadAnswer(ValueError):
    """An answer that is not in this form."""


def address(model: ModelRef, **options: object) -> dict[str, str]:
    """The query of a question about `model`; options that are None are left out, claims become 0 and 1."""
    query = {"model": model.digest, "name": model.name}
    for name, value in options.items():
        if value is not None:
            query[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return query


def model_of(query: Mapping[str, str]) -> ModelRef:
    """Whose question it is. Raises BadAnswer unless the digest is one."""
    digest = query.get("model", "")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise BadAnswer("model: the SHA-256 of a model's manifest, in lower-case hex")
    return ModelRef(name=query.get("name", "")[:100], digest=digest)


def verdict_body(verdict: Verdict) -> dict[str, Any]:
    return {
        "guesses": [[guess.label, guess.probability] for guess in verdict.guesses],
        "doubt": verdict.doubt,
        "seconds": verdict.seconds,
        "photo": None if verdict.photo is None else picture_body(verdict.photo),
    }


def picture_body(picture: Picture) -> dict[str, Any]:
    return {"ending": picture.ending, "data": base64.b64encode(picture.data).decode("ascii")}


def status_body(status: Status) -> dict[str, Any]:
    return asdict(status)


def refusal(error: StudyError) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of one of the errors that a `Classifier` may raise."""
    return _STATUSES[type(error)], {"error": type(error).__name__, "facts": asdict(error)}  # type: ignore[call-overload]


def read_verdict(body: object) -> Verdict:
    """Raises BadAnswer, as all that read here do."""
    parts = _object(body)
    guesses = _one(parts, "guesses", list)
    if not 1 <= len(guesses) <= _LABELS:
        raise BadAnswer(f"{len(guesses)} labels")
    doubt, photo = parts.get("doubt"), parts.get("photo")
    return Verdict(
        guesses=tuple(sorted(map(_guess, guesses), key=lambda guess: -guess.probability)),
        doubt=None if doubt is None else _named(Doubt, doubt),
        seconds=_number(parts.get("seconds"), most=math.inf),
        photo=None if photo is None else read_picture(photo),
    )


def read_picture(body: object) -> Picture:
    parts = _object(body)
    ending = _one(parts, "ending", str)
    if ending not in ("png", "jpg"):
        raise BadAnswer(f"a picture of the kind {ending[:20]!r}")
    try:
        data = base64.b64decode(_one(parts, "data", str), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer("a picture that is not in base64") from error
    return Picture(data=data, ending=ending)


def read_status(body: object) -> Status:
    parts = _object(body)
    return Status(
        readiness=_named(Readiness, parts.get("readiness")),
        device=_text(parts, "device"),
        text=_text(parts, "text"),
        waiting=_count(parts, "waiting"),
        restarts=_count(parts, "restarts"),
        loaded=tuple(str(name)[:100] for name in _one(parts, "loaded", list)[:100]),
    )


def read_refusal(body: object) -> StudyError:
    """The error that was raised at the other end."""
    parts = _object(body)
    name, facts = _one(parts, "error", str), _object(parts.get("facts", {}))
    match name:
        case "ImageRefused":
            limit = facts.get("limit")
            return ImageRefused(
                fault=_named(ImageFault, facts.get("fault")),
                limit=None if limit is None else _count(facts, "limit"),
            )
        case "ClassifierBusy":
            return ClassifierBusy(seconds=min(_count(facts, "seconds"), _LONGEST_WAIT))
        case "ClassifierWarmingUp":
            return ClassifierWarmingUp()
        case "ClassifierLost":
            return ClassifierLost()
        case "ClassifierOff":
            return ClassifierOff(text=_text(facts, "text"))
        case "ModelMissing":
            return ModelMissing(name=_text(facts, "name"), digest=_text(facts, "digest"))
        case "ModelDamaged":
            return ModelDamaged(
                name=_text(facts, "name"), digest=_text(facts, "digest"), part=_text(facts, "part")
            )
    raise BadAnswer(f"an error of the name {name[:50]!r}")


def _guess(pair: object) -> Guess:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
        raise BadAnswer("a guess is a label and its probability")
    return Guess(label=pair[0][:_TEXT], probability=_number(pair[1], most=1.0))


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadAnswer("not an object")
    return body


def _one(parts: dict[str, Any], name: str, kind: type[_T]) -> _T:
    value = parts.get(name)
    if not isinstance(value, kind):
        raise BadAnswer(f"{name}: not of the type {kind.__name__}")
    return value


def _text(parts: dict[str, Any], name: str) -> str:
    return _one(parts, name, str)[:_TEXT]


def _count(parts: dict[str, Any], name: str) -> int:
    value = _one(parts, name, int)
    if isinstance(value, bool) or value < 0:
        raise BadAnswer(f"{name}: not a number of things")
    return value


def _number(value: object, *, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadAnswer("not a number, or out of its bounds")
    return float(value)


def _named(kind: Callable[[Any], _T], value: object) -> _T:
    try:
        return kind(value)
    except ValueError as error:
        raise BadAnswer(str(error)[:_TEXT]) from error
