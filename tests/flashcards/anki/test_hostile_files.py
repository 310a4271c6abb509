"""Archives and pictures that are broken, or made to break us: a clear answer to each, early."""

import json
import zipfile
from pathlib import Path

import pytest
from backports import zstd

from bot.errors.decks import (
    Damage,
    DeckTooNew,
    Measure,
    UnknownDeckFile,
    WholeCollection,
)
from bot.flashcards.anki import limits
from bot.flashcards.anki.package import Reason
from bot.flashcards.anki.reader import read_package
from tests.flashcards.anki.hostile import (
    MEBI,
    damaged,
    deflated_zeros,
    field,
    newest,
    raw_zip,
    refusal,
    skipped,
    spoil,
    too_large,
    zstd_zeros,
)
from tests.flashcards.anki.official import PICTURE, Format, database, entry, rewrite


def test_the_deck_to_be_spoilt_is_a_good_one(deck: Path) -> None:
    for path in (deck, newest(deck)):
        package = read_package(path)
        assert [note.guid for note in package.notes] == ["guid-1", "guid-2", "guid-3"]
        assert package.media == {"p.png": PICTURE}
        assert package.skipped == ()


# What the file is


@pytest.mark.parametrize("name", ["all.colpkg", "All.COLPKG"])
def test_a_whole_collection_is_refused_by_its_name(deck: Path, name: str) -> None:
    assert refusal(deck.rename(deck.with_name(name))) == WholeCollection(name=name)


def test_other_files_are_refused_by_their_names(deck: Path) -> None:
    path = deck.rename(deck.with_name("deck.zip"))
    assert refusal(path) == UnknownDeckFile(name="deck.zip", endings=(".apkg",))


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_package(deck: Path, data: bytes) -> None:
    deck.write_bytes(data)
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_half_a_file(deck: Path) -> None:
    data = deck.read_bytes()
    deck.write_bytes(data[: len(data) // 2])
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_a_format_of_the_future(deck: Path) -> None:
    rewrite(deck, {"meta": b"\x08\x04"})
    assert refusal(deck) == DeckTooNew(version=4, newest=3)


@pytest.mark.parametrize("meta", [b"\x08\x00", b"\xff" * 12, b"\x0a\x01x", b"", b"\x0b", b"\x12\xff"])
def test_a_format_that_says_nothing(deck: Path, meta: bytes) -> None:
    rewrite(deck, {"meta": meta})
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_the_collection_is_missing(deck: Path) -> None:
    rewrite(deck, {Format.OLDEST: None})
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_an_encrypted_entry(deck: Path) -> None:
    raw_zip(deck, Format.OLDEST, b"x" * 100, size=100, flags=1)
    assert refusal(deck) == damaged(Damage.ARCHIVE)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 93, 99])
def test_a_compression_that_anki_does_not_use(deck: Path, method: int) -> None:
    raw_zip(deck, Format.OLDEST, b"x" * 100, size=100, method=method)
    assert refusal(deck) == damaged(Damage.ARCHIVE)


# Bombs


def test_a_file_of_10_mb_that_unpacks_to_10_gb(deck: Path) -> None:
    packed = deflated_zeros(10 * 1024)
    raw_zip(deck, Format.OLDEST, packed, size=10 * 1024 * MEBI)
    assert 9 * MEBI < deck.stat().st_size < 12 * MEBI
    assert refusal(deck) == too_large(Measure.COLLECTION, limits.COLLECTION_BYTES)
    raw_zip(deck, Format.OLDEST, packed, size=5000)  # a lie
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_a_bomb_of_zstd(deck: Path) -> None:
    newest(deck)
    bomb = zstd_zeros(10 * 1024)
    assert zstd.ZstdDecompressor().decompress(bomb, 10 * MEBI) == bytes(10 * MEBI)
    rewrite(deck, {Format.NEWEST: bomb})
    assert deck.stat().st_size < MEBI
    assert refusal(deck) == too_large(Measure.COLLECTION, limits.COLLECTION_BYTES)


