"""Real-time behaviour where the system allows it: priorities, locked memory, exact timers."""

import ctypes
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from livegen.clock import NS_PER_S

PLAYING = 50  # SCHED_FIFO, 1-99: the thread that plays; above desktop software, below audio drivers
CARRYING = 45  # the threads that carry events between the ports and the engine
LOOKING_ON = 10  # at normal priority, a thread of ours could be suspended while the playing thread waits for its GIL
BEATING = 3  # the engine's heartbeat, which may not wait for the engine
PLANNING = 2  # the engine: above ordinary programs, below all threads of the port process and the clients of JACK

_NICER = -10
_SHARED_NS = NS_PER_S
_MOST = 0.9  # of a second
_LONGEST_US = 20_000_000
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


def raise_thread(level: int, thread: int = 0) -> int:
    """Put a thread, by default the calling one, under SCHED_FIFO at ``level``; the level granted, else 0.

    The calling thread gets a timer slack of 1 ns. Processes and threads that it starts are of normal priority again.
    """
    if sys.platform != "linux":
        return 0
    if not thread:
        _libc().prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(level))
    except OSError:
        return 0
    return level


def lower_thread() -> None:
    """Put the calling thread back to normal priority."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class ThreadShare:
    """Lets the thread that makes it keep its real-time priority while it leaves a part of its core to others.

    Else it is of normal priority for a second: a computer with one core can still be used, however busy the thread is.
    Any one thread may poll.
    """

    def __init__(self, level: int) -> None:
        self._level = level
        self._thread = threading.get_native_id()
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._begun_ns = self._used_ns = 0
        self._is_raised = True
        _limit_realtime()

    def poll(self, at_ns: int) -> None:
        """Compare, once a second, what the thread has used with what it may use. To be called a few times a second."""
        passed_ns = at_ns - self._begun_ns
        if passed_ns < _SHARED_NS:
            return
        used_ns = time.clock_gettime_ns(self._clock)
        is_modest = not self._begun_ns or used_ns - self._used_ns < _MOST * passed_ns
        self._begun_ns, self._used_ns = at_ns, used_ns
        if is_modest != self._is_raised:
            self._is_raised = is_modest
            policy, level = (os.SCHED_FIFO, self._level) if is_modest else (os.SCHED_OTHER, 0)
            with suppress(OSError):
                os.sched_setscheduler(self._thread, policy | os.SCHED_RESET_ON_FORK, os.sched_param(level))


def raise_process(process: int = 0) -> bool:
    """Raise a process, by default this one, above ordinary ones (nice -10); False where that is not allowed.

    What its first thread starts from then on is raised, too.
    """
    if sys.platform == "win32":
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, process, _NICER)
    except OSError:
        return False
    return True


def die_first() -> None:
    """Make the system kill this process first when memory runs out, before the process that ends its notes."""
    with suppress(OSError):  # no Linux, or no /proc
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _limit_realtime() -> None:
    """Let the system kill this process if a real-time thread of it computes for 20 s without a rest."""
    if sys.platform == "linux":
        import resource

        with suppress(OSError, ValueError):  # a lower limit holds
            resource.setrlimit(resource.RLIMIT_RTTIME, (_LONGEST_US, _LONGEST_US))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
