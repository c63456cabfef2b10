"""A terminal with a program in it, and what can be seen on its screen."""

import fcntl
import os
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyte

CTRL_C, CTRL_S, CTRL_Q, ENTER = b"\x03", b"\x13", b"\x11", b"\r"


class Terminal:
    """Runs a command as an xterm does: on a pseudoterminal of its own, in the foreground."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], *, columns: int = 100, term: str = "xterm"
    ) -> None:
        self._master, slave = os.openpty()
        self._screen = pyte.Screen(columns, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._drawing = threading.Lock()
        self.resize(columns)
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment, "TERM": term, "PYTHONUNBUFFERED": "1"},
            preexec_fn=lambda: os.login_tty(slave),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def resize(self, columns: int) -> None:
        """Give it this width."""
        with self._drawing:
            self._screen.resize(24, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def lines(self) -> list[str]:
        """What stands on the screen, from its first line to its last one with text."""
        with self._drawing:
            shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def last(self) -> str:
        """The last line with text."""
        return (self.lines() or [""])[-1]

    def close(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _read(self) -> None:
        with suppress(OSError):  # the last program in it has ended
            while content := os.read(self._master, 65_536):
                with self._drawing:
                    self._stream.feed(content)
