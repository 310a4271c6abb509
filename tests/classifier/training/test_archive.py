"""What is read out of a stranger's zip, and what is refused before anything was unpacked."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from bot.classifier.training import archive, files
from bot.classifier.training.folders import Folder
from bot.errors import BadTrainingSet, TrainingFault
from tests.classifier.training.sets import labelled, plain, written


def surveyed(path: Path) -> files.Survey:
    with archive.opened(path) as source:
        return files.survey(source)


def refusal(path: Path) -> BadTrainingSet:
    with pytest.raises(BadTrainingSet) as refused:
        read_all(path)
    return refused.value


def read_all(path: Path) -> None:
    with archive.opened(path) as source:
        for entry in files.survey(source).images:
            source.read(entry, 8 * archive.MIB)


@pytest.fixture
def zipped(tmp_path):
    return lambda entries: written(tmp_path / "images.zip", entries)


def test_the_label_is_the_folder_that_holds_the_image(zipped):
    entries = [
        (f"pets/{part}/{label}/{number}.png", plain(100 * place + number))
        for place, (part, label) in enumerate([("train", "cat"), ("valid", "cat"), ("train", "grey dog")])
        for number in range(5)
    ]
    found = surveyed(zipped(entries))

    assert {entry.label for entry in found.images} == {"cat", "grey dog"}
    assert sum(entry.label == "cat" for entry in found.images) == 10
    assert found.images[0].name == "pets/train/cat/0.png"


def test_what_systems_add_is_passed_over_and_what_is_no_image_is_named(zipped):
    junk = ["__MACOSX/cat/._0.png", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini", ".git/cat/x.png"]
    entries = labelled({"cat": 5, "dog": 5}) + [(name, plain(0)) for name in junk]
    entries += [("cat/notes.png", b"not a picture"), ("dog/empty.jpg", b""), ("readme.txt", b"hello")]
    found = surveyed(zipped(entries))

    assert len(found.images) == 10
    assert found.others == ("cat/notes.png", "dog/empty.jpg")


def test_a_path_out_of_the_zip_is_but_a_name(zipped, tmp_path):
    entries = labelled({"cat": 5, "dog": 5})
    entries += [
        ("../../cat/a.png", plain(90)),
        ("/etc/dog/b.png", plain(91)),
        ("..\\..\\cat\\c.png", plain(92)),
    ]
    entries.append(("../x.png", plain(93)))  # lies in no folder
    before = sorted(tmp_path.rglob("*"))
    path = zipped(entries)
    found = surveyed(path)

    assert {entry.name for entry in found.images[10:]} == {"cat/a.png", "etc/dog/b.png", "cat/c.png"}
    assert sorted(tmp_path.rglob("*")) == [*before, path]


def test_names_are_read_as_they_were_written(zipped):
    path = zipped(labelled({"Füchse": 5, "e\u0301te\u0301": 5}))
    # As many programs do: the bytes of UTF-8, and no word of it.
    raw = path.read_bytes().replace("Füchse".encode(), b"\xc3\x84" + b"uchse"[:5])
    path.write_bytes(raw)
    with zipfile.ZipFile(path) as archive_:
        for info in archive_.infolist():
            info.flag_bits &= ~0x800
    assert {entry.label for entry in surveyed(path).images} == {"Äuchse", "été"}

    info = zipfile.ZipInfo("x")
    info.flag_bits, info.filename = 0, "Füchse/1.png".encode().decode("cp437")
    assert archive.name_of(info) == "Füchse/1.png"
    info.filename = b"F\x81chse/1.png".decode("cp437")  # of DOS
    assert archive.name_of(info) == "Füchse/1.png"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, BadTrainingSet(TrainingFault.NO_IMAGES)),
        ({"cat": 40}, BadTrainingSet(TrainingFault.ONE_LABEL, names=("cat",))),
        ({"cat": 1, "dog": 1}, BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=("cat", "dog"), limit=5)),
        ({"cat": 9, "dog": 4}, BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=("dog",), limit=5)),
        (dict.fromkeys(map(str, range(101)), 5), BadTrainingSet(TrainingFault.TOO_MANY_LABELS, limit=100)),
        ({"cat": 5, "d\u202eog": 5}, BadTrainingSet(TrainingFault.BAD_LABEL, names=("d\u202eog",))),
        ({"cat": 5, "x" * 51: 5}, BadTrainingSet(TrainingFault.BAD_LABEL, names=("x" * 51,))),
        ({"cat": 5, "--": 5}, BadTrainingSet(TrainingFault.BAD_LABEL, names=("--",))),
    ],
)
def test_a_set_that_cannot_be_learned_from(zipped, counts, expected):
    assert refusal(zipped(labelled(counts))) == expected


def test_five_thousand_images_and_one_more(zipped):
    image = plain(0)
    entries = [(f"{'cat' if number % 2 else 'dog'}/{number}.png", image) for number in range(5000)]
    assert len(surveyed(zipped(entries)).images) == 5000
    assert refusal(zipped([*entries, ("cat/one more.png", image)])) == BadTrainingSet(
        TrainingFault.TOO_MANY_IMAGES, limit=5000
    )


def test_images_beside_the_folders_are_no_labels(zipped):
    entries = [(f"{number}.png", plain(number)) for number in range(30)]
    assert refusal(zipped(entries)).fault is TrainingFault.NO_IMAGES


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\5\6", b"\x1f\x8b" + bytes(500), os.urandom(3000)])
def test_what_is_no_zip(tmp_path, data):
    path = tmp_path / "images.zip"
    path.write_bytes(data)
    assert refusal(path).fault is TrainingFault.NOT_A_ZIP


def test_a_zip_with_a_password(zipped):
    path = zipped(labelled({"cat": 5, "dog": 5}))
    raw = bytearray(path.read_bytes())
    entry = raw.rfind(b"PK\1\2")
    raw[entry + 8] |= 1
    path.write_bytes(raw)
    assert refusal(path).fault is TrainingFault.ENCRYPTED


def test_a_zip_that_inflates(zipped):
    bomb = plain(1) + bytes(40 * archive.MIB)
    path = zipped([*labelled({"cat": 5, "dog": 5}, start=10), ("cat/bomb.png", bomb)])
    assert path.stat().st_size < archive.MIB
    assert refusal(path) == BadTrainingSet(TrainingFault.TOO_LARGE, limit=archive.UNPACKED_BYTES)


def test_many_files_that_are_too_much_together(zipped, monkeypatch):
    monkeypatch.setattr(archive, "UNPACKED_BYTES", 300_000)
    noise = np.random.default_rng(0).bytes(40_000)
    entries = [
        (f"{label}/{number}.png", plain(number) + noise) for label in ("cat", "dog") for number in range(5)
    ]
    assert refusal(zipped(entries)) == BadTrainingSet(TrainingFault.TOO_LARGE, limit=300_000)


def test_entries_that_share_their_bytes_are_counted_each_time(tmp_path, monkeypatch):
    """As in Fifield's bomb (2019): one file, in the list a thousand times."""
    monkeypatch.setattr(archive, "UNPACKED_BYTES", 20 * archive.MIB)
    data = plain(1) + np.random.default_rng(0).bytes(100_000)
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(data) + packed.flush()
    rest = (20, 0, 8, 0, 33, zlib.crc32(data), len(body), len(data))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *rest, 9, 0) + b"cat/1.png" + body
    listed = b"".join(
        struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, *rest, 9, 0, 0, 0, 0, 0, 0) + b"cat/1.png"
        for _ in range(1000)
    )
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1000, 1000, len(listed), len(local), 0)
    path = tmp_path / "images.zip"
    path.write_bytes(local + listed + end)
    monkeypatch.setattr(files, "check_labels", lambda labels: None)
    # Newer Pythons see that they overlap, which is damage.
    assert refusal(path).fault in (TrainingFault.TOO_LARGE, TrainingFault.DAMAGED)


