"""How sure a model may be, against cases whose answer is known and against scikit-learn."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from bot.classifier import calibration


def test_the_temperature_that_was_put_in_is_found():
    rng = np.random.default_rng(7)
    honest = rng.normal(0, 2, (4000, 5))
    probs = calibration.probabilities(honest)
    truth = np.array([rng.choice(5, p=row) for row in probs])

    assert calibration.fit_temperature(honest, truth) == pytest.approx(1, abs=0.05)
    assert calibration.fit_temperature(honest * 3, truth) == pytest.approx(3, abs=0.15)

    over = calibration.probabilities(honest * 3)
    mended = calibration.probabilities(honest * 3, calibration.fit_temperature(honest * 3, truth))
    assert calibration.calibration_error(over, truth) > 0.15
    assert calibration.calibration_error(mended, truth) < 0.03


def test_images_that_are_all_right_make_no_model_certain():
    logits = np.eye(4)[np.arange(12) % 4] * 6
    temperature = calibration.fit_temperature(logits, np.arange(12) % 4)

    # Twelve of twelve, by Jeffreys.
    assert calibration.probabilities(logits, temperature).max() == pytest.approx(12.5 / 13, abs=0.002)


def test_a_model_that_knows_nothing_gets_the_highest_temperature():
    rng = np.random.default_rng(1)
    logits, truth = rng.normal(0, 5, (200, 3)), rng.integers(0, 3, 200)
    assert calibration.fit_temperature(logits, truth) == pytest.approx(calibration.TEMPERATURES[1], rel=1e-3)


def test_probabilities_and_losses_of_huge_logits_are_finite():
    logits = np.array([[1e4, -1e4], [0.0, 0.0]])
    np.testing.assert_allclose(calibration.probabilities(logits), [[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(calibration.losses(logits, np.array([0, 1])), [0, np.log(2)])
    assert calibration.losses(logits, np.array([1, 1]))[0] == pytest.approx(2e4)


def test_the_calibration_error_by_hand():
    # Three of four right at 0.9 (bin 14), one of two at 0.6 (bin 9).
    probs = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2)
    truth = np.array([0, 0, 0, 1, 0, 1])
    expected = 4 / 6 * abs(0.75 - 0.9) + 2 / 6 * abs(0.5 - 0.6)
    assert calibration.calibration_error(probs, truth) == pytest.approx(expected)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_the_calibration_error_of_the_extremes(certain):
    probs = np.array([[certain, 1 - certain]])
    assert calibration.calibration_error(probs, np.array([int(certain == 0)])) == 0
    assert calibration.calibration_error(probs, np.array([int(certain == 1)])) == 1


def test_the_threshold_keeps_what_is_answered_right():
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.34, 1, 600)
    right = rng.random(600) < confidence
    probs = np.stack([confidence, 1 - confidence], axis=1)
    probs = np.where(probs.argmax(axis=1)[:, None] == 0, probs, probs[:, ::-1])
    truth = np.where(right, 0, 1)

    threshold = calibration.choose_threshold(probs, truth)
    answered = probs.max(axis=1) >= threshold
    assert 0.8 < threshold < 0.97
    assert (truth[answered] == 0).mean() >= calibration.RIGHT
    # The lowest: with the next wrong one below let in, too many would be wrong.
    below = probs.max(axis=1) >= np.sort(probs.max(axis=1)[(truth == 1) & ~answered])[-1]
    assert (truth[below] == 0).mean() < calibration.RIGHT


def test_no_label_below_a_half_is_an_answer():
    probs = np.array([[0.4, 0.35, 0.25]] * 5)
    assert calibration.choose_threshold(probs, np.zeros(5, dtype=int)) == 0.5
    wrong = np.array([[0.999, 0.0005, 0.0005]] * 5)
    assert calibration.choose_threshold(wrong, np.ones(5, dtype=int)) == calibration.HIGHEST_THRESHOLD


@pytest.mark.parametrize(
    ("right", "tested", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(right, tested, low, high):
    assert calibration.wilson_interval(right, tested) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_nothing_is_everything():
    assert calibration.wilson_interval(0, 0) == (0, 1)


def test_confusion_counts_rows_by_what_is_true():
    predicted, truth = np.array([0, 1, 1, 2, 0]), np.array([0, 0, 1, 2, 2])
    assert calibration.confusion(predicted, truth, 3) == ((1, 1, 0), (0, 1, 0), (1, 0, 1))


@pytest.mark.parametrize(("images", "features"), [(40, 100), (400, 30), (7, 512)])
def test_the_distance_is_that_of_the_shrunk_covariance(images, features):
    rng = np.random.default_rng(11)
    points = rng.normal(size=(images, features)) * np.linspace(0.1, 3, features)
    truth = np.arange(images) % 3
    familiar = calibration.fit_familiar(points, truth, 3)
    means = np.stack([points[truth == label].mean(axis=0) for label in range(3)])
    shrunk, _ = ledoit_wolf(points - means[truth], assume_centered=True)
    others = rng.normal(size=(9, features))
    apart = others[:, None] - means
    expected = np.sqrt(np.einsum("nkf,fg,nkg->nk", apart, np.linalg.inv(shrunk), apart).min(axis=1))

    np.testing.assert_allclose(familiar.distances(others), expected, rtol=1e-3)


def test_of_many_features_the_distance_is_kept_but_for_some_per_cent():
    rng = np.random.default_rng(12)
    scale = np.linspace(0.1, 3, 700)
    points, truth = rng.normal(size=(90, 700)) * scale, np.arange(90) % 2
    familiar = calibration.fit_familiar(points, truth, 2, rows=400)
    exact = calibration.fit_familiar(points, truth, 2, rows=700)
    others = rng.normal(size=(40, 700)) * scale

    assert familiar.whiten.shape == (400, 700)
    ratios = familiar.distances(others) / exact.distances(others)
    assert ratios.mean() == pytest.approx(1, abs=0.03)
    assert ratios.std() < 0.06


def test_images_that_are_all_alike_can_be_judged():
    points = np.ones((6, 40))
    familiar = calibration.fit_familiar(points, np.arange(6) % 2, 2)
    assert familiar.distances(points).max() == 0
    assert np.isfinite(familiar.whiten).all()
    assert familiar.distances(points + 1).min() > 1000


def test_the_distance_lets_the_stated_share_in():
    distances = np.random.default_rng(5).gamma(4, size=1000)
    limit = calibration.choose_distance(distances)
    assert (distances <= limit).sum() in (960, 961)
    assert calibration.choose_distance(np.array([2.0, 3.0])) == 3.0
    assert calibration.choose_distance(np.zeros(3)) > 0
