"""The version of livegen that runs, and the one that is installed: an upgrade while it plays must not mix them."""

import functools
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from livegen.errors import LivegenError

RUNNING = version("livegen")
_DECIDES_MUSIC = ("codecs", "engine", "model", "music")  # folders: what is played depends on nothing else but the model


@functools.cache
def engine_checksum() -> str:
    """The first ten hex digits of a SHA-256 of what decides which music is played: two builds of one version differ."""
    found = sha256()
    here = Path(__file__).parent
    for path in sorted(path for folder in _DECIDES_MUSIC for path in (here / folder).rglob("*")):
        if path.suffix in (".py", ".npz"):
            found.update(f"{path.relative_to(here).as_posix()}\n".encode() + path.read_bytes())
    return found.hexdigest()[:10]


def check_installed() -> None:
    """LivegenError when another version was installed since this one was started: its engines would be of that one."""
    try:
        installed = version("livegen")
    except PackageNotFoundError:
        return  # it is being installed
    if installed != RUNNING:
        raise LivegenError(f"livegen {installed} was installed while {RUNNING} plays: restart livegen")
