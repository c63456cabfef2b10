"""What tells a file from the one that was there before under its name."""

from pathlib import Path

Stamp = tuple[int, int, int]  # when it was written, how long it is, which one it is

GONE: Stamp = (0, 0, 0)


def stamp(path: Path) -> Stamp:
    """The stamp of a file, ``GONE`` where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # such a name no file can have
        return GONE
    return status.st_mtime_ns, status.st_size, status.st_ino
