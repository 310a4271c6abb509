"""What makes a flashcard hard to learn, found in its text.

These are hints to whoever writes a card, so a missed flaw is better than a false alarm. Most rules hold in
every language. Those that know English words ask for a second one where another language has the same word
("Was" in German, "Do" in Polish).
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.flashcards.math import segments

#: Characters as they are read, without markup. A front this long is five lines on a phone and eight seconds
#: of reading, plenty for one question; a back this long is some fifty words, an answer with its reason.
FRONT_LIMIT = 200
BACK_LIMIT = 300


class Side(StrEnum):
    FRONT = "front"
    BACK = "back"


class Rule(StrEnum):
    """What a good card keeps: two sides, both short; one fact; a question that no coin can answer and that
    does not hold its answer; no other card that asks it; a lesson; and, as a cloze (`{{c1::…}}`), a gap."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    SEVERAL_FACTS = "several_facts"
    YES_NO = "yes_no"
    GIVEN_AWAY = "given_away"
    DUPLICATE = "duplicate"
    NO_LESSON = "no_lesson"
    NO_GAP = "no_gap"


@dataclass(frozen=True)
class Problem:
    """A broken rule, the side to change (None: the whole card) and, for a side too long, both lengths."""

    rule: Rule
    side: Side | None = None
    length: int = 0
    limit: int = 0


def lint(front: str, back: str, *, lesson: str | None, known_fronts: Collection[str]) -> list[Problem]:
    """Everything that could be better; an empty list for a good card.

    `known_fronts` are the `normalised` fronts of the other cards.
    """
    cloze = _GAP.search(front) is not None
    measured = [(Side.FRONT, _length(front), FRONT_LIMIT), (Side.BACK, _length(back), BACK_LIMIT)]
    problems = []
    if not _visible(front):
        problems.append(Problem(Rule.EMPTY, Side.FRONT))
    if not _visible(back) and not cloze:
        problems.append(Problem(Rule.EMPTY, Side.BACK))
    problems += [Problem(Rule.TOO_LONG, *side) for side in measured if side[1] > side[2]]
    if (key := normalised(front)) and key in known_fronts:
        problems.append(Problem(Rule.DUPLICATE, Side.FRONT))
    if not cloze and _OPENED_GAP.search(front):
        problems.append(Problem(Rule.NO_GAP, Side.FRONT))
    if not any(
        problem.rule is Rule.TOO_LONG for problem in problems
    ):  # what is too long has to change anyway
        problems += _about_wording(front, back, cloze=cloze)
    if not (lesson and lesson.strip()):
        problems.append(Problem(Rule.NO_LESSON))
    return problems


def _about_wording(front: str, back: str, *, cloze: bool) -> Iterator[Problem]:
    question, answer = _prose(front), _prose(back)
    if _asks_twice(question):
        yield Problem(Rule.SEVERAL_FACTS, Side.FRONT)
    if _lists(answer):
        yield Problem(Rule.SEVERAL_FACTS, Side.BACK)
    if cloze:
        return
    if _asks_yes_or_no(question):
        yield Problem(Rule.YES_NO, Side.FRONT)
    elif _YES_OR_NO.match(answer.casefold()):
        yield Problem(Rule.YES_NO, Side.BACK)
    if _gives_away(question, answer):
        yield Problem(Rule.GIVEN_AWAY, Side.BACK)


# Reading a text without its markup. Whatever looks for an end is bounded, so that no text takes long.

_GAP = re.compile(r"\{\{c[1-9]\d*::(?!\s*\}\})(.{1,500}?)(?:::[^{}]{0,200})?\}\}", re.DOTALL)
_OPENED_GAP = re.compile(r"\{\{\s*c\d*\s*:", re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_COMMAND, _BUILDING = re.compile(r"\\[a-zA-Z]+"), re.compile(r"[{}^_\s]")
_QUOTED = re.compile(r"\"[^\"\n]{0,200}\"|“[^”\n]{0,200}”|„[^“”\n]{0,200}[“”]|«[^»\n]{0,200}»")
_LINK = re.compile(r"\[([^\]\n]{0,200})\]\(\S{0,500}?\)")
_MARKS = re.compile(r"`+|\\[()\[\]]|\$\$|\[/?latex\]|\[/?\$+\]")
_STARS = re.compile(r"[*_~|]+")
#: Stands in prose for code, a formula or a quotation.
_THING = "\N{WHITE SQUARE}"


def _visible(text: str) -> bool:
    return any(unicodedata.category(character)[0] not in "ZCM" for character in text)


def _without_emphasis(text: str) -> str:
    """Drops stars, underscores, tildes and bars that touch a word on one side: 2*3 and a_b keep theirs."""

    def kept(run: re.Match[str]) -> str:
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        return run[0] if before.isalnum() == after.isalnum() else ""

    return _STARS.sub(kept, text)


def _length(text: str) -> int:
    r"""About as many characters as are seen: \frac{a}{b} counts as three."""
    text = _LINK.sub(r"\1", _GAP.sub(r"\1", text))
    text = _with_formulas(text, lambda source: _COMMAND.sub("f", _BUILDING.sub("", source)))
    return len(" ".join(_without_emphasis(_MARKS.sub("", text)).split()))


def _prose(text: str) -> str:
    text = _CODE.sub(_THING, _with_formulas(text, lambda _: _THING))
    return _QUOTED.sub(_THING, text).strip()


def _with_formulas(text: str, shown: Callable[[str], str]) -> str:
    """The text with every formula as its LaTeX is `shown`."""
    return "".join(
        piece.written if piece.formula is None else shown(piece.formula.source) for piece in segments(text)
    )


# Punctuation that means something in code, formulas and names, such as 50 % or C#; a hyphen only as a sign.
_MEANT = frozenset("#%&*/@\\_-")
_HYPHEN = re.compile(r"(?<=\w)-|-(?!\w)")


def normalised(text: str) -> str:
    """The form under which two texts say the same: NFKC, case folded, without markup and punctuation, words
    joined by single spaces. Signs that carry meaning in code and formulas stay. Twice is the same as once."""
    while (once_more := _normalised_once(text)) != text:
        text = once_more
    return text


def _normalised_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).replace("−", "-")
    text = _HYPHEN.sub(" ", _without_emphasis(_MARKS.sub(" ", text)))
    kept = (
        character if character in _MEANT or unicodedata.category(character)[0] in "LMNS" else " "
        for character in text
    )
    return " ".join("".join(kept).split())


