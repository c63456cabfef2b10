"""Checks the structure of an ONNX file before onnxruntime opens it.

An ONNX file is a protocol buffer (https://protobuf.dev/programming-guides/encoding): a message is a row of fields,
each a field number with a varint, some bytes, or another message. The field numbers are those of onnx.proto3
(https://github.com/onnx/onnx). Only what is forbidden in a model is searched for; onnxruntime reads the rest.
"""

from collections.abc import Iterator

from livegen.errors import ModelError

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _TRAINING = range(7)
_INSIDE = {  # message → its fields that are messages → the kind of message
    _MODEL: {7: _GRAPH, 20: _TRAINING},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _TENSOR: {},
}
_FUNCTIONS = 25  # of a model
_OPERATOR, _DOMAIN = 4, 7  # of a node
_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14  # of a tensor
_STANDARD = (b"", b"ai.onnx")  # two spellings of the same domain
_DEEPEST = 40  # levels of nested graphs
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types of protocol buffers

_Field = tuple[int, int | memoryview]


def check_structure(where: str, content: bytes) -> None:
    """ModelError for a model that needs other files, has operators beyond ONNX's own, or is truncated."""
    waiting = [(_MODEL, memoryview(content), 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ModelError(f"{where}: not a whole ONNX model (its graphs are nested too deep)")
        try:
            fields = list(_fields(message))
        except ValueError as error:
            raise ModelError(f"{where}: not a whole ONNX model ({error})") from None
        _refuse(where, kind, fields)
        for number, value in fields:
            inside = _INSIDE[kind].get(number)
            if inside is not None and isinstance(value, memoryview):
                waiting.append((inside, value, depth + 1))


def _refuse(where: str, kind: int, fields: list[_Field]) -> None:
    if kind == _MODEL and any(number == _FUNCTIONS for number, _ in fields):
        raise ModelError(f"{where}: defines operators of its own; export it with ONNX's own operators")
    if kind == _NODE:
        for domain in _texts(fields, _DOMAIN):
            if domain not in _STANDARD:
                operator = f"{domain.decode(errors='replace')}.{_text(fields, _OPERATOR)}"
                raise ModelError(f"{where}: needs the operator '{operator}'; export it with ONNX's own operators")
    if kind == _TENSOR and any(
        number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value) for number, value in fields
    ):
        name = _text(fields, _NAME)
        raise ModelError(f"{where}: its tensor '{name}' is in another file; save it as one file (no external data)")


def _texts(fields: list[_Field], wanted: int) -> Iterator[bytes]:
    return (bytes(value) for number, value in fields if number == wanted and isinstance(value, memoryview))


def _text(fields: list[_Field], wanted: int) -> str:
    return next(_texts(fields, wanted), b"").decode(errors="replace")


def _fields(message: memoryview) -> Iterator[_Field]:
    """The fields of a message that are numbers or bytes; ValueError where it is truncated or invalid."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT and 0 < number < 1 << 29:
            value, at = _varint(message, at)
            yield number, value
            continue
        size = {_FIXED_64: 8, _FIXED_32: 4}.get(wire)
        if wire == _BYTES:
            size, at = _varint(message, at)
        if size is None or number == 0 or key >> 32:
            raise ValueError(f"no field can begin with {key}")
        if size > len(message) - at:
            raise ValueError("it is truncated")
        if wire == _BYTES:
            yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest group first, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it is truncated")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")
