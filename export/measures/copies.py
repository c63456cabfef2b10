"""Copies: stretches of music that stand in the training part note for note, in whatever key.

An event is compared by the time it takes, what it strikes and what sounds on, all pitches counted from its highest one;
and a window by its events with the steps between their highest pitches, so that a transposed window is the same
window. Marks (starts, ends, bar lines) are left out, and no window reaches over the end of a piece; windows that begin
with a silence, or whose events are all one and the same, are left out on every side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from export.measures.music import Event

LENGTHS = (8, 16, 32)  # events

Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Copies:
    """Of so many windows of so many events, the share that stands in the training part."""

    length: int
    generated: float
    generated_windows: int
    human: float  # the same of held-out music
    human_windows: int


def copies(
    generated: Sequence[Sequence[Event]],
    human: Sequence[Sequence[Event]],
    trained: Sequence[Sequence[Event]],
    length: int,
) -> Copies:
    """How much a model copies, and how much people who wrote the held-out music did."""
    known = np.unique(windows(trained, length))
    ours, theirs = windows(generated, length), windows(human, length)
    return Copies(length, _share(ours, known), len(ours), _share(theirs, known), len(theirs))


def windows(stretches: Iterable[Sequence[Event]], length: int) -> Codes:
    """A 64-bit code of every window of ``length`` events that counts; equal windows have equal codes."""
    found = [_windows(piece, length) for stretch in stretches for piece in pieces(stretch)]
    return np.concatenate([np.empty(0, np.uint64), *found])


def pieces(events: Sequence[Event]) -> list[list[Event]]:
    """Events cut at the ends of pieces, without marks."""
    cut: list[list[Event]] = [[]]
    for event in events:
        if not event.is_mark:
            cut[-1].append(event)
        if event.is_end:
            cut.append([])
    return [piece for piece in cut if piece]


def codes(events: Sequence[Event]) -> tuple[Codes, Codes, NDArray[np.bool_]]:
    """Of each event what it is and how far it lies from the one before, as codes, and whether it is a silence."""
    shapes, steps, silences = [], [], []
    before = 0
    for event in events:
        pitches = (*event.struck, *event.sounding)
        top = max(pitches, default=before)
        struck, sounding = (tuple(top - pitch for pitch in part) for part in (event.struck, event.sounding))
        shapes.append(hash((event.ticks, struck, sounding)))
        steps.append(_step(top - before))
        silences.append(not pitches)
        before = top
    return np.array(shapes, np.int64).view(np.uint64), np.array(steps, np.int64).view(np.uint64), np.array(silences)


def _windows(events: Sequence[Event], length: int) -> Codes:
    if len(events) < length:
        return np.empty(0, np.uint64)
    shapes, steps, silences = codes(events)
    factors = np.random.default_rng(0).integers(2**63, size=(2, length), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    factors[1, 0] = 0  # the step to the first event is outside
    shape_windows, step_windows = sliding_window_view(shapes, length), sliding_window_view(steps, length)
    mixed: Codes = (shape_windows * factors[0]).sum(axis=1) + (step_windows * factors[1]).sum(axis=1)
    is_same = (shape_windows[:, 1:] == shape_windows[:, :1]).all(axis=1) & _stays(step_windows)
    counted: Codes = mixed[~is_same & ~silences[: len(mixed)]]
    return counted


def _stays(step_windows: Codes) -> NDArray[np.bool_]:
    """No event of a window lies higher or lower than the one before."""
    stays: NDArray[np.bool_] = (step_windows[:, 1:] == np.array(_step(0)).view(np.uint64)).all(axis=1)
    return stays


def _step(semitones: int) -> int:
    """The code of a step; Python's own hashes of -1 and -2 are the same, so it is counted from -128."""
    return hash((semitones + 128,))


def _share(found: Codes, known: Codes) -> float:
    return float(np.isin(found, known).mean()) if len(found) else 0.0
