"""What a fastai learner is made of, in the manifest's terms. For processes that train or convert."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from fastai.data.transforms import IntToFloatTensor, Normalize, ToTensor
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, FocalLossFlat, LabelSmoothingCrossEntropyFlat
from fastai.vision.augment import AffineCoordTfm, RandomResizedCrop, RandomResizedCropGPU, Resize
from PIL import Image
from torch import Tensor

from bot.classifier import bodies
from bot.classifier.architectures import Unlike, body_of_fastai, head_of_fastai
from bot.classifier.manifest import (
    Architecture,
    BatchResize,
    Input,
    Normalisation,
    PadMode,
    ResizeMethod,
)

#: Losses whose activation is the softmax, so that one label is right.
SOFTMAX = (CrossEntropyLossFlat, LabelSmoothingCrossEntropyFlat, FocalLossFlat)
Resample = Literal["bilinear", "nearest", "bicubic", "lanczos", "box"]
RESAMPLES: dict[int, Resample] = {
    Image.Resampling.BILINEAR: "bilinear",
    Image.Resampling.NEAREST: "nearest",
    Image.Resampling.BICUBIC: "bicubic",
    Image.Resampling.LANCZOS: "lanczos",
    Image.Resampling.BOX: "box",
}


class NotDescribed(Exception):
    """The format has no way to say this; the text is one sentence that names it."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """Those parts of a manifest that follow from the learner alone."""

    labels: tuple[str, ...]
    architecture: Architecture
    input: Input
    normalisation: Normalisation | None
    batch_resize: BatchResize | None


def describe(learn: Learner, *, architecture: str | None = None) -> Description:
    """`architecture` names the body; left out, it is found by the names and shapes of its weights, which can
    belong to one body only among those that there are.

    Raises NotDescribed.
    """
    if not isinstance(learn.loss_func, SOFTMAX):
        loss = _kind(getattr(learn.loss_func, "func", learn.loss_func))
        raise NotDescribed(f"Its loss is {loss}: only models that choose one label can be kept.")
    given = _input(learn)
    side = given.crop or given.size
    normalisation, batch_resize = _batch(learn, side)
    try:
        hidden, concat_pool, _ = head_of_fastai(learn.model)
        found = architecture or _find_body(body_of_fastai(learn.model).state_dict())
    except Unlike as error:
        raise NotDescribed(f"Its model cannot be kept: {error}.") from None
    return Description(
        labels=labels_of(learn),
        architecture=Architecture(name=found, hidden=hidden, concat_pool=concat_pool),
        input=given,
        normalisation=normalisation,
        batch_resize=batch_resize,
    )


def labels_of(learn: Learner) -> tuple[str, ...]:
    """In the order of the logits, as text. Raises NotDescribed."""
    vocab = getattr(learn.dls, "vocab", None)
    if vocab is None or not len(vocab) or not all(isinstance(label, str | int) for label in vocab):
        raise NotDescribed("It is not an image classifier: it has no list of labels.")
    labels = tuple(str(label) for label in vocab)
    if len(labels) < 2:
        raise NotDescribed(f"It knows one label only, {labels[0]!r}.")
    if len(set(labels)) < len(labels):
        raise NotDescribed("Two of its labels are the same as text.")
    return labels


def softmax_of_fastai(learn: Learner, file: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The probabilities of `learn.predict(file)`, without its callbacks; one number for each label."""
    loader = learn.dls.test_dl([file], num_workers=0)
    learn.model.eval()
    with torch.inference_mode():
        logits: Tensor = learn.model.to(loader.device)(loader.one_batch()[0])
        probabilities = torch.softmax(logits.float(), dim=-1)
    return np.asarray(probabilities.as_subclass(Tensor).cpu().numpy()[0], dtype=np.float32)


def _input(learn: Learner) -> Input:
    mode = _mode(learn)
    loader = learn.dls.valid
    if getattr(loader, "before_batch", None) and list(loader.before_batch.fs):
        raise NotDescribed(f"It changes its batches by {_kind(loader.before_batch.fs[0])}.")
    found: Input | None = None
    for transform in loader.after_item.fs:
        if type(transform) is ToTensor or transform.split_idx == 0:
            continue  # the latter act in training only
        if type(transform) not in (Resize, RandomResizedCrop):
            raise NotDescribed(
                f"It changes its pictures by {_kind(transform)}, which the format does not have."
            )
        if found is not None:
            raise NotDescribed("It resizes each picture twice.")
        if (resample := RESAMPLES.get(transform.mode)) is None:
            raise NotDescribed(f"It resizes its pictures by Pillow's filter {transform.mode}.")
        width, height = transform.size
        if type(transform) is RandomResizedCrop:
            method, pad, extra = ResizeMethod.SQUISH, PadMode.REFLECTION, float(transform.val_xtra)
        else:
            method, pad, extra = ResizeMethod(transform.method), PadMode(transform.pad_mode), 0.0
        found = Input(mode=mode, size=(height, width), resize=method, pad=pad, resample=resample, extra=extra)
    if found is None:
        raise NotDescribed(
            "Its pictures are not resized (item_tfms has no Resize), so any size would reach it."
        )
    return found


