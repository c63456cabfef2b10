"""Files that a full, slow or read-only disk keeps: as much of ``pathlib.Path`` as livegen asks for."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import livegen.settings
from livegen.midi_out.ledger import blank_cells
from livegen.settings import Settings, load


@dataclass
class Disk:
    """What is on it, by path; ``error`` is what writing meets, 0 for nothing."""

    files: dict[str, bytes] = field(default_factory=dict)
    written_ns: dict[str, int] = field(default_factory=dict)
    error: int = 0
    writes: int = 0

    def write(self, path: str, content: bytes) -> None:
        """Write a whole file; on a full disk half of it."""
        if self.error:
            if self.error == errno.ENOSPC:
                self.files[path] = content[: len(content) // 2]
            raise OSError(self.error, os.strerror(self.error))
        self.writes += 1
        self.files[path] = content
        self.written_ns[path] = self.writes


class DiskFile:
    """A file of it that is being appended to."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path

    def __enter__(self) -> "DiskFile":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self) -> int:
        """Its length."""
        return len(self._disk.files.get(self._path, b""))

    def write(self, content: bytes) -> int:
        """Append to it; on a full disk a half, and the next one fails."""
        before = self._disk.files.get(self._path, b"")
        if self._disk.error == errno.ENOSPC and len(content) > 1:
            content = content[: len(content) // 2]
        elif self._disk.error:
            raise OSError(self._disk.error, os.strerror(self._disk.error))
        self._disk.files[self._path] = before + content
        return len(content)

    def truncate(self, size: int) -> None:
        """Cut it."""
        self._disk.files[self._path] = self._disk.files.get(self._path, b"")[:size]


@dataclass(frozen=True)
class DiskPath:
    """A path on it."""

    disk: Disk
    path: str

    def __str__(self) -> str:
        return self.path

    def __truediv__(self, name: str) -> "DiskPath":
        return DiskPath(self.disk, f"{self.path}/{name}")

    def with_suffix(self, suffix: str) -> "DiskPath":
        """Another ending."""
        return DiskPath(self.disk, self.path.rpartition(".")[0] + suffix)

    @property
    def parent(self) -> "DiskPath":
        """Its folder."""
        return DiskPath(self.disk, self.path.rpartition("/")[0])

    def open(self, mode: str, *, buffering: int) -> DiskFile:
        """Open it to append bytes to it."""
        assert (mode, buffering) == ("ab", 0)
        return DiskFile(self.disk, self.path)

    def mkdir(self, _: int, **__: bool) -> None:
        """There are no folders."""

    def touch(self, _: int) -> None:
        """A file begins with its first byte."""

    def chmod(self, _: int) -> None:
        """There are no other users."""

    def exists(self) -> bool:
        """Is it there?"""
        return self.path in self.disk.files

    def stat(self) -> SimpleNamespace:
        """When it was written."""
        if not self.exists():
            raise FileNotFoundError(errno.ENOENT, "no such file")
        written_ns = self.disk.written_ns.get(self.path, 0)
        return SimpleNamespace(st_mtime_ns=written_ns, st_size=len(self.read_bytes()), st_ino=1)

    def write_bytes(self, content: bytes) -> None:
        """Write it as a whole."""
        self.disk.write(self.path, content)

    def read_bytes(self) -> bytes:
        """All of it."""
        if not self.exists():
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return self.disk.files[self.path]

    def replace(self, other: "DiskPath") -> None:
        """Take the other's place."""
        if self.disk.error == errno.EROFS:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        self.disk.files[other.path] = self.disk.files.pop(self.path)
        self.disk.written_ns[other.path] = self.disk.written_ns.pop(self.path, 0)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Away with it."""
        self.disk.files.pop(self.path, None)


class LedgerFile:
    """The ledger's file in the runtime folder, which is in memory and is never full."""

    def __init__(self) -> None:
        self.cells = blank_cells()
        self.removed_ns: int | None = None  # since when the folder is gone
        self._number = 1

    def place(self) -> tuple[int, int] | None:
        """Which file it is."""
        return None if self.removed_ns is not None else (0, self._number)

    @contextmanager
    def open(self) -> Iterator[bytearray]:
        """Make it anew."""
        self.cells, self._number, self.removed_ns = blank_cells(), self._number + 1, None
        yield self.cells


def load_settings(disk: Disk, path: str) -> Settings:
    """The settings in a file of it."""
    with patch.object(livegen.settings, "read_regular", lambda path, _: path.read_bytes()):
        return load(cast(Path, DiskPath(disk, path)))
