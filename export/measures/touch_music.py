"""What a model's performances are like beside people's continuations of the same openings.

*Histograms* are held against people's by their overlapped area (``overlap``), which is 1 less the total variation
distance. Beside it, for two halves of the pieces drawn by chance: the overlap of what the model and of what people
played after the openings of one half with what people played after those of the other: the mean of ``HALVES`` draws,
and where 95 % of them lie.

*Loops* and *copies* (``loops``, ``copies``) are of onsets: the keys of a chord, whatever its time, loudness and
length; notes that begin within 40 ms are a chord. Copies are so in any key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.corpora.work import Piece
from export.measures.continuations import Choice, Each, Plan, generate
from export.measures.copies import Codes, windows
from export.measures.interval import Estimate, Floats, estimate, of_pieces, resampled, summed, wilson
from export.measures.loops import longest_real_run, loops
from export.measures.music import Event, Music
from export.measures.performance_openings import Opening
from export.measures.playing import Playing, chords
from export.measures.playing_figures import figures, histograms, overlaps
from export.scoring import Predictor
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import (
    FIRST_KEY,
    FIRST_LOUDNESS,
    FIRST_WAIT,
    GRID_TICKS,
    STEP_MS,
    STEP_NS,
    WAITS,
)
from livegen.events import Note

HALVES = 200
LENGTHS = (8, 16)  # onsets of a copy
EXCERPT = 100  # onsets, in which the longest runs of real music are counted
_SAMPLE = 100  # pieces for that

Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Pair:
    """What a model and what people played after the same opening."""

    piece: str  # its name
    ours: Playing
    theirs: Playing


def continued(
    predictor: Predictor,
    codec: PerformanceCodec,
    told: Sequence[Opening],
    choice: Choice,
    seed: int = 0,
    each: Each = lambda items, _: items,
) -> list[Pair]:
    """The model's continuations, as long as people's, beside these."""
    ticks = max((one.end_ns - one.cut_ns) // STEP_NS * GRID_TICKS for one in told)
    music = generate(predictor, codec, [one.tokens for one in told], choice, Plan(seed=seed, ticks=ticks), each)
    tokens = [[token for event in added.events for token in event.tokens] for added in music]
    pairs = zip(told, tokens, strict=True)
    return [Pair(one.piece, one.continued(codec, added), one.people) for one, added in pairs]


def compare_histograms(pairs: Sequence[Pair], seed: int = 0) -> Rows:
    """A row for each histogram: its overlaps with people's; intervals by a bootstrap over pieces."""
    ours, theirs = (_by_piece(pairs, who) for who in ("ours", "theirs"))
    random = np.random.default_rng(seed)
    rows: Rows = []
    for name, counts in ours.items():
        people, count = theirs[name], len(counts)
        draws = resampled(count, seed)
        same = overlaps(counts.sum(axis=0), people.sum(axis=0))
        halves = [random.permutation(count) < count // 2 for _ in range(HALVES)]
        crossed = [
            np.array([overlaps(who[half].sum(axis=0), people[~half].sum(axis=0)) for half in halves])
            for who in (counts, people)
        ]
        rows.append(
            {
                "histogram": name,
                "same openings": estimate(float(same), overlaps(draws @ counts, draws @ people)),
                "other openings": estimate(float(crossed[0].mean()), crossed[0]),
                "people with people": estimate(float(crossed[1].mean()), crossed[1]),
            }
        )
    return rows


def compare_figures(pairs: Sequence[Pair]) -> Rows:
    """A row for each figure: the model's and people's."""
    ours, theirs = ([figures(getattr(pair, who)) for pair in pairs] for who in ("ours", "theirs"))
    places = _places(pairs)
    return [
        {"figure": name, "model": _estimate(ours, name, places), "people": _estimate(theirs, name, places)}
        for name in ours[0]
    ]


def compare_repeats(codec: PerformanceCodec, pairs: Sequence[Pair], trained: Sequence[Piece]) -> Rows:
    """A row for loops and one for each length of copies: shares of stretches, and of windows of onsets."""
    ours, theirs = ([onsets_of(getattr(pair, who).notes) for pair in pairs] for who in ("ours", "theirs"))
    some = trained[:: max(1, len(trained) // _SAMPLE)]
    limit = longest_real_run([Music(onsets_of(notes_of(codec, piece)), ()) for piece in some], EXCERPT)
    rows: Rows = [{"in 100": f"stretches with loops of more than {limit} onsets", "of": f"{len(pairs)} + {len(pairs)}"}]
    for who, stretches in (("model", ours), ("people", theirs)):
        looped = loops(stretches, limit)
        share, low, high = wilson(round(looped.share * looped.count), looped.count)
        rows[0][who] = Estimate(100 * share, max(0.0, 100 * low), 100 * high)
    for length in LENGTHS:
        known = np.unique(windows((onsets_of(notes_of(codec, piece)) for piece in trained), length))
        found = {who: _copied(kind, known, length) for who, kind in (("model", ours), ("people", theirs))}
        counts = " + ".join(str(int(each[:, 1].sum())) for each in found.values())
        estimates = {who: of_pieces(*summed(each, _places(pairs)).T) for who, each in found.items()}
        rows.append({"in 100": f"windows that copy {length} onsets", "of": counts, **estimates})
    return rows


def _copied(stretches: Sequence[Sequence[Event]], known: Codes, length: int) -> Floats:
    """Of each stretch a hundred times how many of its windows are known, and how many it has; [stretches, 2]."""
    found = [windows([stretch], length) for stretch in stretches]
    is_known = np.isin(np.concatenate(found), known)
    of = np.repeat(np.arange(len(found)), list(map(len, found)))
    counts = [np.bincount(of, weights, len(found)) for weights in (100 * is_known, np.ones(len(of)))]
    return np.stack(counts, axis=1)


def onsets_of(notes: Sequence[Note]) -> tuple[Event, ...]:
    """The chords of a performance as events without time, of which only the keys count."""
    found = [tuple(sorted({note.pitch for note in chord})) for chord in chords(notes)]
    return tuple(Event(pitches, 1, pitches, (), is_end=False) for pitches in found)


def notes_of(codec: PerformanceCodec, piece: Piece) -> list[Note]:
    """The notes of a piece in order, in ticks of a millisecond, without their lengths; a hundred times faster."""
    tokens = piece.tokens
    is_wait = (tokens >= FIRST_WAIT) & (tokens < FIRST_LOUDNESS)
    steps = np.where(is_wait, np.array(WAITS)[np.where(is_wait, tokens - FIRST_WAIT, 0)], 0)
    is_on = (tokens >= FIRST_KEY) & (tokens < codec.off(codec.low))
    at = np.cumsum(steps)[is_on] * STEP_MS
    return [Note(int(onset), codec.low + int(key), 0) for onset, key in zip(at, tokens[is_on] - FIRST_KEY, strict=True)]


def _by_piece(pairs: Sequence[Pair], who: str) -> Mapping[str, Floats]:
    """Histograms [pieces, bins] by name."""
    found = [histograms(getattr(pair, who)) for pair in pairs]
    return {name: summed(np.array([each[name] for each in found]), _places(pairs)) for name in found[0]}


def _places(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """The number of each pair's piece."""
    return np.unique([pair.piece for pair in pairs], return_inverse=True)[1]


def _estimate(found: Sequence[Mapping[str, tuple[float, float]]], name: str, places: NDArray[np.int64]) -> Estimate:
    sums, weights = summed(np.array([each[name] for each in found], np.float64), places).T
    return of_pieces(sums, weights)
