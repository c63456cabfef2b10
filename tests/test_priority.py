"""Being on time where the system allows it."""

import subprocess
import sys
import threading

import pytest

from livegen.play.priority import PLAYING, raise_thread


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
