"""Measures the phase of a solo's onsets against a MIDI clock that we generate, on real ports."""

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from livegen.bench.beside import MidiProbe, daemon, probes
from livegen.bench.clock import Scenario, Truth, pulse_train, ramp, steady
from livegen.bench.conditions import conditions
from livegen.bench.reaction import there_and_back
from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import (
    PULSES_PER_QUARTER,
    TICKS_PER_PULSE,
    TICKS_PER_QUARTER,
    NoteOn,
    SongPosition,
    Transport,
)
from livegen.realtime import CARRYING, lock_memory, raise_thread
from livegen.sync.clock_message import ClockMessage
from livegen.terminal import Report

_GRID = TICKS_PER_QUARTER // 4  # the grid of the solo's onsets
_LEAD_NS = NS_PER_S // 2
_CONTROLS = 200
_SETTLED = 4  # beats after a start or a jump that are not measured


def scenarios() -> list[Scenario]:
    """The scenarios to measure; their jitter is in addition to the ports' own."""
    transport = (
        (0, Transport.START),
        (24, Transport.STOP),
        (28, SongPosition(64)),
        (28, Transport.CONTINUE),
        (44, Transport.START),
    )
    return [
        Scenario("steady 20 bpm", steady(20), 24, 0),
        Scenario("steady 120 bpm", steady(120), 64, 0),
        Scenario("steady 120 bpm, ±5 ms", steady(120), 64, 5),
        Scenario("steady 300 bpm, ±1 ms", steady(300), 120, 1),
        Scenario("ramp 120 to 180 bpm in 8 beats", ramp(120, 180, 16, 8), 48, 0),
        Scenario("jump 100 to 140 bpm", ramp(100, 140, 24, 0), 56, 0, change_beat=24),
        Scenario("start, stop, position, continue, start again", steady(120), 64, 0, cues=transport),
    ]


def measure_phase(report: Report) -> dict[str, Any]:
    """Milliseconds from the true sixteenth to our onset, minus the transmission of a pulse to us and of a note back.

    PortError when there is no MIDI system.
    """
    lock_memory()
    wanted = scenarios()
    found = {}
    with daemon("--role", "solo", "--clock", "midi"), probes() as (system, through, control):
        raise_thread(CARRYING)
        bare = sorted(there_and_back(control, 60) for _ in range(_CONTROLS))
        way_ns = 2 * bare[len(bare) // 2]
        for done, scenario in enumerate(wanted):
            report(done, len(wanted))
            found[scenario.name] = _measure(through, scenario, way_ns)
        conditions_now = conditions(provider="CPUExecutionProvider")
    report(len(wanted), len(wanted))
    return {
        "port": system,
        "phase_ms": found,
        "bare_way_ms": {"p50": round(bare[len(bare) // 2] / NS_PER_MS, 3), "p99": round(bare[-2] / NS_PER_MS, 3)},
        "conditions": conditions_now,
    }


def _measure(probe: MidiProbe, scenario: Scenario, way_ns: int) -> dict[str, Any]:
    messages, truth = pulse_train(scenario, seed=0)
    shift_ns = now_ns() + _LEAD_NS - messages[0].at_ns
    before = len(probe.arrived)
    _send(probe, messages, shift_ns)
    probe.send(Transport.STOP)
    time.sleep(0.5)
    onsets = [t.at_ns - shift_ns - way_ns for t in probe.arrived[before:] if isinstance(t.event, NoteOn)]
    errors = [abs(error) / NS_PER_MS for onset in onsets if (error := _error(onset, truth, scenario)) is not None]
    errors.sort()
    last = len(errors) - 1
    if not errors:
        return {"onsets": 0}
    return {"onsets": len(errors), **{f"p{p}": round(errors[last * p // 100], 3) for p in (50, 99, 100)}}


def _send(probe: MidiProbe, messages: Sequence[ClockMessage], shift_ns: int) -> None:
    """Send each event at its moment."""
    awake = threading.Event()
    for message in messages:
        awake.wait(max(message.at_ns + shift_ns - now_ns(), 0) / NS_PER_S)
        probe.send(message.event)


def _error(onset_ns: float, truth: Sequence[Truth], scenario: Scenario) -> float | None:
    """The time from the nearest true sixteenth; None while the clock is stopped, and shortly after a start or jump."""
    index = bisect_left(truth, onset_ns, key=lambda pulse: pulse.at_ns)
    settled, near = _SETTLED * PULSES_PER_QUARTER, _GRID // TICKS_PER_PULSE
    if index < settled or not _goes_on(truth[index - settled : index + 2]) or _has_jumped(index, settled, scenario):
        return None
    grid = [
        pulse.at_ns for pulse in truth[index - near : index + near] if pulse.tick is not None and not pulse.tick % _GRID
    ]
    return min((onset_ns - at_ns for at_ns in grid), key=abs, default=None)


def _goes_on(truth: Sequence[Truth]) -> bool:
    """Does the clock run through all of these pulses, without a jump?"""
    ticks = [-1 if pulse.tick is None else pulse.tick for pulse in truth]
    return min(ticks) >= 0 and all(b - a == TICKS_PER_PULSE for a, b in pairwise(ticks))


def _has_jumped(index: int, settled: int, scenario: Scenario) -> bool:
    """Was there a jump of the tempo less than four beats ago?"""
    jump = scenario.change_beat
    return jump is not None and 0 <= index - jump * PULSES_PER_QUARTER < settled
