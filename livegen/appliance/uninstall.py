"""Finds what livegen has left on this computer, and removes what is asked for."""

import shlex
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from livegen.appliance.systemd_unit import Scope, unit_folder
from livegen.daemon.status_file import read_status
from livegen.errors import LivegenError, RunningError
from livegen.installed import removal
from livegen.midi_out.ledger import ledger_folder
from livegen.model.validation import cache_folder
from livegen.recording.library import sessions_folder
from livegen.settings import load
from livegen.settings_file import own_file

_STATE = (
    "*.ledger",
    "*.receivers/*.unseen",
    "*.receivers/*/*.ledger",
    "*.ring",
    "*.status.json",
    "*.status.part",
    "models-tried-*",
    "training/cache/*.npz",
    "training/runs/*/*",
)
_STATE_FOLDERS = (  # the inner ones first
    "*.receivers/*",
    "*.receivers",
    "training/runs/*",
    "training/runs",
    "training/cache",
    "training",
)
_SETTINGS = ("jam.toml", "jam.toml.*.bak", "jam.part")
_SERVICE_STATE = Path("/var/lib")  # systemd's folder for the state of services
_COMPLETIONS = (".bash_completions/livegen.sh", ".zfunc/_livegen", ".config/fish/completions/livegen.fish")
_SCOPES: tuple[Scope, ...] = ("system", "user")


@dataclass(frozen=True, slots=True)
class Found:
    """Files of one kind that livegen has made, and no other files."""

    what: str
    files: tuple[Path, ...]
    about: str = ""
    folders: tuple[Path, ...] = ()  # of livegen's alone: they go when they are empty

    def __str__(self) -> str:
        """The kind, the size and the folders, with the names of the files where they are few."""
        kilobytes = -(-sum(path.lstat().st_size for path in self.files) // 1000)
        lines = [
            f"{self.what}{self.about}: {_count(self.files)}, {kilobytes} kB" if self.files else f"{self.what}: none"
        ]
        for folder in dict.fromkeys(path.parent for path in self.files):
            lines.append(f"  {folder}: {', '.join(path.name for path in self.files if path.parent == folder)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of systemd that starts livegen."""

    path: Path
    scope: Scope

    @property
    def command(self) -> str:
        """The command that removes it."""
        words = ["livegen", "service", "uninstall", "--name", self.path.stem]
        return shlex.join(["sudo", *words] if self.scope == "system" else [*words, "--user"])


def find_state() -> Found:
    """The notes of what sounds, the last minutes, the status; the list of checked models; what training keeps."""
    files = tuple(path for folder in _state_folders() for path in _files(folder, _STATE))
    folders = tuple(path for folder in _state_folders() for name in _STATE_FOLDERS for path in folder.glob(name))
    return Found("state", files, " (the last minutes of music, and which notes sound)", folders)


def find_settings() -> Found:
    """The player's settings file, and the copies of earlier ones."""
    return Found("settings", tuple(_files(own_file().parent, _SETTINGS)))


def find_recordings() -> Found:
    """The sessions in their own folder; those in a folder that the player chose are not livegen's to remove."""
    return Found("recordings", tuple(_files(sessions_folder(), ("*.session",))))


def find_units() -> list[Unit]:
    """The units that start livegen."""
    found = []
    for scope in _SCOPES:
        for path in sorted(unit_folder(scope).glob("*.service")):
            with suppress(OSError, UnicodeDecodeError):
                if "livegen.cli" in path.read_text(encoding="utf-8"):
                    found.append(Unit(path, scope))
    return found


def find_others(units: Iterable[Unit]) -> list[str]:
    """A line for each thing that is not removed here, with what removes it."""
    lines = [f"service: {unit.path}; to remove it: {unit.command}" for unit in units]
    for folder in (_SERVICE_STATE / unit.path.stem for unit in units if unit.scope == "system"):
        if folder.exists():
            lines.append(f"what the service has kept: {folder}; it stays")
    lines += [f"recordings in a folder of your own: {folder}; they stay" for folder in _own_folders()]
    for folder in dict.fromkeys((own_file().parent, sessions_folder(), *_state_folders())):
        if folder.is_symlink():
            lines.append(f"a link: {folder}; what it leads to stays")
    for path in (Path.home() / name for name in _COMPLETIONS):
        if path.exists():
            remark = "; take its line out of ~/.bashrc first" if path.suffix == ".sh" else ""
            lines.append(f"completion of the shell: {path}; it stays{remark}")
    return lines


def uninstall(say: Callable[[str], None], ask: Callable[[str], bool], wanted: Collection[str]) -> None:
    """Say what is there, and remove what is ``wanted``, or what ``ask`` agrees to."""
    check_stopped()
    kinds = (find_state(), find_settings(), find_recordings())
    say("\n".join([*map(str, kinds), *find_others(find_units())]))
    for kind in kinds:
        if kind.what in wanted or (kind.files and ask(f"remove the {kind.what}?")):
            remove(kind)
            say(f"removed: {kind.what}, {_count(kind.files)}")
        elif kind.files:
            say(f"kept: {kind.what}")
    say(f"to remove livegen itself: {removal()}")


def check_stopped() -> None:
    """RunningError when a livegen of this user runs: it writes its state anew."""
    for path in ledger_folder().glob("*.status.json"):
        name = path.name.removesuffix(".status.json")
        try:
            read_status(name)
        except LivegenError:
            continue
        raise RunningError(f"livegen runs as '{name}'; stop it first (Ctrl-C, or its service)")


def remove(found: Found) -> None:
    """Remove the files, and livegen's folders when nothing else is in them; LivegenError when that is refused."""
    for path in found.files:
        try:
            path.unlink(missing_ok=True)  # of a link the link, not what it leads to
        except OSError as error:
            raise LivegenError(f"{path}: cannot be removed ({error.strerror})") from None
    emptied = {path.parent for path in found.files} | {path.parent.parent for path in found.files}
    own = [folder for folder in sorted(emptied, reverse=True) if "livegen" in (folder.name, folder.parent.name)]
    for folder in (*found.folders, *own):  # what is in a folder comes before it
        with suppress(OSError):  # something else is in it, or it is a link
            folder.rmdir()


def _count(files: Collection[Path]) -> str:
    return f"{len(files)} {'file' if len(files) == 1 else 'files'}"


def _own_folders() -> list[Path]:
    """The folder that the player's settings name for recordings."""
    with suppress(LivegenError):
        record = load(own_file() if own_file().exists() else None).daemon.record
        return [Path(record)] if record and Path(record).is_dir() else []
    return []


def _state_folders() -> tuple[Path, ...]:
    return tuple(dict.fromkeys((ledger_folder(), sessions_folder().parent, cache_folder())))


def _files(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """The files and links in a folder by these patterns; no link to a folder is followed."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if not _leads_away(path, folder) and not stat.S_ISDIR(path.lstat().st_mode):
                yield path


def _leads_away(path: Path, folder: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if parent == folder or folder in parent.parents)
