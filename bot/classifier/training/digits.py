"""The model that comes with the bot: a small body that learned letters, fine-tuned on scikit-learn's digits.

`cohort model digits --out DIR` makes it anew, in a few minutes, and compares it with the shipped one.
"""

import importlib.metadata
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from fastai.callback import progress, schedule  # noqa: F401 (they give Learner methods)
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.vision.learner import add_head, default_split
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn

from bot.classifier import bodies
from bot.classifier.architectures import Net, from_fastai
from bot.classifier.calibration import Array, Familiar, choose_distance, probabilities
from bot.classifier.exporting import export
from bot.classifier.images import read_image
from bot.classifier.manifest import Architecture, DataCard, Input, Judgement, Manifest, Metrics, Origin
from bot.classifier.reading import read_manifest
from bot.classifier.small import small_body
from bot.classifier.store import SHIPPED
from bot.classifier.training.batches import Labelled, loaders
from bot.classifier.training.foreign import KINDS, foreign
from bot.classifier.training.letters import LETTERS, alphabet
from bot.classifier.training.papers import on_paper
from bot.classifier.training.testing import Outputs, calibrate, measure
from bot.classifier.transforms import prepare
from bot.errors import ModelMissing

NAME = "digits"
LABELS = tuple("0123456789")
INPUT = Input(mode="L", size=(28, 28), resize=None, ink=True)
ARCHITECTURE = Architecture(name="small", hidden=(128,))
#: The last rows, of other writers, are tested on and nothing else; those before them calibrate.
TESTED, CALIBRATED = 600, 200
#: Pictures of each letter, and epochs over them.
EACH_LETTER, LETTER_EPOCHS = 250, 6
EPOCHS = 12
SEED = 20
#: The few-shot table: images a class, each with the epochs that make about 250 steps; and how often drawn.
FEW, DRAWS = {5: 40, 10: 30, 20: 24, 50: 16}, 2
#: The greatest learning rates, found on the rows that calibrate: for a body that knows letters, and for none.
RATE, SCRATCH_RATE, HEAD_FASTER = 4e-3, 1e-2, 5
#: The share of the calibrating pictures that counts as familiar. Less than for a group's model: this one
#: stands ready for everybody, so it meets more pictures that show no digit at all.
FAMILIAR = 0.92
#: How many pictures of each foreign kind are shown.
FOREIGN = 200
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning "
    "Repository, https://doi.org/10.24432/C50P49, in scikit-learn's copy: 1,797 digits of 13 writers."
)
LICENCE = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
_LIBRARIES = ("fastai", "torch", "scikit-learn", "matplotlib")

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The same rows as they are in scikit-learn and written on paper, both as the model is shown them."""

    clean: Labelled
    paper: Labelled

    def both(self) -> Labelled:
        (clean, truth), (paper, same) = self.clean, self.paper
        return np.concatenate([clean, paper]), np.concatenate([truth, same])


@dataclass(frozen=True, kw_only=True)
class Made:
    """What `make` found out. `metrics` is on the test rows as they are and `paper` on the same written on
    paper. Shares are from 0 to 1: `flagged` by kind of `foreign`, `few_shot` by images a class: fine-tuned,
    and from scratch.
    """

    digest: str
    metrics: Metrics
    paper: Metrics
    flagged: dict[str, float]
    few_shot: dict[int, tuple[float, float]]


def shown(image: Image.Image) -> Array:
    """Height × width, as `bot.classifier.transforms` prepares any picture for this model."""
    return prepare(image, INPUT)[:, :, 0]


def photographed(ink: Array, rng: np.random.Generator) -> Array:
    """The same for a digit (8 × 8, 0 to 1) that is written on paper first."""
    return shown(read_image(on_paper(ink, rng)))


def pretrain(*, each: int, epochs: int, seed: int) -> tuple[nn.Module, float]:
    """A small body that tells letters apart, learned from `each` pictures of every one, and its accuracy on a
    tenth of them that was kept aside.
    """
    drawn = list(alphabet(each=each, seed=seed))
    images = np.stack([shown(picture) for picture, _ in drawn])
    truth = np.array([label for _, label in drawn])
    order = np.random.default_rng(seed).permutation(len(truth))
    aside, rest = np.split(order, [len(order) // 10])
    dls = loaders(
        (images[rest], truth[rest]), (images[aside], truth[aside]), labels=len(LETTERS), batch=128, seed=seed
    )
    learn = Learner(
        dls,
        untrained(len(LETTERS)),
        loss_func=CrossEntropyLossFlat(),
        metrics=accuracy,
        splitter=default_split,
    )
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, RATE)
        _, right = learn.validate()
    return learn.model[0], float(right)


def untrained(labels: int) -> nn.Sequential:
    """The small body under fastai's head, with weights drawn from torch's generator as it is now."""
    body = small_body(1).to(memory_format=torch.channels_last)  # a quarter faster on a CPU
    model: nn.Sequential = add_head(
        body, bodies.body("small").channels_out, labels, lin_ftrs=list(ARCHITECTURE.hidden)
    )
    return model


def read_digits() -> tuple[Digits, Digits, Digits]:
    """To train, to calibrate and to test on: 997, 200 and 600 rows, in scikit-learn's order."""
    known = load_digits()
    rows, labels = known.images / 16, known.target
    ends = (0, len(rows) - TESTED - CALIBRATED, len(rows) - TESTED, len(rows))
    parts = []
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        rng = np.random.default_rng((SEED, number))
        some, truth = rows[start:end], labels[start:end]
        clean = np.stack([shown(Image.fromarray((row * 255).round().astype(np.uint8))) for row in some])
        paper = np.stack([photographed(row, rng) for row in some])
        parts.append(Digits(clean=(clean, truth), paper=(paper, truth)))
    train, calibration, test = parts
    return train, calibration, test


