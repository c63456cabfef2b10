"""Measures how well an external clock is followed, in simulated pulse trains whose true beat is known."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from livegen.bench.conditions import conditions
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import PULSES_PER_QUARTER, TICKS_PER_PULSE, TICKS_PER_QUARTER, SongPosition, Transport
from livegen.music.transport import TransportState
from livegen.sync.clock_message import ClockMessage
from livegen.sync.midi_clock_in import ClockFollower

_FIRST_NS = NS_PER_S
_SEEDS = 10
_HOUR_BEATS = 120 * 60
_SETTLING = 12  # beats; the regression of pulses has its full length after eight

Tempo = Callable[[float], float]  # beats since the start → bpm


@dataclass(frozen=True, slots=True)
class Truth:
    """A pulse without errors: its moment, and its tick; None while the transport is stopped."""

    at_ns: float
    tick: int | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A train of pulses; each of ``cues`` (beat, message) is sent just before the pulse of its beat.

    Errors count from beat ``from_beat`` until ``until_beat``; at ``change_beat``, if given, the tempo changes.
    """

    name: str
    tempo: Tempo
    beats: int
    jitter_ms: float
    from_beat: int = _SETTLING
    until_beat: int | None = None
    change_beat: int | None = None
    cues: Sequence[tuple[int, SongPosition | Transport]] = ((0, Transport.START),)
    step_ms: float = 0  # pulses arrive at multiples of this: USB at 1 ms, JACK once a period


def steady(tempo_bpm: float) -> Tempo:
    """Always the same tempo."""
    return lambda _beat: tempo_bpm


def ramp(before_bpm: float, after_bpm: float, beat: float, beats: float) -> Tempo:
    """From one tempo to another, linearly over ``beats`` from ``beat`` on; a jump when ``beats`` is 0."""

    def tempo(at: float) -> float:
        if at < beat:
            return before_bpm
        share = (at - beat) / beats if at < beat + beats else 1.0
        return before_bpm + share * (after_bpm - before_bpm)

    return tempo


def pulse_train(scenario: Scenario, seed: int) -> tuple[list[ClockMessage], list[Truth]]:
    """The events that arrive, and the true pulses. Jitter is uniform; the order is kept, as in MIDI."""
    jitter = random.Random(seed)
    messages: list[ClockMessage] = []
    truth: list[Truth] = []
    at_ns, tick, is_running = float(_FIRST_NS), 0, False
    arrived_ns = 0
    for pulse in range(scenario.beats * PULSES_PER_QUARTER):
        off_ns = jitter.uniform(-1, 1) * scenario.jitter_ms * NS_PER_MS
        arrived_ns = max(arrived_ns, _stepped(at_ns + off_ns, scenario.step_ms * NS_PER_MS))
        for cue in (cue for beat, cue in scenario.cues if beat * PULSES_PER_QUARTER == pulse):
            messages.append(ClockMessage(arrived_ns, cue))
            tick, is_running = _after(cue, tick, is_running=is_running)
        messages.append(ClockMessage(arrived_ns, Transport.CLOCK))
        truth.append(Truth(at_ns, tick if is_running else None))
        tick += TICKS_PER_PULSE * is_running
        at_ns += 60 * NS_PER_S / PULSES_PER_QUARTER / scenario.tempo((pulse + 0.5) / PULSES_PER_QUARTER)
    return messages, truth


def scenarios() -> list[Scenario]:
    """The scenarios to measure."""
    found = [
        Scenario(f"steady {bpm} bpm, ±{jitter:g} ms", steady(bpm), 120, jitter)
        for bpm in (20, 60, 120, 300)
        for jitter in (0.3, 1, 5)
    ]
    found += [
        Scenario(f"steady {bpm:g} bpm, in steps of {step:g} ms", steady(bpm), 120, 0, step_ms=step)
        for bpm in (120, 133)
        for step in (1, 2.667, 5.333)
    ]
    for before, after, beats in ((120, 180, 8), (180, 120, 8), (60, 90, 8), (120, 140, 4)):
        tempo = ramp(before, after, 16, beats)
        name = f"ramp {before} to {after} bpm in {beats} beats"
        found += [Scenario(f"{name}, ±{jitter:g} ms", tempo, 40, jitter, 16, 18 + beats, 16) for jitter in (0, 0.3, 1)]
    for before, after in ((100, 140), (140, 100), (120, 123), (120, 60)):
        tempo = ramp(before, after, 16, 0)
        name = f"jump {before} to {after} bpm"
        found += [Scenario(f"{name}, ±{jitter:g} ms", tempo, 32, jitter, 18, 24, 16) for jitter in (0.3, 1, 5)]
    transport = (
        (0, Transport.START),
        (20, Transport.STOP),
        (24, SongPosition(64)),
        (24, Transport.CONTINUE),
        (40, Transport.START),
    )
    return [*found, Scenario("start, stop, position, continue, start again, ±1 ms", steady(120), 60, 1, cues=transport)]


