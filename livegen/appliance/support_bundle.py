"""Writes the support bundle: one file with all that a remote helper needs, and music only on request."""

import getpass
import json
import platform
import subprocess
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from livegen.daemon.status_file import read_status
from livegen.errors import LivegenError
from livegen.settings import Settings
from livegen.tools.doctor import examine
from livegen.tools.status_report import as_text

_LINES = 500  # of the journal
_MOST_MUSIC = 20 * 2**20  # bytes
_PATIENCE_S = 20  # for a program of the system to answer


def write_bundle(target: Path, settings: Settings, *, with_music: bool) -> list[str]:
    """Write a zip file; return the names of the files in it. LivegenError when it cannot be written."""
    texts = {
        "doctor.txt": examine(settings).as_text(),
        "settings.json": json.dumps(settings.model_dump(mode="json"), indent=2),
        "versions.txt": "\n".join(_versions()),
        "service.txt": _ask("systemctl", "show", settings.ports.name) + _ask("systemctl", "cat", settings.ports.name),
        "journal.txt": _ask("journalctl", "--no-pager", f"--lines={_LINES}", f"--unit={settings.ports.name}"),
        **_status(settings.ports.name),
    }
    music = _recordings(settings) if with_music else []
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in texts.items():
                bundle.writestr(name, _without_names(text))
            for path in music:
                bundle.write(path, f"music/{path.name}")
            return bundle.namelist()
    except OSError as error:
        raise LivegenError(f"{target}: cannot be written: {error.strerror}; give another file with --to") from None


def _status(name: str) -> dict[str, str]:
    """The status and the last lines of a running daemon."""
    try:
        status = read_status(name)
    except LivegenError as error:
        return {"status.txt": str(error)}
    lines = [f"{ago_s:>8} s ago  {line}" for ago_s, line in status["lines"]]
    return {
        "status.txt": as_text(status),
        "status.json": json.dumps(status, indent=2),
        "lines.txt": "\n".join(lines),
    }


def _versions() -> list[str]:
    found = sorted({(found.name or "", found.version) for found in distributions()})
    return [platform.platform(), f"python {platform.python_version()}", *(f"{name} {made}" for name, made in found)]


def _recordings(settings: Settings) -> Iterable[Path]:
    """The newest recordings, up to a size that fits in an e-mail."""
    if not settings.daemon.record:
        return []
    kept: list[Path] = []
    size = 0
    for path in sorted(Path(settings.daemon.record).glob("*.mid"), reverse=True):
        size += path.stat().st_size
        if size > _MOST_MUSIC:
            break
        kept.append(path)
    return kept


def _ask(*command: str) -> str:
    """The output of a program of the system; its error message when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}\n"
    return done.stdout + done.stderr


def _without_names(text: str) -> str:
    """The text without the names of this machine and its user, and without the path of the home folder."""
    names: dict[str, Any] = {str(Path.home()): "~", platform.node(): "HOST"}
    with suppress(OSError, KeyError):
        names[getpass.getuser()] = "USER"
    for name, stands_for in names.items():
        if len(name) > 2 and name != "root":
            text = text.replace(name, stands_for)
    return text
