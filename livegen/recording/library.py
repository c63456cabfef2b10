"""The sessions on disk: their folder, their names, and which are deleted."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from livegen.errors import SessionError, did_you_mean
from livegen.recording.writer import PRIVATE, make_folder

_SUFFIX = ".session"
_SAVED = "saved-"
_RECORDED = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?\.session")  # by ``free_path`` without a prefix


def sessions_folder() -> Path:
    """The default folder of saved sessions, in the state folder (XDG base directories)."""
    folder = os.environ.get("XDG_STATE_HOME")
    return (Path(folder) if folder else Path.home() / ".local" / "state") / "livegen" / "sessions"


def free_path(folder: Path, prefix: str = "") -> Path:
    """A path in ``folder`` that does not exist yet, named by the date and time."""
    stamp = prefix + time.strftime("%Y-%m-%d_%H-%M-%S")
    names = (f"{stamp}{suffix}{_SUFFIX}" for suffix in ("", *(f"-{count}" for count in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def saved_before(content: bytes, folder: Path) -> Path | None:
    """The newest saved session, where it holds just this ``content``."""
    saved = [path for path in _sessions(folder) if path.name.startswith(_SAVED)]
    with suppress(OSError):
        if saved and saved[-1].stat().st_size == len(content) and saved[-1].read_bytes() == content:
            return saved[-1]
    return None


def save_session(content: bytes, folder: Path) -> Path:
    """Save the ``content`` of a session file where ``prune`` does not delete it; return its path."""
    path = free_path(folder, _SAVED)
    try:
        make_folder(folder)
        path.touch(PRIVATE)
        path.write_bytes(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SessionError(f"{path}: cannot be saved: {error.strerror}; choose another folder: --folder") from None
    return path


def list_sessions(folder: Path) -> list[dict[str, Any]]:
    """Name, size in kB and time of the last record of each session in ``folder``, the oldest first."""
    return [
        {
            "name": path.stem,
            "kb": -(-path.stat().st_size // 1000),
            "until": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(path.stat().st_mtime)),
        }
        for path in _sessions(folder)
    ]


def find_session(name: str, folder: Path) -> Path:
    """The file of a session listed in ``folder``, with or without .session, or another path that ends so.

    SessionError for other names.
    """
    known = {path.stem: path for path in _sessions(folder)}
    if name in known:
        return known[name]
    if name.endswith(_SUFFIX):
        return Path(name) if Path(name).exists() else known.get(name.removesuffix(_SUFFIX), Path(name))
    others = did_you_mean(name, known) if known else ", nor any other; livegen session save makes one"
    raise SessionError(f"no session called '{name}' in {folder}{others}")


def prune(folder: Path, most: int) -> None:
    """Delete the oldest recorded sessions until at most ``most`` bytes remain; sessions saved by hand stay."""
    recorded = [path for path in _sessions(folder) if _RECORDED.fullmatch(path.name)]
    total = sum(path.stat().st_size for path in recorded)
    for path in recorded:
        if total <= most:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)


def _sessions(folder: Path) -> list[Path]:
    """The session files, in the order of their last records."""
    found = (path for path in folder.glob(f"*{_SUFFIX}") if path.is_file())
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
