"""What the network for phrasing learns from: each onset's features and loudness, and what the pedal does there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.phrasing.music import Played
from livegen.music.note_features import KEYS, LOWEST, ONSET_FEATURES, TOGETHER_S, BarPosition, Onset, Recent
from livegen.music.note_features import features as features_of
from livegen.music.pedalling import Pedal, PedalMove, pedal_features
from livegen.music.phrasing import INPUTS

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NO_MOVE = -1  # of a performance without a pedal
_EARLY_S = 0.06  # a note may come so much before its beat
_EARLY_FOOT_S = 0.12  # ... and a pedal before its notes
_CHANGE_S = 0.4  # ... and be up for so long, when it is changed
_FEWEST_MOVES = 10


@dataclass(frozen=True, slots=True)
class Sung:
    """A performance as the network hears it. n onsets, m notes."""

    played: Played
    onsets: tuple[Onset, ...]
    first: Ints  # [n + 1], the first note of each onset
    features: Floats  # [n, ONSET_FEATURES]
    note_features: Floats  # [m, NOTE_FEATURES]
    pitches: Ints  # [m]
    loudness: Floats  # [m], velocities
    moves: Ints  # [n], PedalMove or NO_MOVE
    pedals: Floats  # [n, PEDAL_FEATURES]

    def inputs(self, begin: int, end: int, shift: int = 0) -> Floats:
        """What the network takes [end - begin, INPUTS] of these onsets, transposed by so many semitones."""
        count, notes = end - begin, slice(self.first[begin], self.first[end])
        found = np.zeros((count, INPUTS), np.float32)
        found[:, :ONSET_FEATURES] = self.features[begin:end]
        found[:, 5:7] += shift / 24
        of = np.repeat(np.arange(count), np.diff(self.first[begin : end + 1]))
        pitches = self.pitches[notes]
        bottoms = self.pitches[self.first[begin + 1 : end + 1] - 1]
        found[of, ONSET_FEATURES + np.clip(pitches + shift - LOWEST, 0, KEYS - 1)] = 1
        found[of, ONSET_FEATURES + KEYS + (pitches - bottoms[of]) % 12] = 1
        return found


def onsets_of(played: Played) -> Iterator[tuple[Onset, list[int]]]:
    """What begins together, and how loud each note is, the highest first."""
    at, count, index = played.onset_s, len(played.onset_s), 0
    while index < count:
        end = int(np.searchsorted(at, at[index] + TOGETHER_S))
        loud: dict[int, int] = {}
        for pitch, velocity in zip(played.pitch[index:end].tolist(), played.velocity[index:end].tolist(), strict=True):
            loud[pitch] = max(loud.get(pitch, 0), velocity)
        pitches = tuple(sorted(loud, reverse=True))
        moment = float(at[index])
        yield Onset(moment, pitches, _place(played, moment)), [loud[pitch] for pitch in pitches]
        index = max(end, index + 1)


def _place(played: Played, at_s: float) -> BarPosition | None:
    beats = played.beat_s
    if len(beats) < 2 or not beats[0] - _EARLY_S <= at_s < beats[-1]:
        return None
    index = min(max(int(np.searchsorted(beats, at_s + _EARLY_S, "right")) - 1, 0), len(beats) - 2)
    beat_s = float(beats[index + 1] - beats[index])
    part = min(max((at_s - float(beats[index])) / beat_s, -0.2), 0.999)
    bar = int(played.beats_per_bar[index])
    return BarPosition((int(played.beat_in_bar[index]) + part) % bar, bar, beat_s, played.is_compound)


def sing(played: Played) -> Sung:
    """The performance as the network hears it."""
    recent, pedal = Recent(), Pedal()
    features, notes, loudness, pedals, first = [], [], list[int](), [], [0]
    found = list(onsets_of(played))
    onsets = tuple(onset for onset, _ in found)
    moves = moves_of(played, [onset.at_s for onset in onsets])
    for (onset, loud), move in zip(found, moves, strict=True):
        of_onset, of_notes = features_of(recent, onset)
        features.append(of_onset)
        notes.append(of_notes)
        pedals.append(pedal_features(pedal, onset))
        loudness += loud
        first.append(len(loudness))
        recent, pedal = recent.after(onset), pedal.after(onset, PedalMove(max(move, 0)))
    return Sung(
        played,
        onsets,
        np.array(first, np.int64),
        np.array(features, np.float32),
        np.concatenate(notes),
        np.array([pitch for onset in onsets for pitch in onset.pitches], np.int64),
        np.array(loudness, np.float32),
        np.array(moves, np.int64),
        np.array(pedals, np.float32),
    )


def _changed_at_once(pedal: Sequence[tuple[float, bool]]) -> Iterator[float]:
    """The pedal's moments; where it goes down again soon, it does so at once: more notes may begin meanwhile."""
    before = 0.0
    for moment, is_down in pedal:
        yield before if is_down and before and moment - before <= _CHANGE_S else moment
        before = moment


def moves_of(played: Played, at_s: Sequence[float]) -> list[int]:
    """What the foot does around each onset, from shortly before it to shortly before the next."""
    if len(played.pedal) < _FEWEST_MOVES:
        return [NO_MOVE] * len(at_s)
    moments = np.array(list(_changed_at_once(played.pedal)))
    is_down = np.array([False, *(down for _, down in played.pedal)])
    gaps = np.diff(at_s, prepend=at_s[0] - 1)
    begins = np.searchsorted(moments, np.array(at_s) - np.minimum(_EARLY_FOOT_S, gaps / 2))
    moves = list[int]()
    for begin, end in zip(begins, [*begins[1:], len(moments)], strict=True):
        before, after = is_down[begin], is_down[end]
        is_lifted = bool((~is_down[begin + 1 : end + 1]).any())
        if after and (is_lifted or not before):
            moves.append(PedalMove.CHANGE)
        else:
            moves.append(PedalMove.LIFT if before and not after else PedalMove.KEEP)
    return moves
