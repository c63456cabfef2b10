"""The version of livegen that runs, and the one that is installed: an upgrade while it plays must not mix them."""

from importlib.metadata import PackageNotFoundError, version

from livegen.errors import LivegenError

RUNNING = version("livegen")


def check_installed() -> None:
    """LivegenError when another version was installed since this one was started: its engines would be of that one."""
    try:
        installed = version("livegen")
    except PackageNotFoundError:
        return  # it is being installed
    if installed != RUNNING:
        raise LivegenError(f"livegen {installed} was installed while {RUNNING} plays: restart livegen")
