"""Writes the support bundle: one file with all that a remote helper needs, and music only on request."""

import getpass
import json
import platform
import subprocess
import zipfile
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from livegen.daemon.status_file import read_status
from livegen.errors import LivegenError, SessionError
from livegen.file_version import stamp
from livegen.midi_out.ledger import ledger_folder
from livegen.printable import printable
from livegen.recording.library import sessions_folder
from livegen.recording.recent import recent_content
from livegen.recording.writer import PRIVATE
from livegen.regular_file import read_regular
from livegen.settings import Settings
from livegen.tools.doctor import examine
from livegen.tools.status_report import as_text

_LINES = 500  # of the journal
_MOST_MUSIC = 20 * 2**20  # bytes
_MUSIC = (".session", ".mid")
_PATIENCE_S = 20  # for a program of the system to answer


def write_bundle(target: Path, settings: Settings, *, with_music: bool) -> list[str]:
    """Write a zip file; return the names of the files in it. LivegenError when it cannot be written."""
    texts = {
        "doctor.txt": examine(settings).as_text(details=True),
        "settings.json": json.dumps(settings.model_dump(mode="json"), indent=2),
        "versions.txt": "\n".join(_versions()),
        "service.txt": _ask("systemctl", "show", settings.ports.name) + _ask("systemctl", "cat", settings.ports.name),
        "journal.txt": _ask("journalctl", "--no-pager", f"--lines={_LINES}", f"--unit={settings.ports.name}"),
        **_status(settings.ports.name),
    }
    music = _recordings(settings) if with_music else {}
    try:
        target.touch(PRIVATE)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in texts.items():
                bundle.writestr(name, printable(_without_names(text), kept="\n"))
            for name, content in music.items():
                bundle.writestr(f"music/{name}", content)
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


def _recordings(settings: Settings) -> dict[str, bytes]:
    """The last minutes, then the newest recordings and MIDI files, as many as fit in an e-mail: name → content."""
    found: dict[str, bytes] = {}
    with suppress(SessionError):
        found["last-minutes.session"] = recent_content(ledger_folder(), settings.ports.name)
    folders = [sessions_folder(), *([Path(settings.daemon.record)] if settings.daemon.record else [])]
    paths = {path for folder in folders for suffix in _MUSIC for path in folder.glob(f"*{suffix}")}
    for path in sorted(paths, key=stamp, reverse=True):
        room = _MOST_MUSIC - sum(map(len, found.values()))
        with suppress(OSError):
            found.setdefault(path.name, read_regular(path, room))
    return found


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
