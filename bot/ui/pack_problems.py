"""What is wrong with a course pack, place by place, in words for whoever writes it."""

from collections.abc import Sequence

from bot.errors import PackFlaw, PackProblem
from bot.ui.text import fitting

# Of a message's 2,000 characters; the rest is for the sentence before the list.
LIST_ROOM = 1700
REPORT_NAME = "problems.txt"
# No line is so short that more of them would fit.
MOST_LISTED = 60
KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "null": "empty",
    "number": "a number",
    "object": "a mapping with keys",
    "string": "text",
}
ONE_OF = {"lessons": "lesson", "links": "link", "topics": "topic"}


def summary(problems: Sequence[PackProblem]) -> str:
    """How many there are, and as many of them as a message takes."""
    lines = [problem_line(problem).replace("`", "ˋ") for problem in problems[:MOST_LISTED]]
    kept = fitting(lines, room=LIST_ROOM)
    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    left = len(problems) - len(kept)
    more = f"\n… and {left:,} more, in {REPORT_NAME}" if left else ""
    listed = "\n".join(kept) + more
    return (
        f"This pack has {count}, so nothing was saved. Mend the file and import it again.\n```\n{listed}\n```"
    )


def report(problems: Sequence[PackProblem]) -> bytes:
    """All of them as a text file."""
    return "\n".join(map(problem_line, problems)).encode()


def problem_line(problem: PackProblem) -> str:
    place = f"{place_words(problem.where)}: " if problem.where else ""
    return f"line {problem.line}, column {problem.column}: {place}{problem_words(problem)}"


def place_words(where: Sequence[str | int]) -> str:
    """ "lesson 3, link 2, url"."""
    words: list[str] = []
    for step in where:
        if isinstance(step, int):
            words[-1] = f"{ONE_OF.get(words[-1], words[-1])} {step}"
        else:
            words.append(step)
    return ", ".join(words)


def problem_words(problem: PackProblem) -> str:
    """One sentence on what is wrong, and what to write instead where that is not plain."""
    found, wanted = problem.found, problem.wanted
    match problem.flaw:
        case PackFlaw.NOT_UTF8:
            return "from here on the file is not UTF-8 text. Save it as UTF-8 in your editor."
        case PackFlaw.NOT_YAML:
            return f"from here on it is not YAML: {found or 'a number beyond all bounds'}."
        case PackFlaw.EMPTY:
            return "the file is empty."
        case PackFlaw.SEVERAL_DOCUMENTS:
            return "a second document begins. A file holds one pack."
        case PackFlaw.TOO_DEEP:
            return f"more than {wanted} levels of nesting. A pack needs five; nothing further was read."
        case PackFlaw.TOO_MANY_VALUES:
            return f"more than {wanted} keys and values. Nothing further was read."
        case PackFlaw.ALIAS:
            return f"“{found}” is an anchor or alias. Write the value out wherever you need it."
        case PackFlaw.TAG:
            return f"“{found}” is a tag. Remove it: a pack holds plain text and numbers only."
        case PackFlaw.KEY_NOT_TEXT:
            return "a key that is no plain word."
        case PackFlaw.REPEATED_KEY:
            return f"stands in line {wanted} already. Keep one of them."
        case PackFlaw.WRONG_KIND:
            quotes = " Put it in quotes." if wanted == "string" and found in ("boolean", "number") else ""
            return f"has to be {KINDS[wanted]}, and is {KINDS[found]}.{quotes}"
        case PackFlaw.MISSING:
            return f"“{found}” is missing."
        case PackFlaw.UNKNOWN_KEY:
            nearest = f" Did you mean “{wanted}”?" if wanted else ""
            return f"“{found}” is no key of a pack.{nearest}"
        case PackFlaw.NO_EFFORT:
            return "“hours” is missing, or “points” in its place."
        case PackFlaw.TWO_EFFORTS:
            return "has both “hours” and “points”. Keep one of them."
        case PackFlaw.TOO_SHORT:
            return "is empty."
        case PackFlaw.TOO_LONG:
            return f"has {found} characters; the most is {wanted}."
        case PackFlaw.TOO_FEW:
            return f"has {found} entries; the least is {wanted}."
        case PackFlaw.TOO_MANY:
            return f"has {found} entries; the most is {wanted}."
        case PackFlaw.TOO_SMALL:
            return f"is {found}; the least is {wanted}."
        case PackFlaw.TOO_LARGE:
            return f"is {found}; the most is {wanted}."
        case PackFlaw.BAD_ID:
            return f"“{found}” can't be an id. Use small letters, digits and single hyphens: “my-course”."
        case PackFlaw.BAD_VERSION:
            return f'“{found}” is no version. Write one to three numbers with dots, in quotes: "1.2".'
        case PackFlaw.BAD_LINK:
            return f"“{found}” is no public web address. Begin with https:// and encode spaces as %20."
        case PackFlaw.HIDDEN_CHARACTER:
            return f"a character that nobody sees ({found}). Remove it."
        case PackFlaw.REPEATED:
            return f"“{found}” stands in line {wanted} already. Choose another."
