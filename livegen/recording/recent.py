"""The ring buffer on disk: the last minutes, in a few small files; the oldest is deleted for a new one."""

import re
from pathlib import Path

from livegen.errors import SessionError
from livegen.regular_file import read_regular

PIECES = 6  # files; the last one grows
_LARGEST = 64 * 2**20  # bytes; the recorder begins a new file long before
_SMALL = 64 * 2**10  # bytes; a smaller file is continued, so that repeated starts delete nothing


def next_piece(folder: Path, name: str) -> Path:
    """The file in which the ring of the ports called ``name`` continues; for a new file the oldest is deleted."""
    found = _pieces(folder, name)
    if found and found[-1][1].stat().st_size < _SMALL:
        return found[-1][1]
    for _, path in found[: -(PIECES - 1)]:
        path.unlink(missing_ok=True)
    return folder / f"{name}.{found[-1][0] + 1 if found else 1}.ring"


def recent_content(folder: Path, name: str) -> bytes:
    """The content of the ring, as that of a session file; SessionError when it is empty."""
    content = []
    for _, path in _pieces(folder, name):
        try:
            content.append(read_regular(path, _LARGEST))
        except FileNotFoundError:
            continue  # it was deleted meanwhile
        except OSError as error:
            raise SessionError(f"{path}: cannot be read: {error.strerror}") from None
    if not any(content):
        raise SessionError(f"nothing of '{name}' is recorded in {folder}; check that it runs, and daemon.ring_minutes")
    return b"".join(content)


def _pieces(folder: Path, name: str) -> list[tuple[int, Path]]:
    """The ring's files, in the order of their numbers."""
    pattern = re.compile(rf"{re.escape(name)}\.(\d+)\.ring")
    return sorted((int(match[1]), path) for path in folder.glob("*.ring") if (match := pattern.fullmatch(path.name)))
