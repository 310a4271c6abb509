"""Fine-tunes a body and a new head with fastai on the images of a training set."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fastai.basics import L
from fastai.callback import progress, schedule  # noqa: F401 (they give Learner methods)
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import IndexSplitter, Normalize
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.torch_core import params, set_seed
from fastai.vision.augment import (
    PadMode,
    RandomResizedCrop,
    Resize,
    ResizeMethod,
    aug_transforms,
)
from fastai.vision.core import PILImage, PILImageBW
from fastai.vision.data import ImageBlock, ImageDataLoaders
from fastai.vision.learner import default_split, model_meta, vision_learner
from torch import nn

from bot.classifier import manifest
from bot.classifier.architectures import TORCHVISION, head_of_fastai
from bot.classifier.training.collecting import Split
from bot.classifier.training.jobs import Progress, Stage, Tell
from bot.classifier.training.planning import Plan
from bot.errors import TrainingFailed

#: Pictures at once, where there are enough: on a graphics card, on a processor, and for the small body there.
CARD_BATCH, BATCH, SMALL_BATCH = 64, 16, 32
#: Of an epoch. A few images are shown several times in one, cut and turned differently: without some hundred
#: steps nothing is learned. A backbone knows more of pictures to begin with, and takes longer for each.
FEWEST_BATCHES, FEWEST_SMALL_BATCHES = 8, 32
#: Share of the picture that a random crop keeps at least; as in the second lesson of the course.
LEAST_CROP = 0.5
#: fastai's own default, and the range in which a found learning rate is believed.
RATE, RATES = 2e-3, (2e-4, 2e-2)
#: For a head that knows its labels already: a larger one would throw away what it knows.
KNOWN_RATE = 1e-3
#: Steps of the learning-rate finder. Each is a batch, which on a processor may take two seconds.
FEWEST_STEPS, MOST_STEPS = 20, 100


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """`rate` is the learning rate that was found; `repeats` how often each epoch showed every image."""

    learn: Learner
    rate: float
    repeats: int


def fit(
    plan: Plan,
    images: Split,
    labels: Sequence[str],
    *,
    epochs: int,
    seed: int,
    work: Path,
    device: torch.device,
    cores: int,
    report: Tell,
) -> Fitted:
    """With the body frozen for one epoch, then whole for `epochs`. On a graphics card in mixed precision,
    with half the batch whenever its memory does not suffice.

    Raises TrainingFailed when the loss ran away.
    """
    batch = batch_size(plan, len(images.train), device)
    while True:
        try:
            return _fit(plan, images, labels, epochs, seed, work, device, cores, batch, report)
        except torch.cuda.OutOfMemoryError:
            if batch <= 2:
                raise TrainingFailed(text="The graphics card has too little memory.") from None
        batch //= 2
        torch.cuda.empty_cache()


def batch_size(plan: Plan, trained: int, device: torch.device) -> int:
    """As many as the machine likes, but four batches an epoch if possible; eight at least, for batch norm."""
    if device.type == "cuda":
        most = CARD_BATCH
    else:
        most = SMALL_BATCH if plan.architecture.name == "small" else BATCH
    return max(8, min(most, 1 << int(math.log2(max(trained, 4) / 4))))


def repeats(plan: Plan, trained: int, batch: int) -> int:
    """How often an epoch shows each image."""
    fewest = FEWEST_SMALL_BATCHES if plan.architecture.name == "small" else FEWEST_BATCHES
    return max(1, math.ceil(fewest * batch / trained))


def _fit(
    plan: Plan,
    images: Split,
    labels: Sequence[str],
    epochs: int,
    seed: int,
    work: Path,
    device: torch.device,
    cores: int,
    batch: int,
    report: Tell,
) -> Fitted:
    # Before the loaders: they take their random numbers from the generator that they find.
    set_seed(seed, reproducible=device.type == "cuda")
    dls = loaders(plan, images, labels, batch=batch, work=work, device=device, cores=cores)
    learn = learner(plan, dls, labels, work=work)
    if device.type == "cuda":
        learn.add_cb(MixedPrecision())
    teller = Teller(report, steps=steps(len(dls.train), epochs), epochs=epochs)
    with learn.no_bar(), learn.no_logging():
        rate = find_rate(learn, teller, knows_labels=is_known(plan, labels))
        learn.add_cb(teller)
        if plan.start.is_trained:
            learn.fine_tune(epochs, base_lr=rate, lr_mult=plan.slower)
        else:
            learn.fit_one_cycle(epochs + 1, rate)
        learn.remove_cb(teller)
    if not all(torch.isfinite(weight).all() for weight in learn.model.state_dict().values()):
        raise TrainingFailed(text="The loss ran away. Other images or fewer epochs may help.")
    return Fitted(learn=learn, rate=rate, repeats=repeats(plan, len(images.train), batch))


def loaders(
    plan: Plan,
    images: Split,
    labels: Sequence[str],
    *,
    batch: int,
    work: Path,
    device: torch.device,
    cores: int,
) -> ImageDataLoaders:
    """What `ImageDataLoaders.from_folder` makes of a folder with `train` and `valid`: a label is the name of
    its folder. Images to validate on are, unlike there, exactly those that the bot would show the model.
    """
    folder = {item.rich: item.label for item in images.train} | {
        item.plain: item.label for item in images.valid
    }
    trained = [item.rich for item in images.train] * repeats(plan, len(images.train), batch)
    items = trained + [item.plain for item in images.valid]
    block = DataBlock(
        blocks=(
            ImageBlock(PILImage if plan.input.mode == "RGB" else PILImageBW),
            CategoryBlock(vocab=list(labels), sort=False),
        ),
        splitter=IndexSplitter(range(len(trained), len(items))),
        get_y=lambda file: folder[file],
        item_tfms=cropping(plan),
        batch_tfms=augmentation(plan),
    )
    # A processor is busy with the model; a card waits for pictures.
    workers = min(8, cores) if device.type == "cuda" else 0
    return ImageDataLoaders.from_dblock(block, items, path=work, bs=batch, num_workers=workers, device=device)


def cropping(plan: Plan) -> Any:
    """From what is stored to the size that the body sees; in training alone, for the others have it."""
    if plan.input.ink:
        return None
    crop = (
        Resize(plan.shown, method=ResizeMethod.Pad, pad_mode=plan.input.pad.value)
        if plan.input.resize is manifest.ResizeMethod.PAD
        else RandomResizedCrop(plan.shown, min_scale=LEAST_CROP)
    )
    crop.split_idx = 0
    return crop


def augmentation(plan: Plan) -> list[Any]:
    """fastai's. A character that is mirrored is another character."""
    changes = (
        aug_transforms(
            do_flip=False, max_rotate=12, max_zoom=1.15, max_warp=0.15, p_lighting=0, pad_mode=PadMode.Zeros
        )
        if plan.input.ink
        else aug_transforms()
    )
    if (norm := plan.normalisation) is not None:
        changes.append(Normalize.from_stats(norm.mean, norm.std, cuda=False))
    return list(changes)


