"""Where real-time priority and locked memory are refused, livegen plays late while others compute: here nobody may."""

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.support.jack_stage import hanging, melody, stage, wait_for_chord, wait_for_quiet

pytestmark = [pytest.mark.jack, pytest.mark.timed, pytest.mark.usefixtures("jack_server")]


@pytest.mark.skipif(not (shutil.which("prlimit") and shutil.which("setpriv")), reason="needs util-linux")
def test_where_real_time_priority_and_locked_memory_are_refused_it_plays_all_the_same(tmp_path: Path):
    within = ["prlimit", "--rtprio=0", "--memlock=65536"]
    if os.geteuid() == 0:
        within += ["setpriv", "--bounding-set", "-sys_nice,-ipc_lock", "--inh-caps", "-sys_nice,-ipc_lock"]
    with stage("modest", tmp_path, within=within) as on:
        pid = on.daemon.process.pid
        policies = {os.sched_getscheduler(int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()}
        locked_kb = re.findall(r"VmLck:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        on.player.play(melody((72, 71, 69, 67), beat_ms=150))
        wait_for_chord(on.receiver, after_ns=0)
        wait_for_quiet(on.receiver)
        status = on.daemon.stop()

    assert policies == {os.SCHED_OTHER}
    assert int(*locked_kb) <= 64  # JACK's own
    assert status == 0
    assert hanging(on.receiver.events()) == Counter()
