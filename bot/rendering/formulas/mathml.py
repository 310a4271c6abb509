r"""LaTeX into the MathML that ziamath draws right, or a refusal.

latex2mathml and ziamath draw much that they do not understand as if it were text: an unknown macro becomes
its name, a stray `&` a letter, `\\[4pt]` the words "[4pt]". A picture of that would teach something wrong, so
whatever is not understood is refused. It is also bounded here: macros can't be defined, lengths are small,
and what laying out will cost is known before it begins.
"""

import re
from html import unescape
from xml.etree.ElementTree import Element, SubElement

from latex2mathml.converter import Converter

LONGEST = 500
#: Elements laid out, at about 0.1 ms each. ziamath lays out each row twice, first without the brackets that
#: grow with it, and so too the rows within it: the number doubles with each level. A Jacobian matrix has 700.
WORK_AT_MOST = 4_000
DEEPEST = 60  # elements in each other
LARGEST = 10.0  # em, of a space or shift


class NotUnderstood(ValueError):
    """The formula holds something that would not be drawn right, or cost too much."""


def mathml(source: str) -> tuple[Element, int]:
    """The formula as a `math` element in display style, and the work of laying it out.

    Raises NotUnderstood; for what is no LaTeX, latex2mathml raises errors of many kinds.
    """
    if len(source) > LONGEST:
        raise NotUnderstood("too long")  # the same in every language
    root = Converter(display="block").convert_to_element(_rewritten(source))
    settling = _Settling()
    settling.settle(root)
    return root, settling.work


# What latex2mathml reads otherwise than TeX

_ALIGNED = r"\{(?:align|aligned|alignat|alignedat|eqnarray|split)\*?\}"
_STACKED = r"\{(?:gather|gathered|multline|equation|displaymath|math)\*?\}"
_REWRITTEN = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<!\\)%.*\n|\s+", " "),
        (r"(?<!\\)%", r"\\%"),  # no comment where no line ends: a share
        (r"\\(?:label|tag\*?) ?\{[^{}]*\}|\\(?:nonumber|notag)(?![a-zA-Z])", ""),
        (r"\\\\ ?\[-?[\d.]+ ?[a-z]{2}\]", r"\\\\"),
        (rf"\\begin ?{_ALIGNED}(?: ?\{{\d\}})?", r"\\begin{align*}"),
        (rf"\\end ?{_ALIGNED}", r"\\end{align*}"),
        (rf"\\begin ?{_STACKED}", "{"),
        (rf"\\end ?{_STACKED}", "}"),
        (r"(?<!\\)(?:\\\\ ?)+(?=[} ]*$)", ""),
        (r"\\(begin|end) ?\{dcases\}", r"\\\1{cases}"),
        (r"\\[lr]?Vert(?![a-zA-Z])|\|\|", r"\\|"),
        (r"\\[lr]?vert(?![a-zA-Z])", "|"),
        (r"\\mathds(?![a-zA-Z])", r"\\mathbb"),
        (r"\\pmod ?\{([^{}]*)\}", r"\\quad (\\operatorname{mod} \1)"),
        (r"\\not ?=", r"\\neq "),
        (r"\\not ?<", r"\\nless "),
        (r"\\not ?>", r"\\ngtr "),
        (r"\\mathop ?\{ ?\\(?:mathrm|text|rm|operatorname) ?\{([a-zA-Z ]+)\} ?\}", r"\\operatorname*{\1}"),
        (r"\\mathrm ?\{", r"\\mathrm {"),
    )
)
_TEXT_WITH_FORMULAS = re.compile(r"\\(?:text|[hm]box) ?\{((?:[^{}$]*\$[^$]*\$)+[^{}$]*)\}")
_OPERATOR_NAME = re.compile(r"(\\operatorname\*? ?\{)([^{}]*)\}")
_ENVIRONMENT = re.compile(r"\\begin ?\{([^{}]*)\}")
_ENVIRONMENTS = frozenset({
    "align*", "array", "bmatrix", "Bmatrix", "cases", "matrix",  # the same in every language
    "pmatrix", "smallmatrix", "vmatrix", "Vmatrix",  # the same in every language
})  # fmt: skip
_REFUSED = re.compile(
    r"\\(?:def|newcommand|newenvironment|DeclareMathOperator|unicode)(?![a-zA-Z])"
    r"|\\rule(?![a-zA-Z])"  # ziamath draws nothing for it
    r"|\\begin ?\{array\} ?(?!(?:\[[tcb]\] ?)?\{[lcr ]+\})"  # and no lines in tables
    r"|\\(?:text(?!style|color)[a-z]*|[fhm]box|emph) ?\{[^{}]*\{"  # text ends at the first brace
)
_BRACES = re.compile(r"\\.|[^{}]")
_THIN = "\u2009"


