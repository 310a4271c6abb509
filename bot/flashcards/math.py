r"""The formulas in a card's text: where they stand, and how they read where no picture can.

Written as `\(…\)`, `\[…\]`, `$$…$$`, or like Anki's `[$]…[/$]`, `[$$]…[/$$]` and `[latex]…[/latex]`; never
between single dollars, which are prices. Code stays code, and a marker without its other half is text.
"""

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_SIMPLIFIED = 500
LONGEST_SCRIPT = 5  # as small letters; longer words are read better at full size


@dataclass(frozen=True, slots=True)
class Formula:
    """LaTeX without its markers; `display` for one that its writer set on a line of its own."""

    source: str
    display: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the text as it was written, and the formula that it is, if it is one."""

    written: str
    formula: Formula | None = None


# Each opening with what follows it up to the next marker of its kind: its end, or another opening, which
# leaves the first one without an end. No text is read twice for the same opening.
_BODIES = {
    r"\(": re.compile(r"((?:[^\\]|\\[^()])*+)\\(?:(\))|\()", re.DOTALL),
    r"\[": re.compile(r"((?:[^\\]|\\[^\[\]])*+)\\(?:(\])|\[)", re.DOTALL),
    "$$": re.compile(r"((?:[^$\\]|\\.)*+)(\$\$(?!\$))", re.DOTALL),
    "[$]": re.compile(r"((?:(?!\[/?\$\]).)*+)(?:(\[/\$\])|\[)", re.DOTALL),
    "[$$]": re.compile(r"((?:(?!\[/?\$\$\]).)*+)(?:(\[/\$\$\])|\[)", re.DOTALL),
    "[latex]": re.compile(r"((?:(?!\[/?latex\]).)*+)(?:(\[/latex\])|\[)", re.DOTALL | re.IGNORECASE),
}
_DISPLAY = frozenset({r"\[", "$$", "[$$]"})
_SIGN = re.compile(r"\\.|`+|\$+|\[\$\$?\]|\[latex\]", re.DOTALL | re.IGNORECASE)
_TICKS = re.compile("`+")
_DOLLARS = re.compile(r"(?<!\\)\$\$?")
_ENVIRONMENT = re.compile(r"\\begin\{(displaymath|math|equation\*?)\}(.*)\\end\{\1\}", re.DOTALL)


def segments(text: str) -> tuple[Segment, ...]:
    """The text cut into formulas and what stands between them; joined they are the text again. Never raises,
    and takes time in proportion to the text."""
    found: list[Segment] = []
    done = 0
    for start, end, formula in _formulas(text):
        if done < start:
            found.append(Segment(text[done:start]))
        found.append(Segment(text[start:end], formula))
        done = end
    if done < len(text):
        found.append(Segment(text[done:]))
    return tuple(found)


def formulas_of(text: str) -> tuple[Formula, ...]:
    """The text's formulas in their order, each one once."""
    return tuple(dict.fromkeys(formula for _, _, formula in _formulas(text)))


def readable(text: str) -> str:
    """The text with each formula as code, in Unicode as far as that is easy: never longer than it was."""
    return "".join(
        segment.written if segment.formula is None else f"`{in_unicode(segment.formula.source)}`"
        for segment in segments(text)
    )


def _formulas(text: str) -> Iterator[tuple[int, int, Formula]]:
    ticks: dict[str, list[int]] = defaultdict(list)
    for run in _TICKS.finditer(text):
        ticks[run.group()].append(run.start())
    unended: set[str] = set()  # openings whose end does not come any more
    place = 0
    while sign := _SIGN.search(text, place):
        place = sign.end()
        opening = sign.group().lower()
        if opening[0] == "`":
            # A span of code reaches to the next run of as many backticks; a backslash in it is a backslash.
            later = bisect_right(ticks[opening], sign.start())
            if later < len(ticks[opening]):
                place = ticks[opening][later] + len(opening)
        elif opening in _BODIES and opening not in unended:
            body = _BODIES[opening].match(text, place)
            if body is None:
                if (
                    opening != "$$"
                ):  # a single dollar ends the search too, and says nothing about what follows
                    unended.add(opening)
            elif body[2] and body[1].strip():
                place = body.end()
                yield sign.start(), place, _formula(opening, body[1].strip())


