"""Opening a backup, which may be anything at all: whatever is wrong with it is one sentence."""

import errno
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.backups.contents import ABOUT, About, from_json, sha256
from bot.schema import CannotRun

_CHUNK = 2**20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# What zipfile raises of damaged, encrypted or strangely packed files, and from_json of strange words.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
    MemoryError,
)


@contextmanager
def unpacked(source: Path) -> Iterator[tuple[About, Path]]:
    """The backup's parts in a folder, each what its hash says. Names in the zip choose nothing outside it.

    Raises CannotRun.
    """
    try:
        with source.open("rb"):
            pass
        folder = tempfile.TemporaryDirectory(prefix="cohort-restore-")
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename is None:
            raise CannotRun(f"There is nowhere to unpack {source}: {error.strerror}.") from None
        raise CannotRun(f"There is no file {source}.") from None
    except IsADirectoryError:
        raise CannotRun(f"{source} is a folder, not a backup.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotRun(f"{source} cannot be read: {reason}.") from None
    with folder as name:
        yield _unpack(source, Path(name)), Path(name)


def _unpack(source: Path, folder: Path) -> About:
    try:
        with zipfile.ZipFile(source) as archive:
            about = from_json(archive.read(ABOUT))
            for part, digest in about.files.items():
                target = (folder / part).resolve()
                if not target.is_relative_to(folder.resolve()):
                    raise CannotRun(f"{source.name} is no backup of Cohort.")
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(part) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file, _CHUNK)
                if sha256(target) != digest:
                    raise CannotRun(f"{source.name} is damaged: {part} is not what was backed up.")
    except _DAMAGES as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise CannotRun(
                f"{source.name} cannot be unpacked in {folder.parent}: {error.strerror}."
            ) from None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CannotRun(f"{source.name} is no backup of Cohort, or is damaged: {reason}.") from None
    return about
