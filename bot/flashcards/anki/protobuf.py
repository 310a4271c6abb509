"""Just enough of protobuf's wire format for the three messages of a package.

Anki's own definitions are under the AGPL, and the official library would need its compiler: five numbered
fields do not justify either. Field numbers and kinds stand where they are read.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


class NotProtobuf(ValueError):
    """The bytes do not follow the wire format."""


def read(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in their order: number, and an int or the bytes. Raises NotProtobuf."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise NotProtobuf(f"wire type {kind}")
        if place + length > len(message):
            raise NotProtobuf("a field reaches beyond the message")
        yield number, message[place : place + length]
        place += length


def last(message: bytes) -> dict[int, int | bytes]:
    """The fields by number; of a repeated one the last counts, as protobuf has it."""
    return dict(read(message))


def text(value: int | bytes | None) -> str:
    """A string field; "" where there is none, as protobuf has it. Raises NotProtobuf."""
    if not isinstance(value, bytes | None):
        raise NotProtobuf("a number where text should be")
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise NotProtobuf("text that is not UTF-8") from error


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[place : place + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise NotProtobuf("a number without end")
