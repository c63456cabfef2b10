"""What can be heard of notes as they begin: where each lies among those around it, in time and in the bar.

It is all that the loudness and the pedal are foretold from, while music is learnt from and while it is played alike.
Nothing in it comes from later than the notes that begin together.
"""

from dataclasses import dataclass
from math import cos, log, pi, sin

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TOGETHER_S = 0.035  # notes that begin within this time of the first begin together
LOWEST, KEYS = 21, 88
_MEMORY_S = 4.0
_MOST = 40  # notes that are remembered
_WINDOWS_S = (0.25, 0.6, 1.2, 2.5)  # back from an onset: the highest and the lowest note in each
_NEAR = 4  # semitones: a note that moves no further may be of the same voice
_FEWEST_S = 0.01
_LONG_S = 8.0  # ago: as good as never
_OCTAVE = 12.0


_Ages = list[tuple[float, int]]  # (how long ago, pitch) of the notes before, the newest last
_Windows = list[tuple[int, int] | None]  # the highest and the lowest pitch of each; None: no note


@dataclass(frozen=True, slots=True)
class BarPosition:
    """Where an onset is in the bar, as far as it is known."""

    beat: float = 0.0  # the position in the bar, in beats from the bar line
    beats: int = 0  # in a bar; 0: only the position within the beat is known
    beat_s: float = 0.0  # the length of a beat
    is_compound: bool = False


@dataclass(frozen=True, slots=True)
class Onset:
    """Notes that begin together."""

    at_s: float
    pitches: tuple[int, ...]  # highest first, each once
    place: BarPosition | None = None


@dataclass(frozen=True, slots=True)
class Recent:
    """The notes before: an immutable value."""

    notes: tuple[tuple[float, int], ...] = ()  # (moment, pitch), the newest last
    at_s: float = 0.0  # the last onset
    pitches: tuple[int, ...] = ()  # its notes
    gap_s: float = 1.0  # from the onset before that
    begun_s: float = 0.0  # the first onset after the last rest

    def after(self, onset: Onset) -> "Recent":
        """With these notes, too."""
        at_s = onset.at_s
        kept = [note for note in self.notes[-_MOST:] if _ago(at_s, note[0]) <= _MEMORY_S]
        kept += [(at_s, pitch) for pitch in onset.pitches]
        gap_s = _ago(at_s, self.at_s) if self.pitches else 1.0
        begun_s = at_s if not self.pitches or gap_s > 1.0 else self.begun_s
        return Recent(tuple(kept), at_s, onset.pitches, gap_s, begun_s)


def features(recent: Recent, onset: Onset) -> tuple[Floats, Floats]:
    """Of all notes of an onset together [ONSET_FEATURES], and of each [notes, NOTE_FEATURES], the highest first."""
    ages = [(_ago(onset.at_s, moment), pitch) for moment, pitch in recent.notes]
    windows = []
    for window_s in _WINDOWS_S:
        heard = [pitch for age, pitch in ages if age <= window_s]
        windows.append((max(heard), min(heard)) if heard else None)
    notes = [_note(ages, windows, onset.pitches, index) for index in range(len(onset.pitches))]
    return np.array(_onset(recent, ages, windows, onset), np.float32), np.array(notes, np.float32)


def _onset(recent: Recent, ages: _Ages, windows: _Windows, onset: Onset) -> list[float]:
    top, bottom = onset.pitches[0], onset.pitches[-1]
    at_s = onset.at_s
    first = not recent.pitches
    gap_s = 1.0 if first else _ago(at_s, recent.at_s)
    last_top, last_bottom = (top, bottom) if first else (recent.pitches[0], recent.pitches[-1])
    found = [
        _log(gap_s),
        _log(recent.gap_s),
        _log(gap_s) - _log(recent.gap_s),
        _log(_ago(at_s, recent.begun_s) if not first else _FEWEST_S),
        float(first),
        (top - 64) / 24,
        (bottom - 64) / 24,
        (top - bottom) / 24,
        len(onset.pitches) / 4,
        len(recent.pitches) / 4,
        _clip((top - last_top) / _OCTAVE),
        _clip((bottom - last_bottom) / _OCTAVE),
        float(top == last_top),
        float(bottom == last_bottom),
        sum(age < 1.0 for age, _ in ages) / 8,
    ]
    none = max(last_top, last_bottom), min(last_top, last_bottom)
    for highest, lowest in (window or none for window in windows):
        found += [_clip((top - highest) / _OCTAVE), _clip((bottom - lowest) / _OCTAVE)]
    return found + _place(onset.place)


def _note(ages: _Ages, windows: _Windows, pitches: tuple[int, ...], index: int) -> list[float]:
    pitch = pitches[index]
    voice, voice_s, same_s, higher_s, lower_s = 0, _LONG_S, _LONG_S, _LONG_S, _LONG_S
    nearest = _NEAR + 1
    for age, other in reversed(ages):
        step = pitch - other
        if step < 0:
            higher_s = age if age < higher_s else higher_s
        elif step > 0:
            lower_s = age if age < lower_s else lower_s
        else:
            same_s = age if age < same_s else same_s
        if -nearest < step < nearest:
            nearest, voice, voice_s = abs(step), step, age
    found = [
        (pitch - 64) / 24,
        (pitches[0] - pitch) / _OCTAVE,
        (pitch - pitches[-1]) / _OCTAVE,
        float(index == 0),
        float(index == len(pitches) - 1),
        float(len(pitches) == 1),
        index / 4,
        len(pitches) / 4,
        voice / _NEAR,
        _log(voice_s),
        _log(same_s),
        _log(higher_s),
        _log(lower_s),
        float(index + 1 < len(pitches) and pitch - 12 in pitches),
        float(pitch + 12 in pitches),
    ]
    for highest, lowest in (window or (pitch, pitch) for window in windows):
        found += [_clip((pitch - highest) / _OCTAVE), _clip((pitch - lowest) / _OCTAVE)]
    return found


def _place(place: BarPosition | None) -> list[float]:
    if place is None:
        return [0.0] * 15
    turn = 2 * pi * (place.beat % 1.0)
    found = [1.0, _log(place.beat_s), float(place.is_compound), cos(turn), sin(turn), cos(2 * turn), sin(2 * turn)]
    found += [cos(3 * turn), sin(3 * turn)]
    if not place.beats:
        return [*found, *[0.0] * 6]
    bar = 2 * pi * place.beat / place.beats
    is_line = float(min(place.beat, place.beats - place.beat) < 0.12)
    return [*found, 1.0, cos(bar), sin(bar), cos(2 * bar), sin(2 * bar), is_line]


def _ago(at_s: float, moment: float) -> float:
    """Seconds, in whole ms: what began exactly a window ago is in it, whatever moment time is counted from."""
    return round(at_s - moment, 3)


def _log(seconds: float) -> float:
    return log(max(seconds, _FEWEST_S) / 0.25) / 2


def _clip(value: float) -> float:
    return max(-2.5, min(2.5, value))


PLACE_FEATURES = (len(_place(None)), 6)  # of an onset's, the last are its place: in the beat and the bar; in the bar
_OF_ONSET, _OF_NOTES = features(Recent(), Onset(0.0, (60,)))
ONSET_FEATURES, NOTE_FEATURES = len(_OF_ONSET), _OF_NOTES.shape[1]
