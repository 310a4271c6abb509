"""What fastai itself makes of images: `python -m tests.classifier.fastai_items FOLDER`, a process of its own
because fastai changes Pillow's classes for everybody in its process.

The folder holds `00.bin`, …; for each of `CASES` the arrays of all files are written as `CASE.npz`.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bot.classifier.images import read_image
from bot.classifier.manifest import Input, PadMode, ResizeMethod

_CROP, _SQUISH, _PAD = ResizeMethod.CROP, ResizeMethod.SQUISH, ResizeMethod.PAD

CASES: dict[str, Input] = {
    "crop": Input(mode="RGB", size=(64, 64), resize=_CROP),
    "crop-flat": Input(mode="RGB", size=(48, 80), resize=_CROP),
    "crop-grey": Input(mode="L", size=(81, 47), resize=_CROP),
    "crop-bicubic": Input(mode="RGB", size=(64, 64), resize=_CROP, resample="bicubic"),
    "crop-nearest": Input(mode="RGB", size=(64, 64), resize=_CROP, resample="nearest"),
    "squish": Input(mode="RGB", size=(64, 64), resize=_SQUISH),
    "squish-grey": Input(mode="L", size=(28, 28), resize=_SQUISH, resample="box"),
    "squish-lanczos": Input(mode="RGB", size=(33, 90), resize=_SQUISH, resample="lanczos"),
    "pad-zeros": Input(mode="RGB", size=(64, 64), resize=_PAD, pad=PadMode.ZEROS),
    "pad-border": Input(mode="RGB", size=(48, 80), resize=_PAD, pad=PadMode.BORDER),
    "pad-reflection": Input(mode="RGB", size=(64, 64), resize=_PAD),
    "pad-grey": Input(mode="L", size=(80, 48), resize=_PAD),
    "random": Input(mode="RGB", size=(64, 64), resize=_SQUISH, extra=0.14),
    "random-flat": Input(mode="RGB", size=(48, 80), resize=_SQUISH, extra=0.35),
    "random-grey": Input(mode="L", size=(64, 64), resize=_SQUISH, extra=0.14, resample="bicubic"),
    "random-whole": Input(mode="RGB", size=(64, 64), resize=_SQUISH, extra=0.0),
    "middle": Input(mode="RGB", size=(50, 70), resize=None, crop=(50, 70)),
    "middle-grey": Input(mode="L", size=(40, 40), resize=None, crop=(40, 40)),
}


def main(folder: Path) -> None:
    from fastai.vision.all import CropPad, PILImage, PILImageBW, Pipeline, RandomResizedCrop, Resize, ToTensor

    files = sorted(folder.glob("*.bin"))
    for name, steps in CASES.items():
        kind = PILImage if steps.mode == "RGB" else PILImageBW
        mode = getattr(Image.Resampling, steps.resample.upper())
        options = {"resamples": (mode, Image.Resampling.NEAREST)}
        if steps.crop is not None:
            step = CropPad(steps.crop)
        elif name.startswith("random"):
            step = RandomResizedCrop(steps.size, val_xtra=steps.extra, **options)
        else:
            step = Resize(steps.size, method=steps.resize.value, pad_mode=steps.pad.value, **options)
        items = Pipeline([step, ToTensor()], split_idx=1)
        made = []
        for file in files:
            opened = file.read_bytes()
            ours = file.with_suffix(".opened").exists()
            image = kind(read_image(opened).convert(steps.mode)) if ours else kind.create(file)
            made.append(np.asarray(items(image)).transpose(1, 2, 0))
        np.savez(folder / f"{name}.npz", *made)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
