"""Handwriting as the digits' model was shown it: light strokes on black, one size, in the middle.

Ink may be dark on light or light on dark, under uneven light. Only numpy and Pillow.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.uint8]

# Longer side, in pixels, of the picture in which the ink is looked for.
WORKING = 256
SIZE = (28, 28)
# Share of the square that the ink's longer side fills, as in MNIST (20 of 28; LeCun et al., 1998).
_FILLED = 20 / 28
# Sides of the squares that no stroke fills, as shares of the picture's longer side: a digit that fills its
# picture needs the large one, and the small ones follow the light closer.
_WINDOWS = (0.6, 0.3, 0.15)
# Grey levels between ink and ground below which there is nothing but noise.
_CONTRAST = 12
# What a rough ground costs: at this many grey levels up and down along the picture, half.
_ROUGH = 60
# Specks with less than this share of the largest piece's ink are left out.
_SPECK = 0.12
# Strokes are made at least this wide, as a share of the ink's longer side: a pen's are thinner than a pixel
# of the 8 × 8 digits.
_STROKE = 0.13


def normalise(image: Image.Image, *, size: tuple[int, int] = SIZE) -> Image.Image:
    """Mode "L", `size` is (height, width). All black where no ink is found."""
    ink = _ink(_grey(image))
    threshold = _threshold(ink)
    if _contrast(ink, threshold) < _CONTRAST:
        return Image.new("L", size[::-1])
    top, bottom, left, right = _box(ink, threshold)
    ink = ink[top:bottom, left:right]
    return _frame(_level(ink, _otsu(ink)), size)


def _grey(image: Image.Image) -> Grey:
    """At `WORKING` pixels, with the paper's grain smoothed away."""
    scale = WORKING / max(image.size)
    size = max(3, round(image.width * scale)), max(3, round(image.height * scale))
    if scale < 1:
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("L")
    else:
        image = image.convert("L").resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(1)))


def _ink(grey: Grey) -> Grey:
    """How far each pixel stands out of its ground, which the light may vary: the top-hat transform (Serra,
    Image Analysis and Mathematical Morphology, 1982) of the picture or its negative, with the window that
    finds the clearest ink.
    """
    small, negative = grey[::2, ::2], 255 - grey[::2, ::2]
    candidates = [
        (_clearness(source, _ground(source, window)), dark, window)
        for window in _WINDOWS
        for dark, source in ((True, small), (False, negative))
    ]
    _, dark, window = max(candidates)
    source = grey if dark else 255 - grey
    return _ground(source, window) - source


def _ground(grey: Grey, window: float) -> Grey:
    return _closed(grey, int(max(grey.shape) * window))


