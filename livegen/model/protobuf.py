"""Reads protocol buffers without a schema.

A message is a row of fields, each a field number with a varint, with four or eight bytes, or with bytes that may be
another message (https://protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Iterator, Sequence

Field = tuple[int, int | memoryview]  # a field's number, and its content

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # wire types


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message; ValueError where it is truncated or invalid."""
    return ((number, value) for number, value, _ in spans(message))


def spans(message: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """As ``fields``, and the whole field as it is written."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT and 0 < number < 1 << 29:
            value, at = _varint(message, at)
            yield number, value, message[begin:at]
            continue
        size = {_FIXED_64: 8, _FIXED_32: 4}.get(wire)
        if wire == _BYTES:
            size, at = _varint(message, at)
        if size is None or number == 0 or key >> 32:
            raise ValueError(f"no field can begin with {key}")
        if size > len(message) - at:
            raise ValueError("it is truncated")
        at += size
        yield number, message[at - size : at], message[begin:at]


def varints(given: Sequence[Field], wanted: int) -> list[int]:
    """The numbers of a repeated field, packed or not."""
    found: list[int] = []
    for number, value in given:
        if number == wanted and isinstance(value, int):
            found.append(value)
        elif number == wanted and isinstance(value, memoryview):
            at = 0
            while at < len(value):
                one, at = _varint(value, at)
                found.append(one)
    return found


def texts(given: Sequence[Field], wanted: int) -> list[bytes]:
    """The contents of a field that holds bytes, as often as it is there."""
    return [bytes(value) for number, value in given if number == wanted and isinstance(value, memoryview)]


def text(given: Sequence[Field], wanted: int) -> str:
    """The first of ``texts``, to be shown; "" without any."""
    return next(iter(texts(given, wanted)), b"").decode(errors="replace")


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
