"""Watches the runtime folder, and makes it anew when it was removed while livegen plays."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from mmap import mmap
from pathlib import Path
from typing import Protocol

from livegen.errors import LivegenError
from livegen.log_line import WarningLine
from livegen.midi_out.ledger import ledger_path, open_cells

Place = tuple[int, int]  # device, inode


class LedgerFile(Protocol):
    """The file of a ledger, by its name."""

    def place(self) -> Place | None:
        """Which file has that name; None: there is none."""

    def open(self) -> AbstractContextManager[bytearray | mmap]:
        """Make it, where it is not there; LivegenError where that fails, or where another livegen has it."""


class RuntimeFile:
    """The file of the ledger of the ports called ``name`` in the runtime folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def place(self) -> Place | None:
        """Which file has that name; None: there is none."""
        try:
            found = ledger_path(self._name, self._folder).lstat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def open(self) -> AbstractContextManager[mmap]:
        """Make the folder and the file, where they are not there."""
        return open_cells(self._name, self._folder)


class FolderWatch:
    """Owner of the ledger's new files. One thread, which polls a few times a second.

    ``move`` moves the ledger, with what is in it, to new cells. A ledger that was never in a file stays in memory.
    """

    def __init__(self, file: LedgerFile, move: Callable[[bytearray | mmap], None], say: Callable[[str], None]) -> None:
        self._file = file
        self._move = move
        self._say = say
        self._place = file.place()
        self._opened = ExitStack()
        self._refused = ""  # why the file could not be made anew

    def poll(self) -> None:
        """Make the ledger's file anew, if its name no longer means it."""
        if self._place is None or self._file.place() == self._place:
            return
        before, self._opened = self._opened, ExitStack()
        try:
            self._move(self._opened.enter_context(self._file.open()))
        except LivegenError as error:
            self._opened = before
            if str(error) != self._refused:
                self._say(WarningLine(f"the runtime folder was removed; {error}; playing on, trying again"))
            self._refused = str(error)
            return
        before.close()
        self._place, self._refused = self._file.place() or self._place, ""
        self._say(WarningLine("the runtime folder was removed: made anew, with the list of sounding notes"))

    def close(self) -> None:
        """Let go of the file: nothing sounds any more."""
        self._opened.close()