def _clearness(grey: Grey, ground: Grey) -> float:
    """High when ink and ground lie far apart, the border, where writing is rare, is ground, and the ground
    is smooth: what is left of a picture by the wrong choice of light and dark shows the strokes.
    """
    ink = ground - grey
    threshold = _threshold(ink)
    edge = max(1, max(ink.shape) // 32)
    rim = np.concatenate([part.ravel() for part in (ink[:edge], ink[-edge:], ink[:, :edge], ink[:, -edge:])])
    empty = 1 - float((rim > threshold).mean())
    signed = ground.astype(np.int16)
    rough = sum(float(np.abs(np.diff(signed, axis=axis)).mean()) * signed.shape[axis] for axis in (0, 1))
    return float(_contrast(ink, threshold) * empty**4 / (_ROUGH + rough))


def _threshold(ink: Grey) -> int:
    """Otsu's, but not so low that what little ink there is drowns in the shades of the ground."""
    return max(_otsu(ink), int(0.4 * float(np.percentile(ink, 99.7))))


def _contrast(ink: Grey, threshold: int) -> float:
    """Grey levels between the mean of the ink and that of the ground."""
    above = ink > threshold
    if not above.any():
        return 0.0
    return float(ink[above].mean() - ink[~above].mean())


def _closed(grey: Grey, window: int) -> Grey:
    """The grey closing by a square: brightest, then darkest within the window."""
    return 255 - _brightest(255 - _brightest(grey, window), window)


def _brightest(grey: Grey, window: int) -> Grey:
    for axis in (0, 1):
        grey = _brightest_along(grey, min(window, 2 * grey.shape[axis] - 1) | 1, axis)
    return grey


def _brightest_along(grey: Grey, window: int, axis: int) -> Grey:
    """The maximum over an odd window, by doubling: a window of 2n is the maximum of two of n."""
    half = window // 2
    widths = [(0, 0), (0, 0)]
    widths[axis] = (half, half)
    line = np.moveaxis(np.pad(grey, widths, constant_values=0), axis, 0)
    reach = 1
    while 2 * reach <= window:
        line = np.maximum(line[:-reach], line[reach:])
        reach *= 2
    if rest := window - reach:
        line = np.maximum(line[:-rest], line[rest:])
    return np.moveaxis(line, 0, axis)


def _otsu(ink: Grey) -> int:
    """The threshold that separates two classes best (Otsu, 1979)."""
    counts = np.bincount(ink.ravel(), minlength=256).astype(np.float64)
    below, total = counts.cumsum(), counts.sum()
    sums = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums / below - (sums[-1] - sums) / (total - below)
        between = np.nan_to_num(below * (total - below) * apart**2)
    return int(between.argmax())


def _box(ink: Grey, threshold: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the pieces that are no specks."""
    step = 2
    pieces = _pieces(ink[::step, ::step] > threshold)
    largest = max(piece[0] for piece in pieces)
    kept = [piece for piece in pieces if piece[0] >= _SPECK * largest]
    top, bottom = min(piece[1] for piece in kept), max(piece[2] for piece in kept)
    left, right = min(piece[3] for piece in kept), max(piece[4] for piece in kept)
    return (
        max(0, step * top - 1),
        min(ink.shape[0], step * bottom + 1),
        max(0, step * left - 1),
        min(ink.shape[1], step * right + 1),
    )


def _pieces(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int, int]]:
    """The connected pieces, diagonals included, each as pixels, top, bottom, left, right: rows are cut into
    runs, and runs that touch those of the row above are joined.
    """
    framed = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    framed[:, 1:-1] = mask
    change = np.diff(framed, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    runs = list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
    parents = list(range(len(runs)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    above = 0
    for index, (row, start, end) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start):
            above += 1
        other = above
        while other < index and runs[other][0] == row - 1 and runs[other][1] <= end:
            parents[root(other)] = root(index)
            other += 1
    pieces: dict[int, tuple[int, int, int, int, int]] = {}
    for index, (row, start, end) in enumerate(runs):
        pixels, top, bottom, left, right = pieces.get(root(index), (0, row, row, start, end))
        pieces[root(index)] = (
            pixels + end - start,
            min(top, row),
            max(bottom, row + 1),
            min(left, start),
            max(right, end),
        )
    return list(pieces.values())


def _level(ink: Grey, threshold: int) -> Grey:
    """Ground to black, ink to white, and what lies between in proportion."""
    black = threshold / 2
    white = float(np.percentile(ink[ink > threshold], 75))
    levels = (np.arange(256) - black) / max(1.0, white - black)
    return (levels.clip(0, 1) * 255).round().astype(np.uint8)[ink]


def _frame(ink: Grey, size: tuple[int, int]) -> Image.Image:
    """In the middle of black, its longer side at `_FILLED` of the square's, thin strokes made wider."""
    square = min(size)
    scale = _FILLED * square / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    piece = _thicken(Image.fromarray(ink)).resize((width, height), Image.Resampling.BILINEAR)
    framed = Image.new("L", size[::-1])
    framed.paste(piece, ((size[1] - width) // 2, (size[0] - height) // 2))
    return framed


def _thicken(ink: Image.Image) -> Image.Image:
    pixels = np.asarray(ink).astype(np.int16)
    around = np.abs(np.diff(pixels, axis=0)).sum() + np.abs(np.diff(pixels, axis=1)).sum()
    # A stroke has two edges, and a slanting edge counts 4/π times its length on the average.
    stroke = 2 * pixels.sum() / max(1.0, around * np.pi / 4)
    missing = round((_STROKE * max(ink.size) - stroke) / 2)
    if missing < 1:
        return ink
    wider = np.pad(np.asarray(ink), missing)
    return Image.fromarray(_brightest(wider, 2 * missing + 1))
