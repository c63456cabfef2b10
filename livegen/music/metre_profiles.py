"""What music in each metre is like: where in the bar its notes come, as it was counted in tunes and songs.

``python -m export fit-metre`` counts and writes the file; docs/models.md says on what.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 12  # of a beat: positions are counted in these
SIMPLE, COMPOUND, SWUNG = (0, 3, 4, 6, 8, 9), (0, 2, 4, 6, 8, 10), (0, 4, 6)  # within a beat, where notes may come
SWINGS = (1.5, 1.67, 1.85, 2.0, 2.2)  # how much longer the first half of a beat is than the second
LAGS = (1, 1.5, 2, 3, 4, 6, 8, 9, 12, 16)  # beats after which music may come back
CHORD_SIZES, STEPS, DEGREES = 4, 10, 12  # kinds of chord (by size), of melodic step, of degree of the scale
EVIDENCE = 5  # kinds: see ``metre_detection``
FILE = Path(__file__).with_name("metre_profiles.npz")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Profile:
    """Music of one metre and style. n positions in a bar; probabilities are of a position unless said otherwise."""

    beats: int  # in a bar
    is_compound: bool
    positions: Ints  # [n], in twelfths of a beat from the bar line, rising
    first: Floats  # [n], of the first onset
    moves: (
        Floats  # [n, n, 2]: from a position to the next onset's, in the bar that begins after it and in the one after
    )
    chords: Floats  # [n, CHORD_SIZES], of a chord's size at a position
    steps_to: Floats  # [n, STEPS], how much more often than elsewhere the melody comes so to a position
    steps_from: Floats  # [n, STEPS], ... or leaves it so
    degrees: Floats  # [n, DEGREES], ... or has this degree of the scale there
    lags: Floats  # [LAGS, 2]: of an onset that has another so many beats before, and of those with the same pitch

    @property
    def bar(self) -> int:
        """Twelfths of a beat in a bar."""
        return self.beats * PARTS


@dataclass(frozen=True, slots=True)
class MetreModel:
    """A profile that may be heard, at its usual tempo, and swung or not."""

    profile: Profile
    swing: float  # 1: straight
    beat_ms: float  # the usual length of a beat ...
    spread: float  # ... and its standard deviation, of the natural logarithm
    bias: float  # log-odds of this metre before anything is heard
    places: Floats  # [n], where each position of a bar is played, in beats
    source: Ints  # [moves that occur], ordered by ``target``
    target: Ints
    begins: Ints  # [n], the first move to each position
    chance: Floats  # [moves], how likely it is
    distance: Floats  # [distances], in beats, that occur
    distance_of: Ints  # [moves], which of them


@dataclass(frozen=True, slots=True)
class MetreModels:
    """All that may be heard, and how much each kind of evidence weighs."""

    metres: tuple[MetreModel, ...]
    weights: Floats  # [EVIDENCE]


_LEAST = 1e-4  # a move that is rarer does not occur
_FIELDS = ("positions", "first", "moves", "chords", "steps_to", "steps_from", "degrees", "lags")


def make_model(profile: Profile, swing: float, beat_ms: float, spread: float, bias: float) -> MetreModel:
    """A metre to be heard, from its profile."""
    places = played_at(profile.positions, swing)
    target, source, bars = np.nonzero(profile.moves.transpose(1, 0, 2) > _LEAST)
    beats = distances(places, profile.beats)[source, target, bars]
    distance, distance_of = np.unique(np.round(beats, 6), return_inverse=True)
    begins = np.searchsorted(target, np.arange(len(profile.positions)))
    chance = profile.moves[source, target, bars]
    return MetreModel(
        profile, swing, beat_ms, spread, bias, places, source, target, begins, chance, distance, distance_of
    )


def distances(places: Floats, bar: int) -> Floats:
    """Beats [n, n, 2] from each place of a bar to the next of each, and to that of the bar after."""
    beats = (places[None, :] - places[:, None]) % bar
    return np.asarray(np.where(beats <= 0, bar, beats)[..., None] + np.arange(2) * bar, np.float64)


def played_at(positions: Ints, swing: float) -> Floats:
    """Positions in twelfths of a beat as beats: the second half of a beat comes late in swung music."""
    whole, part = np.divmod(positions, PARTS)
    late = np.where(part == PARTS // 2, swing / (1 + swing), part / PARTS) if swing != 1 else part / PARTS
    return np.asarray(whole + late, np.float64)


@functools.cache
def load_metres() -> MetreModels:
    """What the file has."""
    with np.load(FILE, allow_pickle=False) as found:
        about = json.loads(str(found["about"]))
        profiles = [_profile(found, index, each) for index, each in enumerate(about["profiles"])]
        metres = tuple(
            make_model(profiles[each["profile"]], each["swing"], each["beat_ms"], each["spread"], each["bias"])
            for each in about["metres"]
        )
        return MetreModels(metres, np.array(about["weights"], np.float64))


def _profile(found: Mapping[str, Any], index: int, about: Mapping[str, Any]) -> Profile:
    arrays = {name: np.asarray(found[f"{index}.{name}"]) for name in _FIELDS}
    floats = {name: array.astype(np.float64) for name, array in arrays.items() if name != "positions"}
    return Profile(about["beats"], about["is_compound"], arrays["positions"].astype(np.int64), **floats)


def save_metres(found: MetreModels, path: Path = FILE) -> None:
    """Write the file."""
    profiles: list[Profile] = []
    for metre in found.metres:
        if not any(metre.profile is profile for profile in profiles):
            profiles.append(metre.profile)
    arrays = {
        f"{index}.{name}": getattr(profile, name).astype(np.int16 if name == "positions" else np.float32)
        for index, profile in enumerate(profiles)
        for name in _FIELDS
    }
    about = {
        "weights": found.weights.round(4).tolist(),
        "profiles": [{"beats": each.beats, "is_compound": each.is_compound} for each in profiles],
        "metres": [
            {
                "profile": next(index for index, each in enumerate(profiles) if each is metre.profile),
                "swing": metre.swing,
                "beat_ms": metre.beat_ms,
                "spread": metre.spread,
                "bias": round(metre.bias, 4),
            }
            for metre in found.metres
        ],
    }
    np.savez_compressed(path, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
