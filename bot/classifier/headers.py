"""What an image file says of itself before its pixels: read without Pillow, and bounded in time and memory.

Pillow is shown the `bare` file only: what the pixels need, and nothing of the comments, profiles, EXIF and
further frames, which can cost it minutes or gigabytes (a list of 65,535 EXIF tags that all point to the same
megabytes; thousands of EXIF segments, each joined to all before; profiles of 1 KB that inflate to 1 MB each).
"""

import re
import struct
from dataclasses import dataclass
from typing import NoReturn

from bot.errors import ImageFault, ImageRefused


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`size` is in bytes, `side` in pixels; `aspect` is the longer side by the shorter one.

    `memory` is the bytes that decoding may take at its peak: for a WebP (two canvases of libwebp, two copies
    of Pillow's, and the file once more) and for a JPEG of four inks it allows fewer pixels. `scans` counts
    the passes of a progressive JPEG (ten are usual), each of which visits the whole picture, `parts` the
    segments, chunks or blocks of a file that are read one by one, and `tables` the bytes of a JPEG's segments
    before its pixels.
    """

    size: int = 8 * 1024 * 1024
    pixels: int = 25_000_000
    memory: int = 250_000_000
    side: int = 8192
    aspect: int = 100
    scans: int = 32
    parts: int = 20_000
    tables: int = 64 * 1024


LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Header:
    """`size` is (width, height) as stored, before it is turned upright; `orientation` is EXIF's, 1 to 8;
    `cost` is the bytes that each pixel takes while it is decoded, at most.
    """

    format: str
    size: tuple[int, int]
    orientation: int
    cost: int
    bare: bytes


def sniff(data: bytes) -> str | None:
    """Pillow's name of the format that the first bytes tell: JPEG, PNG, WEBP or GIF, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def check_size(size: int) -> None:
    """Of a file in bytes, known before it is read; raises ImageRefused."""
    if size <= 0:
        raise ImageRefused(ImageFault.EMPTY)
    if size > LIMITS.size:
        raise ImageRefused(ImageFault.TOO_MANY_BYTES, LIMITS.size)


def read_header(data: bytes) -> Header:
    """Raises ImageRefused for what is no image of the four formats, has no whole header or no pixels, or is
    beyond `LIMITS`.
    """
    check_size(len(data))
    try:
        match sniff(data):
            case "JPEG":
                header = _jpeg(data)
            case "PNG":
                header = _png(data)
            case "GIF":
                header = _gif(data)
            case "WEBP":
                header = _webp(data)
            case _:
                raise ImageRefused(ImageFault.NOT_AN_IMAGE)
    except (struct.error, IndexError):  # it ends in the middle of its header
        _damaged()
    _check_sides(header)
    return header


def _check_sides(header: Header) -> None:
    longer, shorter = max(header.size), min(header.size)
    pixels = min(LIMITS.pixels, LIMITS.memory // header.cost)
    if shorter <= 0:
        _damaged()
    if longer > LIMITS.side:
        raise ImageRefused(ImageFault.TOO_LONG, LIMITS.side)
    if longer * shorter > pixels:
        raise ImageRefused(ImageFault.TOO_MANY_PIXELS, pixels)
    if longer > shorter * LIMITS.aspect:
        raise ImageRefused(ImageFault.TOO_NARROW, LIMITS.aspect)


def _damaged() -> NoReturn:
    raise ImageRefused(ImageFault.DAMAGED)


# A marker that is neither an escaped 0xFF nor fill; after the first scan, nor a restart.
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_SCAN_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Frames, Huffman and arithmetic tables, quantization tables, restart interval, JFIF, and Adobe's colours.
_NEEDED = _FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1


def _jpeg(data: bytes) -> Header:
    """ITU T.81, annex B."""
    kept, tables, orientation = [data[:2]], 0, 1
    size: tuple[int, int] | None = None
    cost = 0
    position = 2
    for _ in range(LIMITS.parts):
        found = _MARKER.search(data, position)
        if found is None:
            _damaged()
        start, marker = found.start(), data[found.start() + 1]
        position = start + 2
        if marker in _ALONE:
            continue
        if marker == _END:
            _damaged()
        if marker == _SCAN:
            if size is None:
                _damaged()
            kept.append(data[start : _end_of_scans(data, start)])
            bare = b"".join(kept)
            return Header(format="JPEG", size=size, orientation=orientation, cost=cost, bare=bare)
        (length,) = struct.unpack_from(">H", data, position)
        position += length
        if length < 2 or position > len(data):
            _damaged()
        if marker in _FRAMES:
            if size is not None:
                _damaged()
            height, width, inks = struct.unpack_from(">HHB", data, start + 5)
            size = width, height
            # A progressive one is kept as coefficients of two bytes until its last scan.
            cost = 4 + 2 * inks
        elif marker == _EXIF and orientation == 1 and data[start + 4 : start + 10] == b"Exif\0\0":
            orientation = read_orientation(data[start + 10 : position])
        if marker in _NEEDED:
            tables += length
            if tables > LIMITS.tables:
                _damaged()
            kept.append(data[start:position])
    _damaged()


def _end_of_scans(data: bytes, position: int) -> int:
    """Where the first picture of the file ends; phones append a second one, or a film."""
    scans = 0
    for _ in range(LIMITS.parts):
        found = _SCAN_MARKER.search(data, position)
        if found is None:
            return len(data)
        position, marker = found.end(), data[found.start() + 1]
        if marker == _END:
            return position
        if marker == 0x01:
            continue
        if marker == _SCAN:
            scans += 1
            if scans > LIMITS.scans:
                _damaged()
        if position + 2 > len(data):
            return len(data)
        position += max(2, int.from_bytes(data[position : position + 2], "big"))
    _damaged()


_PNG_NEEDED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT"))


def _png(data: bytes) -> Header:
    """W3C PNG, third edition, 5.3 and 11. The frames of an animated one are left out but for its IDAT."""
    if data[12:16] != b"IHDR":
        _damaged()
    size = struct.unpack_from(">II", data, 16)
    kept, orientation, pixels = [data[:8]], 1, False
    position = 8
    for _ in range(LIMITS.parts):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind == b"IEND":
            break
        if kind in _PNG_NEEDED:
            # Before the pixels only palettes are kept, which are small; a second header is none.
            if kind != b"IDAT" and (length > 1024 or pixels or (kind == b"IHDR" and position != 8)):
                _damaged()
            pixels = pixels or kind == b"IDAT"
            kept.append(data[position:end])
        elif kind == b"eXIf":
            orientation = read_orientation(data[position + 8 : min(end - 4, position + 65_536)])
        position = end
    else:
        _damaged()
    if not pixels:
        _damaged()
    kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    bare = b"".join(kept)
    return Header(format="PNG", size=(size[0], size[1]), orientation=orientation, cost=9, bare=bare)


def _gif(data: bytes) -> Header:
    """GIF89a, W3C 1990. Kept: the screen, its palette, the first picture and what stands behind it, and the
    last graphic control extension before it, which names the transparent colour.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    kept, control = [data[:position]], b""
    parts = 0
    while (kind := data[position]) != 0x2C:
        if kind == 0x3B:
            _damaged()
        start = position
        position += 1
        if kind == 0x21:
            label = data[position]
            position += 1
            while (block := data[position]) != 0:
                position += block + 1
                parts += 1
                if parts > LIMITS.parts:
                    _damaged()
            position += 1
            if label == 0xF9:
                control = data[start:position]
        parts += 1
        if parts > LIMITS.parts or len(control) > 1024:
            _damaged()
    left, top, across, down = struct.unpack_from("<HHHH", data, position + 1)
    # A picture that does not fit the screen makes the screen larger, in Pillow.
    size = max(width, left + across), max(height, top + down)
    kept += [control, data[position:]]
    return Header(format="GIF", size=size, orientation=1, cost=5, bare=b"".join(kept))


def _webp(data: bytes) -> Header:
    """RFC 9649. libwebp allots its canvases as soon as it is shown the file, so the size is read before."""
    match data[12:16]:
        case b"VP8 ":
            if data[23:26] != b"\x9d\x01\x2a":
                _damaged()
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        case b"VP8L":
            if data[20] != 0x2F:
                _damaged()
            (bits,) = struct.unpack_from("<I", data, 21)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        case _:
            _damaged()
    orientation = _webp_orientation(data)
    return Header(format="WEBP", size=(width, height), orientation=orientation, cost=17, bare=data)


def _webp_orientation(data: bytes) -> int:
    position = 12
    for _ in range(LIMITS.parts):
        if position + 8 > len(data):
            return 1
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            return read_orientation(data[position + 8 : position + 8 + min(length, 65_536)])
        position += 8 + length + (length & 1)
    _damaged()


_TURNED = 0x0112
_INTEGER = {3: ("H", 2), 4: ("I", 4)}  # TIFF's SHORT and LONG


def read_orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 (upright) where it is missing or makes no sense. Only the first
    directory is read (TIFF 6.0, section 2).
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return 1
    (entries,) = struct.unpack_from(order + "H", exif, start)
    directory = exif[start + 2 : start + 2 + 12 * entries]
    whole = len(directory) - len(directory) % 12
    for tag, kind, count, value in struct.iter_unpack(order + "HHI4s", directory[:whole]):
        if tag == _TURNED and kind in _INTEGER and count == 1:
            letter, length = _INTEGER[kind]
            (turned,) = struct.unpack(order + letter, value[:length])
            return turned if 1 <= turned <= 8 else 1
    return 1
