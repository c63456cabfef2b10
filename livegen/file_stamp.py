"""What tells a file from the one that was there before under its name."""

import os
from pathlib import Path

Stamp = tuple[int, int, int]  # when it was written, how long it is, which one it is

GONE: Stamp = (0, 0, 0)


def stamp(path: Path) -> Stamp:
    """The stamp of a file, ``GONE`` where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return GONE
    return status.st_mtime_ns, status.st_size, status.st_ino
