"""Counts where in the bar notes come, in music of one metre and style."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from export.corpora.metred import Metred
from livegen.music.metre_detection import heard_onsets
from livegen.music.metre_profiles import CHORD_SIZES, DEGREES, LAGS, PARTS, STEPS, Floats, Profile

_MOST_PIECES, _MOST_ONSETS = 1_500, 120  # for the melody's tables
_PRIOR = 20.0  # counts: how much a move that is likely everywhere weighs against those from its position
_LITTLE = 10.0  # counts: the same of the melody's tables


def count(pieces: Sequence[Metred], within: Sequence[int]) -> Profile:
    """The profile of pieces of one metre; ``within``: the positions within a beat that are counted, in twelfths."""
    beats, is_compound = pieces[0].bars.beats, pieces[0].bars.is_compound
    positions = np.array([beat * PARTS + part for beat in range(beats) for part in within])
    places = [_places(piece, positions, beats * PARTS) for piece in pieces]
    moves, first = _moves(places, positions, beats * PARTS)
    seen = moves.sum((0, 2))
    chords, steps_to, steps_from, degrees, lags = _melody(pieces, places, positions, beats * PARTS)
    return Profile(
        beats,
        is_compound,
        positions,
        _share(first + 0.3 + 0.2 * first.sum() * (seen + 1) / (seen + 1).sum()),
        _smoothed(moves, positions, beats * PARTS),
        chords,
        steps_to,
        steps_from,
        degrees,
        lags,
    )


def _places(piece: Metred, positions: NDArray[np.int64], bar: int) -> list[int | None]:
    """The nearest twelfth of a beat of each onset, if it is one of the positions or next to one."""
    known = set(positions.tolist())
    found = []
    for onset in piece.onsets:
        near = sorted((round(onset * PARTS) + off for off in (-1, 0, 1)), key=lambda place: abs(place - onset * PARTS))
        found.append(next((place for place in near if place % bar in known), None))
    return found


def _moves(places: Sequence[Sequence[int | None]], positions: NDArray[np.int64], bar: int) -> tuple[Floats, Floats]:
    index = {int(position): at for at, position in enumerate(positions)}
    moves, first = np.zeros((len(positions), len(positions), 2)), np.zeros(len(positions))
    for piece in places:
        if piece and piece[0] is not None:
            first[index[piece[0] % bar]] += 1
        for before, after in pairwise(piece):
            if before is not None and after is not None and 0 < after - before <= 2 * bar:
                moves[index[before % bar], index[after % bar], (after - before - 1) // bar] += 1
    return moves, first


def _smoothed(moves: Floats, positions: NDArray[np.int64], bar: int) -> Floats:
    """Probabilities; where little was counted, those of the position and of the distance alone."""
    seen = moves.sum((0, 2)) + 1
    apart = (positions[None, :] - positions[:, None]) % bar
    distances = np.where(apart == 0, bar, apart)[..., None] + np.arange(2) * bar
    of_distance = np.bincount(distances.ravel(), weights=moves.ravel(), minlength=2 * bar + 1)
    of_distance += 0.002 * of_distance.sum() / len(of_distance)
    expected = (seen / seen.sum())[None, :, None] * of_distance[distances]
    expected /= expected.sum((1, 2), keepdims=True)
    found: Floats = (moves + _PRIOR * expected) / (moves.sum((1, 2), keepdims=True) + _PRIOR)
    return found


def _melody(
    pieces: Sequence[Metred], places: Sequence[Sequence[int | None]], positions: NDArray[np.int64], bar: int
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    index = {int(position): at for at, position in enumerate(positions)}
    count = len(positions)
    tables = [np.zeros((count, size)) for size in (CHORD_SIZES, STEPS, STEPS, DEGREES)]
    lags = np.zeros((len(LAGS), 3))  # nothing there, another pitch, the same
    for piece, placed in zip(pieces[:_MOST_PIECES], places, strict=False):
        chords = piece.pitches[:_MOST_ONSETS]
        heard = heard_onsets(np.array(piece.onsets[:_MOST_ONSETS]), chords)
        kinds = (heard.chords, heard.steps_to, heard.steps_from, heard.degrees)
        at = {place: int(top) for place, top in zip(placed, heard.top, strict=False) if place is not None}
        for onset, (place, top) in enumerate(zip(placed, heard.top, strict=False)):
            if place is None:
                continue
            for table, kind in zip(tables, kinds, strict=True):
                table[index[place % bar], kind[onset]] += 1
            for lag, beats in enumerate(LAGS):
                if place - round(beats * PARTS) >= round(piece.onsets[0] * PARTS):
                    before = at.get(place - round(beats * PARTS))
                    lags[lag, 0 if before is None else 2 if before == top else 1] += 1
    hits = (lags[:, 1:].sum(1) + 1) / (lags.sum(1) + 2)
    same = (lags[:, 2] + 1) / (lags[:, 1:].sum(1) + 2)
    sizes, steps_to, steps_from, degrees = tables
    if sizes[:, 1:].sum() < _LITTLE * count:  # one voice: what chords say is not known
        sizes = np.tile([0.9, 0.06, 0.02, 0.02], (count, 1)) * _LITTLE
    by_position = _share(sizes + 1), _relative(steps_to), _relative(steps_from), _relative(degrees)
    return *by_position, np.stack([hits, same], 1)


def _relative(table: Floats) -> Floats:
    """How much more often than elsewhere each kind is seen at each position."""
    overall = (table.sum(0) + 1) / (table.sum() + table.shape[1])
    at = (table + _LITTLE * overall) / (table.sum(1, keepdims=True) + _LITTLE)
    return np.asarray(at / overall, np.float64)


def _share(table: Floats) -> Floats:
    return np.asarray(table / table.sum(-1, keepdims=True), np.float64)
