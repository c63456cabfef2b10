"""Finds the key of a phrase, and its distance from C major or A minor.

Bayesian key finding (Temperley, Music and Probability, 2007, chapter 4): a key's profile gives the probability of each
pitch class for a beat, a second profile that for the last note. The profiles were counted on 1,587 soprano phrases of
Bach's chorales; none of our figures is measured on these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from livegen.errors import SettingsError, did_you_mean

# parts in 1,000, from the tonic upwards
_MAJOR = (188, 3, 168, 1, 190, 99, 11, 156, 3, 101, 3, 77)
_MINOR = (192, 1, 161, 170, 2, 145, 3, 176, 37, 22, 67, 24)
_MAJOR_LAST = (327, 1, 120, 3, 201, 35, 1, 166, 6, 63, 1, 77)
_MINOR_LAST = (375, 2, 134, 154, 5, 46, 2, 190, 7, 2, 51, 33)
_HYSTERESIS = 1.0  # a new key must be likelier than the one before by this many nats
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MAJORS = ("C", "Db", *_NAMES[2:])  # with the fewest sharps or flats
_MINORS = (*_NAMES[:8], "G#", *_NAMES[9:])
_PITCH_CLASSES = {name: pc for pc, name in enumerate(_NAMES)} | {"Db": 1, "D#": 3, "Gb": 6, "G#": 8, "A#": 10}


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic's pitch class (0 is C) in major or minor."""

    tonic: int
    is_minor: bool = False

    def __str__(self) -> str:
        return f"{self.name} {'minor' if self.is_minor else 'major'}"

    @property
    def name(self) -> str:
        """The tonic, spelled with the fewest sharps or flats: ``Db`` in major, ``C#`` in minor."""
        return (_MINORS if self.is_minor else _MAJORS)[self.tonic]

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of the scale; a minor scale has both sixths and both sevenths."""
        steps = (0, 2, 3, 5, 7, 8, 9, 10, 11) if self.is_minor else (0, 2, 4, 5, 7, 9, 11)
        return frozenset((self.tonic + step) % 12 for step in steps)

    def transposed(self, semitones: int) -> "Key":
        """The same mode, its tonic transposed up by ``semitones``."""
        return Key((self.tonic + semitones) % 12, self.is_minor)

    @property
    def semitones_home(self) -> int:
        """Semitones to C major or A minor in the nearer direction, -6 to 5."""
        home = 9 if self.is_minor else 0
        return (home - self.tonic + 6) % 12 - 6


def parse_key(text: str) -> Key:
    """Read ``"F# minor"``, ``"Eb"`` or ``"c minor"``; SettingsError with the nearest name otherwise."""
    name, _, mode = text.strip().partition(" ")
    name = name[:1].upper() + name[1:]
    mode = mode.strip().lower()
    if name not in _PITCH_CLASSES or mode not in ("", "major", "minor"):
        known = [f"{tonic} {mode}" for tonic in _PITCH_CLASSES for mode in ("major", "minor")]
        raise SettingsError(f"unknown key '{text}'{did_you_mean(text, known)}")
    return Key(_PITCH_CLASSES[name], mode == "minor")


def find_key(sounding: Sequence[tuple[int, float]], before: Key | None = None) -> Key:
    """The key of (pitch, beats) pairs in order; ``before`` is kept unless another is clearly likelier."""
    histogram = np.zeros(12)
    for pitch, beats in sounding:
        histogram[pitch % 12] += beats
    last = sounding[-1][0] % 12
    scores = {
        Key(tonic, is_minor): float(histogram @ np.log(np.roll(profile, tonic))) + log(lasts[(last - tonic) % 12])
        for is_minor, profile, lasts in ((False, _MAJOR, _MAJOR_LAST), (True, _MINOR, _MINOR_LAST))
        for tonic in range(12)
    }
    best = max(scores, key=lambda key: scores[key])
    return before if before and scores[best] < scores[before] + _HYSTERESIS else best


def octave_fold(pitch: int, low: int, high: int) -> int:
    """The nearest pitch of the same name from ``low`` to ``high``, both included, at least an octave apart."""
    if pitch < low:
        return low + (pitch - low) % 12
    return high - (high - pitch) % 12 if pitch > high else pitch
