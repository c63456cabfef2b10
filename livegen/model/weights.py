"""Checks the weights in an ONNX file: finite numbers, as many as their shape says."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livegen.errors import ModelError
from livegen.model.protobuf import Field, text, texts, varints

_DIMS, _TYPE, _FLOATS, _INTS, _NAME, _RAW, _DOUBLES = 1, 2, 4, 5, 8, 9, 10  # fields of a TensorProto
_FLOAT, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16  # of its data types
_BYTES = {_FLOAT: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, _FLOAT16: 2, _DOUBLE: 8, 12: 4, 13: 8, _BFLOAT16: 2}
_TYPES = {_FLOAT: "<f4", _FLOAT16: "<f2", _DOUBLE: "<f8", _BFLOAT16: "<u2"}


def check_weights(where: str, tensor: Sequence[Field]) -> None:
    """ModelError, by the name of the initializer, where a weight is missing, not a number, or infinite."""
    name, dims, kinds = text(tensor, _NAME), varints(tensor, _DIMS), varints(tensor, _TYPE)
    kind = kinds[-1] if kinds else 0
    raw = texts(tensor, _RAW)
    if raw and kind in _BYTES and len(raw[-1]) != (wanted := prod(dims) * _BYTES[kind]):
        shape = ", ".join(map(str, dims[:8]))
        raise ModelError(f"{where}: its weights '{name}' have {len(raw[-1])} bytes; the shape [{shape}] needs {wanted}")
    if kind in _TYPES and not _are_weights(kind, _numbers(tensor, kind, raw)):
        raise ModelError(f"{where}: its weights '{name}' are not finite; the file is damaged")


def _numbers(tensor: Sequence[Field], kind: int, raw: Sequence[bytes]) -> NDArray[Any]:
    """The weights, wherever they are kept; of float16 and bfloat16 the bits may be kept as integers."""
    if raw:
        return np.frombuffer(raw[-1], _TYPES[kind])
    if kind in (_FLOAT16, _BFLOAT16):
        return (np.array(varints(tensor, _INTS), np.uint64) & 0xFFFF).astype("<u2").view(_TYPES[kind])
    return np.frombuffer(b"".join(texts(tensor, _FLOATS if kind == _FLOAT else _DOUBLES)), _TYPES[kind])


def _are_weights(kind: int, numbers: NDArray[Any]) -> bool:
    """All are finite; a single number may be infinite, for it is what a mask is filled with."""
    if kind == _BFLOAT16:
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    if numbers.size == 1:
        return not np.isnan(numbers).any()
    return bool(np.isfinite(numbers).all())
