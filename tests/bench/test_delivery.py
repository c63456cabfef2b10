"""The measurement of delivery, a short one, in a process of its own: it locks memory and raises priorities."""

import json
import shutil
import subprocess
import sys

from livegen.bench.delivery import pianist
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn


def test_delivery_is_measured_beside_its_control():
    command = [sys.executable, "-m", "livegen.cli", "bench", "delivery", "--events", "100", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    figures = json.loads(done.stdout)
    late_us = figures["late_us"]
    assert figures["count"] == 100
    assert 0 < late_us["p50"] <= late_us["p99"] <= late_us["max"]
    assert (figures["difference_us"] is not None) == (shutil.which("cyclictest") is not None)
    assert figures["conditions"]["provider"] == "CPUExecutionProvider"


def test_a_pianist_plays_thirty_notes_a_second_and_moves_the_pedal():
    second = [timed for timed in map(pianist, range(80)) if timed.at_ns < 1_000_000_000]

    assert sum(isinstance(timed.event, NoteOn) for timed in second) == 30
    assert sum(isinstance(timed.event, NoteOff) for timed in second) == 30
    pedals = [timed.event for timed in second if isinstance(timed.event, ControlChange)]
    assert pedals[:2] == [ControlChange(SUSTAIN_PEDAL, 0), ControlChange(SUSTAIN_PEDAL, 127)]
    assert len(pedals) == 20
    assert [timed.at_ns for timed in second] == sorted(timed.at_ns for timed in second)
