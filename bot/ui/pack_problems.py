"""What is wrong with a course pack, place by place, in words for whoever writes it."""

from collections.abc import Sequence

from bot.errors import PackFlaw, PackProblem
from bot.locales import N_, _, ngettext
from bot.ui.text import fitting

# Of a message's 2,000 characters; the rest is for the sentence before the list.
LIST_ROOM = 1700
REPORT_NAME = "problems.txt"
# No line is so short that more of them would fit.
MOST_LISTED = 60
KINDS = {
    "array": N_("a list"),
    "boolean": N_("true or false"),
    "null": N_("empty"),
    "number": N_("a number"),
    "object": N_("a mapping with keys"),
    "string": N_("text"),
}
#: For keys that hold a list, what one of its entries is called.
ONE_OF = {"lessons": N_("lesson {number}"), "links": N_("link {number}"), "topics": N_("topic {number}")}


def summary(problems: Sequence[PackProblem]) -> str:
    """How many there are, and as many of them as a message takes."""
    lines = [problem_line(problem).replace("`", "ˋ") for problem in problems[:MOST_LISTED]]
    kept = fitting(lines, room=LIST_ROOM)
    left = len(problems) - len(kept)
    more = "\n" + _("… and {left:,} more, in {file}", left=left, file=REPORT_NAME) if left else ""
    listed = "\n".join(kept) + more
    said = ngettext(
        "This pack has {n} problem, so nothing was saved. Mend the file and import it again.",
        "This pack has {n:,} problems, so nothing was saved. Mend the file and import it again.",
        len(problems),
    )
    return f"{said}\n```\n{listed}\n```"


def report(problems: Sequence[PackProblem]) -> bytes:
    """All of them as a text file."""
    return "\n".join(map(problem_line, problems)).encode()


def problem_line(problem: PackProblem) -> str:
    words = problem_words(problem)
    return _(
        "line {line}, column {column}: {what}",
        line=problem.line,
        column=problem.column,
        what=f"{place_words(problem.where)}: {words}" if problem.where else words,
    )


def place_words(where: Sequence[str | int]) -> str:
    """ "lesson 3, link 2, url"."""
    words: list[str] = []
    for step in where:
        if not isinstance(step, int):
            words.append(step)
        elif words[-1] in ONE_OF:
            words[-1] = _(ONE_OF[words[-1]], number=step)
        else:
            words[-1] = f"{words[-1]} {step}"
    return ", ".join(words)


def problem_words(problem: PackProblem) -> str:
    """One sentence on what is wrong, and what to write instead where that is not plain."""
    found, wanted = problem.found, problem.wanted
    match problem.flaw:
        case PackFlaw.NOT_UTF8:
            return _("from here on the file is not UTF-8 text. Save it as UTF-8 in your editor.")
        case PackFlaw.NOT_YAML if found:
            return _("from here on it is not YAML: {why}.", why=found)
        case PackFlaw.NOT_YAML:
            return _("from here on it is not YAML: a number beyond all bounds.")
        case PackFlaw.EMPTY:
            return _("the file is empty.")
        case PackFlaw.SEVERAL_DOCUMENTS:
            return _("a second document begins. A file holds one pack.")
        case PackFlaw.TOO_DEEP:
            return _(
                "more than {most} levels of nesting. A pack needs five; nothing further was read.",
                most=wanted,
            )
        case PackFlaw.TOO_MANY_VALUES:
            return _("more than {most} keys and values. Nothing further was read.", most=wanted)
        case PackFlaw.ALIAS:
            return _(
                "“{found}” is an anchor or alias. Write the value out wherever you need it.", found=found
            )
        case PackFlaw.TAG:
            return _("“{found}” is a tag. Remove it: a pack holds plain text and numbers only.", found=found)
        case PackFlaw.KEY_NOT_TEXT:
            return _("a key that is no plain word.")
        case PackFlaw.REPEATED_KEY:
            return _("stands in line {line} already. Keep one of them.", line=wanted)
        case PackFlaw.WRONG_KIND if wanted == "string" and found in ("boolean", "number"):
            return _(
                "has to be {wanted}, and is {found}. Put it in quotes.",
                wanted=_(KINDS[wanted]),
                found=_(KINDS[found]),
            )
        case PackFlaw.WRONG_KIND:
            return _("has to be {wanted}, and is {found}.", wanted=_(KINDS[wanted]), found=_(KINDS[found]))
        case PackFlaw.MISSING:
            return _("“{found}” is missing.", found=found)
        case PackFlaw.UNKNOWN_KEY if wanted:
            return _("“{found}” is no key of a pack. Did you mean “{wanted}”?", found=found, wanted=wanted)
        case PackFlaw.UNKNOWN_KEY:
            return _("“{found}” is no key of a pack.", found=found)
        case PackFlaw.NO_EFFORT:
            return _("“hours” is missing, or “points” in its place.")
        case PackFlaw.TWO_EFFORTS:
            return _("has both “hours” and “points”. Keep one of them.")
        case PackFlaw.TOO_SHORT:
            return _("is empty.")
    return _size_and_form_words(problem)


def _size_and_form_words(problem: PackProblem) -> str:
    found, wanted = problem.found, problem.wanted
    match problem.flaw:
        case PackFlaw.TOO_LONG:
            return _("has {found} characters; the most is {wanted}.", found=found, wanted=wanted)
        case PackFlaw.TOO_FEW:
            return _("has {found} entries; the least is {wanted}.", found=found, wanted=wanted)
        case PackFlaw.TOO_MANY:
            return _("has {found} entries; the most is {wanted}.", found=found, wanted=wanted)
        case PackFlaw.TOO_SMALL:
            return _("is {found}; the least is {wanted}.", found=found, wanted=wanted)
        case PackFlaw.TOO_LARGE:
            return _("is {found}; the most is {wanted}.", found=found, wanted=wanted)
        case PackFlaw.BAD_ID:
            return _(
                "“{found}” can't be an id. Use small letters, digits and single hyphens: “my-course”.",
                found=found,
            )
        case PackFlaw.BAD_VERSION:
            return _(
                '“{found}” is no version. Write one to three numbers with dots, in quotes: "1.2".',
                found=found,
            )
        case PackFlaw.BAD_LINK:
            return _(
                "“{found}” is no public web address. Begin with https:// and encode spaces as %20.",
                found=found,
            )
        case PackFlaw.HIDDEN_CHARACTER:
            return _("a character that nobody sees ({found}). Remove it.", found=found)
        case PackFlaw.REPEATED:
            return _("“{found}” stands in line {line} already. Choose another.", found=found, line=wanted)
        case flaw:
            raise TypeError(f"no words for {flaw}")
