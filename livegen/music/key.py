"""Finds the key of a phrase, and its distance from C major or A minor.

Bayesian key finding (Temperley, Music and Probability, 2007, chapter 4): a key's profile gives the probability of each
pitch class. ``find_key`` hears a whole phrase: pitch classes for a beat, and a second profile for the last note. Its
profiles were counted on 1,587 soprano phrases of Bach's chorales. ``hear_key`` hears a phrase that goes on: each note
once, however long it is held so far, another profile for the first note, and how likely each key is before it. Its
profiles are the means of two counts: 262 sopranos of chorales, and 3,781 folk tunes of the books in music21's corpus,
24 notes of each; of the signatures a fifth is spread evenly over all. None of our figures is measured on these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from livegen.key_names import key_name, read_key, tonic_name

# parts in 1,000, from the tonic upwards
_MAJOR = (188, 3, 168, 1, 190, 99, 11, 156, 3, 101, 3, 77)
_MINOR = (192, 1, 161, 170, 2, 145, 3, 176, 37, 22, 67, 24)
_MAJOR_LAST = (327, 1, 120, 3, 201, 35, 1, 166, 6, 63, 1, 77)
_MINOR_LAST = (375, 2, 134, 154, 5, 46, 2, 190, 7, 2, 51, 33)

# Of a phrase that goes on: each note, its first note, the key signature (C, G, D ... up in fifths) and the mode
_HEARD_MAJOR = (210, 1, 156, 1, 191, 98, 6, 180, 1, 88, 3, 65)
_HEARD_MINOR = (200, 1, 149, 162, 2, 130, 3, 184, 32, 16, 107, 16)
_FIRST_MAJOR = (372, 2, 22, 2, 213, 23, 2, 321, 2, 27, 2, 12)
_FIRST_MINOR = (332, 2, 48, 119, 2, 22, 2, 385, 12, 2, 70, 2)
_SIGNATURES = (117, 256, 205, 99, 22, 17, 17, 20, 21, 35, 104, 89)
_MINOR_SHARE = 0.31

_HYSTERESIS = 1.0  # of a whole phrase: a new key must be likelier than the one before by this many nats
_OPENING_HYSTERESIS = 0.5  # ... while all of its notes are looked at
_LATER_HYSTERESIS = 2.0  # ... once the phrase is longer than that


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic's pitch class (0 is C) in major or minor."""

    tonic: int
    is_minor: bool = False

    def __str__(self) -> str:
        return key_name(self.tonic, is_minor=self.is_minor)

    @property
    def name(self) -> str:
        """The tonic, spelled with the fewest sharps or flats: ``Db`` in major, ``C#`` in minor."""
        return tonic_name(self.tonic, is_minor=self.is_minor)

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of the scale; a minor scale has both sixths and both sevenths."""
        steps = (0, 2, 3, 5, 7, 8, 9, 10, 11) if self.is_minor else (0, 2, 4, 5, 7, 9, 11)
        return frozenset((self.tonic + step) % 12 for step in steps)

    def transposed(self, semitones: int) -> "Key":
        """The same mode, its tonic transposed up by ``semitones``."""
        return Key((self.tonic + semitones) % 12, self.is_minor)

    @property
    def near(self) -> tuple["Key", ...]:
        """The keys of the fifth and the fourth degree, and the relative key."""
        relative = Key((self.tonic + (3 if self.is_minor else 9)) % 12, not self.is_minor)
        return self.transposed(7), self.transposed(5), relative

    @property
    def semitones_home(self) -> int:
        """Semitones to C major or A minor in the nearer direction, -6 to 5."""
        home = 9 if self.is_minor else 0
        return (home - self.tonic + 6) % 12 - 6


def parse_key(text: str) -> Key:
    """The key of this name; SettingsError as by ``read_key``."""
    return Key(*read_key(text))


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


def hear_key(pitches: Sequence[int], before: Key | None = None, *, is_opening: bool = True) -> Key:
    """The key of the notes that have begun, in order; ``before`` is kept unless another is clearly likelier.

    ``is_opening``: they are all notes of a phrase so far. A key is heard from the first one on.
    """
    classes = np.array(pitches) % 12
    likelihoods = _HEARD[classes].sum(axis=0)  # [key]
    if is_opening:
        likelihoods = likelihoods + _FIRST_HEARD[classes[0]] - _HEARD[classes[0]]
    scores = _PRIOR + likelihoods
    best = int(scores.argmax())
    least = _OPENING_HYSTERESIS if is_opening else _LATER_HYSTERESIS
    return before if before and scores[best] < scores[_KEYS.index(before)] + least else _KEYS[best]


_KEYS = [Key(tonic, is_minor) for is_minor in (False, True) for tonic in range(12)]


def _of_keys(major: Sequence[int], minor: Sequence[int]) -> NDArray[np.float64]:
    """Log-probabilities [pitch class, key] of counts by the steps from the tonic."""
    tables = [np.roll(table, key.tonic) for key in _KEYS for table in (minor if key.is_minor else major,)]
    counts = np.array(tables, np.float64).T
    logs: NDArray[np.float64] = np.log(counts / counts.sum(axis=0))
    return logs


def _prior() -> NDArray[np.float64]:
    """Log-probabilities [key] before the first note."""
    fifths = [(7 * (key.tonic + 3 * key.is_minor)) % 12 for key in _KEYS]
    modes = [_MINOR_SHARE if key.is_minor else 1 - _MINOR_SHARE for key in _KEYS]
    logs: NDArray[np.float64] = np.log(np.array(_SIGNATURES)[fifths] / sum(_SIGNATURES)) + np.log(modes)
    return logs


_HEARD, _FIRST_HEARD, _PRIOR = _of_keys(_HEARD_MAJOR, _HEARD_MINOR), _of_keys(_FIRST_MAJOR, _FIRST_MINOR), _prior()


def octave_fold(pitch: int, low: int, high: int) -> int:
    """The nearest pitch of the same name from ``low`` to ``high``, both included, at least an octave apart."""
    if pitch < low:
        return low + (pitch - low) % 12
    return high - (high - pitch) % 12 if pitch > high else pitch
