"""Looks into an ONNX file before a runtime does: it may not name other files.

onnxruntime follows references to "external data", also in a graph that it got from memory: then they are
paths below the working directory. The walk needs no `onnx`, which a bot that classifies does not have.
"""

from collections.abc import Iterator

#: Of onnx.proto's messages, those fields that can hold a tensor at any depth: number → message.
_FIELDS = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class _Broken(Exception):
    """This is not a protocol buffer."""


def problem_of(graph: bytes) -> str | None:
    """Why a runtime should not get these bytes; None when they are a graph that stands for itself."""
    waiting: list[tuple[str, memoryview]] = [("Model", memoryview(graph))]
    graphs = 0
    try:
        while waiting:
            kind, message = waiting.pop()
            graphs += kind == "Graph"
            for number, wire, value in _fields(message):
                if kind == "Tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION) and value:
                    return "it keeps its weights in another file"
                if (inner := _FIELDS[kind].get(number)) is not None:
                    if wire != _LENGTH or not isinstance(value, memoryview):
                        raise _Broken
                    waiting.append((inner, value))
    except _Broken:
        return "not an ONNX file"
    return None if graphs else "not an ONNX file"


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    """Number, wire type and value of each (https://protobuf.dev/programming-guides/encoding/)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        value: memoryview | int
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            if wire == _LENGTH:
                length, at = _varint(message, at)
            elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
                length = 8 if wire == _EIGHT_BYTES else 4
            else:
                raise _Broken
            if length > len(message) - at:
                raise _Broken
            value, at = message[at : at + length], at + length
        yield number, wire, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _Broken
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Broken
