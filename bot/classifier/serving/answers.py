"""What a worker answers to a batch, as a frame: verdicts, pictures and refusals, one for each question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.classifier.protocol import Doubt, Guess, Picture, Verdict
from bot.classifier.serving import frames, wire
from bot.errors import StudyError

Answer = Verdict | Picture | StudyError
_DOUBTS: dict[str | None, Doubt | None] = {None: None, **{doubt.value: doubt for doubt in Doubt}}
_PICTURE = 2  # parts of one; a verdict has four, and a refusal is an object
_ENDINGS = ("png", "jpg")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """`loading` is how many seconds of it went into reading the model; `loaded` names all that are in memory,
    the one used last at the end.
    """

    batch: int
    answers: Sequence[Answer]
    loading: float = 0.0
    loaded: tuple[str, ...] = ()


def pack(answers: Answers) -> bytes:
    data: list[bytes] = []
    message = {
        "kind": "answers",
        "batch": answers.batch,
        "loading": answers.loading,
        "loaded": answers.loaded,
        "answers": [_said(answer, data) for answer in answers.answers],
    }
    return frames.pack(message, b"".join(data))


def unpack(message: frames.Message, data: bytes) -> Answers:
    """Raises NoSense for what `pack` would not have made."""
    said = message["answers"]
    rest = memoryview(data)
    heard: list[Answer] = []
    try:
        for each in said:
            answer, rest = _heard(each, rest)
            heard.append(answer)
        return Answers(
            batch=int(message["batch"]),
            answers=heard,
            loading=float(message["loading"]),
            loaded=tuple(map(str, message["loaded"])),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise frames.NoSense(f"an answer that is none: {error}") from error


def _said(answer: Answer, data: list[bytes]) -> Any:
    if isinstance(answer, Verdict):
        guesses = [(guess.label, guess.probability) for guess in answer.guesses]
        photo = None
        if answer.photo is not None:
            photo = _said(answer.photo, data)
        return guesses, answer.doubt, answer.seconds, photo
    if isinstance(answer, Picture):
        data.append(answer.data)
        return len(answer.data), answer.ending
    return wire.refusal(answer)[1]


def _heard(said: Any, rest: memoryview) -> tuple[Answer, memoryview]:
    if isinstance(said, dict):
        return wire.read_refusal(said), rest
    if len(said) == _PICTURE:
        return _picture(said, rest)
    guesses, doubt, seconds, shown = said
    photo = None
    if shown is not None:
        photo, rest = _picture(shown, rest)
    verdict = Verdict(
        guesses=tuple([Guess(label=str(label), probability=float(share)) for label, share in guesses]),
        doubt=_DOUBTS[doubt],
        seconds=float(seconds),
        photo=photo,
    )
    return verdict, rest


def _picture(said: Any, rest: memoryview) -> tuple[Picture, memoryview]:
    length, ending = said
    if ending not in _ENDINGS or not 0 <= length <= len(rest):
        raise ValueError("a picture that is not there")
    return Picture(data=bytes(rest[:length]), ending=ending), rest[length:]
