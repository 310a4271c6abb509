"""A bundle is read as it was written, and whatever is wrong with one is named."""

import hashlib
import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper

from bot.classifier import documents
from bot.classifier.bundle import HEADER_BYTES, NotTheWeights, parse_tensors, read_tensors, write_bundle
from bot.classifier.graphs import problem_of
from bot.classifier.manifest import (
    Architecture,
    BatchResize,
    Input,
    Judgement,
    Manifest,
    Normalisation,
    PadMode,
)
from bot.classifier.reading import check_bundle, read_graph, read_manifest
from bot.errors import ModelDamaged, ModelMissing
from tests.classifier.bundles import EMPTY_GRAPH, bundle, forge, manifest, tensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def read(folder: Path, digest: str) -> dict[str, Any]:
    """All that a worker reads of a model."""
    found = check_bundle(folder, digest, "beasts")
    read_graph(folder, found, digest=digest, name="beasts")
    return read_tensors(folder, found, digest=digest, name="beasts")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = manifest(
        batch_resize=BatchResize(size=(24, 30), crop=(28, 32), pad=PadMode.ZEROS, align_corners=False)
    )
    weights = tensors(written)
    digest = write_bundle(tmp_path / "new" / "bundle", written, weights, EMPTY_GRAPH)

    found, same = read_manifest(tmp_path / "new" / "bundle")
    assert same == digest == hashlib.sha256((tmp_path / "new/bundle/model.json").read_bytes()).hexdigest()
    assert replace(found, files={}) == written
    again = read(tmp_path / "new" / "bundle", digest)
    assert again.keys() == weights.keys()
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    assert again["body.1.num_batches_tracked"].shape == ()


def test_only_the_parts_that_are_asked_for_stay_in_memory(folder: Path) -> None:
    found, digest = read_manifest(folder)
    parts = read_tensors(folder, found, digest=digest, name="beasts", parts=("head", "doubt"))
    assert {name.partition(".")[0] for name in parts} == {"head", "doubt"}


def test_the_same_model_has_the_same_digest(tmp_path: Path) -> None:
    assert bundle(tmp_path / "one") == bundle(tmp_path / "other") != bundle(tmp_path / "third", seed=1)


def test_nothing_is_overwritten_and_nothing_is_left_behind(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        bundle(folder)
    with pytest.raises(NotTheWeights):
        write_bundle(folder.parent / "bad", manifest(), {}, EMPTY_GRAPH)
    with pytest.raises(documents.NotAManifest):
        bundle(folder.parent / "bad", manifest(name=""))
    assert [entry.name for entry in folder.parent.iterdir()] == ["bundle"]


def test_an_empty_folder_may_be_there_already(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    read(tmp_path / "bundle", bundle(tmp_path / "bundle"))


def test_a_folder_that_is_not_there_is_missing_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        check_bundle(tmp_path / "none", "0" * 64, "beasts")


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], str]:
    """Right hashes around tensors that are not the architecture's."""

    def damage(folder: Path) -> str:
        held = safetensors.numpy.load(weights_of(folder))
        change(held)
        return forge(folder, weights=safetensors.numpy.save(held))

    return damage


def put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda held: held.update({name: value})


def poison(name: str, value: float) -> Callable[[dict[str, Any]], None]:
    def change(held: dict[str, Any]) -> None:
        held[name] = held[name].copy()
        held[name].flat[3] = value

    return change


def header(data: bytes) -> bytes:
    """As a safetensors file with nothing but this header."""
    return struct.pack("<Q", len(data)) + data


def with_header(text: str) -> Callable[[Path], str]:
    return lambda folder: forge(folder, weights=header(text.encode()))


def flipped(file: str, at: int) -> Callable[[Path], str]:
    def damage(folder: Path) -> str:
        digest = read_manifest(folder)[1]
        data = bytearray((folder / file).read_bytes())
        data[at] ^= 1
        (folder / file).write_bytes(data)
        return digest

    return damage


