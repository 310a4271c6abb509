"""Formulas are found where their writer meant them, and read well without a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flashcards.math import Formula, formulas_of, in_unicode, readable, segments

PIECES = st.sampled_from([
    r"\(", r"\)", r"\[", r"\]", "$$", "$", "[$]", "[/$]", "[$$]", "[/$$]", "[latex]", "[/latex]", "[LaTeX]",
    "`", "``", "```", "\\", "\\\\", "{", "}", "x", "x^2", r"\alpha", r"\frac", "_", "^", "&", " ", "\n",
    r"\begin{bmatrix}", r"\end{bmatrix}", r"\hat", r"\left(", r"\text{", "é", "🎉",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


def inline(source: str) -> Formula:
    return Formula(source, display=False)


def display(source: str) -> Formula:
    return Formula(source, display=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"Let \(x\) be.", [inline("x")]),
        (r"\[ x \]", [display("x")]),
        ("$$x$$ and $$y$$", [display("x"), display("y")]),
        ("[$]x[/$] [$$]y[/$$] [latex]z[/latex]", [inline("x"), display("y"), display("z")]),
        ("[LATEX]z[/Latex]", [display("z")]),
        (r"\(a\)\(b\)", [inline("a"), inline("b")]),
        ("\\(a\n+ b\\)", [inline("a\n+ b")]),
        (r"\[ a \\[2pt] b \]", [display(r"a \\[2pt] b")]),
        (r"\[ a \\ \]", [display(r"a \\")]),
        (r"\( \text{cost: \$5} \)", [inline(r"\text{cost: \$5}")]),
        (r"$$ \$5 $$", [display(r"\$5")]),
        # Prices, and what is nearly a formula
        ("It costs $5 or $10.", []),
        ("Restaurants: $$ or $$$, never $$$$", []),
        ("$$ costs 5$ or 6$", []),
        (r"\\(x\\)", []),
        (r"\( \)", []),
        ("$$$$ $$  $$", []),
        (r"\(x", []),
        (r"x\)", []),
        (r"\(x\]", []),
        ("[$]x[/$$]", []),
        # A marker without its other half leaves the next formula alone.
        (r"\( \(x\) \)", [inline("x")]),
        (r"\( $$x$$", [display("x")]),
        ("[$] [$]x[/$]", [inline("x")]),
        ("[latex] [latex]x[/latex]", [display("x")]),
        # Code stays code.
        (r"`\(x\)` \(y\)", [inline("y")]),
        ("```\n$$x$$\n``` $$y$$", [display("y")]),
        (r"`` ` \(x\) `` \(y\)", [inline("y")]),
        (r"` \(x\)", [inline("x")]),
        (r"`\` \(x\) `", [inline("x")]),
        (r"\(x`y\) `", [inline("x`y")]),
        # LaTeX documents, as Anki holds them
        ("[latex]$x$[/latex]", [inline("x")]),
        ("[latex]$$x$$[/latex]", [display("x")]),
        ("[latex]The $x$ of $y$.[/latex]", [inline(r"\text{The }x\text{ of }y\text{.}")]),
        ("[latex]costs $5[/latex]", [display("costs $5")]),
        (r"[latex]\begin{displaymath}x\end{displaymath}[/latex]", [display("x")]),
    ],
)
def test_formulas_are_found(text: str, found: list[Formula]) -> None:
    assert [segment.formula for segment in segments(text) if segment.formula] == found


def test_a_text_is_cut_where_its_formulas_stand() -> None:
    assert [(segment.written, segment.formula) for segment in segments(r"Is \(x\) = $$y$$?")] == [
        ("Is ", None),
        (r"\(x\)", inline("x")),
        (" = ", None),
        ("$$y$$", display("y")),
        ("?", None),
    ]
    assert segments("") == ()


def test_a_formula_is_drawn_once_however_often_it_is_named() -> None:
    assert formulas_of(r"\(w\), \(b\), \(w\) and \[w\]") == (inline("w"), inline("b"), display("w"))


@given(TEXTS)
def test_the_segments_are_the_text(text: str) -> None:
    cut = segments(text)
    assert "".join(segment.written for segment in cut) == text
    assert all(segment.written for segment in cut)
    assert all(segment.formula is None or segment.formula.source for segment in cut)


@given(TEXTS)
def test_a_readable_text_is_no_longer_and_keeps_what_is_no_formula(text: str) -> None:
    shown = readable(text)
    assert len(shown) <= len(text)
    for segment in segments(text):
        if segment.formula is None:
            assert segment.written in shown
        else:
            assert "`" not in in_unicode(segment.formula.source)
            assert "\n" not in in_unicode(segment.formula.source)


@pytest.mark.parametrize(
    "unit",
    [
        r"\(", r"\[", "$$ $", "[$]", "[$$]", "[latex]", "\\", "`", "` ``", r"\( \[", r"\($$", "[$][latex]",
        "$$x", r"\(\)", r"\(x\)", "```` ``", "[latex]$",
    ],
)  # fmt: skip
def test_a_hundred_thousand_markers_are_read(unit: str) -> None:
    """In time in proportion to them: if each looked through the rest, this would take hours."""
    text = unit * (200_000 // len(unit))
    assert "".join(segment.written for segment in segments(text)) == text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("x^2", "x²"),
        (r"\alpha \le \beta", "α ≤ β"),
        (r"x_i^{n+1}", "xᵢⁿ⁺¹"),
        (r"e^{-x^2}", "e^(-x²)"),
        (r"\theta^*", "θ*"),
        (r"A^\top A^{-1}", "Aᵀ A⁻¹"),
        (r"\frac{1}{2}", "1/2"),
        (r"\frac12", "1/2"),
        (r"\frac{\partial L}{\partial w}", "∂L/∂w"),
        (r"\frac{a + b}{2c}", "(a + b)/(2c)"),
        (r"\frac{1}{1 + \frac{1}{x}}", "1/(1 + 1/x)"),
        (r"\sqrt{x} + \sqrt{x + 1}", "√x + √(x + 1)"),
        (r"\hat{y} = \bar x + \hat\theta", "ŷ = x̄ + θ̂"),
        (r"x \in \mathbb{R}^n", "x ∈ ℝⁿ"),
        (r"\operatorname{softmax}(z)_i", "softmax(z)ᵢ"),
        (r"\log\alpha + \log x", "log α + log x"),
        (r"\left( \frac{a}{b} \right)", "(a/b)"),
        (r"\left. f \right|_0", "f |₀"),
        (r"\{x\}_i \_ 50\%", "{x}ᵢ _ 50%"),
        (r"\nabla_w L", "∇_w L"),
        (r"x_{max}", "xₘₐₓ"),
        (r"x_{\text{train}}", "xₜᵣₐᵢₙ"),
        (r"p_{\text{data loss}}", "p_(data loss)"),
        (r"\|x\|_2, \; y", "‖x‖₂, y"),
        (r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", "[1, 2; 3, 4]"),
        (r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{else} \end{cases}", "{ x, if x > 0; 0, else"),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", "a = b; = c"),
        # Not that easy
        (r"\begin{array}{cc} 1 & 2 \end{array}", r"\begin{array}{cc} 1 & 2 \end{array}"),
        (r"\foo{x^2}", r"\foo{x²}"),
        (r"a \\ b", r"a \\ b"),
        ("x`y\nz", "x'y z"),
        ("", ""),
    ],
)
def test_a_formula_reads_as_in_a_chat(source: str, shown: str) -> None:
    assert in_unicode(source) == shown


def test_a_card_is_readable() -> None:
    text = r"For \(y = x^2\), what is $$\frac{dy}{dx}$$? It costs $5, `\(code\)`."
    assert readable(text) == r"For `y = x²`, what is `dy/dx`? It costs $5, `\(code\)`."