def _rewritten(source: str) -> str:
    for pattern, replacement in _REWRITTEN:
        source = pattern.sub(replacement, source)
    source = _TEXT_WITH_FORMULAS.sub(_text_with_formulas, source)
    # Only letters and spaces are read in a name.
    source = _OPERATOR_NAME.sub(
        lambda found: found[1] + re.sub(r"\\[,;:! ]| ", _THIN, found[2].strip()) + "}", source
    )
    braces = _BRACES.sub("", source)
    if _REFUSED.search(source) or braces.count("{") != braces.count("}"):
        raise NotUnderstood(source)
    if not _ENVIRONMENTS.issuperset(_ENVIRONMENT.findall(source)):
        raise NotUnderstood(source)
    return source


def _text_with_formulas(found: re.Match[str]) -> str:
    pieces = found[1].split("$")
    pieces[::2] = [rf"\text{{{words}}}" for words in pieces[::2]]
    return "{" + "".join(pieces) + "}"


# What ziamath draws otherwise than TeX

_KEPT = frozenset({
    "accent", "accentunder", "columnalign", "columnspacing", "displaystyle", "fence", "form", "linebreak",
    "mathvariant", "movablelimits", "notation", "rowspacing", "scriptlevel", "stretchy",
})  # fmt: skip
_LENGTHS = frozenset({
    "depth", "height", "linethickness", "lspace", "maxsize", "minsize", "rspace", "voffset", "width"
})  # fmt: skip
_LENGTH = re.compile(r"[+-]?(\d+(?:\.\d+)?|\.\d+)([a-z]{2})")
_VARIANTS = {
    # Else it is italic too.
    "bold": "bold normal",  # the same in every language
    "double-struck": "double",
    "sans-serif": "sans",
    "monospace": "mono",
}
# The content of these is laid out twice.
_ROWS = frozenset({"math", "menclose", "mpadded", "mphantom", "mrow", "mtd"})
_SCRIPTS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_SCRIPTED = frozenset({*_SCRIPTS, *_SCRIPTS.values()})
_LIMITS = frozenset({*"∑∏∐⋃⋂⋁⋀⨁⨂", "inf", "lim", "max", "min", "sup"})
# Those that its table of spaces lacks.
_SPACES = dict.fromkeys("∼≃≅⊂⟂⊧≜↪⤳⟵⟶⟷⟸⟹⟺", "thickmathspace") | dict.fromkeys("×∩∪∖⧵⊙⊕⊗∘∧∨", "mediummathspace")
_TIGHT = frozenset("∂∇")
# Only `\left` and `\right` make these grow.
_FENCES = frozenset("⟨⟩⌊⌋⌈⌉")
_OPERANDS = frozenset({"mfrac", "mi", "mn", "mover", "msqrt", "msub", "msubsup", "msup"})
# After these a sign has no operand on its left.
_RELATIONS = frozenset("=<>≤≥≈≠≡∼≃∝∈→←⇒⇔↦")
_BEFORE_SIGN = _RELATIONS | frozenset("([{⟨,;:×⋅·/")
_SIGNS = frozenset("−+±∓")
# Stand for themselves only behind a backslash.
_ACTIVE = frozenset("{}&#$")
_ESCAPED = re.compile(r"\\([%$#&_{} ])")
_DOLLAR = "\ue000"
_SMALL_COLUMNS = "0.2778em"


class _Settling:
    """Makes the tree what TeX means by it, and counts what laying it out will cost."""

    def __init__(self) -> None:
        self.work = 0

    def settle(self, element: Element, *, times: int = 1, depth: int = 0, display: bool = True) -> None:
        """`times` it will be laid out; in `display` style sums have their limits above and below."""
        self.work += times
        if self.work > WORK_AT_MOST or depth > DEEPEST:
            raise NotUnderstood("nested too deep")  # the same in every language
        _settle_attributes(element)
        if not len(element):
            _settle_leaf(element)
            return
        if element.tag in ("mi", "mo") or (element.tag == "mstyle" and not element.attrib):
            element.tag = "mrow"
        inner = display and element.tag != "mfrac" and element.tag not in _SCRIPTS
        twice = 2 if element.tag in _ROWS else 1
        for place, child in enumerate(element):
            element[place] = only = _only(child)
            self.settle(only, times=times * twice, depth=depth + 1, display=inner)
        if element.tag in _ROWS:
            _space(element)
        elif element.tag == "mover":
            _settle_hat(element)
        elif element.tag in _SCRIPTS and display and _takes_limits(element[0]):
            _set_limits(element)


