"""How loud a note is among its neighbours, and whether the pedal moves with it, as it was learnt from pianists.

A small recurrent network (gated recurrent unit; Cho et al., 2014) goes from onset to onset. ``python -m export
fit-phrasing`` learns it and writes the file; docs/models.md says on what.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livegen.music.note_features import KEYS, LOWEST, ONSET_FEATURES, Onset, Recent
from livegen.music.note_features import features as features_of
from livegen.music.pedalling import Pedal, PedalMove, blurs, pedal_features

INPUTS = ONSET_FEATURES + KEYS + 12  # its features, the keys that go down, their distance from the lowest, in semitones
FILE = Path(__file__).with_name("phrasing.npz")
_FOOT_TEMPERATURE = 0.8  # of the foot's odds; with the two below, chosen on the validation part: a foot that is drawn
_FOOT_CHANGE = 0.3  # ... misses a change now and then, and what it then holds is heard for long
_FOOT_CLEAR = 1.5  # ... where the chord before would blur the new one
MIDDLE, UNIT = 70.0, 16.0  # the network's 0 as a velocity, and its 1 in velocities

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came before: an immutable value. ``hidden`` [units]."""

    recent: Recent
    hidden: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """The network's. u units; a column of ``into`` is one input's."""

    into: Floats  # [INPUTS, u]
    into_bias: Floats  # [u]
    new: Floats  # [u, 3u], of the gates reset, update, new
    new_bias: Floats  # [3u]
    old: Floats  # [u, 3u]
    old_bias: Floats  # [3u]
    loud: Floats  # [u + ONSET_FEATURES + NOTE_FEATURES, n]
    loud_bias: Floats  # [n]
    loud_out: Floats  # [n + 1], the last is the bias
    foot: Floats  # [u + PEDAL_FEATURES, m]
    foot_bias: Floats  # [m]
    foot_out: Floats  # [m + 1, 3], the last row is the bias


@dataclass(frozen=True, slots=True)
class Spread:
    """What the network leaves open, in velocities: people's loudness around it."""

    slow: float  # standard deviation of what goes from onset to onset
    keep: float  # ... and how much of it is left at the next onset
    own: float  # standard deviation of each note's own


@dataclass(frozen=True, slots=True)
class Phrasing:
    """The network, and the spread around what it foretells."""

    weights: Weights
    spread: Spread

    def begin(self) -> Heard:
        """Before the first note."""
        return Heard(Recent(), np.zeros(self.weights.old.shape[0], np.float32))

    def hear(self, heard: Heard, onset: Onset) -> tuple[Heard, Floats]:
        """Go on to the next onset; the loudness [notes] of its notes, the highest first, as velocities."""
        each = self.weights
        features, notes = features_of(heard.recent, onset)
        gates = each.new_bias + np.maximum(self._input(features, onset.pitches), 0) @ each.new
        past = each.old_bias + heard.hidden @ each.old
        units = len(heard.hidden)
        reset, update = np.split(_sigmoid(gates[: 2 * units] + past[: 2 * units]), 2)
        new = np.tanh(gates[2 * units :] + reset * past[2 * units :])
        hidden = new + update * (heard.hidden - new)
        known = units + ONSET_FEATURES
        shared = each.loud_bias + np.concatenate([hidden, features]) @ each.loud[:known]
        loud = np.tanh(shared + notes @ each.loud[known:]) @ each.loud_out[:-1] + each.loud_out[-1]
        return Heard(heard.recent.after(onset), hidden), MIDDLE + UNIT * loud

    def moves(self, heard: Heard, pedal: Pedal, onset: Onset) -> Floats:
        """The probability of each ``PedalMove`` [3] at an onset that was just heard."""
        each, units = self.weights, len(heard.hidden)
        by = np.array(pedal_features(pedal, onset), np.float32)
        inner = np.tanh(each.foot_bias + heard.hidden @ each.foot[:units] + by @ each.foot[units:])
        odds = (inner @ each.foot_out[:-1] + each.foot_out[-1]) / _FOOT_TEMPERATURE
        odds[PedalMove.CHANGE] += _FOOT_CHANGE + _FOOT_CLEAR * blurs(pedal, onset)
        if not pedal.is_down:
            odds[PedalMove.LIFT] = -np.inf
        chance = np.exp(odds - odds.max())
        return np.asarray(chance / chance.sum(), np.float32)

    def _input(self, features: Floats, pitches: Sequence[int]) -> Floats:
        into, bottom = self.weights.into, pitches[-1]
        rows = {ONSET_FEATURES + min(max(pitch - LOWEST, 0), KEYS - 1) for pitch in pitches}
        rows |= {ONSET_FEATURES + KEYS + (pitch - bottom) % 12 for pitch in pitches}
        found = features @ into[:ONSET_FEATURES] + into[sorted(rows)].sum(0)
        return np.asarray(found + self.weights.into_bias, np.float32)


def _sigmoid(value: NDArray[np.floating]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)), np.float32)


@functools.cache
def load_phrasing() -> Phrasing:
    """What the file has."""
    with np.load(FILE, allow_pickle=False) as found:
        weights = Weights(*(found[each.name].astype(np.float32) for each in fields(Weights)))
        return Phrasing(weights, Spread(**json.loads(str(found["spread"]))))


def save_phrasing(found: Phrasing, path: Path = FILE) -> None:
    """Write the file, the weights in 16 bits."""
    arrays = {each.name: getattr(found.weights, each.name).astype(np.float16) for each in fields(Weights)}
    spread = {each.name: round(getattr(found.spread, each.name), 3) for each in fields(Spread)}
    np.savez_compressed(path, allow_pickle=False, spread=np.array(json.dumps(spread)), **arrays)