def _mode(learn: Learner) -> Literal["RGB", "L"]:
    """How the learner opens a picture in colours, by Pillow's name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        Image.fromarray(np.arange(27, dtype=np.uint8).reshape(3, 3, 3)).save(file)
        opened = learn.dls.test_dl([file], num_workers=0).dataset[0]
    image = opened[0] if isinstance(opened, tuple) else opened
    mode = image.mode if isinstance(image, Image.Image) else _kind(image)
    if mode == "RGB":
        return "RGB"
    if mode == "L":
        return "L"
    raise NotDescribed(f"It opens its pictures as {mode}: RGB and L can be kept.")


def _batch(learn: Learner, side: tuple[int, int]) -> tuple[Normalisation | None, BatchResize | None]:
    """`side` is height and width of what enters the batch."""
    normalisation: Normalisation | None = None
    resize: BatchResize | None = None
    scaled = False
    for transform in learn.dls.valid.after_batch.fs:
        # An affine transform acts always; its own split_idx is only where it acted last.
        is_affine = isinstance(transform, AffineCoordTfm) and _is_fastai(transform)
        if transform.split_idx == 0 and not is_affine:
            continue
        if type(transform) is IntToFloatTensor and transform.div == 255:
            scaled = True
        elif type(transform) is Normalize and normalisation is None:
            mean, std = (_numbers(values) for values in (transform.mean, transform.std))
            normalisation = Normalisation(mean=mean, std=std)
        elif is_affine:
            if transform.size is None:
                continue  # when predicting nothing is turned: only a size has an effect
            if resize is not None:
                raise NotDescribed("It resizes its batches twice.")
            resize = BatchResize(
                size=_pair(transform.size),
                pad=PadMode(transform.pad_mode),
                mode=transform.mode,
                align_corners=bool(transform.align_corners),
            )
        elif type(transform) is RandomResizedCropGPU:
            if resize is not None:
                raise NotDescribed("It resizes its batches twice.")
            resize = BatchResize(
                size=_pair(transform.size), crop=_crop_on_gpu(transform, side), mode=transform.mode
            )
        else:
            raise NotDescribed(
                f"It changes its batches by {_kind(transform)}, which the format does not have."
            )
    if not scaled:
        raise NotDescribed("Its pictures are not scaled to 0 to 1 (IntToFloatTensor with 255).")
    return normalisation, resize


def _crop_on_gpu(transform: RandomResizedCropGPU, side: tuple[int, int]) -> tuple[int, int] | None:
    """Height and width of what it keeps when predicting (fastai 2.8, `RandomResizedCropGPU.before_call`)."""
    height, width = side
    narrowest, widest = transform.ratio
    if width / height < narrowest:
        height = int(width / narrowest)
    elif width / height > widest:
        width = int(height * widest)
    kept = int(height * transform.valid_scale), int(width * transform.valid_scale)
    return None if kept == side else kept


def _find_body(weights: Mapping[str, Tensor]) -> str:
    for name in bodies.NAMES:
        body = bodies.body(name)
        if weights.keys() == body.tensors.keys() and all(
            weight.shape == body.tensors[key]
            or (key == body.first and weight.shape[2:] == body.tensors[key][2:])
            for key, weight in weights.items()
        ):
            return name
    raise Unlike(f"its body is none of {', '.join(bodies.NAMES)}")


def _numbers(values: Tensor) -> tuple[float, ...]:
    """As short as they are exact: torch's are single precision, and 0.229 is to be written so."""
    return tuple(
        float(str(np.float32(value))) for value in values.as_subclass(Tensor).cpu().flatten().numpy()
    )


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _is_fastai(thing: object) -> bool:
    return type(thing).__module__.startswith("fastai.")


def _kind(thing: object) -> str:
    return type(thing).__name__