def _settle_attributes(element: Element) -> None:
    """Only what is known stays: no links, no styles, and no colours, which might be the paper's."""
    if element.get("columnlines") or element.get("rowlines"):
        raise NotUnderstood("lines in a table")  # the same in every language
    if element.get("lspace", "").endswith("width"):
        raise NotUnderstood("overlapping")
    for name, value in element.items():
        if name not in _KEPT and not (name in _LENGTHS and _is_length(value)):
            del element.attrib[name]
    if variant := element.get("mathvariant"):
        element.set("mathvariant", _VARIANTS.get(variant, variant))
    for name in ("minsize", "maxsize"):
        if found := _LENGTH.fullmatch(element.get(name, "")):
            element.set(name, f"{float(found[1]) * 0.75:.3f}{found[2]}")  # it takes a pixel for a point
    if element.tag == "mtable" and element.get("columnspacing") != _SMALL_COLUMNS:
        element.set("rowspacing", "0.4em")
        element.set("columnspacing", element.get("columnspacing", "0.7em").replace("2em", "1em"))


def _is_length(value: str) -> bool:
    found = _LENGTH.fullmatch(value)
    if found and float(found[1]) > LARGEST * (1 if found[2] == "em" else 10):
        raise NotUnderstood("larger than the paper")  # the same in every language
    return found is not None or value.isalpha() or value in ("0", "0px")


def _settle_leaf(element: Element) -> None:
    raw = element.text or ""
    if element.tag == "mtext":
        raw = _ESCAPED.sub(r"\1", raw.replace(r"\$", _DOLLAR)).replace("~", "\xa0").replace("-", "‐")
    text = unescape(raw).replace(_DOLLAR, "$")
    if raw in _ACTIVE or "$" in raw or "\\" in raw:
        raise NotUnderstood(raw)
    if element.tag == "mi" and text == "~":
        text = "∼"
    if element.tag == "mi" and (text in _SPACES or text in _SIGNS):
        element.tag = "mo"
    element.text = text
    if text in _FENCES and element.get("fence") != "true":
        element.set("stretchy", "false")
    if text in _TIGHT:
        _set_space(element, "0", "0")
    if element.tag == "mtd":
        SubElement(element, "mspace")
    elif not text and element.tag != "mo":
        element.tag = "mspace"  # it knows no size for nothing


def _only(element: Element) -> Element:
    """What braces hold if it is one thing. An operator stays in them: they take the space around it away."""
    while element.tag == "mrow" and len(element) == 1 and element[0].tag not in ("mo", "mstyle"):
        element = element[0]
    return element


def _space(row: Element) -> None:
    """Space around signs and words: any minus has that of one between two operands, and a word has none."""
    before = None
    children = list(row)
    for child, after in zip(children, [*children[1:], None], strict=True):
        if child.tag == "mspace":
            continue
        text = child.text or ""
        operand_follows = after is not None and (after.tag in _OPERANDS or after.tag in _SCRIPTED)
        if child.tag == "mo" and text in _SIGNS and (before is None or before.text in _BEFORE_SIGN):
            _set_space(child, "0", "0")
        elif child.tag == "mo" and text in _SPACES:
            _set_space(child, _SPACES[text], _SPACES[text])
        elif child.tag == "mo" and _is_word(text):
            follows_operand = before is not None and before.tag != "mo"
            _set_space(
                child,
                "thinmathspace" if follows_operand else "0",
                "thinmathspace" if operand_follows else "0",
            )
        elif child.tag in _SCRIPTED and _is_word(child[0].text):
            _set_space(child[0], "0", "0")
            if before is not None and before.tag in _OPERANDS:
                _insert_space(row, child, 0, "thinmathspace")
            if operand_follows:
                _insert_space(row, child, 1, "thinmathspace")
        elif child.tag in ("mover", "munder") and "".join(child[0].itertext()) in _RELATIONS:
            _insert_space(row, child, 0, "thickmathspace")
            _insert_space(row, child, 1, "thickmathspace")
        before = child


def _set_space(operator: Element, left: str, right: str) -> None:
    operator.set("lspace", left)
    operator.set("rspace", right)


def _insert_space(row: Element, child: Element, behind: int, width: str) -> None:
    row.insert(list(row).index(child) + behind, Element("mspace", width=width))


def _is_word(text: str | None) -> bool:
    return text is not None and len(text) > 1 and text[0].isalpha()


def _settle_hat(element: Element) -> None:
    r"""`\hat` is as wide as one letter, `\widehat` as all: latex2mathml gives both the same sign."""
    sign = element[1]
    if sign.text == "^":
        sign.text = "ˆ" if element.get("accent") == "true" else "\u0302"
    elif sign.text == "~" and sign.get("stretchy") != "false":
        sign.text = "\u0303"


def _takes_limits(base: Element) -> bool:
    return base.tag == "mo" and (base.get("movablelimits") == "true" or base.text in _LIMITS)


def _set_limits(element: Element) -> None:
    """Below and above, where they count for the width: else they would lie under what stands before."""
    element.tag = _SCRIPTS[element.tag]
    for place, script in enumerate(element):
        if place and script.tag == "mo":  # it would be stretched to the width of the sum
            element[place] = Element("mrow")
            element[place].append(script)
