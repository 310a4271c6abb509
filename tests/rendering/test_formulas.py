"""Formulas are drawn right or not at all, whatever LaTeX somebody typed, and at a bounded cost.

`python -m tests.rendering.test_formulas` draws the samples anew. Look at each that git then shows as changed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ziamath.nodes.mnode import Mnode

from bot.flashcards.math import Formula
from bot.rendering.cards import Theme
from bot.rendering.formulas import FORMULAS_AT_MOST, FormulaPicture
from bot.rendering.formulas.drawing import HEIGHT, draw_formulas
from bot.rendering.formulas.mathml import LONGEST, NotUnderstood, mathml
from bot.rendering.formulas.pictures import FormulaPictures
from bot.rendering.painter import PainterBusy
from bot.rendering.sheet import WIDTH
from tests.rendering.png import size

SAMPLES = Path(__file__).parent / "formulas"
#: What cards about deep learning, calculus and linear algebra need.
CONSTRUCTS = [
    r"\sum_{i=1}^{n} x_i^2",
    r"\prod_{i=1}^{n} p(x_i \mid \theta)",
    r"\frac{a + b}{c - d}",
    r"\frac{1}{1 + \frac{1}{1 + \frac{1}{x}}}",
    r"\nabla_\theta J(\theta) = \left( \frac{\partial J}{\partial \theta_1}, \dots \right)^\top",
    r"w \leftarrow w - \eta \nabla_w L(w)",
    r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \cdot \frac{\partial y}{\partial x}",
    r"\begin{pmatrix} a_{11} & a_{12} \\ a_{21} & a_{22} \end{pmatrix} \begin{bmatrix} x \\ y \end{bmatrix}",
    r"\begin{bmatrix} a_{11} & \cdots & a_{1n} \\ \vdots & \ddots & \vdots \\ 0 & \cdots & 1 \end{bmatrix}",
    r"\det A = \begin{vmatrix} a & b \\ c & d \end{vmatrix} = ad - bc",
    r"\operatorname{ReLU}(x) = \begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\hat{y} \; \bar{x} \; \tilde{w} \; \vec{v} \; \dot{x} \; \ddot{x} \; \widehat{ABC} \; \overline{z + w}",
    r"\|x\|_2 = \sqrt{\sum_i x_i^2}, \quad \lVert w \rVert_1, \quad \left\| \frac{a}{b} \right\|",
    r"|x - y| \le \left| \frac{x}{y} \right|",
    r"\theta^* = \arg\min_{\theta} L(\theta), \quad \operatorname*{arg\,max}_{k} p_k",
    r"\mathbb{E}_{x \sim p}[f(x)] = \int f(x)\, p(x)\, dx",
    r"\operatorname{Var}(X) = \mathbb{E}\left[(X - \mu)^2\right]",
    r"\alpha \beta \gamma \delta \epsilon \eta \theta \lambda \mu \pi \rho \sigma \phi \omega \Delta \Sigma",
    r"\begin{aligned} f(x) &= (x + 1)^2 \\[4pt] &= x^2 + 2x + 1 \end{aligned}",
    r"\begin{align} z &= Wx + b \\ a &= \sigma(z) \end{align}",
    r"\operatorname{softmax}(z)_i = \frac{e^{z_i}}{\sum_{j=1}^{K} e^{z_j}}",
    r"\sigma'(x) = \sigma(x)(1 - \sigma(x)), \quad \sigma(x) = \frac{1}{1 + e^{-x}}",
    r"L = -\frac{1}{N} \sum_{n=1}^{N} \sum_{c=1}^{C} y_{nc} \log \hat{y}_{nc}",
    r"f'(x) = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}",
    r"\int_0^\infty e^{-x^2} \, dx = \frac{\sqrt{\pi}}{2}",
    r"\binom{n}{k} = \frac{n!}{k!(n-k)!}",
    r"x \in \mathbb{R}^{n \times m}, \; A \subseteq B, \emptyset, \; \forall \epsilon > 0 \; \exists \delta",
    r"\mathbf{W}\mathbf{x}_1 + \boldsymbol{\theta}, \mathcal{L}, \mathrm{Re}, \mathbb{1}[y = k], \mathbf{1}",
    r"\underbrace{x + y + z}_{\text{three terms}} \quad \overbrace{a + b}^{2}",
    r"\sqrt{x^2 + y^2} \quad \sqrt[3]{x} \quad \sqrt2",
    r"\mathcal{N}(x; \mu, 1) = \frac{1}{\sqrt{2\pi}} \exp\left( -\frac{(x - \mu)^2}{2} \right)",
    r"D_{\mathrm{KL}}(p \,\|\, q) = \sum_x p(x) \log \frac{p(x)}{q(x)}",
    r"\theta_{t+1} = \theta_t - \frac{\eta}{\sqrt{\hat{v}_t} + \epsilon} \hat{m}_t",
    r"\langle u, v \rangle = u^\top v, \lfloor x \rfloor_2, \left\lfloor \frac{n - k}{s} \right\rfloor + 1",
    r"a \le b \ge c \neq d \approx e \propto f \equiv g \ll h \not= i \sim j \iff k",
    r"x \to y \Rightarrow z \mapsto f(w) \overset{\text{def}}{=} v, A \cap B \cup C, f \circ g, a \odot b",
    r"y_{i,j} = \max_{0 \le m, n < k} x_{i \cdot s + m,\, j \cdot s + n}, \quad 2\max(0, -x)",
    r"\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left( \frac{QK^\top}{\sqrt{d_k}} \right) V",
    r"H_{ij} = \frac{\partial^2 f}{\partial x_i \, \partial x_j}, \quad \left. \frac{df}{dx} \right|_{x=0}",
    r"\bigl( x + \Bigl( y \bigr) \Bigr), \; f''(x), \; f^{(n)}(x), \; x'_i",
    r"\text{loss} = 50\% \text{ if $x < 5$}, \; 5{,}000 \times 10^{-3}, \; \log_2 8 = 3, \; \sin^2 x",
    r"\left\{ \begin{aligned} x + y &= 1 \\ x - y &= 2 \end{aligned} \right.",
    r"\min_G \max_D \mathbb{E}_{x \sim p_{\text{data}}}[\log D(x)] + \mathbb{E}_{z}[\log(1 - D(G(z)))]",
    r"a = b \\ c = d \\",
    r"a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s = t",
    r"\mathop{\mathrm{argmax}}_x f(x), \; \lim\limits_{n \to \infty} a_n, \; \boxed{E = mc^2}, \; \cancel{x}",
    r"a \equiv b \pmod{n}, \; {n \choose k}, \; \dfrac{a}{b} + \tfrac{1}{2}, \; \phantom{x}y, \; a \bmod b",
    r"\left(\begin{smallmatrix} a & b \\ c & d \end{smallmatrix}\right) \sum_{\substack{i < j \\ j \ne k}} a",
]
#: What a wrong picture would be drawn of.
NOT_UNDERSTOOD = [
    r"\foo + 1",
    r"\R",
    r"\text{a \foo}",
    r"\ce{H2O}",
    "a & b",
    "a # b",
    "a $ b",
    "a } b",
    "{a",
    r"\frac{1}",
    "x_1_2",
    r"\left( x",
    r"\begin{pmatrix} 1",
    r"\begin{tikzpicture} x \end{tikzpicture}",
    r"\left[\begin{array}{cc|c} 1 & 2 & 3 \end{array}\right]",
    r"\begin{array}{c} 1 \\ \hline 2 \end{array}",
    r"\text{a {b} c}",
    r"a \mathllap{b}",
    r"\rule{1em}{1em}",
    "日本",
    "\\text{\u0627\u0628}",
    "😀",
    "",
    " ",
    "{}",
    "\\",
]
HOSTILE = [
    "x" * 10_000,
    "{" * 1000 + "x" + "}" * 1000,
    r"\frac{" * 62 + "x" + "}{y}" * 30,
    r"\left(" * 35 + "x" + r"\right)" * 35,
    r"\sqrt" * 99 + "x",
    r"\hat" * 120 + "x",
    r"\begin{matrix}" * 15 + "x" + r"\end{matrix}" * 15,
    r"\def\a{xx}\def\b{\a\a}\def\c{\b\b}\def\d{\c\c}\d",
    r"\newcommand{\a}{\a\a}\a",
    r"\DeclareMathOperator{\a}{\a}\a",
    r"\newenvironment{a}{x}{y}\begin{a}\end{a}",
    r"x\hspace{99999em}y",
    r"\raise99999pt{x}",
    r"a \above 99999pt b",
    r"\input{/etc/passwd}",
    r"\includegraphics{https://example.com/x.png}",
    "x\0y",
    "\u202ex\u2066y",
    "\ud800",
    r"\unicode{x0}",
    r"\unicode{x202e}",
]
#: Dangerous to a browser, harmless here: what they say is drawn, and nothing more.
HARMLESS = [
    r"\href{https://example.com}{x}",
    r"\style{color:red;background:url(https://example.com)}{x}",
    r"\class{a\"b}{x}",
    r"\color{url(https://example.com)}y",
    r"\text{</mtext><script>}",
    r"\text{&lt;&#60;!DOCTYPE}",
    r"</math><image href='https://example.com'/>",
    r"\colorbox{red}{x}",
    "{" * 249 + "x" + "}" * 249,
]


def formulas(*sources: str) -> tuple[Formula, ...]:
    return tuple(Formula(source, display=False) for source in sources)


def is_drawn(source: str) -> bool:
    picture = draw_formulas(formulas(source), Theme.DARK)
    assert bool(picture.png) == (not picture.lacking)
    return bool(picture.png)


def samples() -> Iterator[tuple[str, FormulaPicture]]:
    theme = Theme.DARK
    for first in range(0, len(CONSTRUCTS), FORMULAS_AT_MOST):
        part = CONSTRUCTS[first : first + FORMULAS_AT_MOST]
        picture = draw_formulas(tuple(Formula(source, display=first == 0) for source in part), theme)
        yield f"constructs-{first // FORMULAS_AT_MOST + 1}-{theme}.png", picture
        theme = Theme.LIGHT if theme is Theme.DARK else Theme.DARK


def test_the_pictures_look_as_when_somebody_last_looked(tmp_path: Path) -> None:
    names = []
    for name, picture in samples():
        names.append(name)
        assert picture.lacking == ()
        assert size(picture.png)[0] == WIDTH
        if picture.png != (SAMPLES / name).read_bytes():
            (tmp_path / name).write_bytes(picture.png)
            pytest.fail(f"drawn otherwise: see {tmp_path}; if meant, python -m tests.rendering.test_formulas")
    assert sorted(names) == sorted(file.name for file in SAMPLES.iterdir())


@pytest.mark.parametrize("source", NOT_UNDERSTOOD)
def test_what_would_be_drawn_wrong_is_not_drawn(source: str) -> None:
    assert not is_drawn(source)


@pytest.mark.parametrize("source", HOSTILE)
def test_hostile_formulas_stay_text(source: str) -> None:
    assert not is_drawn(source)


@pytest.mark.parametrize("source", HARMLESS)
def test_nothing_of_a_formula_is_active(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def svg_to_bytes(*, svg_string: str, **options: bool) -> bytes:
        drawn.append(svg_string)
        return b"png"

    monkeypatch.setattr("resvg_py.svg_to_bytes", svg_to_bytes)
    assert is_drawn(source)
    (svg,) = drawn
    assert set(re.findall(r"<(\w+)", svg)) <= {"svg", "rect", "g", "path"}
    attributes = {"d", "fill", "height", "transform", "width", "x", "xmlns", "y"}
    assert set(re.findall(r'(\w+)="', svg)) <= attributes
    assert "example" not in svg
    assert "red" not in svg


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"x1+=^_{}&$\\ ()|", r"\frac", r"\left(", r"\right)", r"\sum", r"\text{"])))
def test_no_formula_raises(pieces: list[str]) -> None:
    is_drawn("".join(pieces))


NESTING = [
    (r"\frac{", "}{y}"), (r"\left(", r"\right)"), ("{a", "}"), (r"\sqrt{", "}"), ("x^{", "}"), ("x_{", "}"),
    (r"\begin{pmatrix}", r"&1\end{pmatrix}"), (r"\begin{cases}", r"\\2\end{cases}"), (r"\hat{", "}"),
    (r"\sum_{", "}^n x"), (r"\underbrace{", "}_{z}"), (r"\phantom{", "}"), (r"\boxed{", "}"),
    (r"\binom{", "}{k}"), (r"\mathrm{", "}"), (r"\overset{", "}{=}"), (r"\raise2pt{", "}"),
    (r"\begin{aligned}", r"&=1\end{aligned}"),
]  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(NESTING), max_size=12), st.sampled_from(["x", r"\text{ab}", "-1", "x+y"]))
def test_the_cost_is_known_before(nested: list[tuple[str, str]], inner: str) -> None:
    source = inner
    for before, after in nested:
        source = before + source + after
    try:
        _, work = mathml(source)
    except NotUnderstood:
        return
    laid_out = 0
    create = Mnode.fromelement

    def counting(*args: object, **options: object) -> Mnode:
        nonlocal laid_out
        laid_out += 1
        return create(*args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mnode, "fromelement", counting)
        is_drawn(source)
    # Twice where it is broken into lines, and some spaces more.
    assert laid_out <= 2.5 * work


def test_many_costly_formulas_are_not_all_drawn() -> None:
    costly = formulas(*(r"\left(" * 7 + f"x+{n}" + r"\right)" * 7 for n in range(12)))
    picture = draw_formulas(costly, Theme.DARK)
    assert picture.png
    assert picture.lacking
    assert set(picture.lacking) < set(costly)


def test_the_thirteenth_formula_and_what_is_no_latex_stay_text_in_their_order() -> None:
    many = formulas(r"\bad", *"abcdefghijk", "late", "later")
    picture = draw_formulas(many, Theme.LIGHT)
    assert picture.lacking == formulas(r"\bad", "late", "later")
    assert picture.png == draw_formulas(formulas(*"abcdefghijk"), Theme.LIGHT).png


def test_a_wide_formula_gets_lines_and_one_without_places_to_break_gets_smaller() -> None:
    def height(source: str) -> int:
        return size(draw_formulas(formulas(source), Theme.DARK).png)[1]

    line = height("x + " * 5 + "y")
    assert height("x + " * 30 + "y") > line + 80
    assert height("a b c d e " * 8) < line
    assert not is_drawn("abcdefgh" * 20)
    assert is_drawn(("x + " * 200)[: LONGEST - 1] + "y")


def test_a_picture_is_not_too_high() -> None:
    tall = r"\begin{matrix} a \\ b \\ c \\ d \\ e \\ f \\ g \\ h \\ i \\ j \end{matrix}"
    picture = draw_formulas(formulas(*(f"{n} {tall}" for n in range(6))), Theme.DARK)
    assert 1 <= len(picture.lacking) < 6
    assert size(picture.png)[1] <= HEIGHT
    assert not is_drawn(r"\begin{matrix}" + r"x\\" * 90 + r"x\end{matrix}")


def test_another_process_draws_the_same_bytes_whatever_failed_before() -> None:
    source = r"\text{so } \left( \sum_i x'_i \right) = \begin{cases} 1 & \text{if } y \end{cases}"
    draw_formulas(formulas(r"\text{-}\text{}", r"\frac{\text{ab}}", r"\text{日}"), Theme.DARK)
    script = (
        "import sys; from bot.flashcards.math import Formula; from bot.rendering.cards import Theme;"
        "from bot.rendering.formulas.drawing import draw_formulas;"
        f"sys.stdout.buffer.write(draw_formulas([Formula({source!r}, display=False)], Theme.DARK).png)"
    )
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert there == draw_formulas(formulas(source), Theme.DARK).png


def test_the_bot_itself_imports_no_ziamath() -> None:
    script = "import sys, bot.bootstrap, bot.rendering.formulas.pictures; sys.exit('ziamath' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


class Hand:
    """Draws nothing, but so many bytes, and counts."""

    def __init__(self) -> None:
        self.drawn: list[tuple[Formula, ...]] = []
        self.busy = False

    async def draw(self, formulas: tuple[Formula, ...], theme: Theme) -> FormulaPicture:
        if self.busy:
            raise PainterBusy
        self.drawn.append(formulas)
        return FormulaPicture(png=b"." * 100, lacking=())


async def test_a_picture_is_drawn_once_while_there_is_room_for_it() -> None:
    hand = Hand()
    pictures = FormulaPictures(hand.draw, kept_at_most=250)
    a, b, c = (formulas(source) for source in "abc")
    for wanted in (a, b, a, c, a):
        assert (await pictures.picture(wanted, Theme.DARK)).png
    assert hand.drawn == [a, b, c]
    await pictures.picture(b, Theme.DARK)
    assert hand.drawn == [a, b, c, b]
    await pictures.picture(b, Theme.LIGHT)
    assert hand.drawn == [a, b, c, b, b]


async def test_a_busy_painter_leaves_the_text_and_may_have_time_later() -> None:
    hand = Hand()
    pictures = FormulaPictures(hand.draw)
    hand.busy = True
    assert await pictures.picture(formulas("x"), Theme.DARK) == FormulaPicture(png=b"", lacking=formulas("x"))
    hand.busy = False
    assert (await pictures.picture(formulas("x"), Theme.DARK)).lacking == ()


if __name__ == "__main__":
    for file_name, sample in samples():
        (SAMPLES / file_name).write_bytes(sample.png)