def test_a_list_that_is_too_long_is_not_even_read(tmp_path):
    path = tmp_path / "images.zip"
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, archive.LIST_BYTES + 1, 0, 0)
    path.write_bytes(end)
    assert refusal(path).fault is TrainingFault.TOO_MANY_IMAGES

    # The larger list, which zipfile believes more than the small one.
    small = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    large = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 0, 0, archive.LIST_BYTES + 1, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)
    path.write_bytes(large + locator + small)
    assert refusal(path).fault is TrainingFault.TOO_MANY_IMAGES


def test_more_files_than_anybody_labels(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(files.ENTRIES + 1):
            packed.writestr(f"a/{number}", b"")
    assert refusal(path).fault is TrainingFault.TOO_MANY_IMAGES


def test_a_zip_larger_than_it_may_be(tmp_path):
    path = tmp_path / "images.zip"
    with path.open("wb") as file:
        file.truncate(archive.ZIP_BYTES + 1)
    assert refusal(path) == BadTrainingSet(TrainingFault.TOO_LARGE, limit=archive.ZIP_BYTES)


def test_methods_that_take_any_memory_are_not_used(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as packed:
        for name, data in labelled({"cat": 5, "dog": 5}):
            packed.writestr(name, data)
    assert refusal(path).fault is TrainingFault.DAMAGED


def test_no_broken_zip_gets_anything_but_a_refusal(zipped):
    raw = zipped(labelled({"cat": 6, "dog": 6})).read_bytes()
    rng = np.random.default_rng(8)
    refused = 0
    for _ in range(400):
        broken = bytearray(raw)
        match rng.integers(3):
            case 0:
                del broken[rng.integers(len(raw)) :]
            case 1:
                for place in rng.integers(len(raw), size=rng.integers(1, 9)):
                    broken[place] = rng.integers(256)
            case _:
                start = int(rng.integers(len(raw) - 200))
                broken[start : start + 50] = broken[start + 100 : start + 150]
        path = zipped([])
        path.write_bytes(broken)
        try:
            read_all(path)
        except BadTrainingSet:
            refused += 1
    assert 200 < refused < 400


def test_a_folder_is_read_by_the_same_rules(tmp_path):
    for name, data in [*labelled({"cat": 5, "dog": 6}), ("dog/readme.txt", b"x"), ("cat/.DS_Store", b"x")]:
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (tmp_path / "pets" / "owl").symlink_to(tmp_path / "pets" / "cat")
    source = Folder(tmp_path / "pets")
    found = files.survey(source)

    assert [entry.label for entry in found.images] == ["cat"] * 5 + ["dog"] * 6
    assert found.others == ("dog/readme.txt",)
    assert source.read(found.images[0], 1000) == plain(0)
    assert len(source.read(found.images[0], 20)) == 21
    (tmp_path / "pets" / "cat" / "0.png").unlink()
    assert source.read(found.images[0], 1000) == b""


def test_an_empty_folder(tmp_path):
    with pytest.raises(BadTrainingSet) as refused:
        files.survey(Folder(tmp_path))
    assert refused.value.fault is TrainingFault.NO_IMAGES
