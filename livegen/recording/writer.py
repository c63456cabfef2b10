"""Writes frames to a sequence of files, of which the last one grows."""

import os
from collections.abc import Callable
from pathlib import Path

from livegen.log_line import WarningLine
from livegen.recording.format import Kind, Record, encode_frames

_MOST_WAITING = 16 * 2**20  # bytes
PRIVATE = 0o600  # of a file: what is played concerns nobody else


def make_folder(folder: Path) -> None:
    """Make a folder for sessions; one that is there keeps its permissions."""
    folder.mkdir(0o700, parents=True, exist_ok=True)


class SessionWriter:
    """Owner of the files that ``next_path`` names. One thread.

    A full disk is reported once; the last 16 MiB that wait are written as soon as there is room.
    """

    def __init__(
        self,
        next_path: Callable[[], Path],
        opening: Callable[[int], bytes],
        say: Callable[[str], None],
        *,
        longest_ns: int = 2**63,
        largest: int,
        is_synced: bool = False,
        make_folder: Callable[[Path], None] = make_folder,
    ) -> None:
        self._next_path = next_path
        self._opening = opening
        self._say = say
        self._longest_ns = longest_ns
        self._largest = largest
        self._is_synced = is_synced
        self._make_folder = make_folder
        self._waiting: list[bytes] = []
        self._path: Path | None = None
        self._begun_ns = 0
        self._size = 0
        self._is_failing = False

    @property
    def is_waiting(self) -> bool:
        """Frames are waiting that could not be written yet."""
        return bool(self._waiting)

    def write(self, frames: bytes, at_ns: int) -> None:
        """Write these frames after those that wait."""
        if frames:
            self._waiting.append(frames)
        self._let_go(at_ns)
        if not self._waiting:
            return
        try:
            self._append(at_ns)
        except OSError as error:
            if not self._is_failing:
                where = self._path or error.filename
                self._say(WarningLine(f"{where}: cannot record ({error.strerror}); playing on, trying again"))
            self._is_failing = True
            return
        if self._is_failing:
            self._say(f"{self._path}: recording again")
        self._is_failing = False
        self._waiting.clear()

    def _let_go(self, at_ns: int) -> None:
        """Drop the oldest waiting frames above the limit, and record a gap in their place."""
        if sum(map(len, self._waiting)) <= _MOST_WAITING:
            return
        while sum(map(len, self._waiting)) > _MOST_WAITING:
            self._waiting.pop(0)
        self._waiting.insert(0, encode_frames([Record(at_ns, Kind.GAP)]))

    def _append(self, at_ns: int) -> None:
        is_new = self._path is None or at_ns - self._begun_ns >= self._longest_ns or self._size >= self._largest
        if is_new or self._path is None:
            self._path, self._begun_ns = self._next_path(), at_ns
        self._make_folder(self._path.parent)
        self._path.touch(PRIVATE)
        if is_new:
            self._path.chmod(PRIVATE)  # a file that an earlier livegen began
        with self._path.open("ab", buffering=0) as file:  # opened each time: it may have been moved or deleted
            before = file.tell()
            content = b"".join((self._opening(at_ns) if is_new or not before else b"", *self._waiting))
            try:
                written = 0
                while written < len(content):
                    written += file.write(content[written:])
                if self._is_synced:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                if not before:
                    self._path.unlink(missing_ok=True)  # an empty file is not a session
                raise
        self._size = before + len(content)
