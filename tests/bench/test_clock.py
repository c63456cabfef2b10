"""The measurements of clocks: trains of pulses with their truth, and a short run of each measurement."""

import json
import subprocess
import sys

import pytest

from livegen.bench.clock import Scenario, Truth, measure_scenario, pulse_train, ramp, steady
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import SongPosition, Transport
from livegen.sync.clock_message import ClockMessage

START, CONTINUE, STOP, CLOCK = Transport.START, Transport.CONTINUE, Transport.STOP, Transport.CLOCK


def test_a_train_without_jitter_arrives_as_it_was_meant():
    events, truth = pulse_train(Scenario("", steady(125), 1, 0), seed=0)

    assert events == [ClockMessage(NS_PER_S, START)] + [
        ClockMessage(NS_PER_S + k * 20 * NS_PER_MS, CLOCK) for k in range(24)
    ]
    assert truth == [Truth(NS_PER_S + k * 20 * NS_PER_MS, k * 40) for k in range(24)]


def test_jitter_is_as_wide_as_asked_and_leaves_the_order():
    events, truth = pulse_train(Scenario("", steady(300), 100, 5), seed=0)
    arrivals = [timed.at_ns for timed in events[1:]]
    early = min(at_ns - meant.at_ns for at_ns, meant in zip(arrivals, truth, strict=True))

    assert arrivals == sorted(arrivals)
    assert -5 * NS_PER_MS <= early < -4.9 * NS_PER_MS


def test_a_ramp_takes_its_beats():
    tempo = ramp(120, 180, beat=16, beats=8)

    assert [tempo(beat) for beat in (0, 16, 20, 24, 30)] == [120, 120, 150, 180, 180]


def test_the_song_of_a_train_stops_and_goes_on_at_its_cues():
    cues = [(0, START), (1, STOP), (2, SongPosition(64)), (2, CONTINUE), (3, START)]
    _, truth = pulse_train(Scenario("", steady(120), 4, 0, cues=cues), seed=0)

    assert [truth[beat * 24].tick for beat in range(4)] == [0, None, 64 * 240, 0]


def test_a_steady_clock_without_jitter_is_followed_without_error():
    figures = measure_scenario(Scenario("", steady(125), 14, 0, change_beat=0), range(1))

    assert figures == {
        "phase_ms": {"p50": 0, "p99": 0, "max": 0},
        "ahead_ms": {"p50": 0, "p99": 0, "max": 0},
        "tempo_off_percent": None,
        "pulses_miscounted": 0,
    }


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_our_own_clock_is_measured_beside_a_bare_loop():
    program = """
import json
from livegen.bench.clock_out import measure_clock_out
print(json.dumps(measure_clock_out(0.025, lambda done, total: None)))
"""  # in a process of its own: it locks memory

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)

    assert figures["port"] == "jack"
    assert figures["difference_ms"].keys() == {"p50", "p99"}
    for part in (figures["ours"], figures["bare_loop"]):
        intervals = part["interval_ms"]
        assert part["sent"] == 72
        assert 0 < part["arrived"] <= 72
        assert 0 <= intervals["p50"] <= intervals["p99"] <= intervals["max"]
