"""Where weights are looked for, what is done when they are nowhere, and that they arrive in the body."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bot.classifier import bodies
from bot.classifier.architectures import build_body
from bot.classifier.training import planning, weights
from bot.errors import NoBackbone, TrainingFailed

RESNET18 = "resnet18-f37072fd.pth"


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch) -> Path:
    """torch's and timm's own places, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    return folder


def ignore(done: int, of: int) -> None:
    pass


def published(architecture: str) -> dict[str, torch.Tensor]:
    """Weights as a library publishes them, with a head for a thousand labels, drawn at random."""
    if architecture.startswith("resnet") and not architecture.endswith("d"):
        from torchvision import models

        return models.get_model(architecture, weights=None).state_dict()
    import timm

    return timm.create_model(architecture, pretrained=False).state_dict()


def written(architecture: str, folder: Path) -> Path:
    path = folder / weights.backbone(architecture).file
    folder.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pth":
        torch.save(published(architecture), path)
    else:
        save_file(published(architecture), path)
    return path


@pytest.mark.parametrize("architecture", [name for name in bodies.NAMES if name != "small"])
def test_every_body_has_weights_that_somebody_published(architecture):
    known = weights.backbone(architecture)
    assert known.url.startswith(("https://download.pytorch.org/models/", "https://huggingface.co/timm/"))
    assert known.file.endswith((".pth", ".safetensors"))
    assert len(known.sha256) == (8 if known.file.endswith(".pth") else 0)
    assert known.licence in ("BSD-3-Clause", "apache-2.0")


@pytest.mark.parametrize("architecture", ["resnet18", "convnext_atto", "efficientnet_b0"])
def test_a_local_file_becomes_the_body(architecture, tmp_path):
    torch.manual_seed(1)
    written(architecture, tmp_path)
    start = weights.start_from_backbone(architecture, tmp_path, network=False, on_bytes=ignore)

    torch.manual_seed(1)
    expected = published(architecture)
    held = list(start.body.state_dict().values())
    body = [
        tensor for name, tensor in expected.items() if not name.startswith(("fc.", "head.fc", "classifier"))
    ]
    assert all(torch.equal(one, other) for one, other in zip(held, body, strict=True))
    assert start.is_trained
    assert weights.backbone(architecture).file in start.name


def test_torchs_own_cache_is_looked_into(hub):
    path = written("resnet18", hub)
    assert path.name == RESNET18
    assert weights.find(weights.backbone("resnet18"), None) == path
    assert weights.find(weights.backbone("resnet34"), None) is None


def test_nowhere_to_be_found(tmp_path, hub):
    with pytest.raises(NoBackbone) as missing:
        weights.start_from_backbone("resnet18", tmp_path / "own", network=False, on_bytes=ignore)
    assert missing.value == NoBackbone("resnet18", file=RESNET18, folder=str(tmp_path / "own"))
    with pytest.raises(NoBackbone) as missing:
        weights.start_from_backbone("convnext_tiny", None, network=False, on_bytes=ignore)
    assert missing.value.folder == str(hub)
    assert missing.value.file == "convnext_tiny.in12k_ft_in1k.safetensors"


def _pickled(path: Path) -> None:
    torch.save({"conv1.weight": print}, path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-9000]),
        lambda path: path.write_bytes(b"<html>Not found</html>"),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"fc.weight": torch.zeros(3)}, path),
        lambda path: torch.save(published("resnet34"), path),
        _pickled,  # anything that would run is not loaded at all
    ],
)
def test_a_file_that_is_something_else(spoil, tmp_path):
    path = written("resnet18", tmp_path)
    spoil(path)
    with pytest.raises(TrainingFailed) as failed:
        weights.start_from_backbone("resnet18", tmp_path, network=False, on_bytes=ignore)
    assert failed.value.text == f"{path} holds no weights for resnet18. Delete it."


def test_what_suits_the_machine_and_is_there(tmp_path):
    processor, card = torch.device("cpu"), torch.device("cuda")
    assert planning.choose_architecture(tmp_path, processor) == "resnet18"
    assert planning.choose_architecture(tmp_path, card) == "resnet34"
    (tmp_path / RESNET18).touch()
    assert planning.choose_architecture(tmp_path, card) == "resnet18"
    (tmp_path / weights.backbone("resnet34").file).touch()
    assert planning.choose_architecture(tmp_path, card) == "resnet34"


DATA = bytes(range(256)) * 4000


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = DATA if self.path != "/cut" else DATA[:5000]
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_download_is_whole_or_not_there(site, tmp_path):
    right = weights.Backbone(
        architecture="resnet18",
        file="x.pth",
        url=f"{site}/file",
        licence="",
        sha256=hashlib.sha256(DATA).hexdigest()[:8],
    )
    heard = []
    for wrong in (
        replace(right, sha256="00000000"),
        replace(right, url=f"{site}/cut"),
        replace(right, url=f"{site}/none"),
    ):
        assert weights.download(wrong, tmp_path / "own", on_bytes=ignore) is None
        assert not (tmp_path / "own").is_dir() or not any((tmp_path / "own").iterdir())

    path = weights.download(right, tmp_path / "own", on_bytes=lambda done, of: heard.append((done, of)))
    assert path == tmp_path / "own" / "x.pth"
    assert path.read_bytes() == DATA
    assert heard[-1] == (len(DATA), len(DATA))
    assert heard == sorted(heard)
    assert [file.name for file in (tmp_path / "own").iterdir()] == ["x.pth"]


def test_no_network_is_known_at_once(tmp_path):
    nobody = weights.Backbone(
        architecture="resnet18", file="x", url="http://127.0.0.1:9/x", licence="", sha256=""
    )
    assert weights.download(nobody, tmp_path, on_bytes=ignore) is None


def test_grey_strokes_are_the_same_in_colour():
    grey = weights.Start(body=build_body("small", 1).eval(), name="digits", licence="MIT")
    coloured = weights.in_colour(grey).body.eval()
    pictures = torch.rand(4, 1, 32, 32)
    with torch.inference_mode():
        same = coloured(pictures.repeat(1, 3, 1, 1))
        torch.testing.assert_close(same, grey.body(pictures))
        assert not torch.allclose(coloured(torch.rand(4, 3, 32, 32)), same)
