"""Checks the structure of an ONNX file before onnxruntime opens it.

An ONNX file is a protocol buffer; the field numbers are those of onnx.proto3 (https://github.com/onnx/onnx). Only what
is forbidden in a model is searched for; onnxruntime reads the rest.
"""

from livegen.errors import ModelError
from livegen.model.checksum import check_metadata
from livegen.model.protobuf import Field, fields, text, texts
from livegen.model.weights import check_weights

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _WEIGHTS, _SPARSE, _TRAINING = range(8)
_INSIDE = {  # message → its fields that are messages → the kind of message
    _MODEL: {7: _GRAPH, 20: _TRAINING},
    _GRAPH: {1: _NODE, 5: _WEIGHTS, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _WEIGHTS, 2: _TENSOR},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _TENSOR: {},
    _WEIGHTS: {},
}
_FUNCTIONS = 25  # of a model
_OPERATOR, _DOMAIN = 4, 7  # of a node
_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14  # of a tensor
_STANDARD = (b"", b"ai.onnx")  # two spellings of the same domain
_DEEPEST = 40  # levels of nested graphs
_TEXT = 1000  # characters that make a text
_FOREIGN = (  # files that are mistaken for ONNX: where their signature is, the signature, and what they are
    (4, b"ORTM", "a model in onnxruntime's own format"),
    (8, b'{"', "a safetensors file"),
    (0, b"PK\x03\x04", "a zip archive, as of PyTorch or Keras"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"GGUF", "a GGUF file"),
)


def check_structure(where: str, content: bytes) -> None:
    """ModelError for a foreign format, damage, other files that are needed, and operators beyond ONNX's own."""
    _refuse_foreign(where, content)
    try:
        _check_messages(where, content)
        check_metadata(where, content)
    except ValueError as error:
        raise ModelError(f"{where}: not a whole ONNX model ({error})") from None


def _refuse_foreign(where: str, content: bytes) -> None:
    for at, signature, what in _FOREIGN:
        if content[at : at + len(signature)] == signature:
            raise ModelError(f"{where}: not an ONNX model but {what}; export it as ONNX")
    head = b"".join(content[:_TEXT].split())
    if head and head.isascii() and head.decode("ascii").isprintable():
        raise ModelError(f"{where}: not an ONNX model but text; give the path of an .onnx file")


def _check_messages(where: str, content: bytes) -> None:
    waiting = [(_MODEL, memoryview(content), 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("its graphs are nested too deep")
        inner = list(fields(message))
        _refuse(where, kind, inner)
        for number, value in inner:
            inside = _INSIDE[kind].get(number)
            if inside is not None and isinstance(value, memoryview):
                waiting.append((inside, value, depth + 1))


def _refuse(where: str, kind: int, inner: list[Field]) -> None:
    if kind == _MODEL and any(number == _FUNCTIONS for number, _ in inner):
        raise ModelError(f"{where}: defines operators of its own; export it with ONNX's own operators")
    if kind == _NODE:
        for domain in texts(inner, _DOMAIN):
            if domain not in _STANDARD:
                operator = f"{domain.decode(errors='replace')}.{text(inner, _OPERATOR)}"
                raise ModelError(f"{where}: needs the operator '{operator}'; export it with ONNX's own operators")
    if kind in (_TENSOR, _WEIGHTS) and any(
        number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value) for number, value in inner
    ):
        name = text(inner, _NAME)
        raise ModelError(f"{where}: its tensor '{name}' is in another file; save it as one file (no external data)")
    if kind == _WEIGHTS:
        check_weights(where, inner)
