"""Training in a terminal, and bringing a finished model to a group: the longer ones of `cohort model`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from sqlalchemy import select

from bot.classifier.cards import card
from bot.classifier.manifest import Manifest
from bot.classifier.reading import check_bundle, read_manifest
from bot.classifier.store import ModelStore
from bot.classifier.training.trainer import Progress, Report, Trainer, TrainingJob
from bot.db.engine import Database
from bot.db.models import Group
from bot.db.types import name_key
from bot.delivery.ledger import Ledger
from bot.errors import StudyError
from bot.schema import require_newest, usable
from bot.services.models import ModelFacts, ModelService, problem_with
from bot.settings import Settings
from bot.ui.errors import wording

SHOWN_MISTAKES, SHOWN_FILES = 9, 5


def train_folder(settings: Settings, job: TrainingJob) -> int:
    """Train with a bar in the terminal, and print how good it is; returns the exit status."""
    trainer = Trainer(
        ModelStore(settings.models),
        backbones=settings.models / "backbones",
        device=settings.classifier_device,
        niceness=0,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    try:
        with Bars(*columns) as bars:
            task = bars.add_task("starting", total=None, figures="")

            def show(progress: Progress) -> None:
                bars.update(
                    task,
                    description=progress.stage.value,
                    completed=progress.done,
                    total=progress.of or None,
                    figures=_figures(progress),
                )

            trained = trainer.run(job, show)
    except StudyError as error:
        typer.echo(wording(error), err=True)
        return 1
    typer.echo(card(trained.manifest, trained.digest))
    typer.echo("\n".join(_lines(trained.report)))
    if job.out is not None:
        typer.echo(f"\nWritten to {job.out}. A group gets it with: cohort model add {job.out} --group NAME")
    return 0


def _figures(progress: Progress) -> str:
    loss = f"loss {progress.loss:.3f}" if progress.loss is not None else ""
    accuracy = f"accuracy {progress.accuracy:.1%}" if progress.accuracy is not None else ""
    return " ".join(filter(None, (loss, accuracy)))


def _lines(report: Report) -> list[str]:
    lines = [
        "",
        f"Trained on {report.trained} images, validated on {report.validated}, tested on {report.tested}, "
        f"at a learning rate of {report.learning_rate:.2g}, in {report.seconds:.0f} s.",
        "The test images with the highest loss:",
    ]
    for mistake in report.top_losses[:SHOWN_MISTAKES]:
        right = "right" if mistake.taken_for == mistake.label else f"it is {mistake.label}"
        lines.append(f"  {mistake.file}: {mistake.taken_for} {mistake.probability:.0%}, {right}")
    if report.left_out:
        lines.append(f"{len(report.left_out)} files were left out:")
        lines += [f"  {file}: {why}" for file, why in report.left_out[:SHOWN_FILES]]
    return lines


async def add_bundle(settings: Settings, folder: Path, *, group: str, name: str | None) -> ModelFacts:
    """Put a model's folder into the store and register it for a group, by its name or id, as a draft that an
    organizer publishes. Raises ModelMissing, ModelDamaged, LookupError for the group, and what `add_version`
    raises for the name; CannotRun for the database.
    """
    manifest, digest = read_manifest(folder, name=folder.name)
    check_bundle(folder, digest, manifest.name)
    await require_newest(settings)
    with usable(settings):
        return await _add(settings, folder, manifest, digest, group=group, name=name)


async def _add(
    settings: Settings, folder: Path, manifest: Manifest, digest: str, *, group: str, name: str | None
) -> ModelFacts:
    store = ModelStore(settings.models)
    database = Database(settings.database_url)

    def clock() -> datetime:
        return datetime.now(UTC)

    try:
        found = await _group(database, group)
        await asyncio.to_thread(store.add, folder)
        models = ModelService(
            database,
            ledger=Ledger(database, clock=clock, owner="cohort model add"),
            store=store,
            check=lambda ref: problem_with(store, ref),
            clock=clock,
        )
        metrics = manifest.metrics
        return await models.add_version(
            group_id=found.id,
            name=name or manifest.name,
            digest=digest,
            labels=manifest.labels,
            accuracy=metrics.accuracy if metrics is not None else None,
            tested=metrics.tested if metrics is not None else 0,
            created_by=found.created_by,
        )
    finally:
        await database.close()


async def _group(database: Database, typed: str) -> Group:
    async with database.read() as session:
        groups = list(await session.scalars(select(Group).where(Group.archived_at.is_(None))))
    found = [group for group in groups if typed == str(group.id) or group.name_key == name_key(typed)]
    if len(found) != 1:
        known = ", ".join(f"{group.name} ({group.id})" for group in groups[:20]) or "none"
        raise LookupError(f"Which group is “{typed}”? Name one by its number. There are: {known}.")
    return found[0]
