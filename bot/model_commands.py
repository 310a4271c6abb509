"""`cohort model`: convert, check, show and train classifiers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.terminal import finish, settings_or_exit

if TYPE_CHECKING:
    from bot.classifier.manifest import Manifest

model = typer.Typer(no_args_is_help=True, help="Train, convert and inspect image classifiers.")

WARNING = """\
WARNING: {file} is a pickle. Opening it runs whatever is in it, with all that you may do on this machine.
Nothing can tell a good one from a bad one. Convert files that you exported yourself, and no others."""
NEEDS = "This needs the extra {extra}. Install it with: uv pip install -e '.[{extra}]'"


@model.command()
def train(
    folder: Annotated[Path, typer.Argument(help="A folder of images for each label.")],
    out: Annotated[Path, typer.Option(help="The new folder for the model.")],
    arch: Annotated[
        str, typer.Option(help="A body from the list; one that suits the machine when left out.")
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, max=100, help="After one with the body frozen.")] = 4,
    name: Annotated[str, typer.Option(help="What people will call it; the folder's when left out.")] = "",
    base: Annotated[
        Path | None, typer.Option(help="A model to begin with, instead of torchvision's weights.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where the images come from, for the model's card.")] = "",
    licence: Annotated[str, typer.Option(help="Under which terms they may be used.")] = "",
    seed: Annotated[int, typer.Option(help="The same seed, images and machine give the same model.")] = 0,
) -> None:
    """Fine-tune a classifier on a folder of images with fastai, test it, and write it down."""
    from bot.classifier.training.trainer import TrainingJob
    from bot.model_training import train_folder

    if not folder.is_dir():
        _stop(f"There is no folder {folder}.", status=2)
    job = TrainingJob(
        name=name or folder.resolve().name[:32],
        images=folder,
        epochs=epochs,
        base=base,
        architecture=arch or None,
        out=out,
        seed=seed,
        source=source or TrainingJob.source,
        licence=licence or TrainingJob.licence,
    )
    raise typer.Exit(train_folder(settings_or_exit(), job))


@model.command()
def add(
    folder: Annotated[Path, typer.Argument(help="A model's folder, as `train` or `convert` wrote it.")],
    group: Annotated[str, typer.Option(help="The group's name, or its number.")],
    name: Annotated[str, typer.Option(help="What the group calls it; the model's own when left out.")] = "",
) -> None:
    """Bring a model to a group, as a draft: an organizer publishes it with /model publish."""
    from bot.errors import StudyError
    from bot.model_training import add_bundle
    from bot.ui.errors import wording

    if not (folder / "model.json").is_file():
        _stop(f"NO  there is no model.json in {folder}")
    try:
        added = finish(add_bundle(settings_or_exit(), folder, group=group, name=name or None))
    except LookupError as error:
        _stop(str(error.args[0]))
    except StudyError as error:
        _stop(wording(error))
    typer.echo(f"{added.name} v{added.number} waits in “{added.group}”: /model publish model: {added.name}")


@model.command()
def digits(
    out: Annotated[Path, typer.Option(help="The new folder for the model.")],
) -> None:
    """Make the model that comes with the bot anew: letters drawn from fonts, then handwritten digits."""
    try:
        from bot.classifier.training.digits import remake
    except ModuleNotFoundError as error:
        _need("train", error)
    raise typer.Exit(remake(out, typer.echo))


@model.command()
def convert(
    file: Annotated[Path, typer.Argument(help="What fastai's learn.export() wrote.")],
    out: Annotated[Path, typer.Option(help="The new folder for the model.")],
    name: Annotated[str, typer.Option(help="What people will call it; the file's name when left out.")] = "",
    licence: Annotated[str, typer.Option(help="Under which terms the weights may be used.")] = "not stated",
    is_trusted: Annotated[
        bool, typer.Option("--i-trust-this-file", help="Say that you exported this file yourself.")
    ] = False,
) -> None:
    """Turn your own export.pkl into a model without code: weights, graph and card."""
    typer.echo(WARNING.format(file=file), err=True)
    if not is_trusted:
        _stop("If you did, say so: --i-trust-this-file", status=2)
    try:
        from bot.classifier.convert import CannotConvert
        from bot.classifier.convert import convert as convert_file
    except ModuleNotFoundError as error:
        _need("train", error)
    try:
        made = convert_file(file, out, name=name or file.stem[:32], licence=licence)
    except CannotConvert as error:
        _stop(f"It was not converted. {error}")
    except FileExistsError as error:
        _stop(f"It was not converted: {error}. Name a new folder.")
    typer.echo(
        f"Written to {out}. On {made.tried} drawn pictures it differs from fastai by {made.worst:.1g}."
    )
    typer.echo(_card(made.manifest, made.digest))


@model.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder with model.json, model.safetensors, model.onnx.")],
) -> None:
    """Check a model's files: hashes, sizes, card, every tensor, and the graph."""
    from bot.classifier.reading import check_bundle, read_graph, read_manifest
    from bot.errors import ModelDamaged, ModelMissing

    try:
        manifest, digest = read_manifest(folder, name=folder.name)
        typer.echo("ok  model.json")
        check_bundle(folder, digest, manifest.name)
        typer.echo("ok  sizes and hashes")
        read_graph(folder, manifest, digest=digest, name=manifest.name)
        typer.echo("ok  model.onnx stands for itself")
        try:
            from bot.classifier.bundle import read_tensors
        except ModuleNotFoundError as error:
            _need("classify", error)
        tensors = read_tensors(folder, manifest, digest=digest, name=manifest.name)
        typer.echo(f"ok  {len(tensors)} tensors")
    except ModelDamaged as error:
        _stop(f"NO  {error.part}")
    except ModelMissing:
        _stop(f"NO  there is no folder {folder}")
    typer.echo(f"digest {digest}")


@model.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A folder with a model.json.")],
) -> None:
    """Print a model's card."""
    from bot.classifier.reading import read_manifest
    from bot.errors import ModelDamaged, ModelMissing

    try:
        manifest, digest = read_manifest(folder, name=folder.name)
    except ModelDamaged as error:
        _stop(f"NO  {error.part}")
    except ModelMissing:
        _stop(f"NO  there is no folder {folder}")
    typer.echo(_card(manifest, digest))


def _card(manifest: "Manifest", digest: str) -> str:
    from bot.classifier.cards import card

    return card(manifest, digest)


def _need(extra: str, error: ModuleNotFoundError) -> NoReturn:
    if error.name is not None and error.name.partition(".")[0] == "bot":
        raise error
    _stop(NEEDS.format(extra=extra), status=2)


def _stop(message: str, *, status: int = 1) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(status)