def _formula(opening: str, source: str) -> Formula:
    if opening != "[latex]":
        return Formula(source, opening in _DISPLAY)
    # A piece of a LaTeX document: a formula by itself, or prose with formulas between dollars.
    if alone := _ENVIRONMENT.fullmatch(source):
        return Formula(alone[2].strip(), display=True)
    pieces = _DOLLARS.split(source)
    if len(pieces) == 1 or len(pieces) % 2 == 0:
        return Formula(source, display=True)
    pieces[::2] = [rf"\text{{{prose}}}" if prose.strip() else "" for prose in pieces[::2]]
    return Formula("".join(pieces).strip(), display="$$" in source)


# In Unicode

_NAMES = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "hbar": "ℏ",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "approx": "≈",
    "equiv": "≡", "sim": "∼", "simeq": "≃", "cong": "≅", "propto": "∝", "ll": "≪", "gg": "≫",
    "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇",
    "cup": "∪", "cap": "∩", "setminus": "∖", "emptyset": "∅", "varnothing": "∅",
    "forall": "∀", "exists": "∃", "neg": "¬", "lnot": "¬", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "gets": "←", "leftrightarrow": "↔", "mapsto": "↦",
    "Rightarrow": "⇒", "implies": "⟹", "Leftarrow": "⇐", "Leftrightarrow": "⇔", "iff": "⟺",
    "pm": "±", "mp": "∓", "times": "×", "div": "÷", "cdot": "·", "ast": "∗", "star": "⋆", "circ": "∘",
    "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "sum": "∑", "prod": "∏", "int": "∫", "iint": "∬", "oint": "∮",
    "partial": "∂", "nabla": "∇", "infty": "∞", "dots": "…", "ldots": "…", "cdots": "⋯", "vdots": "⋮",
    "ddots": "⋱", "top": "⊤", "bot": "⊥", "perp": "⊥", "parallel": "∥", "mid": "∣", "vert": "|", "lvert": "|",
    "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊",
    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "prime": "′", "degree": "°", "therefore": "∴", "because": "∵",
    "angle": "∠", "triangle": "△", "square": "□", "dagger": "†", "aleph": "ℵ", "Re": "ℜ", "Im": "ℑ",
    "quad": "  ", "qquad": "   ", "limits": "", "nolimits": "", "displaystyle": "", "textstyle": "",
    "left": "", "right": "", "middle": "", "nonumber": "", "notag": "",
    **dict.fromkeys(("big", "Big", "bigg", "Bigg", "bigl", "Bigl", "biggl", "Biggl", "bigr", "Bigr"), ""),
}  # fmt: skip
_FUNCTIONS = frozenset({
    "arccos", "arcsin", "arctan", "arg", "argmax", "argmin", "cos", "cosh", "cot", "det", "dim", "exp", "gcd",
    "inf", "ker", "lim", "ln", "log", "max", "min", "Pr", "sin", "sinh", "sup", "tan", "tanh",
})  # fmt: skip
# Signs that mean something to TeX unless escaped, each kept as a private character until all else is read.
_KEPT = {"{": "\ue000", "}": "\ue001", "_": "\ue002", "^": "\ue003", "$": "\ue004", "\\": "\ue005"}
_SIGNS = {"|": "‖", "%": "%", "&": "&", "#": "#", ",": " ", ":": " ", ";": " ", " ": " ", "!": ""}
_SIGNS |= {sign: _KEPT[sign] for sign in "{}_$"} | {"\\": _KEPT["\\"] * 2}
_DOUBLE = dict(zip("CHNPQRZE1", "ℂℍℕℙℚℝℤ𝔼𝟙", strict=True))
_ACCENTS = {
    "hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308"
}  # fmt: skip
_SUPERSCRIPT = str.maketrans("0123456789+-−=()nTi⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿᵀⁱᵀ", " ")
_SUBSCRIPT = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", " ")
# What needs no translation as a script: it stands high already.
_HIGH = frozenset("*∗′″†°")