def measure_following(report: Callable[[int, int], None]) -> dict[str, Any]:
    """Follow every scenario ten times, and one scenario for an hour.

    ``phase_ms``: estimated against true time of the beat, at each pulse. ``ahead_ms``: the same for the beat after it.
    ``tempo_off_percent``: error of the tempo two beats after it began to change, the largest of ten.
    """
    wanted = scenarios()
    found = {}
    for done, scenario in enumerate(wanted):
        report(done, len(wanted) + 1)
        found[scenario.name] = measure_scenario(scenario, range(_SEEDS))
    report(len(wanted), len(wanted) + 1)
    hour = Scenario("an hour at 120 bpm, ±5 ms", steady(120), _HOUR_BEATS, 5)
    begun = time.perf_counter_ns()
    figures = measure_scenario(hour, range(1))
    pulse_us = (time.perf_counter_ns() - begun) / 1000 / (_HOUR_BEATS * PULSES_PER_QUARTER)
    found[hour.name] = figures
    report(len(wanted) + 1, len(wanted) + 1)
    return {"scenarios": found, "pulse_us": round(pulse_us, 1), "conditions": conditions()}


def measure_scenario(scenario: Scenario, seeds: Sequence[int]) -> dict[str, Any]:
    """The figures of one scenario, with new jitter for each seed."""
    phases: list[float] = []
    ahead: list[float] = []
    tempi: list[float] = []
    ticks_off = 0
    until_beat = scenario.until_beat or scenario.beats
    counting = range(scenario.from_beat * PULSES_PER_QUARTER, until_beat * PULSES_PER_QUARTER)
    for seed in seeds:
        events, truth = pulse_train(scenario, seed)
        for pulse, transport in enumerate(_songs(events)):
            meant = truth[pulse]
            ticks_off += transport.is_running != (meant.tick is not None)
            if meant.tick is None or pulse not in counting:
                continue
            ticks_off += transport.tick != meant.tick
            phases.append(abs(transport.ns_at(meant.tick) - meant.at_ns) / NS_PER_MS)
            later = truth[min(pulse + PULSES_PER_QUARTER, len(truth) - 1)]
            if later.tick is not None and later.tick > meant.tick:
                ahead.append(abs(transport.ns_at(later.tick) - later.at_ns) / NS_PER_MS)
            if scenario.change_beat is not None and pulse == (scenario.change_beat + 2) * PULSES_PER_QUARTER:
                tempi.append(abs(transport.tempo_bpm / scenario.tempo(pulse / PULSES_PER_QUARTER) - 1) * 100)
    return {
        "phase_ms": _percentiles(phases),
        "ahead_ms": _percentiles(ahead),
        "tempo_off_percent": round(max(tempi), 3) if tempi else None,
        "pulses_miscounted": ticks_off,
    }


def _stepped(at_ns: float, step_ns: float) -> int:
    return round(round(at_ns / step_ns) * step_ns if step_ns else at_ns)


def _songs(messages: Sequence[ClockMessage]) -> Iterator[TransportState]:
    """The follower's transport state after each pulse."""
    follower = ClockFollower()
    for message in messages:
        follower.poll(message.at_ns)
        follower.hear(message)
        if message.event is Transport.CLOCK:
            yield follower.state


def _after(cue: SongPosition | Transport, tick: int, *, is_running: bool) -> tuple[int, bool]:
    match cue:
        case SongPosition(sixteenths):
            return sixteenths * TICKS_PER_QUARTER // 4, is_running
        case Transport.START:
            return 0, True
        case _:
            return tick, cue is Transport.CONTINUE


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "p50": round(ordered[last * 50 // 100], 3),
        "p99": round(ordered[last * 99 // 100], 3),
        "max": round(ordered[last], 3),
    }
