"""Prints the log on a thread of its own; in a terminal, a line below it is drawn again while things change."""

import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TextIO

from livegen.log_line import WarningLine

_REDRAW_S = 0.1
_RENEW_ROUNDS = 10  # the line is drawn again though nothing has changed: somebody may have typed over it
_MOST_WAITING = 1_000  # lines
_PATIENCE_S = 5  # for the last lines, at the end
_WIDTH = 80  # columns of a terminal that does not say it
_ERASE = "\r\x1b[K"  # to the left edge, then erase to the right one (EL, ECMA-48)


class TerminalLog:
    """Takes lines from any thread, and returns at once. A context: at its end all lines have been printed.

    A terminal that was stopped with Ctrl-S, a pipe that nobody reads, a disk that hangs: they hold up this thread only.
    The line below the log is drawn only where livegen is in the foreground and the terminal takes it at once.
    """

    def __init__(self, log: Callable[[str], None], stream: TextIO, text: Callable[[int], str]) -> None:
        """``log`` prints a line on ``stream``; ``text`` gives the line below it, of at most so many columns."""
        self._log = log
        self._stream = stream
        self._text = text
        self._has_line = can_show_a_line(stream)
        self._drawn = ""
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def __enter__(self) -> "TerminalLog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join(_PATIENCE_S)

    def __call__(self, line: str) -> None:
        """Print a line soon."""
        if self._waiting.qsize() >= _MOST_WAITING:
            self._left_out += 1
        else:
            self._waiting.put(line)

    def _run(self) -> None:
        rounds = 0
        while True:
            try:
                line = self._waiting.get(timeout=_REDRAW_S if self._has_line else None)
            except Empty:
                rounds += 1
                self._draw(is_renewed=rounds % _RENEW_ROUNDS == 0)
                continue
            self._erase()
            if line is not None:
                self._print(line)
            if self._left_out and (line is None or self._waiting.empty()):
                left_out, self._left_out = self._left_out, 0
                self._print(WarningLine(f"{left_out} lines were left out: nothing took them"))
            if line is None:
                return

    def _print(self, line: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads the log any more: the music plays on
            self._log(line)

    def _draw(self, *, is_renewed: bool) -> None:
        text = self._text(self._columns() - 1)
        if text != self._drawn or is_renewed:
            with suppress(OSError, ValueError):
                if self._is_free():
                    self._write(_ERASE + text)
                    self._drawn = text

    def _columns(self) -> int:
        """How wide the terminal is; COLUMNS of the environment may be another's."""
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self._stream.fileno()).columns or _WIDTH
        return _WIDTH

    def _erase(self) -> None:
        if self._drawn:
            with suppress(OSError, ValueError):
                self._write(_ERASE)
            self._drawn = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _is_free(self) -> bool:
        terminal = self._stream.fileno()
        is_foreground = os.tcgetpgrp(terminal) == os.getpgrp()
        return is_foreground and bool(select.select([], [terminal], [], 0)[1])


def can_show_a_line(stream: TextIO) -> bool:
    """The stream is a terminal that can erase a line."""
    return sys.platform != "win32" and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
