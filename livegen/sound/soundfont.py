"""Finds FluidSynth and a soundfont (SF2 or SF3: a RIFF file of the form ``sfbk``), or says how to install them."""

import platform
import shutil
import sys
from pathlib import Path

from livegen.errors import SoundError

_FOLDERS = (
    "~/.local/share/soundfonts",
    "~/.local/share/sounds/sf2",
    "/usr/local/share/soundfonts",
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
)
_SUFFIXES = (".sf2", ".sf3")
_FIRST = ("default-gm", "default", "fluidr3_gm")  # what the system has chosen, then what sounds well
_HEADER = 12  # bytes
_INSTALL = {  # by the ID or ID_LIKE of os-release(5)
    "debian": "sudo apt install fluidsynth fluid-soundfont-gm",
    "fedora": "sudo dnf install fluidsynth fluid-soundfont-gm",
    "arch": "sudo pacman -S fluidsynth soundfont-fluid",
    "suse": "sudo zypper install fluidsynth fluid-soundfont-gm",
}


def find_fluidsynth() -> str:
    """The path of FluidSynth's program; SoundError, with the command that installs it, when there is none."""
    found = shutil.which("fluidsynth")
    if found is None:
        raise SoundError(f"no sound: FluidSynth is not installed; {_remedy()}")
    return found


def find_soundfont(wanted: str = "") -> Path:
    """The soundfont ``wanted``, else the system's; SoundError, with what would be right, when there is none."""
    if wanted:
        path = Path(wanted).expanduser()
        if not _is_soundfont(path):
            raise SoundError(f"{path}: no soundfont (SF2 or SF3); give the path of one in 'sound.soundfont', or ''")
        return path
    found = [path for folder in _FOLDERS for path in _files(Path(folder).expanduser()) if _is_soundfont(path)]
    if not found:
        raise SoundError(f"no sound: there is no soundfont; {_remedy()}")
    return min(found, key=_rank)


def _remedy() -> str:
    command = _install_command()
    return f"install both: {command}" if command else "install fluidsynth and a General MIDI soundfont"


def _install_command() -> str:
    """The command that installs FluidSynth and a soundfont on this system; "" where it is not known."""
    if sys.platform != "linux":
        return ""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    families = (release.get("ID", ""), *release.get("ID_LIKE", "").split())
    return next((command for name, command in _INSTALL.items() for family in families if name in family), "")


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError:
        return []


def _rank(path: Path) -> tuple[int, str]:
    name = path.stem.lower()
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def _is_soundfont(path: Path) -> bool:
    try:
        if not path.is_file():  # a FIFO would make its reader wait
            return False
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except OSError:
        return False
    return header[:4] == b"RIFF" and header[8:] == b"sfbk"