def cut(file: str, size: int) -> Callable[[Path], str]:
    def damage(folder: Path) -> str:
        digest = read_manifest(folder)[1]
        os.truncate(folder / file, size)
        return digest

    return damage


def gone(file: str) -> Callable[[Path], str]:
    def damage(folder: Path) -> str:
        digest = read_manifest(folder)[1]
        (folder / file).unlink()
        return digest

    return damage


def linked(file: str) -> Callable[[Path], str]:
    def damage(folder: Path) -> str:
        digest = read_manifest(folder)[1]
        (folder / file).rename(folder.parent / file)
        (folder / file).symlink_to(folder.parent / file)
        return digest

    return damage


def external(folder: Path) -> str:
    """A graph that reads its weights from a file of whoever wrote it."""
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=weight)], "inner", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    held = inner.node[0].attribute[0].t
    held.ClearField("raw_data")
    held.data_location = TensorProto.EXTERNAL
    held.external_data.add(key="location", value="../../secret")
    node.attribute[0].g.CopyFrom(inner)
    graph = helper.make_graph([node], "outer", [], [])
    return forge(folder, graph=helper.make_model(graph).SerializeToString())


HUGE = struct.pack("<Q", 2**62) + b"{}"
DAMAGES = {
    "a foreign tensor": (changed(put("body.99.weight", np.ones(3, np.float32))), "foreign tensor"),
    "a tensor of code's name": (changed(put("__reduce__", np.ones(3, np.float32))), "foreign tensor"),
    "a missing tensor": (changed(lambda held: held.pop("head.0.norm.bias")), "is missing"),
    "a wrong shape": (changed(put("head.1.linear.weight", np.ones((3, 17), np.float32))), "the shape"),
    "a wrong shape of the same size": (
        changed(lambda held: held.update({"doubt.means": held["doubt.means"].T.copy()})),
        "the shape",
    ),
    "more rows than whitening can have": (
        changed(put("doubt.whiten", np.ones((193, 192), np.float32))),
        "the shape",
    ),
    "halves": (changed(put("head.0.norm.bias", np.ones(192, np.float16))), "of type F16"),
    "doubles": (changed(put("head.0.norm.bias", np.ones(192, np.float64))), "of type F64"),
    "a count that is a fraction": (
        changed(put("body.1.num_batches_tracked", np.array(1.5, np.float32))),
        "of type F32",
    ),
    "NaN in the body": (changed(poison("body.3.conv1.weight", np.nan)), "not finite"),
    "infinity in the head": (changed(poison("head.0.linear.weight", np.inf)), "not finite"),
    "NaN in the statistics": (changed(poison("doubt.whiten", np.nan)), "not finite"),
    "a negative variance": (changed(poison("body.1.running_var", -1)), "negative variance"),
    "a header that claims to be huge": (lambda folder: forge(folder, weights=HUGE), "its header claims"),
    "a header that is too large": (
        lambda folder: forge(folder, weights=header(b" " * (HEADER_BYTES + 1))),
        "its header claims",
    ),
    "a header that is no JSON": (with_header("{"), "not JSON"),
    "a header nested too deeply": (with_header('{"a":' + "[" * 100_000), "not JSON"),
    "a header that is a list": (with_header("[]"), "not a table"),
    "a header whose entries are none": (with_header('{"a": 1}'), "says nothing"),
    "weights of no length": (lambda folder: forge(folder, weights=b"\0"), "cut off"),
    "weights that end early": (
        lambda folder: forge(folder, weights=weights_of(folder)[:-100]),
        "model.safetensors: ",
    ),
    "offsets that overlap": (
        lambda folder: forge(folder, weights=overlapping(weights_of(folder))),
        "model.safetensors: ",
    ),
    "a changed weight": (flipped("model.safetensors", -1), "its hash is"),
    "a changed graph": (flipped("model.onnx", 0), "its hash is"),
    "a changed manifest": (flipped("model.json", 5), "model.json: its hash is"),
    "a shorter file": (cut("model.safetensors", 1000), "bytes instead of"),
    "an empty manifest": (cut("model.json", 0), "model.json: its hash is"),
    "no weights": (gone("model.safetensors"), "No such file"),
    "no graph": (gone("model.onnx"), "No such file"),
    "no manifest": (gone("model.json"), "No such file"),
    "a link to somewhere else": (linked("model.safetensors"), "not a plain file"),
    "a graph that reads another file": (external, "in another file"),
    "a graph that is none": (lambda folder: forge(folder, graph=b"\x89PNG" * 40), "not an ONNX file"),
    "an empty model as the graph": (lambda folder: forge(folder, graph=b"\x08\x08"), "not an ONNX file"),
}


