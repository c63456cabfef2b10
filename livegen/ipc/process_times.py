"""What the system has given the threads of a process: a processor, or a place in the queue for one."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_STATE_AFTER = b") "  # proc_pid_stat(5): the state follows the name, which may have any bytes in it


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """What a thread has been given since its start, in ns (proc_pid_schedstat, proc_pid_stat)."""

    ran_ns: int
    waited_ns: int  # runnable, without a processor; a wait that is not over is not counted
    state: str  # R: runs, or waits for a processor; D: waits for a disk; T: is stopped; S: waits for something else


Threads = Mapping[int, ThreadTimes]


def thread_times(process: int) -> Threads:
    """The threads of a process; none where the system does not tell (only Linux does), or when it has ended."""
    if sys.platform != "linux":
        return {}
    try:
        names = os.listdir(f"/proc/{process}/task")
    except OSError:
        return {}
    return {int(name): times for name in names if (times := _read(Path(f"/proc/{process}/task/{name}")))}


def _read(task: Path) -> ThreadTimes | None:
    """A thread's times; None when it has just ended, or in a kernel without them."""
    try:
        ran, waited, _ = (task / "schedstat").read_bytes().split()
        state = (task / "stat").read_bytes().rpartition(_STATE_AFTER)[2][:1]
        return ThreadTimes(int(ran), int(waited), state.decode("ascii"))
    except (OSError, ValueError):
        return None
