"""A line of the log, by its kind: a warning, an error, or, as a plain text, information."""

from typing import TypeVar

from livegen.printable import printable

_Line = TypeVar("_Line", bound=str)


class WarningLine(str):
    """Something is wrong, and livegen plays on by itself."""

    __slots__ = ()


class ErrorLine(str):
    """Something is wrong that somebody has to mend."""

    __slots__ = ()


def level(line: str) -> int:
    """The line's level, as in syslog(3) and sd-daemon(3): 3 for an error, 4 for a warning, 6 for information."""
    return 3 if isinstance(line, ErrorLine) else 4 if isinstance(line, WarningLine) else 6


def visible(line: _Line) -> _Line:
    """The same kind of line, in one line, with unprintable characters escaped."""
    return line if line.isprintable() else type(line)(printable(line))
