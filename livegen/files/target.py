"""Writes a file beside its name first, so that a failure leaves the old file or none; checks names before the work."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from livegen.errors import TargetError

PICTURE = (".png",)


def check_target(target: Path, suffixes: Sequence[str], *sources: Path) -> None:
    """Raise a TargetError where ``target`` could not be written, or is one of ``sources``, also by a link."""
    if target.suffix.lower() not in suffixes:
        raise TargetError(f"{target}: the name of the file to write must end in {' or '.join(suffixes)}")
    try:
        with suppress(FileNotFoundError):
            target.stat()  # from Python 3.14 on exists() hides that no file can have such a name
        for source in sources:
            if target.exists() and source.exists() and target.samefile(source):
                raise TargetError(f"{target}: is the file {source} itself; write to another name")
        if target.exists() and not target.is_file():
            raise TargetError(f"{target}: is no ordinary file; write to another name")
        folder = Path(os.path.realpath(target)).parent
        if not folder.is_dir():
            raise TargetError(f"{target}: there is no folder {folder}; make it first")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        raise _cannot_be_written(target, error) from None


@contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its name, or replaces the one of that name, when all has been written."""
    final = Path(os.path.realpath(target))  # a link stays a link
    partial = final.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        try:
            with partial.open("xb") as file:
                yield file
            partial.replace(final)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_be_written(target, error) from None


def _cannot_be_written(target: Path, error: Exception) -> TargetError:
    return TargetError(f"{target}: cannot be written ({getattr(error, 'strerror', None) or error})")
