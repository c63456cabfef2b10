"""The ring: what was played in the last minutes, in a few small files that push each other out."""

import re
from pathlib import Path

from livegen.errors import SessionError

PIECES = 6  # of which the last one grows
_SMALL = 64 * 2**10  # bytes; a smaller piece is gone on with: quiet hours and starts in a row push nothing out


def next_piece(folder: Path, name: str) -> Path:
    """Where the ring of the ports called ``name`` goes on; the oldest piece makes room for a new one."""
    found = _pieces(folder, name)
    if found and found[-1][1].stat().st_size < _SMALL:
        return found[-1][1]
    for _, path in found[: -(PIECES - 1)]:
        path.unlink(missing_ok=True)
    return folder / f"{name}.{found[-1][0] + 1 if found else 1}.ring"


def recent_content(folder: Path, name: str) -> bytes:
    """What is in the ring, as the content of a session's file; SessionError when there is none."""
    content = []
    for _, path in _pieces(folder, name):
        try:
            content.append(path.read_bytes())
        except FileNotFoundError:
            continue  # it has made room meanwhile
        except OSError as error:
            raise SessionError(f"{path}: cannot be read: {error.strerror}") from None
    if not any(content):
        raise SessionError(f"nothing is kept of '{name}' in {folder}; is it running? see daemon.ring_minutes")
    return b"".join(content)


def _pieces(folder: Path, name: str) -> list[tuple[int, Path]]:
    """In the order of their numbers."""
    pattern = re.compile(rf"{re.escape(name)}\.(\d+)\.ring")
    return sorted((int(match[1]), path) for path in folder.glob("*.ring") if (match := pattern.fullmatch(path.name)))