_SPACE = re.compile(r"\s+")
_BRACKETS = {
    "matrix": ("[", "]"), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"), "Vmatrix": ("‖", "‖"), "smallmatrix": ("[", "]"), "cases": ("{ ", ""),
    **dict.fromkeys(("align", "aligned", "split", "gather", "gathered", "equation"), ("", "")),
}  # fmt: skip
_ENVIRONMENTS = re.compile(rf"\\(begin|end) ?\{{({'|'.join(_BRACKETS)})\*?\}}")
_ROW_END = re.compile(r" ?\\\\(?: ?\[[^\]]*\])? ?")
_CELL_END = re.compile(r" ?(?<!\\)& ?([=<>]|\\(?:le|ge|approx|equiv|to)\b)?")
_INVISIBLE_FENCE = re.compile(r"\\(?:left|right) ?\.")
_COMMAND = re.compile(r"\\(?:(partial|nabla) |([a-zA-Z]+)|([^a-zA-Z]))")
_WORDS = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|sf)?|math(?:rm|bf|it|sf|tt|cal)|mbox|boldsymbol|bm|operatorname\*?) ?"
    r"\{([^{}\\_^$]*)\}"
)
_BLACKBOARD = re.compile(r"\\math(?:bb|ds) ?\{([CHNPQRZE1])\}")
_ACCENTED = re.compile(rf"\\({'|'.join(_ACCENTS)})(?: ?\{{([^\W\d_])\}}| ([^\W\d_])|([^\W\d_a-zA-Z]))")
_FRACTION = re.compile(r"\\[dt]?frac(?: ?\{([^{}\\]*)\}| ?(\w))(?: ?\{([^{}\\]*)\}| ?(\w))")
_ROOT = re.compile(r"\\sqrt(?: ?\{([^{}\\]*)\}| ?(\w))")
_SCRIPT = re.compile(r"([\^_]) ?(?:\{([^{}\\^_]*)\}|([^\s{}\\^_]))")
_MARKS = r"[\u0300-\u036f\u20d7′⁰-₟¹²³ᵀᵢⱼᵣᵤᵥ]"
# What keeps its meaning before and behind a slash without brackets.
_NUMERATOR = re.compile(rf"(?:[\w.!∂∇√]|{_MARKS})+")
_DENOMINATOR = re.compile(rf"\d+(?:\.\d+)?|[d∂]?[^\W\d_]{_MARKS}*")
_LOOSE = re.compile(r"(?<=[(\[⟨⌊⌈ ]) +| +(?=[)\]⟩⌋⌉,;])")


def in_unicode(source: str) -> str:
    """LaTeX as one writes it in a chat, such as x² ≤ α; what is not that easy stays LaTeX."""
    text = _SPACE.sub(" ", source.replace("`", "'"))
    if len(text) > LONGEST_SIMPLIFIED:
        return text
    text = _rows(_INVISIBLE_FENCE.sub("", text))
    text = _WORDS.sub(r"\1", _BLACKBOARD.sub(lambda letter: _DOUBLE[letter[1]], text))
    text = _COMMAND.sub(_command, text)
    before = ""
    while before != text:  # from the inside out: each round needs fewer braces
        before = text
        text = _ACCENTED.sub(lambda found: (found[2] or found[3] or found[4]) + _ACCENTS[found[1]], text)
        text = _SCRIPT.sub(_script, text)
        text = _ROOT.sub(lambda found: "√" + _bracketed(found[1] or found[2] or "", _DENOMINATOR), text)
        text = _FRACTION.sub(_fraction, text)
    for sign, kept in _KEPT.items():
        text = text.replace(kept, sign)
    return unicodedata.normalize("NFC", _LOOSE.sub("", text)).strip()


def _rows(text: str) -> str:
    """Tables on one line: `[1, 2; 3, 4]`."""
    flat = _ENVIRONMENTS.sub(lambda found: _BRACKETS[found[2]][found[1] == "end"], text)
    if flat == text or r"\begin" in flat:
        return text
    return _CELL_END.sub(
        lambda found: f" {found[1]}" if found[1] else ", " if " " in found[0] else ",",
        _ROW_END.sub("; ", flat),
    )


def _command(found: re.Match[str]) -> str:
    before_letter, name, sign = found.groups()
    if sign:
        return _SIGNS.get(sign, found[0])
    if name in _FUNCTIONS:
        return name + " " * found.string.startswith("\\", found.end())
    return _NAMES.get(before_letter or name, found[0])


def _script(found: re.Match[str]) -> str:
    sign, inner = found[1], (found[2] if found[2] is not None else found[3]).strip()
    if inner and set(inner) <= _HIGH and sign == "^":
        return inner
    small = inner.translate(_SUPERSCRIPT if sign == "^" else _SUBSCRIPT)
    if len(inner) > LONGEST_SCRIPT or not set(small).isdisjoint(inner):
        return _KEPT[sign] + (inner if len(inner) == 1 else f"({inner})")
    return small


def _fraction(found: re.Match[str]) -> str:
    above, below = (found[1] or found[2] or ""), (found[3] or found[4] or "")
    return f"{_bracketed(above, _NUMERATOR)}/{_bracketed(below, _DENOMINATOR)}"


def _bracketed(text: str, simple: re.Pattern[str]) -> str:
    text = text.strip()
    return text if simple.fullmatch(text) else f"({text})"