def fit(train: Labelled, *, body: dict[str, Tensor] | None, epochs: int, seed: int) -> nn.Module:
    """fastai's `fine_tune` of a body's weights, or training from scratch without them: the model, evaluating.

    Both get one epoch more than `epochs`, in which `fine_tune` trains the new head alone.
    """
    batch = min(64, max(8, len(train[1]) // 6))
    images, truth = train
    # fastai looks at some pictures after each epoch, but nothing is chosen by what it sees.
    seen = images[:batch], truth[:batch]
    dls = loaders(train, seen, labels=len(LABELS), batch=batch, seed=seed)
    model = untrained(len(LABELS))
    if body is not None:
        model[0].load_state_dict(body)
    learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), splitter=default_split)
    with learn.no_bar(), learn.no_logging():
        if body is not None:
            learn.fine_tune(epochs, RATE, lr_mult=HEAD_FASTER)
        else:
            learn.fit_one_cycle(epochs + 1, SCRATCH_RATE)
    evaluating: nn.Module = model.eval()
    return evaluating


def few_shot(
    train: Labelled, test: Labelled, body: dict[str, Tensor], say: Say
) -> dict[int, tuple[float, float]]:
    """Accuracies on `test` with so many images of each class: fine-tuned, and from scratch."""
    images, labels = train
    table = {}
    for each, epochs in FEW.items():
        rights: list[tuple[float, float]] = []
        for draw in range(DRAWS):
            rng = np.random.default_rng((SEED, each, draw))
            places = np.concatenate(
                [rng.permutation(np.flatnonzero(labels == label))[:each] for label in range(len(LABELS))]
            )
            some = images[places], labels[places]
            tuned, scratch = (
                share_right(fit(some, body=begun, epochs=epochs, seed=draw), test) for begun in (body, None)
            )
            rights.append((tuned, scratch))
        tuned, scratch = (float(share) for share in np.mean(rights, axis=0))
        table[each] = tuned, scratch
        say(f"  {each:>2} images a class: fine-tuned {tuned:.1%}, from scratch {scratch:.1%}")
    return table


def share_right(model: nn.Module, asked: Labelled) -> float:
    images, labels = asked
    with torch.inference_mode():
        logits = model(torch.from_numpy(images)[:, None].float() / 255)
    return float((logits.argmax(dim=1).numpy() == labels).mean())


def outputs(net: Net, asked: Labelled) -> Outputs:
    images, truth = asked
    with torch.inference_mode():
        logits, features, _ = net(torch.from_numpy(images)[..., None])
    return Outputs(logits=logits.numpy(), features=features.numpy(), truth=truth)


def flagged(net: Net, judgement: Judgement, familiar: Familiar, images: Array) -> float:
    """The share of these pictures that the model is not sure of, as `bot.classifier.judging` decides it."""
    found = outputs(net, (images, np.zeros(len(images), dtype=np.int64)))
    is_sure = probabilities(found.logits, judgement.temperature).max(axis=1) >= judgement.threshold
    if judgement.distance is not None:
        is_sure &= familiar.distances(found.features) <= judgement.distance
    return float(1 - is_sure.mean())