def learner(plan: Plan, dls: ImageDataLoaders, labels: Sequence[str], *, work: Path) -> Learner:
    """`vision_learner`, with a body that has its weights already."""

    def body(pretrained: bool) -> nn.Module:
        return plan.start.body

    # fastai looks up what it knows of an architecture by its function; a `cut` given to it, it ignores.
    model_meta[body] = {
        "cut": lambda whole: whole,
        "split": resnet_split if plan.architecture.name in TORCHVISION else default_split,
    }
    try:
        learn = vision_learner(
            dls,
            body,
            pretrained=plan.start.is_trained,
            normalize=False,
            n_out=len(labels),
            loss_func=CrossEntropyLossFlat(),
            metrics=accuracy,
            path=work,
            lin_ftrs=list(plan.architecture.hidden),
            concat_pool=plan.architecture.concat_pool,
        )
    finally:
        del model_meta[body]
    if set(labels) & set(plan.head_labels):
        copy_head(learn.model, plan, labels)
    return learn


def resnet_split(model: nn.Module) -> L:
    """fastai's three groups of a residual network: what sees edges learns slower than what sees wholes."""
    return L(model[0][:6], model[0][6:], model[1:]).map(params)  # type: ignore[index]


def is_known(plan: Plan, labels: Sequence[str]) -> bool:
    return set(labels) <= set(plan.head_labels)


