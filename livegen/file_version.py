"""Tells a file from an earlier one of the same name."""

from pathlib import Path

Stamp = tuple[int, int, int]  # time of modification (ns), size (bytes), inode

GONE: Stamp = (0, 0, 0)


def stamp(path: Path) -> Stamp:
    """The stamp of a file; ``GONE`` where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return GONE
    return status.st_mtime_ns, status.st_size, status.st_ino
