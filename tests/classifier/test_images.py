"""Files from outside become upright pixels, or a refusal that says why, at a bounded price."""

import io
import json
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageOps

from bot.classifier.headers import LIMITS, check_size, read_header, read_orientation, sniff
from bot.classifier.images import encode_photo, read_image
from bot.errors import ImageFault, ImageRefused
from tests.classifier import pictures
from tests.classifier.pictures import encoded, exif, gif_of, oriented, photo, png_of, scene, webp_of, zeros


def refused(data: bytes) -> ImageRefused:
    with pytest.raises(ImageRefused) as caught:
        read_image(data)
    return caught.value


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.int16)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(120, 90, seed=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_format_is_told_by_its_first_bytes_and_read(picture, kind):
    data = encoded(picture.quantize(200) if kind == "GIF" else picture, kind)
    assert sniff(data) == kind
    read = read_image(data)
    assert (read.mode, read.size, read.info) == ("RGB", (120, 90), {})
    assert np.abs(pixels(read) - pixels(picture)).mean() < 12
    assert (pixels(read) == pixels(Image.open(io.BytesIO(data)).convert("RGB"))).all()


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"II*\0" + bytes(99),
        b"BM" + bytes(99),
        b"\0\0\0\x20ftypavif" + bytes(99),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\x10\0\0\0WAVEfmt " + bytes(99),
        b"\xff",
    ],
)
def test_other_formats_are_not_tried(data):
    assert sniff(data) is None
    assert refused(data).fault is ImageFault.NOT_AN_IMAGE


def test_sizes_in_bytes():
    assert refused(b"").fault is ImageFault.EMPTY
    too_large = refused(photo(0.01, 1) + bytes(LIMITS.size))
    assert (too_large.fault, too_large.limit) == (ImageFault.TOO_MANY_BYTES, 8 * 1024 * 1024)
    check_size(LIMITS.size)
    with pytest.raises(ImageRefused):
        check_size(LIMITS.size + 1)


@pytest.mark.parametrize(
    ("data", "fault", "limit"),
    [
        (png_of(8193, 200), ImageFault.TOO_LONG, 8192),
        (png_of(2**31, 2**31), ImageFault.TOO_LONG, 8192),
        (png_of(8192, 3052), ImageFault.TOO_MANY_PIXELS, 25_000_000),
        (png_of(5001, 5000), ImageFault.TOO_MANY_PIXELS, 25_000_000),
        (png_of(1010, 10), ImageFault.TOO_NARROW, 100),
        (png_of(1, 101), ImageFault.TOO_NARROW, 100),
        (png_of(0, 9), ImageFault.DAMAGED, None),
        (gif_of(8000, 8000), ImageFault.TOO_MANY_PIXELS, 25_000_000),
        (gif_of(9, 9, frame=(0, 0, 9000, 9000)), ImageFault.TOO_LONG, 8192),
        (gif_of(9, 9, frame=(5000, 0, 4000, 9)), ImageFault.TOO_LONG, 8192),
        (webp_of(8000, 3000), ImageFault.TOO_MANY_PIXELS, 14_705_882),
        (webp_of(16_384, 16_384), ImageFault.TOO_LONG, 8192),
    ],
)
def test_sizes_in_pixels_are_read_before_anything_is_allotted(data, fault, limit):
    error = refused(data)
    assert (error.fault, error.limit) == (fault, limit)


