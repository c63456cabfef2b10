"""The sessions on disk: where they are, what they are called, which have to go."""

import os
import re
import time
from pathlib import Path
from typing import Any

from livegen.errors import SessionError, did_you_mean

_SUFFIX = ".session"
_RECORDED = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?\.session")  # what ``free_path`` makes of no prefix


def sessions_folder() -> Path:
    """Where sessions are saved when nothing else is said: the state folder (XDG base directories)."""
    folder = os.environ.get("XDG_STATE_HOME")
    return (Path(folder) if folder else Path.home() / ".local" / "state") / "livegen" / "sessions"


def free_path(folder: Path, prefix: str = "") -> Path:
    """A file in ``folder`` that is not there yet, called by the hour."""
    stamp = prefix + time.strftime("%Y-%m-%d_%H-%M-%S")
    names = (f"{stamp}{suffix}{_SUFFIX}" for suffix in ("", *(f"-{count}" for count in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def save_session(content: bytes, folder: Path) -> Path:
    """Save the ``content`` of a session's file, out of reach of ``prune``; where it is."""
    path = free_path(folder, "saved-")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SessionError(f"{path}: cannot be saved: {error.strerror}; give another folder: --folder") from None
    return path


def list_sessions(folder: Path) -> list[dict[str, Any]]:
    """Name, size in kB and the hour of its last record for each session in ``folder``, the oldest first."""
    return [
        {
            "name": path.stem,
            "kb": -(-path.stat().st_size // 1000),
            "until": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(path.stat().st_mtime)),
        }
        for path in _sessions(folder)
    ]


def find_session(name: str, folder: Path) -> Path:
    """The file of a session in the list of ``folder``, or at a path that ends in .session; SessionError if none is."""
    known = {path.stem: path for path in _sessions(folder)}
    if name in known:
        return known[name]
    if name.endswith(_SUFFIX):
        return Path(name)
    raise SessionError(f"no session called '{name}' in {folder}{did_you_mean(name, known)}")


def prune(folder: Path, most: int) -> None:
    """Delete the oldest recorded sessions until they have ``most`` bytes; what was saved by hand stays."""
    recorded = [path for path in _sessions(folder) if _RECORDED.fullmatch(path.name)]
    total = sum(path.stat().st_size for path in recorded)
    for path in recorded:
        if total <= most:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)


def _sessions(folder: Path) -> list[Path]:
    """In the order of their last records."""
    found = (path for path in folder.glob(f"*{_SUFFIX}") if path.is_file())
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