def make(out: Path, say: Say) -> Made:
    """Train, calibrate, test and write the bundle to `out`, which must not be there, or be empty.

    Raises FileExistsError and `bot.classifier.exporting.NotTheSame`.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    say(f"Drawing {len(LETTERS)} letters and learning them …")
    pretrained, letters_right = pretrain(each=EACH_LETTER, epochs=LETTER_EPOCHS, seed=SEED)
    body = pretrained.state_dict()
    say(f"  {letters_right:.1%} of letters that were kept aside are right")
    say("Reading the digits, and writing them on paper …")
    train, calibration, test = read_digits()
    say(f"With few images, on the last {TESTED} rows, mean of {DRAWS} draws:")
    table = few_shot(train.clean, test.clean, body, say)
    say(f"With {len(train.clean[1])} rows …")
    model = fit(train.clean, body=body, epochs=EPOCHS, seed=SEED)

    manifest = describe()
    net = from_fastai(model, manifest)
    # Paper comes in here alone, after the training: what a digit on it looks like is to be familiar.
    learned, valid = outputs(net, train.both()), outputs(net, calibration.both())
    judgement, familiar = calibrate(learned, valid, len(LABELS))
    near = choose_distance(familiar.distances(valid.features), share=FAMILIAR)
    judgement = replace(judgement, distance=near)
    metrics = measure(outputs(net, test.clean), judgement, familiar)
    paper = measure(outputs(net, test.paper), judgement, familiar)
    strange = {
        kind: flagged(
            net,
            judgement,
            familiar,
            np.stack([shown(image) for image in foreign(kind, count=FOREIGN, seed=SEED)]),
        )
        for kind in KINDS
    }
    found = Made(digest="", metrics=metrics, paper=paper, flagged=strange, few_shot=table)
    said = tuple(remarks(found, letters_right))
    for sentence in said:
        say(f"  {sentence}")
    manifest = replace(
        manifest,
        judgement=judgement,
        metrics=metrics,
        data=replace(manifest.data, remarks=(*manifest.data.remarks, *said)),
    )
    some, _ = test.paper
    digest = export(
        net, manifest, out, doubt=(familiar.means, familiar.whiten), pictures=some[:8, :, :, None]
    )
    return replace(found, digest=digest)


def describe() -> Manifest:
    """The manifest before anything is known of how good the model is."""
    _, counts = np.unique(load_digits().target, return_counts=True)
    trained = int(counts.sum()) - CALIBRATED - TESTED
    return Manifest(
        name=NAME,
        labels=LABELS,
        architecture=ARCHITECTURE,
        input=INPUT,
        normalisation=None,
        batch_resize=None,
        judgement=Judgement(temperature=1.0, threshold=0.0, distance=None),
        metrics=None,
        data=DataCard(
            images=dict(zip(LABELS, counts.tolist(), strict=True)),
            source=SOURCE,
            licence=LICENCE,
            remarks=(
                f"In the order of the rows, {trained} were trained on, the next {CALIBRATED} calibrated on, "
                f"and the last {TESTED}, of other writers, tested on and nothing else.",
                "The metrics are on those rows as they are, 8 × 8 pixels, through the ink normaliser.",
                f"The body first learned {len(LETTERS)} letters, and no digit, drawn from the fonts DejaVu "
                "(Bitstream Vera's licence) and STIX (SIL Open Font License 1.1) that come with matplotlib.",
            ),
        ),
        origin=Origin(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            base="A small body pre-trained on drawn letters.",
            epochs=EPOCHS,
            versions=tuple(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES),
        ),
        licence="MIT, as the bot is. Name the creators of the digits, who stand in the data card, with it.",
    )


def remarks(found: Made, letters_right: float) -> Iterator[str]:
    """What was measured, in sentences for the data card."""
    yield f"Accuracy on the {found.metrics.tested} test rows: {_with_interval(found.metrics)}."
    yield (
        "The same rows written on paper by code (uneven light, shadows, noise, a turn, JPEG; no photographs, "
        f"and no paper was trained on): {_with_interval(found.paper)}."
    )
    for where, metrics in (("as they are", found.metrics), ("on paper", found.paper)):
        yield (
            f"Of the test rows {where} it answers {metrics.answered:.1%}, {metrics.answered_right:.1%} of "
            f"those right, and is not sure of the rest; expected calibration error {metrics.ece:.1%} after "
            f"temperature scaling, {metrics.ece_before:.1%} before."
        )
    shares = ", ".join(f"{kind} {share:.1%}" for kind, share in found.flagged.items())
    yield f"Not sure, as it should be, of pictures that show no digit, {FOREIGN} of each kind: {shares}."
    cells = "; ".join(
        f"{each} images a class {tuned:.1%} against {scratch:.1%}"
        for each, (tuned, scratch) in found.few_shot.items()
    )
    yield f"Fine-tuned from letters against from scratch, on the test rows, mean of {DRAWS} draws: {cells}."
    yield f"Of drawn letters that were kept aside the pre-trained body told {letters_right:.1%} right."


def _with_interval(metrics: Metrics) -> str:
    low, high = metrics.interval
    return f"{metrics.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%})"


def is_reproduced(metrics: Metrics, say: Say) -> bool:
    """Whether the accuracy lies within the shipped model's stated interval. True when none is shipped."""
    try:
        shipped, _ = read_manifest(SHIPPED / NAME)
    except ModelMissing:
        say("No model is shipped to compare with.")
        return True
    if shipped.metrics is None:
        return True
    low, high = shipped.metrics.interval
    is_inside = low <= metrics.accuracy <= high
    say(
        f"{metrics.accuracy:.1%} lies {'within' if is_inside else 'outside'} the shipped model's interval, "
        f"{low:.1%} to {high:.1%} ({shipped.metrics.accuracy:.1%}, {shipped.origin.made_at})."
    )
    return is_inside


def remake(out: Path, say: Say) -> int:
    """The command `cohort model digits`: its exit status, 1 when the shipped model was not reproduced."""
    try:
        made = make(out, say)
    except FileExistsError as error:
        say(f"{error}. Name a new folder.")
        return 2
    say(f"Written to {out}, digest {made.digest}.")
    return 0 if is_reproduced(made.metrics, say) else 1
