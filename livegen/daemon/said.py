"""The last lines that were said, each with its moment, for whoever comes later."""

import threading
from collections import deque
from collections.abc import Callable

from livegen.clock import NS_PER_S, now_ns

_MOST_LINES = 40


class Said:
    """Passes lines on, one at a time, and keeps the last of them. Any thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._saying = threading.Lock()
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MOST_LINES)

    def __call__(self, line: str) -> None:
        """Say a line."""
        with self._saying:
            self._lines.append((now_ns(), line))
            self._say(line)

    def lately(self, at_ns: int) -> list[tuple[int, str]]:
        """(seconds ago, line), oldest first."""
        with self._saying:
            return [((at_ns - said_ns) // NS_PER_S, line) for said_ns, line in self._lines]
