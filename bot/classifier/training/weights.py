"""Where a body's first weights come from: a file on this machine, the network, or an earlier model."""

import hashlib
import http.client
import os
import pickle
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bot.classifier import bodies
from bot.classifier.architectures import TORCHVISION, build_body
from bot.classifier.bundle import read_tensors
from bot.classifier.manifest import Manifest
from bot.classifier.reading import check_bundle, read_manifest
from bot.errors import ModelDamaged, NoBackbone, TrainingFailed

#: Of ImageNet's pictures, which all of these bodies were trained on.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BYTES = 600 * 2**20
_PATIENCE = 10.0  # seconds for a connection, and for its next bytes
_PIECE = 2**18
# How timm's and torchvision's layers behind the body are called, by the body's naming.
_HEADS = (("model.head.", "model.classifier.", "model.fc."), ("9.",))

Fetched = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """The file that a library publishes for an architecture. `sha256` is the beginning of its hash, where the
    library tells it ("" where not).
    """

    architecture: str
    file: str
    url: str
    sha256: str
    licence: str
    repository: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A body with its first weights. `name` says whose they are, `licence` their terms; `is_trained` is False
    for weights drawn at random.
    """

    body: nn.Module
    name: str
    licence: str
    is_trained: bool = True


def backbone(architecture: str) -> Backbone:
    """Raises KeyError for one that nobody published weights for, which is "small"."""
    if architecture in TORCHVISION:
        from torchvision import models

        url = models.get_model_weights(architecture).DEFAULT.url
        file = PurePosixPath(urlsplit(url).path).name
        return Backbone(
            architecture=architecture,
            file=file,
            url=url,
            sha256=file.rpartition("-")[2].partition(".")[0],
            licence="BSD-3-Clause",
        )
    if architecture not in bodies.NAMES or architecture == "small":
        raise KeyError(architecture)
    import timm

    known = timm.get_pretrained_cfg(architecture)
    if known is None or not known.hf_hub_id:
        raise KeyError(architecture)
    return Backbone(
        architecture=architecture,
        file=f"{known.hf_hub_id.rpartition('/')[2]}.safetensors",
        url=f"https://huggingface.co/{known.hf_hub_id}/resolve/main/model.safetensors",
        sha256="",
        licence=known.license or "not stated",
        repository=known.hf_hub_id,
    )


def find(known: Backbone, folder: Path | None) -> Path | None:
    """The file, where it is on this machine: in `folder`, or where torch and timm keep theirs."""
    places = [Path(torch.hub.get_dir()) / "checkpoints"]
    if folder is not None:
        places.insert(0, folder)
    for place in places:
        if (place / known.file).is_file():
            return place / known.file
    if known.repository:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(known.repository, "model.safetensors")
        if isinstance(cached, str):
            return Path(cached)
    return None


def start_from_backbone(architecture: str, folder: Path | None, *, network: bool, on_bytes: Fetched) -> Start:
    """Raises NoBackbone where the file is neither here nor can be fetched, and TrainingFailed for a file that
    is not what it should be. `on_bytes` hears how many of how many bytes came, 0 of those that are not told.
    """
    known = backbone(architecture)
    place = folder if folder is not None else Path(torch.hub.get_dir()) / "checkpoints"
    path = find(known, folder)
    if path is None and network:
        path = download(known, place, on_bytes=on_bytes)
    if path is None:
        raise NoBackbone(architecture=architecture, file=known.file, folder=str(place.resolve()))
    body = build_body(architecture, 3)
    try:
        state = (
            torch.load(path, map_location="cpu", weights_only=True)
            if path.suffix == ".pth"
            else load_file(path)
        )
        body.load_state_dict(named_as_body(architecture, state, body), strict=True)
    except (
        OSError, EOFError, ValueError, RuntimeError, KeyError, AttributeError, TypeError,
        pickle.UnpicklingError, safetensors.SafetensorError,
    ) as error:  # fmt: skip
        raise TrainingFailed(text=f"{path} holds no weights for {architecture}. Delete it.") from error
    library = "torchvision" if architecture in TORCHVISION else "timm"
    return Start(body=body, name=f"{library}'s {path.name}", licence=known.licence)


def named_as_body(architecture: str, state: Mapping[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """A library's weights under the body's names; those of its head are left out."""
    expected = body.state_dict().keys()
    if architecture in TORCHVISION:
        from torchvision import models

        with torch.device("meta"):
            order = [name for name, _ in models.get_model(architecture, weights=None).named_children()]
        renamed = {}
        for name, weight in state.items():
            child, _, rest = name.partition(".")
            renamed[f"{order.index(child)}.{rest}"] = weight
    else:
        renamed = {f"model.{name}": weight for name, weight in state.items()}
    heads = _HEADS[architecture in TORCHVISION]
    return {
        name: weight for name, weight in renamed.items() if name in expected or not name.startswith(heads)
    }


def download(known: Backbone, folder: Path, *, on_bytes: Fetched) -> Path | None:
    """Into `folder`, whole and with the right hash; None when the network does not give it."""
    request = urllib.request.Request(known.url, headers={"User-Agent": "cohort"})  # noqa: S310 (https, ours)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            folder.mkdir(parents=True, exist_ok=True)
            return _receive(answer, known, folder, on_bytes)
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _receive(
    answer: http.client.HTTPResponse, known: Backbone, folder: Path, on_bytes: Fetched
) -> Path | None:
    expected = int(answer.headers.get("Content-Length") or 0)
    hashed, count = hashlib.sha256(), 0
    handle, half = tempfile.mkstemp(prefix=".fetching-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            while piece := answer.read(_PIECE):
                count += len(piece)
                if count > _BYTES:
                    return None
                hashed.update(piece)
                file.write(piece)
                on_bytes(count, expected)
        if (expected and count != expected) or not hashed.hexdigest().startswith(known.sha256):
            return None
        os.replace(half, folder / known.file)
        return folder / known.file
    finally:
        Path(half).unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Base:
    """An earlier model: what its manifest says, its body, and its head's tensors by their names there."""

    manifest: Manifest
    start: Start
    head: dict[str, Tensor]


