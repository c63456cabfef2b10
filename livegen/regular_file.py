"""Reads regular files only, without waiting.

A FIFO in the place of a file would make its reader wait for ever, a device might never end, and a link may change its
target between a check and the reading: so a file is opened once, without waiting, and what was opened is checked.
"""

import errno
import os
import stat
from pathlib import Path

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_regular(path: Path, most: int, *, follow: bool = True) -> bytes:
    """The content of a regular file of at most ``most`` bytes; unless ``follow``, of no symbolic link.

    OSError otherwise, with the reason in its ``strerror``: ``EFBIG`` for a larger file, ``EINVAL`` for a FIFO, device,
    socket or folder, ``ELOOP`` for a link.
    """
    if not follow and not _NO_LINK and path.is_symlink():  # Windows cannot refuse it while opening
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    try:
        descriptor = os.open(path, _READ if follow else _READ | _NO_LINK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device that is not there
            raise _not_regular(path) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _not_regular(path)
        if status.st_size > most:
            size = f"{most >> 20} MB" if most >= 2**20 else f"{most >> 10} kB"
            raise OSError(errno.EFBIG, f"larger than {size}", str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, "not a regular file", str(path))
