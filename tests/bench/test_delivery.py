"""The measurement of delivery, a short one, in a process of its own: it locks memory and raises priorities."""

import json
import shutil
import subprocess
import sys


def test_delivery_is_measured_beside_its_control():
    command = [sys.executable, "-m", "livegen.cli", "bench", "delivery", "--events", "100", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    figures = json.loads(done.stdout)
    late_us = figures["late_us"]
    assert figures["count"] == 100
    assert 0 < late_us["p50"] <= late_us["p99"] <= late_us["max"]
    assert (figures["difference_us"] is not None) == (shutil.which("cyclictest") is not None)
    assert figures["conditions"]["provider"] == "CPUExecutionProvider"
