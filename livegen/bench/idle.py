"""Measures the CPU time of livegen while nobody plays."""

import os
import time
from pathlib import Path
from typing import Any

from livegen.bench.beside import daemon
from livegen.bench.conditions import conditions
from livegen.errors import LivegenError
from livegen.terminal import Report

_SETTLE_S = 3


def measure_idle(seconds: int, report: Report) -> dict[str, Any]:
    """Percent of one core: the port process (with the MIDI system's threads in it), the engine, and both.

    LivegenError on other systems than Linux.
    """
    if not Path("/proc/self/stat").exists():
        raise LivegenError("bench idle needs Linux: it reads CPU times from /proc")
    with daemon() as process:
        pids = {"port": process.pid, "engine": _child(process.pid)}
        time.sleep(_SETTLE_S)
        begun_s, before = time.monotonic(), {name: _used_s(pid) for name, pid in pids.items()}
        for done in range(seconds):
            report(done, seconds)
            time.sleep(1)
        lasts_s = time.monotonic() - begun_s
        percent = {name: round(100 * (_used_s(pid) - before[name]) / lasts_s, 2) for name, pid in pids.items()}
    report(seconds, seconds)
    percent["both"] = round(sum(percent.values()), 2)
    return {"seconds": seconds, "percent_of_a_core": percent, "conditions": conditions()}


def _child(pid: int) -> int:
    """The first child process of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()  # each thread has children of its own
    found = [child for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    if not found:
        raise LivegenError("the daemon has no engine")
    return int(found[0])


def _used_s(pid: int) -> float:
    """CPU time of a process with all its threads, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