def test_a_bomb_inside_a_bomb(deck: Path) -> None:
    """Deflate unpacks to gigabytes of zstd that come to nothing: what lies between is counted too."""
    newest(deck)
    with (
        zipfile.ZipFile(deck, "a", zipfile.ZIP_DEFLATED) as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr(Format.NEWEST, zstd_zeros(1)[:6] + b"\0\0\0" * (40 * MEBI // 3))
    assert refusal(deck) == too_large(Measure.COLLECTION, limits.FILE_BYTES)


def test_many_frames_of_nothing(deck: Path) -> None:
    newest(deck)
    rewrite(deck, {Format.NEWEST: zstd.compress(entry(deck, "0")) + zstd.compress(b"") * 1000})
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_a_frame_that_wants_gigabytes_of_memory(deck: Path) -> None:
    newest(deck)
    rewrite(deck, {Format.NEWEST: b"\x28\xb5\x2f\xfd\0" + bytes([21 << 3]) + zstd_zeros(1)[6:]})
    assert refusal(deck) == damaged(Damage.ARCHIVE)


def test_a_list_of_media_that_is_a_bomb(deck: Path) -> None:
    rewrite(deck, {"media": b" " * (5 * MEBI)})
    assert refusal(deck) == too_large(Measure.MEDIA_LIST, limits.MEDIA_LIST_BYTES)


def test_pictures_that_are_bombs(deck: Path) -> None:
    """Each is left out, and after a few of them the file is refused: unpacking them is the harm."""
    bomb = PICTURE + bytes(9 * MEBI)
    rewrite(deck, {"0": bomb})
    assert skipped(deck) == {"p.png": Reason.TOO_LARGE}
    names = [f"{number}.png" for number in range(8)]
    rewrite(deck, {str(number): bomb for number in range(8)})
    rewrite(deck, {"media": json.dumps(dict(enumerate(names))).encode()})
    with database(deck) as tables:
        tables.execute(
            "UPDATE notes SET flds = ? || char(31)", ("".join(f"<img src={name}>" for name in names),)
        )
    assert refusal(deck) == too_large(Measure.MEDIA, limits.MEDIA_BYTES)


def test_a_file_beyond_the_limit(deck: Path) -> None:
    with deck.open("ab") as file:
        file.truncate(limits.FILE_BYTES + 1)
    assert refusal(deck) == too_large(Measure.FILE, limits.FILE_BYTES)


def test_more_entries_than_the_limit(deck: Path) -> None:
    with zipfile.ZipFile(deck, "w") as archive:
        for number in range(limits.ENTRIES + 1):
            archive.writestr(str(number), b"")
    assert refusal(deck) == too_large(Measure.ENTRIES, limits.ENTRIES)


# Names


def test_names_are_never_paths(deck: Path) -> None:
    outside = deck.parent / "outside.png"
    names = [
        "../outside.png",
        "..\\outside.png",
        "/etc/passwd",
        "..%2foutside.png",
        "C:\\x.png",
        "",
        "a/b.png",
    ]
    listed = {name: name for name in names} | {"../entry": "fine.png", "1": "../up.png"}
    rewrite(deck, {"media": json.dumps(listed).encode(), **dict.fromkeys(["../entry", *names[:-2]], PICTURE)})
    with database(deck) as tables:
        fields = "".join(f'<img src="{name}">' for name in [*listed.values()]) + "text\x1f"
        tables.execute("UPDATE notes SET flds = ?", (fields,))
    package = read_package(deck)
    assert set(package.media) == {"fine.png"}
    assert not outside.exists()
    assert list((deck.parent / "temporary").iterdir()) == []


# Media


def test_a_picture_that_is_missing_or_damaged_costs_only_itself(deck: Path) -> None:
    rewrite(deck, {"0": None})
    assert skipped(deck) == {"p.png": Reason.MISSING}
    newest(deck)
    rewrite(deck, {"0": b"not zstd"})
    assert skipped(deck) == {"p.png": Reason.DAMAGED}
    assert len(read_package(deck).notes) == 3


def test_a_picture_alone_is_a_card(deck: Path) -> None:
    spoil(
        deck,
        "UPDATE notes SET flds = '<img src=p.png>' || char(31) || '<img src=p.png>' WHERE guid = 'guid-3'",
    )
    card = read_package(deck).notes[2].cards[0]
    assert (card.front.markdown, card.front.images) == ("", ("p.png",))


@pytest.mark.parametrize("media", [b"", b"[]", b"[" * 100_000, b'{"0":', b"\xff", b"7"])
def test_a_list_of_media_that_is_none(deck: Path, media: bytes) -> None:
    rewrite(deck, {"media": media})
    assert refusal(deck) == damaged(Damage.MEDIA_LIST)


@pytest.mark.parametrize(
    "media",
    [b"\x0b", field(1, b"\x0a\x7fx"), field(1, field(1, b"\xff")), b"\x0a\xff\xff\xff\xff\x7f", b"\xff" * 20],
)
def test_foreign_protobuf(deck: Path, media: bytes) -> None:
    newest(deck)
    rewrite(deck, {"media": zstd.compress(media)})
    assert refusal(deck) == damaged(Damage.MEDIA_LIST)


def test_a_list_of_media_without_names(deck: Path) -> None:
    newest(deck)
    rewrite(deck, {"media": zstd.compress(field(2, b"x") + field(1, b"") + b"\x18\x05")})
    assert skipped(deck) == {"p.png": Reason.MISSING}
