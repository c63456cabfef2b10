"""Detects the tempo of a phrase and its beats in a bar, from the onsets.

Sixteenths from ``_FASTEST`` to ``_SLOWEST`` are tried as the grid. A candidate scores high when the onsets are near its
grid (mean resultant length of their phases, Fisher, Statistical Analysis of Circular Data, 1993, section 2.3), when
the intervals are common note values, and when its beat is near a walking pace (a log-normal preference, as in
Parncutt, Music Perception 11:4, 1994). The best candidate is then fitted by least squares.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livegen.clock import NS_PER_MS
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.tempo_map import SteadyTempo

_FASTEST, _SLOWEST = 68, 375  # milliseconds a sixteenth: 220 to 40 bpm
_CANDIDATES = np.geomspace(_FASTEST, _SLOWEST, 400)
_PREFERRED_BEAT_MS = 620.0
_OCTAVES = 0.8  # standard deviation of the preference, in doublings
_CHORD_MS = 35.0  # onsets closer together than this are one chord
_DEFAULT_BEAT_NS = 600 * NS_PER_MS
_CLEARLY = 0.1  # by which the autocorrelation of 3 must exceed that of 4
_LIKING = np.full(18, 0.1)  # the preference for an interval of n sixteenths; the last is for all longer ones
_LIKING[[1, 2, 3, 4, 6, 8, 12, 16]] = (0.45, 0.8, 0.45, 1.0, 0.6, 0.7, 0.5, 0.5)


def detect_tempo(onsets_ns: Sequence[int], fixed_beat_ns: int = 0) -> SteadyTempo:
    """The tempo of a phrase's onsets, sorted; its tick 0 is the beat at or before the first onset.

    ``fixed_beat_ns`` sets the tempo, and only the phase of the beat is detected. A single onset gives 100 bpm.
    """
    origin = onsets_ns[0]
    onsets = _without_chords((np.asarray(onsets_ns, np.int64) - origin) / NS_PER_MS)
    if len(onsets) < 2:
        return SteadyTempo(origin, fixed_beat_ns or _DEFAULT_BEAT_NS)
    if fixed_beat_ns:
        sixteenth = fixed_beat_ns / NS_PER_MS / 4
        steps = _steps(onsets, sixteenth)
        first = float(np.mean(onsets - steps * sixteenth))
    else:
        sixteenth = float(_CANDIDATES[_scores(onsets).argmax()])
        steps = _steps(onsets, sixteenth)
        if not steps[-1]:  # a slowly rolled chord
            return SteadyTempo(origin, _DEFAULT_BEAT_NS)
        sixteenth, first = (float(value) for value in np.polyfit(steps, onsets, 1))
    beat_ns = fixed_beat_ns or round(sixteenth * 4 * NS_PER_MS)
    return SteadyTempo(origin + round((first - _pickup(onsets, steps) * sixteenth) * NS_PER_MS), beat_ns)


def detect_beats_per_bar(notes: Sequence[Note]) -> int:
    """Beats in a bar, 3 or 4, of a phrase on its grid: long and loud notes are expected on the first beat of a bar.

    The weight of a beat is compared with that of the beat a bar later (autocorrelation; Brown, Journal of the
    Acoustical Society of America 94:4, 1993). 4 unless 3 explains it clearly better.
    """
    beats = max(note.end for note in notes) // TICKS_PER_QUARTER + 1
    weights = np.zeros(beats)
    for note in notes:
        if note.onset % TICKS_PER_QUARTER == 0:
            weights[note.onset // TICKS_PER_QUARTER] += note.duration / TICKS_PER_QUARTER + note.velocity / 127
    weights -= weights.mean()
    found = {bar: _repetition(weights, bar) for bar in (3, 4)}
    return 3 if beats >= 6 and found[3] > found[4] + _CLEARLY else 4


def _repetition(weights: NDArray[np.float64], lag: int) -> float:
    if len(weights) <= lag or not weights.any():
        return 0.0
    return float((weights[lag:] @ weights[:-lag]) / (weights @ weights) * len(weights) / (len(weights) - lag))


def _without_chords(onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    keep = np.concatenate(([True], np.diff(onsets) > _CHORD_MS))
    return np.asarray(onsets[keep], np.float64)


def _scores(onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of each candidate, [candidates]."""
    phases = np.exp(2j * np.pi * onsets / _CANDIDATES[:, None])  # [candidates, onsets]
    alignment = np.abs(phases.mean(axis=1))
    values = np.rint(np.diff(onsets) / _CANDIDATES[:, None]).astype(int)  # [candidates, onsets - 1]
    liking = _LIKING[np.minimum(values, len(_LIKING) - 1)].mean(axis=1)
    distance = np.log2(4 * _CANDIDATES / _PREFERRED_BEAT_MS) / _OCTAVES
    return np.asarray(alignment**2 * liking * np.exp(-0.5 * distance**2), np.float64)


def _steps(onsets: NDArray[np.float64], sixteenth: float) -> NDArray[np.float64]:
    """Sixteenths from the first onset, rounded interval by interval, so that a drifting tempo is followed."""
    return np.concatenate(([0.0], np.cumsum(np.rint(np.diff(onsets) / sixteenth))))


def _pickup(onsets: NDArray[np.float64], steps: NDArray[np.float64]) -> int:
    """Sixteenths from a beat to the first onset: long notes are expected to begin on beats."""
    lengths = np.append(np.diff(onsets), np.diff(onsets).max())
    weights = [lengths[(steps + pickup) % 4 == 0].sum() for pickup in range(4)]
    return int(np.argmax(weights))
