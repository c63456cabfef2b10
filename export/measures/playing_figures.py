"""What is counted of a stretch of a performance: histograms, and figures that are a sum by a weight.

*Time down*: the pedal's. *Changes*: how often it goes down, in 2.4 s, which is a bar at 100 bpm. *Held dissonance*:
where a new bass begins, the notes of before that only the pedal holds, each with each key of the new chord; of these
pairs the share that are a semitone or a major seventh apart, in any octave. A bass is a note below which nothing begins
within 0.6 s of it, and is new when its pitch class is another than that of the bass before; a note is held when it
began in the 2.4 s before, its key is up, and the pedal holds it for 0.25 s or longer into the new chord: pianists
change the pedal just after the chord. *Loudness sd*: the standard deviation of velocities.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import pstdev

import numpy as np

from export.measures.interval import Floats
from export.measures.playing import Playing, chords, keys_down
from livegen.events import Note

BAR_MS = 2400
_BASS_MS = BAR_MS // 4
_CHANGE_MS = 250
_HARSH = (1, 11)  # semitones
TIMES_MS = (10, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1280, 1920, 2560)
_SHARES = (1e-9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_CHANGES = (1e-9, 0.5, 1, 1.5, 2, 3, 4, 6)  # in a bar

Figures = Mapping[str, tuple[float, float]]  # by name a sum and its weight


def histograms(playing: Playing) -> Mapping[str, Floats]:
    """Counts by bins [bins]: of notes, of ms for the keys that are down, of stretches for the pedal."""
    onsets = [note.onset for note in playing.notes]
    down, changes = (total / weight for total, weight in _pedal(playing).values())
    return {
        "inter-onset time": binned([after - before for before, after in pairwise(onsets)], TIMES_MS),
        "loudness": loudness(playing),
        "duration": binned([note.duration for note in playing.notes], TIMES_MS),
        "pedal, time down": binned([down], _SHARES),
        "pedal, changes": binned([changes], _CHANGES),
        "keys down": keys_down(playing),
    }


def loudness(playing: Playing) -> Floats:
    """Counts of velocities in 16 bins of 8."""
    return binned([note.velocity for note in playing.notes], range(8, 128, 8))


def binned(values: Sequence[float], edges: Sequence[float]) -> Floats:
    """Counts between the edges, below the first and from the last on: [edges + 1]."""
    counts = np.bincount(np.digitize(values, edges), minlength=len(edges) + 1) if values else np.zeros(len(edges) + 1)
    return counts.astype(np.float64)


def overlaps(ours: Floats, theirs: Floats) -> Floats:
    """The overlapped areas (``overlap``) of histograms of counts [..., bins]: 1 less their total variation distance."""
    one, other = (counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-9) for counts in (ours, theirs))
    found: Floats = np.minimum(one, other).sum(axis=-1)
    return found


def figures(playing: Playing) -> Figures:
    """By name a sum and its weight."""
    velocities = [note.velocity for note in playing.notes]
    pairs = list(_held_pairs(playing))
    return {
        **_pedal(playing),
        "held dissonance": (float(sum(pairs)), len(pairs)),
        "loudness sd": (pstdev(velocities), 1) if len(velocities) > 1 else (0, 0),
        "notes a second": (1000 * len(velocities), playing.length),
    }


def _pedal(playing: Playing) -> Figures:
    length = max(1, playing.length)
    time = sum(end - begin for begin, end in playing.pedal)
    return {"pedal, time down": (time, length), "pedal, changes": (BAR_MS * len(playing.pedal), length)}


def _held_pairs(playing: Playing) -> Iterator[bool]:
    """Of each note that the pedal holds across a new bass, with each key of the new chord: are they harsh?"""
    for chord in _new_basses(playing.notes):
        at = chord[0].onset
        held = [note for note in playing.notes if at - BAR_MS <= note.onset < at and note.end <= at]
        for note in held:
            if any(begin <= note.end and end >= at + _CHANGE_MS for begin, end in playing.pedal):
                yield from ((key.pitch - note.pitch) % 12 in _HARSH for key in chord)


def _new_basses(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """The chords whose lowest note is a bass of another pitch class than the bass before."""
    before = None
    for chord in chords(notes):
        bass = min(chord, key=lambda note: note.pitch)
        if any(note.pitch < bass.pitch and abs(note.onset - bass.onset) <= _BASS_MS for note in notes):
            continue
        if before is not None and bass.pitch % 12 != before:
            yield chord
        before = bass.pitch % 12
