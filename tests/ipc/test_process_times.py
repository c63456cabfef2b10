"""What the system says of real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from livegen.clock import NS_PER_MS
from livegen.ipc.process_times import ThreadTimes, thread_times

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

BUSY = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
IDLE = "import time; time.sleep(60)"


@contextmanager
def process(script: str) -> Iterator[int]:
    """A process that runs this."""
    with subprocess.Popen([sys.executable, "-c", script]) as started:
        try:
            yield started.pid
        finally:
            started.kill()


def only(pid: int) -> ThreadTimes:
    """Of its only thread."""
    (times,) = thread_times(pid).values()
    return times


def wait_until(pid: int, state: str) -> ThreadTimes:
    """Until it is in this state."""
    until = time.monotonic() + 30
    while (times := only(pid)).state != state:
        assert time.monotonic() < until, times
        time.sleep(0.01)
    return times


def test_a_stopped_process_is_told_from_one_that_sleeps():
    with process(IDLE) as pid:
        wait_until(pid, "S")
        os.kill(pid, signal.SIGSTOP)
        before = wait_until(pid, "T")
        time.sleep(0.1)

        assert only(pid) == before


def test_a_process_that_computes_runs_or_waits_for_a_processor_and_is_told_so():
    with process(BUSY) as first, process(BUSY) as second:
        before = [wait_until(pid, "R") for pid in (first, second)]
        time.sleep(1)
        after = [only(pid) for pid in (first, second)]
        ran = [now.ran_ns - then.ran_ns for then, now in zip(before, after, strict=True)]
        waited = [now.waited_ns - then.waited_ns for then, now in zip(before, after, strict=True)]

        assert all(ns > 10 * NS_PER_MS for ns in ran)  # on one processor: each has run,
        assert all(ns > 10 * NS_PER_MS for ns in waited)  # and each has waited for the other


def test_nothing_is_known_of_a_process_that_has_ended():
    with process("") as pid:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert thread_times(pid) == {}
