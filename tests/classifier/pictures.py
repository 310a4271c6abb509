"""Photos made by code, and files that only say that they are photos. The same seed makes the same bytes."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.uint8]


def photo(megapixels: float, seed: int, *, quality: int = 90, progressive: bool = False) -> bytes:
    """A JPEG of 4:3 as a phone takes it (a few bits a pixel, chroma at half size)."""
    height = max(1, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = max(1, round(megapixels * 1e6 / height))
    return encoded(scene(width, height, seed), "JPEG", quality=quality, progressive=progressive)


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Sky, ground and things upon it: gradients, edges at every scale, texture, and a sensor's noise.

    What is drawn is larger than a pixel of the smallest of the photos, so that all sizes show one scene.
    """
    rng = np.random.default_rng(seed)
    small = Image.fromarray(_clouds(rng, 256, 192))
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    _draw_things(picture, rng)
    grain = Image.fromarray(
        rng.normal(128, 40, (min(height, 512), min(width, 512))).clip(0, 255).astype(np.uint8)
    )
    tiled = Image.new("L", (width, height))
    for left in range(0, width, 512):
        for top in range(0, height, 512):
            tiled.paste(grain, (left, top))
    noisy = Image.merge("RGB", (tiled, tiled.transpose(Image.Transpose.FLIP_LEFT_RIGHT), tiled))
    return Image.blend(picture, noisy, 0.15)


def _clouds(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Noise whose power falls with the frequency, as in natural scenes (Field, 1987)."""
    total = np.zeros((height, width, 3))
    for octave in range(6):
        across, down = 2 + (3 << octave), 2 + (2 << octave)
        layer = Image.fromarray(rng.integers(0, 256, (down, across, 3), dtype=np.uint8))
        total += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC), np.float64) / 2**octave
    low, high = total.min(), total.max()
    return ((total - low) / (high - low) * 255).astype(np.uint8)


def _draw_things(picture: Image.Image, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    side = min(picture.size)
    for _ in range(24):
        x, y = rng.uniform(0, picture.width), rng.uniform(0, picture.height)
        size = side * rng.uniform(0.02, 0.3)
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        box = (x - size / 2, y - size / 2, x + size / 2, y + size * rng.uniform(0.2, 0.6))
        match rng.integers(4):
            case 0:
                draw.ellipse(box, fill=colour)
            case 1:
                draw.rectangle(box, fill=colour)
            case 2:
                draw.line(box, fill=colour, width=max(1, int(side * 0.01)))
            case _:
                for line in range(6):
                    top = y + line * size / 6
                    draw.line((x, top, x + size, top), fill=colour, width=max(1, int(size / 14)))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def oriented(jpeg: bytes, orientation: int, *, order: str = ">") -> bytes:
    """The file with an EXIF segment behind its first two bytes; `order` is struct's: > or <."""
    return jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif(orientation, order=order)) + jpeg[2:]


def exif(orientation: int, *, order: str = ">") -> bytes:
    head = b"MM\0*" if order == ">" else b"II*\0"
    return head + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def segment(marker: int, content: bytes) -> bytes:
    """Of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, *, colour: int = 2, depth: int = 8, pixels: bytes = b"") -> bytes:
    """One that says it has that size, whatever `pixels` (compressed) hold; `colour` is PNG's type."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """That many zeros, deflated a thousandfold, and never in memory at once."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [packer.compress(block[: min(1 << 20, count - done)]) for done in range(0, count, 1 << 20)]
    return b"".join((*parts, packer.flush()))


