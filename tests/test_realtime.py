"""Being on time where the system allows it."""

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from livegen.clock import NS_PER_S
from livegen.realtime import PLANNING, PLAYING, ThreadShare, raise_thread
from tests.conftest import is_realtime_allowed


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_FIFO is Linux's")
def test_what_a_raised_thread_starts_is_of_normal_priority():
    found: list[tuple[int, str]] = []

    def start_a_process() -> None:
        level = raise_thread(PLAYING)
        script = "import os; print(os.sched_getscheduler(0) == os.SCHED_OTHER)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        found.append((level, done.stdout.strip()))

    thread = threading.Thread(target=start_a_process)
    thread.start()
    thread.join()

    assert found in ([(PLAYING, "True")], [(0, "True")])


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("setpriv") is None, reason="it takes Linux's setpriv")
def test_what_is_refused_is_done_without():
    script = "from livegen.realtime import *; print(raise_thread(PLAYING), raise_process(), lock_memory())"
    refuse = ["setpriv", "--bounding-set=-sys_nice,-sys_resource,-ipc_lock", "--inh-caps=-all"]
    limits = 'ulimit -r 0 -e 0 -l 64 && exec "$@"'
    run = ["bash", "-c", limits, "bash", sys.executable, "-c", script]

    done = subprocess.run([*(refuse if os.geteuid() == 0 else ()), *run], capture_output=True, text=True, check=True)

    assert done.stdout.split()[:2] == ["0", "False"]


@pytest.mark.skipif(not is_realtime_allowed(), reason="no real-time priority here")
def test_a_thread_that_takes_a_whole_core_is_of_normal_priority_until_it_rests():
    found: list[int] = []

    def compute_and_rest() -> None:
        raise_thread(PLANNING)
        share = ThreadShare(PLANNING)
        share.poll(NS_PER_S)
        for seconds in (0.95, 0.0):
            until = time.thread_time() + seconds
            while time.thread_time() < until:
                pass
            share.poll(NS_PER_S * (len(found) + 2))
            found.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)

    thread = threading.Thread(target=compute_and_rest)
    thread.start()
    thread.join()

    assert found == [os.SCHED_OTHER, os.SCHED_FIFO]
