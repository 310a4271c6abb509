"""The store holds whole models or none, whoever dies and whoever else adds."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.classifier.protocol import ModelRef
from bot.classifier.reading import check_bundle
from bot.classifier.store import ModelStore
from bot.errors import ModelDamaged, ModelMissing
from tests.classifier.bundles import bundle, manifest


@pytest.fixture
def made(tmp_path: Path) -> Path:
    bundle(tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "data" / "models", shipped=tmp_path / "shipped")


def test_what_is_added_is_found_by_its_digest(store: ModelStore, made: Path) -> None:
    assert store.digests() == ()
    digest = store.add(made)
    shutil.rmtree(made)
    check_bundle(store.path(digest), digest, "beasts")
    assert store.manifest(digest).labels == ("cat", "dog", "owl")
    assert store.digests() == (digest,)
    store.remove(digest)
    store.remove(digest)
    assert store.digests() == ()
    with pytest.raises(ModelMissing) as caught:
        store.path(digest, name="beasts")
    assert caught.value == ModelMissing("beasts", digest)


@pytest.mark.parametrize("digest", ["", "..", "../../etc", "A" * 64, "0" * 63, "0" * 64])
def test_what_is_no_digest_is_no_path(store: ModelStore, digest: str) -> None:
    with pytest.raises(ModelMissing):
        store.path(digest)
    store.remove(digest)


def test_a_damaged_bundle_is_not_taken_in(store: ModelStore, made: Path, tmp_path: Path) -> None:
    with (made / "model.safetensors").open("r+b") as weights:
        weights.seek(5000)
        weights.write(b"\xff\xff")
    with pytest.raises(ModelDamaged):
        store.add(made)
    with pytest.raises(ModelMissing):
        store.add(tmp_path / "nothing")
    assert store.digests() == ()
    assert list((tmp_path / "data" / "models").iterdir()) == []


def test_adding_again_mends_what_was_damaged(store: ModelStore, made: Path) -> None:
    digest = store.add(made)
    before = (store.path(digest) / "model.onnx").stat().st_ino
    assert store.add(made) == digest
    assert (store.path(digest) / "model.onnx").stat().st_ino == before
    (store.path(digest) / "model.onnx").write_bytes(b"?")
    assert store.add(made) == digest
    check_bundle(store.path(digest), digest, "beasts")


def test_models_that_come_with_the_bot(made: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    digest = bundle(shipped / "digits", manifest(name="digits"))
    (shipped / "broken").mkdir()
    (shipped / "broken" / "model.json").write_text("{")
    store = ModelStore(tmp_path / "models", shipped=shipped)
    assert store.shipped() == (ModelRef(name="digits", digest=digest),)
    assert store.path(digest) == shipped / "digits"
    assert store.add(shipped / "digits") == digest
    assert store.digests() == ()
    store.remove(digest)
    assert store.path(digest).is_dir()


def test_a_copy_that_was_left_behind_goes_when_it_is_old(store: ModelStore, made: Path) -> None:
    digest = store.add(made)
    folder = store.path(digest).parent
    old, young = folder / ".adding-old", folder / ".adding-young"
    for left in (old, young):
        left.mkdir()
        (left / "model.onnx").write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.add(made)
    assert not old.exists()
    assert young.exists()
    assert store.digests() == (digest,)


def add_often(folder: Path, made: Path, turns: int) -> None:
    store = ModelStore(folder, shipped=folder / "none")
    for _ in range(turns):
        digest = store.add(made)
        check_bundle(store.path(digest), digest, "beasts")


def test_several_processes_add_the_same_model(tmp_path: Path, made: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_often, args=(tmp_path / "models", made, 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list((tmp_path / "models").iterdir())) == 1


ADDING = """
import sys
from pathlib import Path
from bot.classifier.store import ModelStore
store = ModelStore(Path(sys.argv[1]), shipped=Path(sys.argv[1]) / "none")
print("ready", flush=True)
while True:
    store.remove(store.add(Path(sys.argv[2])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_killed_leaves_a_whole_model_or_none(tmp_path: Path, made: Path) -> None:
    folder = tmp_path / "models"
    store = ModelStore(folder, shipped=folder / "none")
    for turn in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", ADDING, str(folder), str(made)], stdout=subprocess.PIPE
        ) as adding:
            assert adding.stdout is not None
            assert adding.stdout.readline() == b"ready\n"
            time.sleep(0.01 + 0.007 * turn)
            adding.send_signal(signal.SIGKILL)
        for digest in store.digests():
            check_bundle(store.path(digest), digest, "beasts")
    digest = store.add(made)
    check_bundle(store.path(digest), digest, "beasts")
