"""The linter sees what makes a card hard to learn, and stays silent about good ones in any language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flashcards.linter import BACK_LIMIT, FRONT_LIMIT, Problem, Rule, Side, lint, normalised

GOOD = "Why does gradient descent subtract the gradient?", "The gradient points to where the loss grows."
texts = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="*_~|`$\\()[]{}c1:: .,;?!-–“”\"'\n aAbßıİſﬁ０é¿？#@%+=/", max_size=80),
    st.lists(
        st.sampled_from(
            [*"*_~|-$ ?", "`", "\\(", "\\)", "{{c1::", "}}", "[latex]", "[/latex]", "a", "ß", " and "]
        )
    ).map("".join),
)


def found(front: str, back: str = GOOD[1]) -> set[tuple[Rule, Side | None]]:
    return {(problem.rule, problem.side) for problem in lint(front, back, lesson="1", known_fronts=())}


def test_a_good_card_gets_no_remark():
    assert lint(*GOOD, lesson="production-sgd", known_fronts=()) == []


def test_several_problems_are_all_told():
    problems = lint("Is it the momentum?", "Yes.", lesson=None, known_fronts={"is it the momentum"})
    assert [(problem.rule, problem.side) for problem in problems] == [
        (Rule.DUPLICATE, Side.FRONT),
        (Rule.YES_NO, Side.FRONT),
        (Rule.NO_LESSON, None),
    ]


@pytest.mark.parametrize("nothing", ["", "  \n\t", "\u200b\u00a0"])
def test_an_empty_side(nothing):
    assert found(nothing) == {(Rule.EMPTY, Side.FRONT)}
    assert found(GOOD[0], nothing) == {(Rule.EMPTY, Side.BACK)}
    assert found("What does a zero-width joiner do in an emoji?", "👩‍🔬") == set()


@pytest.mark.parametrize("lesson", [None, "", "  "])
def test_a_card_of_no_lesson(lesson):
    assert lint(*GOOD, lesson=lesson, known_fronts=()) == [Problem(Rule.NO_LESSON)]


# Length


def test_length_counts_what_is_read_and_tells_the_limit():
    assert found("a" * FRONT_LIMIT, "b" * BACK_LIMIT) == set()
    assert lint("a" * (FRONT_LIMIT + 1), "b" * (BACK_LIMIT + 5), lesson="1", known_fronts=()) == [
        Problem(Rule.TOO_LONG, Side.FRONT, FRONT_LIMIT + 1, FRONT_LIMIT),
        Problem(Rule.TOO_LONG, Side.BACK, BACK_LIMIT + 5, BACK_LIMIT),
    ]


@pytest.mark.parametrize(
    "markup",
    [
        r"\(\frac{\partial L}{\partial w} \cdot \operatorname{softmax}(z)\)",
        "**bold** and ||hidden||",
        "[notes](https://example.org/a-long-address-that-nobody-reads-anyway)",
        "`code`   with    spaces",
    ],
)
def test_markup_is_not_counted(markup):
    filling = FRONT_LIMIT - len(markup) + 3
    assert found(f"{'a' * filling} {markup}") == set()
    assert (Rule.TOO_LONG, Side.FRONT) in found("a" * (FRONT_LIMIT + 4) + markup)


def test_a_cloze_counts_its_answer_and_not_its_braces():
    assert found("a" * (FRONT_LIMIT - 8) + " {{c1::answer::a hint of some length}}", "") == set()


# One fact


@pytest.mark.parametrize(
    "front",
    [
        "What is dropout? Why does it help?",
        "什么是过拟合？怎么避免？",
        "¿Qué es un tensor? ¿Para qué sirve?",
        "What is momentum and why does it help?",
        "When do you unfreeze, and how do you choose the learning rate?",
        "What are the three steps of ULMFiT?",
        "Name two regularisers.",
        "List the layers of a U-Net",
    ],
)
def test_a_front_that_asks_for_several_facts(front):
    assert (Rule.SEVERAL_FACTS, Side.FRONT) in found(front)


@pytest.mark.parametrize(
    "front",
    [
        "What is the difference between what a net learns and what it memorises?",
        "How do you know when and how much to freeze?",
        "What does `a if b else c` return for `b = []`?",
        r"For which \(x\) is \(f(x) = 0\)?",
        "Who wrote “What is life? And other questions” first?",
        "Which two-dimensional array has the shape `(1, 1)`?",
        "List comprehensions build lists. What builds a set?",
        "What?!",
    ],
)
def test_a_front_that_asks_once(front):
    assert found(front) == set()


@pytest.mark.parametrize(
    "back",
    [
        "- the encoder\n- the decoder",
        "1. freeze\n2. train\n3. unfreeze",
        "First: 1. freeze, 2. train.",
        "a) freeze b) train",
        "Flip, rotate, zoom and warp.",
        "They are: edges, textures, parts; objects.",
        "Weights, biases, and activations.",
        "Gewichte, Schwellen, Fehler und Lernrate",
        "веса, смещения, ошибка и шаг",
        "權重、偏差、誤差、步長",
    ],
)
def test_a_back_that_is_a_list(back):
    assert found(GOOD[0], back) == {(Rule.SEVERAL_FACTS, Side.BACK)}


@pytest.mark.parametrize(
    "back",
    [
        "At first, warm and slow.",
        "Mean and standard deviation.",
        "- 5 degrees",
        "`[1, 2, 3, 4]`",
        "(64, 3, 224, 224)",
        r"\(a, b, c, d\)",
        "The sum is 1. So the mean of the two is 2. Then we stop.",
        "Because it shifts, rotates and zooms each picture a little before the network sees it.",
        "Its early layers see edges, its middle layers see parts, its late layers see objects, as it seems.",
        "Fyra hundar, en katt i huset",
        "```\n- a\n- b\n```",
    ],
)
def test_a_back_that_is_one_fact(back):
    assert found(GOOD[0], back) == set()


# Yes and no


@pytest.mark.parametrize(
    "front",
    [
        "Is ReLU a linear function?",
        "Does dropout act at prediction time?",
        "Can’t a linear model fit this curve?",
        "Was the first convolutional net trained with this loss?",
        "**Do** you need a GPU for it?",
        "You trained ten epochs. Has the model overfitted?",
        "Could a deeper net do worse?",
    ],
)
def test_a_question_for_yes_or_no(front):
    assert found(front) == {(Rule.YES_NO, Side.FRONT)}


@pytest.mark.parametrize(
    "back",
    [
        "Yes",
        "No.",
        "yes, because it is linear",
        "No – it is not.",
        "True",
        "false.",
        "Ja, weil",
        "Нет.",
        "はい。",
    ],
)
def test_an_answer_of_yes_or_no(back):
    assert found("Ein Netz ohne ReLU ist linear", back) == {(Rule.YES_NO, Side.BACK)}


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("Was ist ein Tensor?", "Ein Feld von Zahlen"),
        ("Do czego służy gradient?", "Do szukania minimum"),
        ("Are câte laturi un triunghi?", "Trei"),
        ("Will Smith: which film made him known?", "A comedy"),
        ("Is training or inference slower?", "Training"),
        ("Can you describe a skip connection?", "It adds a block's input to its output"),
        ("Why is it so? Because it is", "So it is"),
        ("Is this the last step", "The third one"),
        ("What comes first?", "No. 5"),
        ("Which kind of function is ReLU?", "Non-linear"),
        ("What does `bool([])` return?", "`False`"),
        ("Which error is a false alarm?", "False positive"),
        ("Wer kommt nie?", "Niemand"),
    ],
)
def test_a_question_with_more_than_two_answers(front, back):
    assert found(front, back) == set()


# Given away


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("Overfitting means memorising noise. What does it mean?", "Memorising noise."),
        ("Momentum averages gradients over steps; what does it do?", "It averages *gradients*"),
        ("Backpropagation uses the chain rule. What is the method called?", "backpropagation"),
        ("Das Netz überanpasst sich: Was tut das Netz?", "überanpasst sich"),
    ],
)
def test_an_answer_that_its_question_holds(front, back):
    assert found(front, back) == {(Rule.GIVEN_AWAY, Side.BACK)}


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("Which grows faster, linear or exponential?", "exponential"),
        ("Was wächst schneller: linear oder exponentiell?", "exponentiell"),
        ("Wat groeit sneller: lineair of exponentieel?", "exponentieel"),
        ("What is the plural of sheep?", "sheep"),
        (r"What is \(f'(x)\) if \(f(x) = e^x\)?", r"\(e^x\)"),
        ("What is 0 times 100?", "0"),
        ("What does `fit` call first?", "`fit`"),
        ("What is the opposite of underfitting?", "fitting too much"),
    ],
)
def test_an_answer_that_may_stand_in_its_question(front, back):
    assert found(front, back) == set()


# Cloze


def test_a_cloze_needs_no_back_and_no_question():
    assert found("The {{c1::gradient}} points uphill", "") == set()
    assert found("Is {{c1::ReLU}} linear or {{c2::not}}?", "Yes") == set()


@pytest.mark.parametrize(
    "front", ["The {{c1:gradient}} is", "The {{c1::gradient}", "A {{c1::}} b", "{{ C1: x }}"]
)
def test_a_cloze_that_hides_nothing(front):
    assert found(front) == {(Rule.NO_GAP, Side.FRONT)}


def test_braces_alone_are_no_cloze():
    assert found("What does `{{ name }}` print in a template?") == set()


# Duplicates


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is a **tensor**?", "what is a tensor"),
        ("What does `fit_one_cycle` do?", "What does fit_one_cycle do ?"),
        ("Straße", "STRASSE"),
        ("ﬁne‑tuning", "Fine tuning"),
        ("What’s a _leaf_ tensor?", "What's a leaf tensor"),
        (r"What is \(e^{x}\)?", "What is $$e^{x}$$?"),
        ("state-of-the-art", "State of the art!"),
        ("Ｗｈａｔ　ｉｓ　ｉｔ？", "what is it"),
        ("5 − 3", "5 - 3"),
    ],
)
def test_texts_that_say_the_same(one, other):
    assert normalised(one) == normalised(other)
    problems = lint(one, GOOD[1], lesson="1", known_fronts={normalised(other)})
    assert Problem(Rule.DUPLICATE, Side.FRONT) in problems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What does `+` do?", "What does `*` do?"),
        (r"What is \(e^{x}\)?", r"What is \(e^{-x}\)?"),
        ("C", "C++"),
        ("C", "C#"),
        ("What is 50 of 200?", "What is 50 % of 200?"),
        (r"\(a \cdot b\)", r"\(a \times b\)"),
        ("data set", "dataset"),
        ("`a @ b`", "`a * b`"),
    ],
)
def test_texts_that_differ_in_a_sign_that_matters(one, other):
    assert normalised(one) != normalised(other)


def test_what_has_no_words_is_nobodys_duplicate():
    assert normalised(" … ") == ""
    assert found("…") == set()
    assert lint("…", GOOD[1], lesson="1", known_fronts={""}) == []


# Any text


@settings(max_examples=300, deadline=None)
@given(texts)
def test_normalising_twice_is_normalising_once(text):
    once = normalised(text)
    assert normalised(once) == once
    assert normalised(f"  {text}\n") == once


@settings(max_examples=300, deadline=None)
@given(texts, texts, st.none() | texts, st.sets(texts, max_size=2))
def test_any_text_gets_an_answer_that_says_each_thing_once(front, back, lesson, known):
    problems = lint(front, back, lesson=lesson, known_fronts=known)
    assert len({(problem.rule, problem.side) for problem in problems}) == len(problems)
    assert all((problem.length > problem.limit) == (problem.rule is Rule.TOO_LONG) for problem in problems)
    assert problems == lint(front, back, lesson=lesson, known_fronts=known)
