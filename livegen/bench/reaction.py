"""Measures the reaction: from a note to the first note of its harmony, or to the end of the note that it takes over.

Bare ports are the control.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

from livegen.bench.beside import MidiProbe, daemon, probes
from livegen.bench.conditions import conditions, percentiles_us
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed
from livegen.realtime import CARRYING, lock_memory, raise_thread
from livegen.terminal import Report

_APART_MS = (120, 400)
_SOUNDING = 0.6  # a note sounds for this part of the time to the next note
_VOICES = 3
_STEPS = (-4, -2, -2, -1, 0, 1, 2, 2, 4)
_LOW, _HIGH = 62, 79
_HIGHEST = 91
_TRIES = 10  # notes for each key that is taken over, at the most


def measure_reaction(count: int, report: Report, *, seed: int = 0) -> dict[str, Any]:
    """Play ``count`` notes to a daemon with the role 'harmonise'. Milliseconds; PortError without a MIDI system."""
    lock_memory()
    random_notes = random.Random(seed)
    first, all_voices, bare, silent = [], [], [], 0
    with daemon("--role", "harmonise"), probes() as (system, through, control):
        raise_thread(CARRYING)
        pitch = 67
        for done in range(count):
            report(done, count)
            pitch = min(_HIGH, max(_LOW, pitch + random_notes.choice(_STEPS)))
            apart_s = random_notes.randint(*_APART_MS) / 1000
            sent_ns, answers = _note(through, pitch, apart_s)
            if len(answers) < _VOICES:
                silent += 1
            else:
                first.append(answers[0] - sent_ns)
                all_voices.append(answers[_VOICES - 1] - sent_ns)
            bare.append(there_and_back(control, pitch))
            time.sleep(apart_s * (1 - _SOUNDING))
        found = conditions(provider="CPUExecutionProvider")
    report(count, count)
    return {
        "count": count,
        "port": system,
        "first_note_ms": _milliseconds(first),
        "all_voices_ms": _milliseconds(all_voices),
        "bare_round_trip_ms": _milliseconds(bare),
        "unanswered": silent,
        "conditions": found,
    }


def measure_giving_way(count: int, model: str, report: Report, *, seed: int = 0) -> dict[str, Any]:
    """Play with a daemon in the role 'accompany' until ``count`` of its keys have been taken over while they sounded.

    A key that the player takes ends our note: from the one to the other everything is heard, taken back and planned
    anew. Milliseconds; PortError without a MIDI system.
    """
    lock_memory()
    random_notes = random.Random(seed)
    ends: list[int] = []
    bare: list[int] = []
    silent, pitch = 0, 76
    with daemon("--role", "accompany", "--model", model), probes() as (system, through, control):
        raise_thread(CARRYING)
        for _ in range(count * _TRIES):
            report(len(ends), count)
            pitch = min(_HIGHEST, max(_HIGH, pitch + random_notes.choice(_STEPS)))
            ours = sounding(through.arrived)
            key = ours[-1] if ours else pitch
            begin, sent_ns = len(through.arrived), through.send(NoteOn(key, 80))
            time.sleep(_APART_MS[0] / 1000)
            through.send(NoteOff(key))
            if ours:
                ended = (each.at_ns - sent_ns for each in through.arrived[begin:] if _is_end(each, key))
                found = next(ended, None)
                silent += found is None
                ends += [] if found is None else [found]
                bare.append(there_and_back(control, key))
            time.sleep(random_notes.randint(*_APART_MS) / 1000)
            if len(ends) == count:
                break
        found_conditions = conditions(provider="CPUExecutionProvider")
    return {
        "count": len(ends),
        "port": system,
        "model": model,
        "gives_way_ms": _milliseconds(ends),
        "bare_round_trip_ms": _milliseconds(bare),
        "kept": silent,
        "conditions": found_conditions,
    }


def sounding(arrived: Sequence[Timed]) -> list[int]:
    """The pitches that sound after these events, the newest last."""
    pitches: dict[int, None] = {}
    for timed in arrived:
        if isinstance(timed.event, NoteOn | NoteOff):
            pitches.pop(timed.event.pitch, None)
        if isinstance(timed.event, NoteOn):
            pitches[timed.event.pitch] = None
    return list(pitches)


def _is_end(timed: Timed, pitch: int) -> bool:
    return isinstance(timed.event, NoteOff) and timed.event.pitch == pitch


def _note(probe: MidiProbe, pitch: int, apart_s: float) -> tuple[int, list[int]]:
    """Play one note; return when it was sent, and when the note-ons that answer it arrived."""
    before = len(probe.arrived)
    sent_ns = probe.send(NoteOn(pitch, 80))
    time.sleep(apart_s * _SOUNDING)
    answers = _onsets(probe.arrived[before:])
    probe.send(NoteOff(pitch))
    return sent_ns, answers


def there_and_back(probe: MidiProbe, pitch: int) -> int:
    """How long a note takes from port to port, in ns."""
    before = len(probe.arrived)
    sent_ns = probe.send(NoteOn(pitch, 80))
    until_s = time.monotonic() + 1
    while len(probe.arrived) == before and time.monotonic() < until_s:
        time.sleep(0.001)
    probe.send(NoteOff(pitch))
    return (probe.arrived[before].at_ns if len(probe.arrived) > before else sent_ns + NS_PER_S) - sent_ns


def _onsets(arrived: list[Timed]) -> list[int]:
    return [timed.at_ns for timed in arrived if isinstance(timed.event, NoteOn)]


def _milliseconds(times_ns: list[int]) -> dict[str, float] | None:
    if not times_ns:
        return None
    return {name: round(value * 1000 / NS_PER_MS, 3) for name, value in percentiles_us(times_ns).items()}
