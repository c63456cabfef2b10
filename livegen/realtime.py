"""Real-time behaviour where the system allows it: priorities, locked memory, exact timers."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

PLAYING = 50  # SCHED_FIFO, 1-99: the thread that plays; above desktop software, below audio drivers
CARRYING = 45  # the threads that carry events between the ports and the engine
LOOKING_ON = 10  # at normal priority, a thread of ours could be suspended while the playing thread waits for its GIL

_NICER = -10
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # <sys/mman.h>
_PR_SET_TIMERSLACK = 29  # <sys/prctl.h>


def may_lock_memory() -> bool:
    """There is no limit on locked memory. With a limit, locking could make a later allocation fail."""
    if sys.platform != "linux":
        return False
    import resource

    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY


def lock_memory() -> bool:
    """Keep this process's pages in memory from their first use on; False where that is not allowed."""
    if not may_lock_memory():
        return False
    return bool(_libc().mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def raise_thread(level: int) -> int:
    """Put the calling thread under SCHED_FIFO at ``level``, with a timer slack of 1 ns; the level granted, else 0.

    Processes and threads that it starts are of normal priority again.
    """
    if sys.platform != "linux":
        return 0
    _libc().prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(level))
    except OSError:
        return 0
    return level


def lower_thread() -> None:
    """Put the calling thread back to normal priority."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def raise_process() -> bool:
    """Raise this process above ordinary ones (nice -10); False where that is not allowed."""
    if sys.platform == "win32":
        return False
    try:
        os.nice(_NICER)
    except OSError:
        return False
    return True


def die_first() -> None:
    """Make the system kill this process first when memory runs out, before the process that ends its notes."""
    with suppress(OSError):  # no Linux, or no /proc
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
