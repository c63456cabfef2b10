"""The daemon's status, in a small file that anybody may read: ``livegen status`` shows it."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_S, now_ns
from livegen.errors import LivegenError, NotRunningError
from livegen.log_line import visible
from livegen.midi_out.ledger import ledger_folder, make_ledger_folder
from livegen.music.transport import TransportState
from livegen.regular_file import read_regular
from livegen.settings import Ports, Settings

_MOST_LINES = 40
_LARGEST_BYTES = 2**20


class RecentLog:
    """Passes lines on, one at a time, and keeps the latest. Any thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._saying = threading.Lock()
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MOST_LINES)

    def __call__(self, line: str) -> None:
        """Pass on and keep a line."""
        line = visible(line)  # it may hold the name of a port, a file or a model
        with self._saying:
            self._lines.append((now_ns(), line))
            self._say(line)

    def lately(self, at_ns: int) -> list[tuple[int, str]]:
        """(seconds ago, line), oldest first."""
        with self._saying:
            return [((at_ns - said_ns) // NS_PER_S, line) for said_ns, line in self._lines]


_SERVICES = Path("/run")  # where systemd creates the runtime folders of its services


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a session."""

    notes_in: int
    notes_out: int
    delivery_p50_ms: float  # from due to sent
    delivery_p99_ms: float
    reactions: int  # notes of the player after which we sent one within 50 ms
    reaction_p50_ms: float  # from the player's note to the first of ours
    reaction_p99_ms: float
    late_note_ons: int  # dropped, because they would have been more than 10 ms late
    hanging: int  # notes that sounded when their output disappeared
    engine_restarts: int


class StatusFile:
    """Owner of the file, which is written once a second. One thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun_ns = now_ns()
        self._written_ns = 0
        self._plugged: dict[str, int] = {}  # name → since when

    def poll(self, plugged: Iterable[str], at_ns: int) -> None:
        """Take the list of connected devices and programs."""
        self._plugged = {name: self._plugged.get(name, at_ns) for name in plugged}

    def write(
        self,
        settings: Settings,
        figures: Callable[[], Figures],
        transport: TransportState | None,
        more: Callable[[int], dict[str, Any]],
    ) -> None:
        """Replace the file atomically, once a second; on a full disk, play on without it."""
        at_ns = now_ns()
        if at_ns - self._written_ns < NS_PER_S:
            return
        self._written_ns = at_ns
        path = status_path(self._name)
        beside = path.with_suffix(".part")
        try:
            make_ledger_folder(path.parent)
            status = {**self._status(settings, figures(), transport, at_ns), **more(at_ns)}
            beside.write_text(json.dumps(status), encoding="utf-8")
            beside.chmod(0o644)  # for the technician, who is another user than the service
            os.replace(beside, path)
        except OSError:
            with suppress(OSError):  # on a read-only file system this is refused too
                beside.unlink(missing_ok=True)

    def end(self) -> None:
        """Delete the file: the daemon has ended."""
        with suppress(OSError):
            status_path(self._name).unlink(missing_ok=True)

    def _status(
        self, settings: Settings, figures: Figures, transport: TransportState | None, at_ns: int
    ) -> dict[str, Any]:
        clock = {"running": transport.is_running, "tempo_bpm": round(transport.tempo_bpm, 2)} if transport else None
        return {
            "name": self._name,
            "process": os.getpid(),
            "up_s": (at_ns - self._begun_ns) // NS_PER_S,
            "role": settings.play.role,
            "model": settings.play.model,
            "clock": {"source": settings.time.clock, **(clock or {})},
            "plugged": [
                {"name": name, "for_s": (at_ns - since_ns) // NS_PER_S} for name, since_ns in self._plugged.items()
            ],
            "settings": settings.model_dump(mode="json"),
            **{key: round(value, 3) for key, value in asdict(figures).items()},
        }


def status_path(name: str) -> Path:
    """The file of the daemon whose ports are called ``name``."""
    return ledger_folder() / f"{name}.status.json"


def read_status(name: str) -> dict[str, Any]:
    """The status of a running daemon; LivegenError when none of that name runs."""
    for path in (status_path(name), _SERVICES / name / f"{name}.status.json"):
        try:
            status: dict[str, Any] = json.loads(read_regular(path, _LARGEST_BYTES))
            with suppress(PermissionError):  # another user's process, but it runs
                os.kill(int(status["process"]), 0)
            return status
        except PermissionError:  # systemd closes the folders of its dynamic users
            raise LivegenError(f"{path}: only root may read this status; try again with sudo") from None
        except (OSError, ValueError, KeyError):
            continue
    if name == Ports().name:
        raise NotRunningError("livegen is not running; start it: livegen jam")
    raise NotRunningError(f"livegen is not running as '{name}'; start it: livegen jam --name {name}")
