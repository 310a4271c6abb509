"""What a PNG says about itself."""

import struct
import zlib


def size(png: bytes) -> tuple[int, int]:
    """Width and height. Fails unless every chunk is whole and the pixels are all there."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    position = 8
    pixels = b""
    header = b""
    kind = b""
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        data = png[position + 8 : position + 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack_from(">I", png, position + 8 + length)[0]
        header = data if kind == b"IHDR" else header
        pixels += data if kind == b"IDAT" else b""
        position += length + 12
    assert kind == b"IEND"
    width, height, depth, color = struct.unpack_from(">IIBB", header)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    assert len(zlib.decompress(pixels)) == height * (1 + width * channels * depth // 8)
    return width, height