def overlapping(weights: bytes) -> bytes:
    """Every tensor of one shape reads the same bytes."""
    (size,) = struct.unpack("<Q", weights[:8])
    table = json.loads(weights[8 : 8 + size])
    table["head.0.norm.bias"]["data_offsets"] = table["head.0.norm.weight"]["data_offsets"]
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + weights[8 + size :]


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_bundle_is_refused(name: str, folder: Path) -> None:
    damage, said = DAMAGES[name]
    digest = damage(folder)
    with pytest.raises(ModelDamaged) as caught:
        read(folder, digest)
    assert said in caught.value.part
    assert caught.value.digest == digest
    assert len(caught.value.part) <= 300
    assert str(folder) not in caught.value.part


def mutated(data: bytes, end: int, chance: random.Random) -> bytes:
    """With some bytes before `end` changed, taken out or put in."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(end)
        match chance.randrange(3):
            case 0:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del changed[place : place + chance.randint(1, 30)]
            case 2:
                changed[place:place] = bytes(chance.choices(b'0123456789[]{}",:-eENa\\u', k=8))
    return bytes(changed)


def test_mutated_files_are_refused_or_read_and_nothing_else(folder: Path) -> None:
    chance = random.Random(5)
    found, _ = read_manifest(folder)
    weights, document = weights_of(folder), (folder / "model.json").read_bytes()
    (end,) = struct.unpack("<Q", weights[:8])
    graph = helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString()
    refused = 0
    for _ in range(250):
        try:
            parse_tensors(mutated(weights, end + 8, chance), found)
        except NotTheWeights:
            refused += 1
        try:
            documents.parse(mutated(document, len(document) - 50, chance))
        except documents.NotAManifest:
            refused += 1
        assert problem_of(mutated(graph, 6, chance)) in (
            None,
            "not an ONNX file",
            "it keeps its weights in another file",
        )
    assert refused > 400


@pytest.mark.parametrize(
    "chosen",
    [
        manifest(metrics=None, judgement=Judgement(temperature=1.0, threshold=0.5, distance=None)),
        manifest(input=Input(mode="L", size=(28, 28), resize=None, ink=True), normalisation=None),
        manifest(
            input=Input(mode="L", size=(28, 28), resize=None, ink=True),
            normalisation=Normalisation(mean=(0.5,) * 3, std=(0.2,) * 3),
        ),
        manifest(architecture=Architecture(name="resnet18", hidden=(), concat_pool=False)),
    ],
    ids=["unknown metrics", "ink", "grey made three channels", "another head"],
)
def test_kinds_of_models(chosen: Manifest, tmp_path: Path) -> None:
    assert read(tmp_path / "bundle", bundle(tmp_path / "bundle", chosen))


def test_whole_graphs_are_let_through(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((300, 300), np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    whole = helper.make_model(helper.make_graph([node], "g", [], [], [weight]))
    assert problem_of(whole.SerializeToString()) is None
    onnx.save(whole, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    assert problem_of((tmp_path / "m.onnx").read_bytes()) == "it keeps its weights in another file"


def test_the_parts_that_the_bot_imports_need_neither_numpy_nor_safetensors() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['numpy', 'PIL', 'safetensors', 'torch']));"
        "import bot.classifier.store, bot.classifier.reading, bot.classifier.bodies, bot.classifier.cards"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
