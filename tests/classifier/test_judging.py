"""When a model is sure, and why not."""

import numpy as np
import pytest

from bot.classifier.judging import Judge, NotANumber
from bot.classifier.manifest import Judgement
from bot.classifier.protocol import Doubt
from tests.classifier import bundles


def judge(*, temperature: float = 1.0, threshold: float = 0.6, distance: float | None = None) -> Judge:
    """Three labels, two features, whose means are (0, 0), (10, 0) and (0, 10)."""
    return Judge.of(
        bundles.manifest(
            judgement=Judgement(temperature=temperature, threshold=threshold, distance=distance)
        ),
        {
            "doubt.means": np.array([[0, 0], [10, 0], [0, 10]], np.float32),
            "doubt.whiten": np.array([[1, 0], [0, 0.5]], np.float32),
        },
    )


HOME = np.zeros(2, np.float32)


def test_all_labels_come_the_most_probable_first() -> None:
    guesses, doubt = judge()(np.log(np.array([0.1, 0.7, 0.2])), HOME)
    assert [guess.label for guess in guesses] == ["dog", "owl", "cat"]
    assert [guess.probability for guess in guesses] == pytest.approx([0.7, 0.2, 0.1])
    assert doubt is None


def test_below_the_threshold_nothing_is_sure() -> None:
    assert judge(threshold=0.71)(np.log([0.1, 0.7, 0.2]), HOME)[1] is Doubt.UNDECIDED


def test_temperature_takes_sureness_and_keeps_the_order() -> None:
    logits = np.array([4.0, 1.0, 0.0])
    guesses, doubt = judge(temperature=5.0)(logits, HOME)
    expected = np.exp(logits / 5) / np.exp(logits / 5).sum()
    assert [guess.probability for guess in guesses] == pytest.approx(list(expected))
    assert [guess.label for guess in guesses] == ["cat", "dog", "owl"]
    assert doubt is Doubt.UNDECIDED


def test_the_distance_is_to_the_nearest_label_in_whitened_space() -> None:
    assert judge(distance=1.0).distance_of(np.array([10, 4])) == pytest.approx(2)
    assert judge(distance=1.0).distance_of(np.array([3, 8])) == pytest.approx(np.sqrt(9 + 1))


def test_what_is_like_no_label_is_unfamiliar_however_sure_the_softmax_is() -> None:
    logits = np.array([90.0, 0.0, 0.0])
    assert judge(distance=3.0)(logits, np.array([2.9, 0]))[1] is None
    guesses, doubt = judge(distance=3.0)(logits, np.array([5.1, -9]))
    assert doubt is Doubt.UNFAMILIAR
    assert guesses[0].probability == pytest.approx(1)


def test_features_beyond_all_numbers_are_unfamiliar() -> None:
    assert judge(distance=3.0)(np.zeros(3), np.array([np.inf, 0]))[1] is Doubt.UNFAMILIAR
    assert judge(distance=3.0)(np.zeros(3), np.array([np.nan, 0]))[1] is Doubt.UNFAMILIAR
    assert judge(distance=3.0)(np.zeros(3), np.array([3e38, 3e38], np.float32))[1] is Doubt.UNFAMILIAR


@pytest.mark.parametrize("logit", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_a_number_is_none(logit: float) -> None:
    with pytest.raises(NotANumber):
        judge()(np.array([logit, 0, 1]), HOME)


def test_a_batch_is_judged_picture_by_picture() -> None:
    logits = np.array([[4.0, 0, 0], [np.nan, 0, 0], [0.1, 0, 0], [0, 9, 0]])
    features = np.array([[0, 0], [0, 0], [0, 0], [99, 99]], np.float32)
    sure, broken, torn, strange = judge(distance=3.0).all(logits, features)
    assert broken is None
    assert sure == judge(distance=3.0)(logits[0], features[0])
    assert [judged[1] for judged in (sure, torn, strange) if judged] == [
        None,
        Doubt.UNDECIDED,
        Doubt.UNFAMILIAR,
    ]


def test_great_logits_do_not_overflow() -> None:
    guesses, _ = judge()(np.array([3e38, -3e38, 0], np.float32), HOME)
    assert [guess.probability for guess in guesses] == [1.0, 0.0, 0.0]


def test_half_precision_is_judged_in_full() -> None:
    logits = np.array([3.0, 1.0, 0.5])
    whole, half = judge()(logits, HOME)[0], judge()(logits.astype(np.float16), HOME.astype(np.float16))[0]
    assert [guess.probability for guess in whole] == pytest.approx([guess.probability for guess in half])


def test_a_model_brings_its_own_statistics() -> None:
    chosen = bundles.manifest()
    tensors = bundles.tensors(chosen)
    made = Judge.of(chosen, tensors)
    assert made.distance_of(tensors["doubt.means"][1]) == pytest.approx(0)
    without = bundles.manifest(judgement=Judgement(temperature=1.0, threshold=0.5, distance=None))
    assert Judge.of(without, {}).distance is None
