"""Makes a folder that nobody else may read, and refuses one that somebody else could have put there."""

import errno
import os
import stat
from pathlib import Path


class NotOursError(PermissionError):
    """The folder is a symbolic link, no folder, or another user's; ``strerror`` says which."""


def make_private(folder: Path, mode: int = 0o700) -> None:
    """Make the folder, with its parents; of one that is there, take away what ``mode`` does not allow.

    NotOursError where it is not a folder of our own, another OSError where it cannot be made.
    """
    try:
        folder.mkdir(mode, parents=True)
    except FileExistsError:
        _check(folder, mode)


def _check(folder: Path, mode: int) -> None:
    if not hasattr(os, "getuid"):
        return  # Windows: a user's folders are private
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _not_ours(folder, "a symbolic link")
    if not stat.S_ISDIR(found.st_mode):
        raise _not_ours(folder, "not a folder")
    if found.st_uid != os.getuid():
        raise _not_ours(folder, "a folder of another user")
    if stat.S_IMODE(found.st_mode) & ~mode:
        folder.chmod(stat.S_IMODE(found.st_mode) & mode)


def _not_ours(folder: Path, what: str) -> NotOursError:
    return NotOursError(
        errno.EPERM, f"{what}; remove it, for somebody else could read or change what livegen keeps there", str(folder)
    )