def test_a_jpeg_and_webps_of_every_kind_tell_their_size(picture):
    for options in ({}, {"lossless": True}, {"exif": b"Exif\0\0" + exif(1)}):
        assert read_header(encoded(picture, "WEBP", **options)).size == (120, 90)
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        assert read_header(encoded(picture, "JPEG", **options)).size == (120, 90)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_turned_upright(picture, kind, orientation):
    data = encoded(
        picture, kind, exif=b"Exif\0\0" + exif(orientation), **({} if kind == "JPEG" else {"lossless": True})
    )
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGB"))
    read = read_image(data)
    assert read.size == expected.size
    assert (pixels(read) == pixels(expected)).all()
    if kind == "JPEG":
        small = read_image(data, shown_to=(expected.height // 2, expected.width // 2))
        assert small.size == (expected.width // 2, expected.height // 2)
        assert np.abs(pixels(small) - pixels(expected.resize(small.size))).mean() < 6


def test_senseless_orientations_are_none(picture):
    jpeg = encoded(picture, "JPEG")
    turned = read_image(oriented(jpeg, 8))
    assert turned.size == (90, 120)
    assert (pixels(read_image(oriented(jpeg, 8, order="<"))) == pixels(turned)).all()
    for strange in (0, 9, 65_535):
        assert read_image(oriented(jpeg, strange)).size == (120, 90)
    assert read_orientation(b"") == read_orientation(b"MM\0*\xff\xff\xff\xff") == 1
    assert read_orientation(b"MM\0*\0\0\0\x08\xff\xff" + bytes(30)) == 1
    assert read_orientation(exif(6)[:-6]) == 1


def test_transparency_lies_on_white(picture):
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    white = Image.new("RGBA", clear.size, "white")
    expected = pixels(Image.alpha_composite(white, clear).convert("RGB"))
    assert np.abs(pixels(read_image(encoded(clear, "PNG"))) - expected).max() <= 1
    assert np.abs(pixels(read_image(encoded(clear, "WEBP", lossless=True, exact=True))) - expected).max() <= 1

    grey = clear.convert("LA")
    on_white = pixels(Image.alpha_composite(white, grey.convert("RGBA")).convert("RGB"))
    assert np.abs(pixels(read_image(encoded(grey, "PNG"))) - on_white).max() <= 1

    palette = clear.quantize(64, method=Image.Quantize.FASTOCTREE)
    through_palette = pixels(Image.alpha_composite(white, palette.convert("RGBA")).convert("RGB"))
    assert np.abs(pixels(read_image(encoded(palette, "PNG"))) - through_palette).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_colour_is_white(kind):
    flag = Image.new("P", (40, 30), 1)
    flag.putpalette([9, 9, 9, 200, 0, 0])
    flag.paste(0, (0, 0, 20, 30))
    read = read_image(encoded(flag, kind, transparency=0))
    assert read.getpixel((3, 3)) == (255, 255, 255)
    assert read.getpixel((33, 3)) == (200, 0, 0)


def test_a_transparent_colour_without_a_palette_is_white():
    for mode, colour in (("RGB", (1, 2, 3)), ("L", 77)):
        flag = Image.new(mode, (40, 30), colour)
        flag.paste(40, (20, 0, 40, 30)) if mode == "L" else flag.paste((9, 9, 9), (20, 0, 40, 30))
        read = read_image(encoded(flag, "PNG", transparency=colour))
        assert read.getpixel((3, 3)) == (255, 255, 255)
        assert read.getpixel((33, 3)) != (255, 255, 255)


def test_depths_and_inks(picture):
    grey = np.asarray(picture.convert("L"))
    deep = read_image(encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"))
    assert (pixels(deep)[:, :, 0] == grey).all()
    black_and_white = Image.fromarray(grey > 128)
    assert (pixels(read_image(encoded(black_and_white, "PNG")))[:, :, 0] == (grey > 128) * 255).all()
    inks = encoded(picture.convert("CMYK"), "JPEG", quality=95)
    assert np.abs(pixels(read_image(inks)) - pixels(picture)).mean() < 6


def test_only_the_first_frame_is_shown(picture):
    frames = [picture.quantize(64), picture.rotate(90).quantize(64)]
    more = {"save_all": True, "append_images": frames[1:]}
    first = pixels(frames[0].convert("RGB"))
    for kind in ("GIF", "PNG"):
        assert (pixels(read_image(encoded(frames[0], kind, **more))) == first).all()
    moving = encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(90)], lossless=True)
    assert (pixels(read_image(moving)) == pixels(picture)).all()


def test_what_stands_beside_a_photo_does_not_matter(picture):
    jpeg = encoded(picture, "JPEG")
    plain = pixels(read_image(jpeg))
    thumbnail = b"Exif\0\0" + exif(1) + jpeg
    for beside in (
        jpeg[:2] + pictures.segment(0xE1, thumbnail) + pictures.segment(0xFE, b"a comment") + jpeg[2:],
        jpeg[:2] + pictures.segment(0xE2, b"MPF\0" + bytes(80)) + jpeg[2:] + jpeg,
        jpeg + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 500,
    ):
        assert (pixels(read_image(beside)) == plain).all()


_BOMBS = {
    "a PNG of a gigapixel": ImageFault.TOO_LONG,
    "a PNG of 400 megabytes": ImageFault.TOO_LONG,
    "a PNG at the limit": None,
    "a PNG too long": ImageFault.TOO_LONG,
    "a PNG too narrow": ImageFault.TOO_NARROW,
    "a PNG without pixels": ImageFault.DAMAGED,
    "a PNG of profiles": None,
    "a PNG of texts": None,
    "a PNG of small chunks": ImageFault.DAMAGED,
    "a PNG of EXIF": None,
    "a PNG of empty data": ImageFault.DAMAGED,
    "a GIF of a gigapixel": ImageFault.TOO_LONG,
    "a GIF whose frame is larger": ImageFault.TOO_LONG,
    "a GIF at the limit": None,
    "a GIF of comments": ImageFault.DAMAGED,
    "a GIF of extensions": ImageFault.DAMAGED,
    "a WebP of 268 megapixels": ImageFault.TOO_LONG,
    "a WebP of 100 megapixels": ImageFault.TOO_LONG,
    "a JPEG of many EXIFs": None,
    "a JPEG of small segments": ImageFault.DAMAGED,
    "a JPEG of tables": ImageFault.DAMAGED,
    "a JPEG of fill": None,
    "a JPEG of junk": None,
    "a JPEG of scans": ImageFault.DAMAGED,
    "a JPEG of 65535 pixels": ImageFault.TOO_LONG,
    "a JPEG at the limit": None,
}


def test_bombs_are_refused_or_defused():
    """Without their metadata those of None are pictures as good as any other."""
    answers: dict[str, ImageFault | None] = {}
    for name, data in pictures.bombs().items():
        assert len(data) <= LIMITS.size
        try:
            read = read_image(data)
        except ImageRefused as refusal:
            answers[name] = refusal.fault
        else:
            assert read.width * read.height <= LIMITS.pixels
            answers[name] = None
    assert answers == _BOMBS


_FUZZ = """
import collections, json, resource, sys, warnings
warnings.simplefilter("error")
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from bot.classifier.images import read_image
from bot.errors import ImageRefused
from tests.classifier.pictures import hostile_images
answers = collections.Counter()
for number, data in enumerate(hostile_images(20, 3000)):
    try:
        image = read_image(data, shown_to=(64, 64) if number % 2 else None)
        assert image.mode == "RGB" and set(image.info) <= {"full size"}, (number, image)
        answers["read"] += 1
    except ImageRefused as refusal:
        answers[refusal.fault] += 1
print(json.dumps(answers))
"""


def test_every_hostile_file_gets_an_answer():
    """In a process of its own, with a gigabyte of addresses: it neither dies nor lets anything else out."""
    done = subprocess.run([sys.executable, "-c", _FUZZ], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = Counter(json.loads(done.stdout))
    assert sum(answers.values()) == 3000
    assert answers["read"] > 300
    assert {"empty", "not an image", "damaged", "too long"} <= set(answers)


_STARVED = """
import resource
from bot.classifier.images import read_image
from bot.errors import ImageFault, ImageRefused
from tests.classifier.pictures import encoded, photo, png_of, zeros
from PIL import Image
read_image(photo(0.01, 1))
read_image(encoded(Image.new("RGB", (8, 8)), "WEBP"))
large = png_of(5000, 5000, colour=6, pixels=zeros((5000 * 4 + 1) * 5000))
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + 64 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    read_image(large)
except ImageRefused as refusal:
    assert refusal.fault is ImageFault.TOO_MUCH_MEMORY, refusal
    print("refused")
print(read_image(photo(0.01, 1)).size)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of addresses are Linux's here")
def test_too_little_memory_is_an_answer_and_the_next_picture_is_read():
    done = subprocess.run([sys.executable, "-c", _STARVED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:2] == ["refused", "(115, 87)"]


def test_truncated_photos_are_damaged(picture):
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        data = encoded(picture.quantize(99) if kind == "GIF" else picture, kind)
        for share in (0.02, 0.1, 0.5, 0.9):
            assert refused(data[: int(len(data) * share)]).fault in (
                ImageFault.DAMAGED,
                ImageFault.NOT_AN_IMAGE,
            )


def test_warnings_of_pillow_are_refusals(picture, monkeypatch):
    def warn(*_args, **_options):
        warnings.warn_explicit("strange", UserWarning, "Image.py", 1, module="PIL.Image")

    grey = encoded(picture.convert("L"), "PNG")
    monkeypatch.setattr(Image.Image, "convert", warn)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        assert refused(grey).fault is ImageFault.DAMAGED


def test_a_jpeg_is_decoded_no_smaller_than_it_is_shown():
    data = photo(3, 2)
    width, height = read_image(data).size
    for shown_to, divisor in (
        ((224, 224), 4),
        ((448, 448), 2),
        ((100, 900), 2),
        ((1500, 40), 1),
        ((9, 9), 8),
    ):
        read = read_image(data, shown_to=shown_to)
        assert read.size == (-(-width // divisor), -(-height // divisor))
    assert read_image(data, shown_to=(9000, 9000)).size == (width, height)


def test_the_photo_in_the_answer_is_small_and_has_no_metadata(picture):
    from_camera = encoded(scene(1600, 1200, seed=1), "JPEG", exif=b"Exif\0\0" + exif(6), comment=b"at home")
    shown = encode_photo(read_image(from_camera))
    assert shown.ending == "jpg"
    opened = Image.open(io.BytesIO(shown.data))
    assert opened.size == (768, 1024)
    assert not opened.getexif()
    assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    digit = encode_photo(Image.new("L", (8, 8), 7))
    assert digit.ending == "png"
    assert Image.open(io.BytesIO(digit.data)).getpixel((0, 0)) == 7
    narrow = encode_photo(Image.new("RGB", (8000, 80)))
    assert Image.open(io.BytesIO(narrow.data)).size == (1024, 10)


def test_a_picture_at_the_limit_is_read():
    data = png_of(8192, 3051, colour=0, pixels=zeros(8193 * 3051))
    assert read_image(data).size == (8192, 3051)