def copy_head(model: nn.Module, plan: Plan, labels: Sequence[str]) -> None:
    """What an earlier model knows of these labels; the rows of others stay as they were drawn."""
    last = f"head.{len(plan.architecture.hidden)}.linear.weight"
    for name, tensor in head_of_fastai(model)[2].items():
        known = plan.head[name].to(tensor.device)
        with torch.no_grad():
            if name != last:
                tensor.copy_(known)
                continue
            for row, label in enumerate(labels):
                if label in plan.head_labels:
                    tensor[row].copy_(known[plan.head_labels.index(label)])


def steps(batches: int, epochs: int) -> int:
    """Of the learning-rate finder: at most a third of the batches that are trained with what it finds."""
    return max(FEWEST_STEPS, min(MOST_STEPS, batches * (epochs + 1) // 3))


def find_rate(learn: Learner, teller: "Teller", *, knows_labels: bool) -> float:
    """The valley of Smith's range test (2017, arXiv:1506.01186), as fastai finds it; its own default where
    the losses show none.
    """
    learn.add_cb(finding := Counting(teller))
    try:
        found = learn.lr_find(start_lr=1e-5, end_lr=1, num_it=teller.steps, show_plot=False)
        rate = float(found.valley)
    except (IndexError, ValueError):  # it ran away before there was anything to see
        rate = RATE
    finally:
        learn.remove_cb(finding)
    lowest, highest = RATES[0], KNOWN_RATE if knows_labels else RATES[1]
    return min(max(rate, lowest), highest) if math.isfinite(rate) else RATE


class Counting(Callback):  # type: ignore[misc]
    """Tells how far the learning-rate finder is."""

    def __init__(self, teller: "Teller") -> None:
        super().__init__()
        self.teller = teller

    def after_batch(self) -> None:
        self.teller.found()


class Teller(Callback):  # type: ignore[misc]
    """Tells how far the training is: batches of all epochs, the frozen one included."""

    order = 60  # after fastai's Recorder, which smoothes the losses

    def __init__(self, report: Tell, *, steps: int, epochs: int) -> None:
        super().__init__()
        self.report, self.steps, self.epochs = report, steps, epochs
        self.searched = self.trained = 0
        self.accuracy: float | None = None
        self.began = time.monotonic()

    def found(self) -> None:
        self.searched += 1
        self.report(Progress(stage=Stage.FINDING, done=min(self.searched, self.steps), of=self.steps))

    def after_batch(self) -> None:
        if self.trained == 0:
            self.began = time.monotonic()
        if self.training:
            self.trained += 1
        self.tell()

    def after_epoch(self) -> None:
        values = self.recorder.values
        if values:
            self.accuracy = float(values[-1][-1])
        self.tell()

    def tell(self) -> None:
        every = len(self.dls.train) * (self.epochs + 1)
        loss = float(self.smooth_loss) if self.trained else None
        left = None
        if self.trained > 1:
            left = (time.monotonic() - self.began) / (self.trained - 1) * (every - self.trained)
        self.report(
            Progress(
                stage=Stage.TRAINING,
                done=min(self.trained, every),
                of=every,
                loss=loss if loss is not None and math.isfinite(loss) else None,
                accuracy=self.accuracy,
                seconds_left=left,
            )
        )
