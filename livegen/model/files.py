"""Finds and reads a model file, by the model's name or by a path.

A name is looked up among the shipped models; it is never joined to a path. Only a text that ends in ``.onnx`` is a
path, and it may not contain ``..``.
"""

import errno
from pathlib import Path

from livegen.errors import ModelError, did_you_mean
from livegen.regular_file import read_regular
from livegen.shipped import shipped_models

LARGEST_BYTES = 256 * 2**20  # a step reads every weight: at 10 GB/s this takes 27 ms, too long for live music
_REMEDIES = {
    errno.ELOOP: "a symbolic link; give the path of the file itself",
    errno.EINVAL: "not a regular file; give the path of an .onnx file",
    errno.EFBIG: f"larger than {LARGEST_BYTES >> 20} MB; such a model is too slow to play live",
}


def find_model(name: str) -> Path:
    """The file of a shipped model's name or of a path; ModelError when it is neither."""
    shipped = shipped_models()
    if name in shipped:
        return shipped[name].resolve()  # package managers may install links to the files
    if not name.isprintable():
        raise ModelError(f"unknown model {name!a}{did_you_mean(name, shipped)}")
    path = Path(name)
    if path.suffix != ".onnx":
        if len(path.parts) > 1:
            raise ModelError(f"{name}: not a model file; give a shipped model's name or the path of an .onnx file")
        raise ModelError(f"unknown model '{name}'{did_you_mean(name, shipped)}")
    if ".." in path.parts:
        raise ModelError(f"{name}: the path contains '..'; give the full path of the .onnx file")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ModelError(f"{name}: no such user; give the full path of the .onnx file") from None


def read_model(path: Path) -> bytes:
    """The bytes of a regular file; ModelError for a symbolic link or more than ``LARGEST_BYTES``. It is opened once."""
    try:
        return read_regular(path, LARGEST_BYTES, follow=False)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; give a shipped model's name or the path of an .onnx file") from None
    except OSError as error:
        raise ModelError(f"{path}: {_REMEDIES.get(error.errno or 0) or error.strerror}") from None
