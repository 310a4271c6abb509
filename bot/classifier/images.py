"""From the bytes of somebody's file to upright RGB pixels, or a refusal that says why.

For worker processes: decoding is the work of C code on hostile bytes.
"""

import io
import re
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

from bot.classifier.headers import LIMITS, Header, check_size, read_header, sniff
from bot.classifier.protocol import Picture
from bot.errors import ImageFault, ImageRefused

__all__ = ["FULL_SIZE", "LIMITS", "check_size", "encode_photo", "read_image", "sniff"]

# Key in the `info` of an image that was decoded smaller: the (width, height) that it has otherwise.
FULL_SIZE = "full size"

# All that Pillow 13 raises on damaged files, by its source; 200,000 mutated files raised nothing else.
_DAMAGES = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
    Warning,
    Image.DecompressionBombError,
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW = re.compile(r"PIL\.")
LONGEST_PHOTO = 1024


def read_image(data: bytes, *, shown_to: tuple[int, int] | None = None) -> Image.Image:
    """The first frame, upright by its EXIF, in RGB, transparent parts on white, without metadata.

    `shown_to` (height, width, of the upright picture) allows a JPEG to be decoded at a half, quarter or
    eighth of its size, as long as both sides still have that many pixels; its `info` then has `FULL_SIZE`.
    Raises ImageRefused. At most `LIMITS.memory` is used for a moment, and 4 bytes a pixel are returned.
    """
    header = read_header(data)
    _raise_warnings()
    try:
        image = _turn(_flatten(_decode(header, shown_to)), header.orientation)
    except MemoryError:
        raise ImageRefused(ImageFault.TOO_MUCH_MEMORY) from None
    except _DAMAGES as error:
        fault = ImageFault.TOO_MUCH_MEMORY if "memory" in str(error) else ImageFault.DAMAGED
        raise ImageRefused(fault) from error
    width, height = header.size
    full = (height, width) if header.orientation >= 5 else (width, height)
    if image.size != full:
        image.info = {FULL_SIZE: full}
    return image


def encode_photo(image: Image.Image) -> Picture:
    """The image at no more than 1,024 pixels on its longer side, for the member's answer: PNG while it is
    small enough to look better so, JPEG otherwise.
    """
    shown = image if image.mode in ("RGB", "L") else image.convert("RGB")
    if max(shown.size) > LONGEST_PHOTO:
        scale = LONGEST_PHOTO / max(shown.size)
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        shown = shown.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    else:
        shown = shown.copy()
    shown.info = {}
    file = io.BytesIO()
    if max(shown.size) <= 128:
        shown.save(file, "PNG")
        return Picture(data=file.getvalue(), ending="png")
    shown.save(file, "JPEG", quality=88)
    return Picture(data=file.getvalue(), ending="jpg")


def _raise_warnings() -> None:
    """Pillow's warnings are errors in this process from now on.

    Not `catch_warnings`: it is not safe with threads, which decode here at the same time.
    """
    item = ("error", None, Warning, _PILLOW, 0)
    if item not in warnings.filters:
        warnings.filterwarnings("error", module=_PILLOW.pattern)


def _decode(header: Header, shown_to: tuple[int, int] | None) -> Image.Image:
    image = Image.open(io.BytesIO(header.bare), formats=(header.format,))
    if image.size != header.size:
        raise ImageRefused(ImageFault.DAMAGED)
    if shown_to is not None and header.format == "JPEG":
        height, width = shown_to
        image.draft(None, (height, width) if header.orientation >= 5 else (width, height))
    image.load()
    return image


def _flatten(image: Image.Image) -> Image.Image:
    """RGB on white. In few copies: 25 megapixels are 100 MB each."""
    transparent = image.info.get("transparency")
    image.info = {}
    if image.mode == "P":
        return _flatten_palette(image, transparent)
    if image.mode == "I;16":
        # Pillow would take everything above 255 for white.
        deep = np.asarray(image)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        if isinstance(transparent, int):
            grey.paste(255, mask=Image.fromarray(deep == transparent))
        return grey.convert("RGB")
    if transparent is not None and image.mode in ("1", "L", "RGB"):
        image.info = {"transparency": transparent}
        image = image.convert("RGBA")
        image.info = {}
    if image.mode in ("RGBA", "LA"):
        alpha = image.getchannel("A")
        lowest, _ = alpha.getextrema()
        if lowest != 255:
            white = (255,) * len(image.getbands())
            image.paste(white, mask=alpha.point(lambda value: 255 - value))
        del alpha
    # A new object, without what the decoder keeps.
    return image.convert("RGB") if image.mode != "RGB" else Image.Image()._new(image.im)


def _flatten_palette(image: Image.Image, transparent: object) -> Image.Image:
    """Each colour of the palette on white, which spares the picture an alpha channel."""
    colours = np.array(image.getpalette("RGB") or [], np.uint32).reshape(-1, 3)
    alpha = np.full(len(colours), 255, np.uint32)
    if isinstance(transparent, bytes):
        given = np.frombuffer(transparent, np.uint8)[: len(alpha)]
        alpha[: len(given)] = given
    elif isinstance(transparent, int) and transparent < len(alpha):
        alpha[transparent] = 0
    blended = (colours * alpha[:, None] + 255 * (255 - alpha[:, None]) + 127) // 255
    image.putpalette(blended.astype(np.uint8).tobytes())
    return image.convert("RGB")


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