# One fact

_ASKED = r"(?:what|why|how|when|where|which|who)"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|must)"
_NUMBER = r"(?:two|three|four|five|six|seven|eight|nine|ten)"
_QUESTION_MARK = re.compile(r"[?؟](?=[^\w\s]*(?:\s|$))|？")
_SECOND_QUESTION = re.compile(rf"\b{_ASKED}\b.*\band {_ASKED} {_AUXILIARY}\b.*\?", re.IGNORECASE)
_LIST_WANTED = re.compile(
    rf"\b(?:name|list|give|which|what are)(?: the| all)? {_NUMBER}\b(?!-)|^(?:list|enumerate) (?:the|all)\b",
    re.IGNORECASE,
)
_LIST_LINE = re.compile(r"^\s*(?:[-*+•–]|\(?(?:\d{1,2}|[a-z])[.)])\s+\S", re.MULTILINE)
_NUMBERED = re.compile(r"(?:^|[.,;:]\s)\(?(?:1|a)[.)]\s.*\s\(?(?:2|b)[.)]\s", re.DOTALL)
_COMMA = re.compile(r"\s*[,;，、；]\s*")
_AND = re.compile(r"(?:^|\s+)(?:and|or|und|oder|et|ou|og|och|eller|и|или|oraz|lub|ve)\s+", re.IGNORECASE)
_LONGEST_ITEM = 4  # words


def _asks_twice(question: str) -> bool:
    return (
        len(_QUESTION_MARK.findall(question)) > 1
        or _SECOND_QUESTION.search(question) is not None
        or _LIST_WANTED.search(question) is not None
    )


def _lists(answer: str) -> bool:
    """Whether the answer is a list: by its lines or numbers, or because it is nothing but four short items
    (three with a comma before the "and": "At first, warm and slow" is no list)."""
    if len(_LIST_LINE.findall(answer)) > 1 or _NUMBERED.search(answer):
        return True
    *items, last = _COMMA.split(answer.rstrip(" .!。").rpartition(":")[2].strip())
    ending = _AND.split(last, maxsplit=1)
    enough = 3 if ending[0] == "" else 4
    items += [item for item in ending if item]
    return len(items) >= enough and all(
        any(map(str.isalpha, item)) and len(item.split()) <= _LONGEST_ITEM for item in items
    )


# A question with more than two answers

_ENGLISH = frozenset({
    "and", "any", "because", "every", "from", "how", "into", "it", "its", "that", "the", "their", "there",
    "these", "they", "this", "those", "what", "when", "which", "who", "why", "with", "you", "your",
})  # fmt: skip
_INVERTED = frozenset({
    "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "should", "was", "were", "will",
    "would",
})  # fmt: skip
_NEGATED = {"can't": "can", "won't": "will"}
_ALSO_FOREIGN = frozenset({"are", "can", "do", "was", "will"})
_REQUEST = frozenset({"can", "could", "would", "will"})
_EITHER = frozenset({"albo", "czy", "eller", "lub", "nebo", "o", "oder", "or", "ou", "u", "veya", "или", "ή"})
_YES_OR_NO = re.compile(
    r"(?:yes|no|true|false|ja|nein|nee|nej|oui|non|sí|sì|não|sim|да|нет|はい|いいえ)"
    r"(?:\s*[,;:!–—、。]|\s+-\s|\.\s+(?=[^\W\d])|\.?\s*$)"
)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:'[a-z]+)?", text.casefold().replace("’", "'"))


def _asks_yes_or_no(question: str) -> bool:
    asked = [
        part
        for part in re.split(r"(?<=[.!?:])\s+|\n", question)
        if part.rstrip(f"*_~|) {_THING}").endswith("?")
    ]
    words = _words(asked[-1]) if asked else []
    if len(words) < 2 or not _EITHER.isdisjoint(words):
        return False
    verb = _NEGATED.get(words[0], words[0].removesuffix("n't"))
    if verb not in _INVERTED or (verb in _REQUEST and words[1] == "you"):
        return False
    return verb not in _ALSO_FOREIGN or not _ENGLISH.isdisjoint(words)


# An answer that its question does not hold

_OPENING = frozenset({"a", "an", "because", "by", "it", "the", "they", "to"})


def _gives_away(question: str, answer: str) -> bool:
    """For answers of several words or of one that is not short: the plural of sheep is a fair question."""
    asked, said = normalised(question).split(), normalised(answer).split()
    # "A or B?" has to name its answer; Dutch says "of" for it.
    if _THING in answer or not _EITHER.isdisjoint(asked) or ("of" in asked and _ENGLISH.isdisjoint(asked)):
        return False
    if len(said) > 1 and said[0] in _OPENING:
        said = said[1:]
    shortest = 6 if len(said) == 1 else 4
    return max(map(len, said), default=0) >= shortest and f" {' '.join(said)} " in f" {' '.join(asked)} "
