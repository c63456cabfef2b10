"""Measures how late the system wakes a program, with cyclictest: the control for our own figures."""

import shutil
import subprocess
from collections import Counter

_LONGEST_US = 20_000  # cyclictest's histogram


def wake_ups(loops: int, level: int, every_ns: int) -> Counter[int]:
    """Latency in microseconds → count of wake-ups, under SCHED_FIFO at ``level`` unless 0; empty without cyclictest."""
    program = shutil.which("cyclictest")
    if program is None:
        return Counter()
    policy = ["--mlockall", "--policy=fifo", f"--priority={level}"] if level else ["--policy=other"]
    count = [f"--interval={every_ns // 1000}", f"--loops={loops}", f"--histogram={_LONGEST_US}", "--quiet"]
    done = subprocess.run([program, *policy, *count], capture_output=True, text=True, check=False)
    rows = (line.split() for line in done.stdout.splitlines() if line[:1].isdigit())
    return Counter({int(row[0]): int(row[1]) for row in rows if int(row[1])})


def percentile(counts: Counter[int], percent: float) -> int:
    """The value that ``percent`` of the counts do not exceed."""
    wanted, seen = counts.total() * percent / 100, 0
    for value, count in sorted(counts.items()):
        seen += count
        if seen >= wanted:
            return value
    return max(counts)
