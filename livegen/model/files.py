"""Finds and reads a model file, by the model's name or by a path.

A name is looked up among the shipped models; it is never joined to a path. Only a text that ends in ``.onnx`` is a
path, and it may not contain ``..``.
"""

import errno
import os
import stat
from pathlib import Path

from livegen.errors import ModelError, did_you_mean
from livegen.shipped import shipped_models

LARGEST_BYTES = 256 * 2**20  # a step reads every weight: at 10 GB/s this takes 27 ms, too long for live music
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


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
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():  # Windows cannot refuse it while opening
        raise ModelError(_linked(path))
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; give a shipped model's name or the path of an .onnx file") from None
    except OSError as error:
        raise ModelError(_linked(path) if error.errno == errno.ELOOP else f"{path}: {error.strerror}") from None
    try:
        return _read_all(path, descriptor)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read_all(path: Path, descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path}: not a regular file; give the path of an .onnx file")
    if status.st_size > LARGEST_BYTES:
        raise ModelError(f"{path}: larger than {LARGEST_BYTES >> 20} MB; such a model is too slow to play live")
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(status.st_size)


def _linked(path: Path) -> str:
    return f"{path}: a symbolic link; give the path of the file itself"
