"""A zip with a folder of images for each label. Nothing in it is believed before it was counted, and nothing
is ever written under a name that stands in it.
"""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.classifier.training.files import ENTRIES, IMAGES, Entry, entry_of
from bot.errors import BadTrainingSet, TrainingFault

MIB = 2**20
ZIP_BYTES, UNPACKED_BYTES = 100 * MIB, 500 * MIB
#: Images hardly shrink when they are packed again. Beyond a megabyte, what shrinks this much is a bomb.
RATIO, RATIO_COUNTS_FROM = 100, MIB
#: Of the list of entries at the zip's end: 400 bytes for each.
LIST_BYTES = ENTRIES * 400
_CHUNK = 2**16
_ENCRYPTED, _IS_UTF8 = 0x1, 0x800
# What zipfile and zlib raise for bytes that are not theirs.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, IndexError,
)  # fmt: skip
_END, _END_64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"


@contextmanager
def opened(path: Path) -> Iterator["Archive"]:
    """Raises BadTrainingSet, now and while it is read."""
    if path.stat().st_size > ZIP_BYTES:
        raise BadTrainingSet(TrainingFault.TOO_LARGE, limit=ZIP_BYTES)
    check_list(path)
    with broken():
        archive = zipfile.ZipFile(path)
    with archive:
        yield Archive(archive)


def check_list(path: Path) -> None:
    """That there is a list of entries, and that it is not longer than it may be: zipfile reads all of it
    before anything can be counted. Raises BadTrainingSet.
    """
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - 2**16 - 128)
        file.seek(start)
        tail = file.read()
        place = tail.rfind(_END)
        if place < 0 or len(tail) < place + 22:
            raise BadTrainingSet(TrainingFault.NOT_A_ZIP)
        (size,) = struct.unpack_from("<I", tail, place + 12)
        # A locator of the larger kind of list is believed by zipfile wherever there is one.
        if place >= 20 and tail[place - 20 : place - 16] == _LOCATOR:
            (offset,) = struct.unpack_from("<Q", tail, place - 12)
            if offset < start + place:
                file.seek(offset)
                record = file.read(56)
                if len(record) == 56 and record.startswith(_END_64):
                    (size,) = struct.unpack_from("<Q", record, 40)
    if size > LIST_BYTES:
        raise BadTrainingSet(TrainingFault.TOO_MANY_IMAGES, limit=IMAGES)


@contextmanager
def broken() -> Iterator[None]:
    """What broken bytes make their readers raise, as the one refusal."""
    try:
        yield
    except _BROKEN as error:
        raise BadTrainingSet(TrainingFault.DAMAGED) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # of seeking to before the beginning, where a broken archive points
            raise
        raise BadTrainingSet(TrainingFault.DAMAGED) from error


class Archive:
    """A `bot.classifier.training.files.Source`. For one thread."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        self._infos = archive.infolist()
        self._left = UNPACKED_BYTES

    def entries(self) -> list[Entry]:
        if len(self._infos) > ENTRIES:
            raise BadTrainingSet(TrainingFault.TOO_MANY_IMAGES, limit=IMAGES)
        if any(info.flag_bits & _ENCRYPTED for info in self._infos):
            raise BadTrainingSet(TrainingFault.ENCRYPTED)
        names = ((key, name_of(info)) for key, info in enumerate(self._infos))
        found = (entry_of(key, name) for key, name in names if not name.endswith("/"))
        return [entry for entry in found if entry is not None]

    def head(self, entry: Entry) -> bytes:
        return b"".join(self._chunks(self._infos[entry.key], 15))[:16]

    def read(self, entry: Entry, limit: int) -> bytes:
        return b"".join(self._chunks(self._infos[entry.key], limit))[: limit + 1]

    def _chunks(self, info: zipfile.ZipInfo, limit: int) -> Iterator[bytes]:
        """Until there are more than `limit` bytes, or the file ends."""
        # The two methods in use; others take as much memory as the archive asks for.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadTrainingSet(TrainingFault.DAMAGED)
        with broken():
            stream = self._zip.open(info)
        with stream:
            count = 0
            while count <= limit:
                with broken():
                    chunk = stream.read(min(_CHUNK, limit + 1 - count))
                if not chunk:
                    return
                count += len(chunk)
                self._left -= len(chunk)
                if self._left < 0 or count > max(RATIO_COUNTS_FROM, RATIO * info.compress_size):
                    raise BadTrainingSet(TrainingFault.TOO_LARGE, limit=UNPACKED_BYTES)
                yield chunk


def name_of(info: zipfile.ZipInfo) -> str:
    """The path as its maker meant it: many write UTF-8 without saying so, and zipfile then takes it for code
    page 437.
    """
    if info.flag_bits & _IS_UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename
