"""The model alone: `python -m tests.benchmarks.forward DEVICE FOLDER DIGEST BATCH`.

It is as modest as the worker is, and runs batches of pictures that are ready, through the worker's runtime.
Each line of input is a number of batches, and is answered by images a second.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from bot.classifier.protocol import ModelRef
from bot.classifier.serving import bounds
from bot.classifier.serving.devices import open_device
from bot.classifier.serving.runtime import LOGITS


def main() -> None:
    device, folder, digest, batch = sys.argv[1:]
    bounds.be_modest()
    model = open_device(device).open(ModelRef(name="model", digest=digest), Path(folder)).loaded
    height, width = model.manifest.input.crop or model.manifest.input.size
    shape = (int(batch), height, width, 1 if model.manifest.input.mode == "L" else 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for _ in range(2):
        model.run(images, (LOGITS,), exact=False)
    print("ready", flush=True)
    for line in sys.stdin:
        rounds = int(line)
        began = time.perf_counter()
        for _ in range(rounds):
            model.run(images, (LOGITS,), exact=False)
        print(rounds * len(images) / (time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
