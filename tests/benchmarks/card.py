"""The same on a graphics card: how near the whole way comes to what the card could do."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch

from bot.classifier import images, transforms
from bot.classifier.reading import read_manifest
from tests.benchmarks import lights
from tests.benchmarks.figures import median, ms, percentile, ratio, section, table
from tests.benchmarks.pipeline import MEGAPIXELS, forward, load, reached, running

BATCH = 64
CONCURRENCIES = (1, 16, 64)
GOAL = 0.5


class _Folder:
    def __init__(self, subject: Any) -> None:
        self._subject = subject

    def path(self, digest: str, *, name: str = "") -> Any:
        return self._subject.folder


async def measure(subject: lights.Subject, *, quick: bool) -> None:
    """Prints the card's figures for a model; needs a card."""
    name = torch.cuda.get_device_name(0)
    section(
        f"{subject.name} on {name}",
        f"Forward only: batches of {BATCH} ready pictures, from the processor's memory through the worker's",
        "runtime to the logits. Decoding only: all cores reading and resizing the same photos as the worker",
        "does. The whole way: through the bot's loop, shared memory and the worker. learn.predict is on the",
        "same card.",
    )
    seconds = 1.0 if quick else 6.0
    learn = subject.learn
    learn.dls.to(torch.device("cuda"))
    learn.model.to("cuda")
    async with running(_Folder(subject), "cuda") as classifier, forward("cuda", subject, BATCH) as run:
        print(classifier.status().device, f"{os.cpu_count()} cores", sep=", ")
        alone = median([await run(20) for _ in range(1 if quick else 5)])
        rows, lines = [], []
        for size in MEGAPIXELS[:1] if quick else MEGAPIXELS:
            photos = [lights.photo(size, seed) for seed in range(BATCH)]
            decoding = await asyncio.to_thread(_decoding, subject, photos)
            predict = _predict(learn, photos[: 4 if quick else 24])
            best = 0.0
            for at_once in CONCURRENCIES:
                await load(
                    classifier, subject.ref, photos, at_once, seconds / 3
                )  # the card's graphs and clocks
                rate, taken = await load(classifier, subject.ref, photos, at_once, seconds)
                best = max(best, rate)
                rows.append(
                    (
                        f"{size:g} MP",
                        at_once,
                        f"{rate:,.0f}",
                        *(ms(percentile(taken, share)) for share in (0.5, 0.99)),
                        f"{rate / alone:.2f}",
                        f"{rate / decoding:.2f}",
                        ms(predict),
                        ratio(predict, median(taken)),
                    )
                )
            goal = min(GOAL * alone, decoding)
            lines.append(
                f"{size:g} MP: forward only {alone:,.0f} a second, decoding only {decoding:,.0f}; the whole "
                f"way {best:,.0f}; at least {goal:,.0f}: {reached(best >= goal)}"
            )
    heads = (
        *("photos", "at once", "a second", "p50, ms", "p99, ms", "of forward", "of decoding"),
        *("predict, ms", "to p50"),
    )
    print(table(heads, rows), "", *lines, sep="\n", flush=True)


def _decoding(subject: lights.Subject, photos: list[bytes]) -> float:
    """Images a second of all cores."""
    manifest, _ = read_manifest(subject.folder)
    work = partial(_prepared, steps=manifest.input, size=transforms.draft_size(manifest.input))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, photos))
        began = time.perf_counter()
        list(pool.map(work, photos * 3))
        return 3 * len(photos) / (time.perf_counter() - began)


def _prepared(photo: bytes, *, steps: Any, size: tuple[int, int] | None) -> Any:
    return transforms.prepare(images.read_image(photo, shown_to=size), steps)


def _predict(learn: Any, photos: list[bytes]) -> float:
    taken = []
    with learn.no_bar(), learn.no_logging():
        learn.predict(photos[0])
        for photo in photos:
            began = time.perf_counter()
            learn.predict(photo)
            taken.append(time.perf_counter() - began)
    return median(taken)
