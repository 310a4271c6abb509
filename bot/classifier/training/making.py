"""From a training set to a bundle: plan, read, fine-tune, calibrate, test, write."""

import importlib.metadata
import math
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from bot.classifier.architectures import Net, from_fastai
from bot.classifier.calibration import Array
from bot.classifier.exporting import export
from bot.classifier.manifest import DataCard, Judgement, Manifest, Origin
from bot.classifier.serving import bounds
from bot.classifier.training import collecting, probing, testing
from bot.classifier.training.collecting import Collected, Split
from bot.classifier.training.files import Source, Survey
from bot.classifier.training.fit import fit
from bot.classifier.training.jobs import Assignment, Mistake, Progress, Report, Stage, Tell
from bot.classifier.training.planning import Plan, make_plan

#: Torch, the pictures of a batch and what lies between its layers, where there is no graphics card.
MEMORY, MEMORY_WITH_CARD = 8192 * bounds.MIB, 24_576 * bounds.MIB
#: Files that are named in the report at most.
NAMED = 200
#: Images on which the exported graph is compared with what was trained.
TRIED = 8
_LIBRARIES = ("fastai", "torch", "torchvision", "timm")


def make(assignment: Assignment, source: Source, found: Survey, tell: Tell) -> Report:
    """Writes the bundle to `assignment.out`. Raises BadTrainingSet, NoBackbone, ModelDamaged, ModelMissing
    and TrainingFailed.
    """
    began = time.monotonic()
    work = Path(assignment.work)
    device = choose_device(assignment.device)
    cores = bounds.cores()
    is_on_card = device.type == "cuda"
    bounds.limit_memory(MEMORY_WITH_CARD if is_on_card else MEMORY, with_card=is_on_card)
    # timm would ask its server again and again where there is none; what may be fetched, we fetch.
    os.environ["HF_HUB_OFFLINE"] = "1"
    plan = make_plan(
        assignment,
        device=device,
        pictures=lambda: probing.sample(source, found),
        on_bytes=lambda done, of: tell(Progress(stage=Stage.FETCHING, done=done, of=of)),
    )
    # The small body's layers are so small that threads wait for each other longer than they work.
    torch.set_num_threads(1 if plan.architecture.name == "small" else cores)
    collected = collecting.collect(
        source,
        found,
        work,
        plan.input,
        on_image=lambda done, of: tell(Progress(stage=Stage.READING, done=done, of=of)),
    )
    images = collecting.split(collected.items, seed=assignment.seed)
    fitted = fit(
        plan,
        images,
        collected.labels,
        epochs=assignment.epochs,
        seed=assignment.seed,
        work=work,
        device=device,
        cores=cores,
        report=tell,
    )
    manifest = describe(assignment, plan, collected, images, fitted.repeats)
    net = from_fastai(fitted.learn.model, manifest)
    manifest, doubt, mistakes = judge(net, manifest, images, device, tell)
    tell(Progress(stage=Stage.WRITING, done=0, of=1))
    tried = testing.shown(images.test[:: math.ceil(len(images.test) / TRIED)])
    export(net, manifest, Path(assignment.out), doubt=doubt, pictures=tried)
    tell(Progress(stage=Stage.WRITING, done=1, of=1))
    return Report(
        top_losses=mistakes,
        left_out=collected.left_out[:NAMED],
        learning_rate=fitted.rate,
        trained=len(images.train),
        validated=len(images.valid),
        tested=len(images.test),
        seconds=time.monotonic() - began,
    )


def choose_device(wanted: str) -> torch.device:
    if wanted != "auto":
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(
    assignment: Assignment, plan: Plan, collected: Collected, images: Split, repeats: int
) -> Manifest:
    """The manifest before anything is known of how good the model is."""
    return Manifest(
        name=assignment.name,
        labels=collected.labels,
        architecture=plan.architecture,
        input=plan.input,
        normalisation=plan.normalisation,
        batch_resize=None,
        judgement=Judgement(temperature=1.0, threshold=0.0, distance=None),
        metrics=None,
        data=DataCard(
            images={
                label: sum(item.label == label for item in collected.items) for label in collected.labels
            },
            source=assignment.source,
            licence=assignment.licence,
            remarks=tuple(remarks(plan, collected, images, repeats)),
        ),
        origin=Origin(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            base=plan.start.name,
            epochs=assignment.epochs,
            versions=tuple(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES),
        ),
        licence=f"That of its images ({assignment.licence.rstrip('.')}) and of the weights it began with "
        f"({plan.start.licence.rstrip('.')}).",
    )


def remarks(plan: Plan, collected: Collected, images: Split, repeats: int) -> list[str]:
    """Sentences for the data card."""
    said = [
        f"{len(images.train)} images were trained on, {len(images.valid)} calibrated on and "
        f"{len(images.test)} tested on."
    ]
    if repeats > 1:
        said.append(f"As they are few, each epoch showed every one of them {repeats} times.")
    if collected.copies:
        said.append(f"{counted(collected.copies, 'copy', 'copies')} of other images left out.")
    if collected.conflicting:
        said.append(
            f"{counted(collected.conflicting, 'image', 'images')} that lay under several labels left out."
        )
    unread = len(collected.left_out) - collected.copies - collected.conflicting
    if unread:
        said.append(f"{counted(unread, 'file', 'files')} that could not be read as images left out.")
    if not plan.start.is_trained:
        said.append("It began with weights drawn at random.")
    return [*said, *plan.remarks]


def counted(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"


def judge(
    net: Net, manifest: Manifest, images: Split, device: torch.device, tell: Tell
) -> tuple[Manifest, tuple[Array, Array], tuple[Mistake, ...]]:
    """Calibrate and test; the whole manifest, the tensors of `doubt`, and what it was least right about."""
    parts = (images.train, images.valid, images.test)
    every, done = sum(map(len, parts)), 0

    def asked(more: int) -> None:
        nonlocal done
        done += more
        tell(Progress(stage=Stage.TESTING, done=done, of=every))

    train, valid, test = (
        testing.outputs(net, part, manifest.labels, device=device, on_image=asked) for part in parts
    )
    judgement, familiar = testing.calibrate(train, valid, len(manifest.labels))
    metrics = testing.measure(test, judgement, familiar)
    mistakes = testing.top_losses(test, images.test, manifest.labels, judgement.temperature)
    return (
        replace(manifest, judgement=judgement, metrics=metrics),
        (familiar.means, familiar.whiten),
        mistakes,
    )
