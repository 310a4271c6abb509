"""`model.json` is what its schema says, or it is none."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot.classifier import bodies
from bot.classifier.manifest import Manifest
from bot.classifier.reading import read_manifest
from bot.errors import ModelDamaged
from tests.classifier.bundles import bundle, rewrite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def without(path: str) -> Callable[[dict[str, Any]], None]:
    def change(held: dict[str, Any]) -> None:
        *steps, last = path.split("/")
        for step in steps:
            held = held[step]
        del held[last]

    return change


def at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *steps, last = path.split("/")
        held: Any = document
        for step in steps:
            held = held[step]
        held[last] = value

    return change


MANIFESTS = {
    "an unknown architecture": (at("architecture/name", "resnet9000"), "architecture.name"),
    "another format": (at("format", 2), "format"),
    "a path among the files": (at("files", {"../model.onnx": {"sha256": "0" * 64, "size": 1}}), "files"),
    "one file only": (without("files/model.onnx"), "files"),
    "a file too large": (at("files/model.onnx/size", 2**40), "files.model.onnx.size"),
    "a hash that is none": (at("files/model.onnx/sha256", "abc"), "files.model.onnx.sha256"),
    "a field that there is not": (at("code", "import os"), "code"),
    "a field that is missing": (without("input"), "input"),
    "one label": (at("labels", ["cat"]), "labels"),
    "a label twice": (at("labels", ["cat", "dog", "cat"]), "labels"),
    "a label that breaks lines": (at("labels", ["cat", "do\ng", "owl"]), "cannot be shown"),
    "a label that is half a character": (at("labels", ["cat", "\ud83d", "owl"]), "cannot be shown"),
    "a name that is a number": (at("name", 7), "name"),
    "no temperature": (at("judgement/temperature", 0), "judgement.temperature"),
    "a threshold of two": (at("judgement/threshold", 2), "judgement.threshold"),
    "a distance that is not a number": (at("judgement/distance", float("nan")), "NaN is not a number"),
    "a size beyond all": (at("input/size", [100_000, 100_000]), "input.size"),
    "a size of words": (at("input/size", ["1", "2"]), "input.size"),
    "no resize": (at("input/resize", None), "input.resize"),
    "a crop that is larger": (at("input/crop", [64, 64]), "input.crop"),
    "a standard deviation of nothing": (at("normalisation/std", [0, 1, 1]), "normalisation"),
    "a mean too few": (at("normalisation/mean", [0.5, 0.5]), "normalisation"),
    "a table too small": (at("metrics/confusion", [[1, 2], [3, 4]]), "metrics.confusion"),
    "a table of others": (at("metrics/tested", 71), "metrics.confusion"),
    "a time of no zone": (at("origin/made_at", "2026-11-21 12:00"), "origin.made_at"),
    "a hidden layer too wide": (at("architecture/hidden", [10**9]), "architecture.hidden"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_none_is_refused(name: str, folder: Path) -> None:
    change, said = MANIFESTS[name]
    digest = rewrite(folder, change)
    with pytest.raises(ModelDamaged) as caught:
        read_manifest(folder, digest=digest)
    assert caught.value.part.startswith("model.json: ")
    assert said in caught.value.part
    assert len(caught.value.part) <= 300


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "the document"),
        (b'{"format": 1, "format": 1}', "something twice"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not JSON"),
        (b" " * (2 << 20), "more than"),
    ],
)
def test_bytes_that_are_no_manifest_are_refused(data: bytes, said: str, folder: Path) -> None:
    (folder / "model.json").write_bytes(data)
    with pytest.raises(ModelDamaged) as caught:
        read_manifest(folder)
    assert said in caught.value.part


def test_whole_numbers_may_be_written_with_a_point(folder: Path) -> None:
    rewrite(folder, at("input/size", [32.0, 40.0]))
    found, _ = read_manifest(folder)
    assert found.input.size == (32, 40)
    assert all(type(side) is int for side in found.input.size)
    assert type(found.judgement.distance) is float


def test_the_schema_says_what_every_field_is() -> None:
    schema = json.loads((files("bot.classifier") / "model.schema.json").read_text("utf-8"))
    checked = 0

    def look(node: Any, path: str) -> None:
        nonlocal checked
        if not isinstance(node, dict):
            return
        for name, field in node.get("properties", {}).items():
            assert len(field.get("description", "")) > 5, f"{path}.{name} is not described"
            checked += 1
            for inner in (field, *field.get("oneOf", ()), field.get("items")):
                look(inner, f"{path}.{name}")

    look(schema, "model")
    assert checked > 50
    assert schema["properties"]["architecture"]["properties"]["name"]["enum"] == list(bodies.NAMES)
    assert set(schema["properties"]) == set(Manifest.__dataclass_fields__)