def start_from_bundle(folder: Path, digest: str) -> Base:
    """Raises ModelDamaged and ModelMissing."""
    manifest = check_bundle(folder, digest, folder.name)
    arrays = read_tensors(folder, manifest, digest=digest, name=manifest.name)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    body = build_body(manifest.architecture.name, bodies.channels(manifest))
    try:
        body.load_state_dict(
            {
                name.removeprefix("body."): tensor
                for name, tensor in tensors.items()
                if name.startswith("body.")
            }
        )
    except RuntimeError as error:
        raise ModelDamaged(manifest.name, digest, str(error)[:200]) from None
    return Base(
        manifest=manifest,
        start=Start(body=body, name=f"{manifest.name} ({digest[:12]})", licence=manifest.licence),
        head={name: tensor for name, tensor in tensors.items() if name.startswith("head.")},
    )


def start_small(digits: Path | None) -> Start:
    """The small body for coloured pictures, as the bot's own digits have it; without them, with weights drawn
    at random. Raises ModelDamaged.
    """
    if digits is None:
        body = build_body("small", 3)
        return Start(body=body, name="random weights", licence="none", is_trained=False)
    _, digest = read_manifest(digits)
    return in_colour(start_from_bundle(digits, digest).start)


def in_colour(start: Start) -> Start:
    """A small body for three channels that sees in each of them what one for grey pictures sees in that:
    strokes and corners. Each has a third of the weight, so that grey stays what it was.
    """
    state, first = start.body.state_dict(), bodies.body("small").first
    if state[first].shape[1] == 1:
        state[first] = state[first].repeat(1, 3, 1, 1) / 3
    body = build_body("small", 3)
    body.load_state_dict(state)
    return replace(start, body=body)