def gif_of(
    width: int, height: int, *, frame: tuple[int, int, int, int] = (0, 0, 1, 1), before: bytes = b""
) -> bytes:
    """A GIF with that screen, `before` in front of a frame at left, top of a width and height."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\xff\xff\xff\0\0\0"
    return head + before + b"," + struct.pack("<HHHHB", *frame, 0) + b"\x02\x02\x44\x01\x00;"


def webp_of(width: int, height: int) -> bytes:
    """An extended WebP that says it has that canvas."""
    canvas = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + encoded(Image.new("RGB", (8, 8)), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bombs() -> dict[str, bytes]:
    """Small files that would cost much, by what they try. Each is at most 8 MiB."""
    jpeg = encoded(Image.new("RGB", (64, 48), (200, 30, 30)), "JPEG")
    wide = encoded(Image.new("RGB", (4000, 3000), (9, 99, 9)), "JPEG", progressive=True, quality=10)
    png = encoded(Image.new("RGB", (64, 48)), "PNG")
    megabyte = zlib.compress(bytes(1_000_000), 9)
    tags = b"".join(struct.pack(">HHII", tag, 1, 4_000_000, 8) for tag in range(1, 60_000))
    return {
        "a PNG of a gigapixel": png_of(32_000, 32_000, pixels=zeros(1 << 20)),
        "a PNG of 400 megabytes": png_of(8192, 12_207, colour=6, pixels=zeros(8192 * 12_207 * 4)),
        "a PNG at the limit": png_of(8192, 3051, colour=6, pixels=zeros((8192 * 4 + 1) * 3051)),
        "a PNG too long": png_of(60_000, 1, pixels=zeros(200_000)),
        "a PNG too narrow": png_of(8000, 20, pixels=zeros(480_020)),
        "a PNG without pixels": png_of(0, 0),
        "a PNG of profiles": png[:33] + chunk(b"iCCP", b"x\0\0" + megabyte) * 6000 + png[33:],
        "a PNG of texts": png[:33] + chunk(b"zTXt", b"x\0\0" + megabyte) * 6000 + png[33:],
        "a PNG of small chunks": png[:33] + chunk(b"abCd", b"") * 650_000 + png[33:],
        "a PNG of EXIF": png[:33]
        + chunk(b"eXIf", b"MM\0*\0\0\0\x08\xea\x5f" + tags + bytes(4_000_000))
        + png[33:],
        "a PNG of empty data": png[:33] + chunk(b"IDAT", b"") * 650_000 + png[33:],
        "a GIF of a gigapixel": gif_of(32_000, 32_000),
        "a GIF whose frame is larger": gif_of(8, 8, frame=(60_000, 60_000, 5000, 5000)),
        "a GIF at the limit": gif_of(8192, 3051),
        "a GIF of comments": gif_of(8, 8, before=b"!\xfe" + b"\x01x" * 4_000_000 + b"\0"),
        "a GIF of extensions": gif_of(8, 8, before=b"!\xf9\x00" * 2_700_000),
        "a WebP of 268 megapixels": webp_of(16_383, 16_383),
        "a WebP of 100 megapixels": webp_of(10_000, 10_000),
        "a JPEG of many EXIFs": jpeg[:2] + segment(0xE1, b"Exif\0\0" + bytes(500)) * 16_000 + jpeg[2:],
        "a JPEG of small segments": jpeg[:2] + segment(0xEA, b"") * 2_000_000 + jpeg[2:],
        "a JPEG of tables": jpeg[:2] + segment(0xDB, (b"\0" + bytes(64)) * 1000) * 120 + jpeg[2:],
        "a JPEG of fill": jpeg[:20] + b"\xff" * 8_000_000 + jpeg[20:],
        "a JPEG of junk": jpeg[:20] + b"\x07" * 8_000_000 + jpeg[20:],
        "a JPEG of scans": _more_scans(wide, 2000),
        "a JPEG of 65535 pixels": _with_size(jpeg, 65_535, 65_535),
        "a JPEG at the limit": _with_size(jpeg, 3051, 8192),
    }


def _more_scans(jpeg: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * min(count, (8_000_000 - len(jpeg)) // (len(jpeg) - last)) + jpeg[-2:]


def _with_size(jpeg: bytes, height: int, width: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def _samples() -> list[bytes]:
    """Sound files of every kind that is read, small enough to be mutated by the thousand."""
    picture = scene(80, 60, seed=1)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    frames = [picture.rotate(turn).quantize(32) for turn in (0, 9, 18)]
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    more = {"save_all": True, "append_images": frames[1:]}
    jpeg = encoded(picture, "JPEG")
    return [
        jpeg,
        encoded(picture, "JPEG", progressive=True),
        encoded(picture, "JPEG", subsampling=0, restart_marker_blocks=2),
        encoded(picture.convert("CMYK"), "JPEG"),
        encoded(picture.convert("L"), "JPEG"),
        *(oriented(jpeg, turn) for turn in (3, 6)),
        encoded(picture, "PNG"),
        encoded(clear, "PNG", optimize=True),
        encoded(clear.convert("LA"), "PNG"),
        encoded(picture.convert("1"), "PNG"),
        encoded(deep, "PNG"),
        encoded(picture.quantize(16), "PNG", transparency=3),
        encoded(clear.quantize(64, method=Image.Quantize.FASTOCTREE), "PNG"),
        encoded(frames[0], "PNG", **more),
        encoded(frames[0], "GIF"),
        encoded(frames[0], "GIF", transparency=2, **more),
        encoded(picture, "WEBP"),
        encoded(clear, "WEBP", lossless=True),
        encoded(clear, "WEBP", exif=b"Exif\0\0" + exif(8)),
        encoded(picture, "WEBP", save_all=True, append_images=[picture.filter(ImageFilter.BLUR)]),
    ]


_STRANGERS = (
    b"",
    b"\0",
    b"hello, this is a text\n" * 40,
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    b"%PDF-1.7\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    b"BM" + bytes(60),
    b"II*\0" + bytes(60),
    b"PK\x03\x04" + bytes(60),
    b"\x00\x00\x00\x20ftypavif" + bytes(60),
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x10\0\0\0WEBPVP8 ",
    b"RIFF\x10\0\0\0WAVEfmt ",
)


def hostile_images(seed: int, count: int) -> Iterator[bytes]:
    """Mutations of sound files, strangers, and now and then a bomb, `count` in all."""
    rng = np.random.default_rng(seed)
    samples = _samples()
    dangers = list(bombs().values())
    ways: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
        _flip, _flip, _flip_early, _flip_early, _cut, _repeat, _drop, _overwrite, _extreme,
    )  # fmt: skip
    for number in range(count):
        if number % 100 == 50:
            yield dangers[number // 100 % len(dangers)]
        elif number % 20 == 0:
            yield _STRANGERS[number // 20 % len(_STRANGERS)]
        else:
            sample = samples[int(rng.integers(len(samples)))]
            for _ in range(int(rng.integers(1, 3))):
                sample = ways[int(rng.integers(len(ways)))](sample, rng)
            yield sample if number % 7 else _mended(sample)


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    return _flipped(data, rng, len(data))


def _flip_early(data: bytes, rng: np.random.Generator) -> bytes:
    return _flipped(data, rng, 200)


def _flipped(data: bytes, rng: np.random.Generator, end: int) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, max(1, min(end, len(data))), int(rng.integers(1, 12))):
        if at < len(changed):
            changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data) + 1))
    end = start + int(rng.integers(1, 200))
    return data[:end] + data[start:end] * int(rng.integers(1, 50)) + data[end:]


def _drop(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data) + 1))
    return data[:start] + data[start + int(rng.integers(1, 200)) :]


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 64))
    return data[:start] + rng.bytes(length) + data[start + length :]


def _extreme(data: bytes, rng: np.random.Generator) -> bytes:
    """A number in the header becomes the largest, the smallest, or one off."""
    start = int(rng.integers(0, max(1, min(120, len(data)))))
    number = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1", b"\x80\0\0\0")[
        int(rng.integers(5))
    ]
    return data[:start] + number + data[start + 4 :]


def _mended(data: bytes) -> bytes:
    """A PNG's checksums made right again, so that what was changed reaches the decoder."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        parts.append(chunk(kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return b"".join(parts)
