"""Hears the metre of a phrase: its tempo, its bars, whether a beat has two parts or three, and how far it swings.

Each metre is a hidden Markov model of where in the bar the next onset comes, and so are tempo and swing (Raphael,
Automated rhythm transcription, ISMIR 2001; Takeda and others, MMSP 2002). Five kinds of evidence speak for a metre at
a tempo: the times between the onsets; the melody at each position of the bar; how often the melody, and the rhythm,
come back after so many beats (Brown, Journal of the Acoustical Society of America 94:4, 1993); the usual tempo.
Correlated evidence counts too much when it is multiplied, so each kind has a weight (a conditional logit).
"""

from bisect import bisect_left
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_QUARTER
from livegen.music.key import find_key
from livegen.music.metre import Bars
from livegen.music.metre_profiles import (
    CHORD_SIZES,
    LAGS,
    PARTS,
    Floats,
    Ints,
    MetreModel,
    MetreModels,
    distances,
    load_metres,
    played_at,
)
from livegen.music.tempo_map import SteadyTempo

BEATS_MS = np.exp(np.arange(np.log(240.0), np.log(1500.0), 0.02))  # the tempos that are tried: 250 to 40 bpm
CHORD_NS = 35 * NS_PER_MS  # onsets closer together than this are one chord
_SHORTEST_NS = 200 * NS_PER_MS  # a phrase that is shorter, as a chord that is rolled slowly, has no tempo
_DEFAULT_BEAT_NS = 600 * NS_PER_MS
_JITTER_S = 0.014  # standard deviation of a moment that is played ...
_DRIFT = 0.02  # ... and of a time between two, in parts of it
_KEEP = 25.0  # nats: a tempo that is less likely than the best by more than this is given up; more as a phrase goes on
_TICKS = TICKS_PER_QUARTER // PARTS
_NO_STEP = 9  # the kind of the step to a first note, and from a last one
_SWINGS = (1.15, 3.0)  # the least and the most
_FAR = 0.15  # a fit that is off by more than this part is none
_SAME_TEMPO = 0.03  # standard deviation of the tempo of the next phrase, where it stays the same
_NEVER = -1e9
_SAME_BEAT = 0.05  # quarters whose lengths differ by no more, in natural logarithms, are of one tempo
_WORK = 80_000  # moves at tempos that one step weighs: about a millisecond
_HIT_S, _HIT = 0.04, 0.015  # how near to a lag an onset has to be: so many seconds, and so much of the lag
_OF_HITS, _SAME_OF_HITS = 0.75, 0.14  # of all onsets, have another one lag before; of those, have the same pitch


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeardMetre:
    """The metre of a phrase."""

    tempo: SteadyTempo  # tick 0 is the beat at or before the first onset
    bars: Bars
    ticks: tuple[int, ...]  # of each note that was given, as they were meant
    sureness: float = 0.0  # how likely its tempo, half or double is, of all that were tried; 0 where none was

    def in_quarters(self) -> "HeardMetre":
        """The same with a beat of two parts where it has three: three quarters for two beats."""
        if not self.bars.is_compound:
            return self
        tempo = SteadyTempo(self.tempo.anchor_ns, self.tempo.beat_ns * 2 // 3)
        ticks = tuple(tick * 3 // 2 for tick in self.ticks)
        return replace(self, tempo=tempo, bars=self.bars.in_quarters(), ticks=ticks)


@dataclass(frozen=True, slots=True)
class Onsets:
    """A phrase as the ear takes it: chords, in order."""

    at_s: Floats  # [onsets], from the first
    chords: Ints  # [onsets], the kind of chord by its size
    top: Ints  # [onsets], the highest pitch
    steps_to: Ints  # [onsets], the kind of melodic step to each
    steps_from: Ints
    degrees: Ints  # [onsets], semitones above the tonic


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for each metre at each tempo, and the chances on which it rests."""

    kinds: NDArray[np.float64]  # [metres, tempos, EVIDENCE]
    emitted: tuple[Floats, ...]  # for each metre [n, onsets]


Steps = Generator[None, None, T]  # a pause after each


def finished(steps: Steps[T]) -> T:
    """What it finds, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            found: T = over.value
            return found


def hear_metre(
    onsets_ns: Sequence[int],
    pitches: Sequence[int],
    before: HeardMetre | None = None,
    *,
    fixed_beat_ns: int = 0,
    may_be_compound: bool = True,
) -> HeardMetre:
    """The metre of notes in order of their onsets; ``before``: of the last phrase, which is expected to go on.

    ``fixed_beat_ns`` sets the tempo; without ``may_be_compound`` a beat has two parts. Onsets that give no tempo (one,
    or one chord) have that of ``before``; without it 100 bpm and bars of four beats.
    """
    beat_ns, is_free = fixed_beat_ns, may_be_compound
    return finished(hear_in_steps(onsets_ns, pitches, before, fixed_beat_ns=beat_ns, may_be_compound=is_free))


def hear_in_steps(
    onsets_ns: Sequence[int],
    pitches: Sequence[int],
    before: HeardMetre | None = None,
    *,
    fixed_beat_ns: int = 0,
    may_be_compound: bool = True,
    beats_ms: Floats = BEATS_MS,
) -> Steps[HeardMetre]:
    """As ``hear_metre``, with a pause after each millisecond or so; ``beats_ms``: the tempos that are tried."""
    begins = _chord_begins(onsets_ns)
    moments = np.array([onsets_ns[begin] for begin in begins], np.int64)
    if moments[-1] - moments[0] < _SHORTEST_NS:
        return _unheard(onsets_ns, before, fixed_beat_ns)
    chords = [pitches[begin:end] for begin, end in pairwise([*begins, len(pitches)])]
    onsets = heard_onsets((moments - moments[0]) / NS_PER_S, chords)
    known = load_metres()
    beats_s = np.array([fixed_beat_ns / NS_PER_S]) if fixed_beat_ns else beats_ms / 1000
    evidence = yield from _weigh_in_steps(onsets, known, beats_s, before)
    scores = score(evidence.kinds, known, len(onsets.at_s))
    if not may_be_compound:
        scores[[metre.profile.is_compound for metre in known.metres]] = -np.inf
    index, tempo = np.unravel_index(int(scores.argmax()), scores.shape)
    metre = known.metres[index]
    path = _likeliest_path(onsets.at_s, evidence.emitted[index], metre, float(beats_s[tempo]))
    heard = _fitted(moments, path, metre, float(beats_s[tempo]), is_fixed=bool(fixed_beat_ns))
    ticks = tuple(tick for tick, chord in zip(heard.ticks, chords, strict=True) for _ in chord)
    return replace(heard, ticks=ticks, sureness=_sureness(scores, known, beats_s, (int(index), int(tempo))))


def _unheard(onsets_ns: Sequence[int], before: HeardMetre | None, fixed_beat_ns: int) -> HeardMetre:
    """The metre of onsets that give none: it goes on as before."""
    known = before or HeardMetre(SteadyTempo(0, _DEFAULT_BEAT_NS), Bars(), ())
    tempo = replace(known.tempo, anchor_ns=onsets_ns[0], beat_ns=fixed_beat_ns or known.tempo.beat_ns)
    return HeardMetre(tempo, replace(known.bars, upbeat=0), (0,) * len(onsets_ns))


def _sureness(scores: Floats, known: MetreModels, beats_s: Floats, best: tuple[int, int]) -> float:
    """The probability of the best tempo, its half and its double, in quarters, whatever the metre."""
    chances = np.exp(scores - scores.max())
    parts = np.array([1.5 if metre.profile.is_compound else 1.0 for metre in known.metres])
    quarters = np.log(beats_s[None, :] / parts[:, None])  # [metres, tempos]
    octaves = np.log(2) * np.array([-1, 0, 1])[:, None, None]
    is_same = (np.abs(quarters - quarters[best] - octaves) < _SAME_BEAT).any(0)
    return float(chances[is_same].sum() / chances.sum())


def in_words(tempo: SteadyTempo, bars: Bars) -> str:
    """Tempo, bars and swing, as they are said to the person at the keyboard."""
    swing = f", swung {tempo.swing:.1f} to 1" if tempo.swing != 1 else ""
    return f"{tempo.tempo_bpm:.2f} bpm, {bars}{swing}"


def heard_onsets(at_s: Floats, chords: Sequence[Sequence[int]]) -> Onsets:
    """Chords, each with its pitches, as the ear takes them."""
    top = np.array([max(chord) for chord in chords])
    sizes = np.minimum([len(set(chord)) for chord in chords], CHORD_SIZES) - 1
    steps = np.array([_step(after - before) for before, after in pairwise(top)], np.int64)
    key = find_key([(int(pitch), 1.0) for pitch in top])
    return Onsets(at_s, sizes, top, np.append(_NO_STEP, steps), np.append(steps, _NO_STEP), (top - key.tonic) % 12)


def _step(semitones: int) -> int:
    """The kind of a melodic step: none, a second, a third, a fourth or fifth, more; downwards, then upwards."""
    size = bisect_left((0, 2, 4, 7), abs(semitones))
    return size if semitones <= 0 else size + 4


def _chord_begins(onsets_ns: Sequence[int]) -> list[int]:
    """The first note of each chord."""
    return [index for index, at_ns in enumerate(onsets_ns) if not index or at_ns - onsets_ns[index - 1] > CHORD_NS]


def score(kinds: NDArray[np.float64], known: MetreModels, count: int) -> Floats:
    """Log-odds [metres, tempos] of so many onsets' evidence."""
    bias = np.array([metre.bias for metre in known.metres])
    found: Floats = scaled(kinds, count) @ known.weights + bias[:, None]
    return found


def scaled(kinds: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The evidence as it is weighted: what each onset adds counts less, the more there are."""
    scale = np.full(kinds.shape[-1], (20 / count) ** 0.5)
    scale[-1] = 1  # the usual tempo is not counted by onsets
    return np.asarray(kinds * scale, np.float64)


def weigh(onsets: Onsets, known: MetreModels, beats_s: Floats, before: HeardMetre | None = None) -> Evidence:
    """The evidence for each metre at these lengths of a beat, in seconds."""
    return finished(_weigh_in_steps(onsets, known, beats_s, before))


def _weigh_in_steps(onsets: Onsets, known: MetreModels, beats_s: Floats, before: HeardMetre | None) -> Steps[Evidence]:
    counts = _returns(onsets, beats_s)
    kinds, emitted, work = [], [], 0
    for metre in known.metres:
        profile = metre.profile
        plain = profile.chords[:, onsets.chords]
        melody = profile.steps_to[:, onsets.steps_to] * profile.steps_from[:, onsets.steps_from]
        both = np.stack([plain, plain * melody * profile.degrees[:, onsets.degrees]])
        forward = _Forward(onsets.at_s, both, metre, beats_s)
        while weighed := forward.step():
            work += weighed
            if work > _WORK:
                yield
                work = 0
        rhythm, whole = forward.found
        of_hits, same = (np.clip(profile.lags[:, kind], 1e-3, 1 - 1e-3) for kind in (0, 1))
        pitches = _ratio(counts[..., 2], counts[..., 1], same, _SAME_OF_HITS)
        times = _ratio(counts[..., 1:].sum(-1), counts[..., 0], of_hits, _OF_HITS)
        usual = _expected(metre, beats_s, before)
        kinds.append(np.stack([rhythm, np.where(rhythm > _NEVER / 2, whole - rhythm, 0), pitches, times, usual], -1))
        emitted.append(both[1])
    return Evidence(np.stack(kinds), tuple(emitted))


def _ratio(yes: Floats, no: Floats, share: Floats, usual: float) -> Floats:
    """Log-likelihood ratio [tempos] of counts [tempos, LAGS], of shares [LAGS] against the usual one."""
    return np.asarray(yes @ np.log(share / usual) + no @ np.log((1 - share) / (1 - usual)), np.float64)


class _Forward:
    """The forward algorithm. ``found``: log-likelihoods [2, tempos] of the onsets, with either emission."""

    def __init__(self, at_s: Floats, emitted: NDArray[np.float64], metre: MetreModel, beats_s: Floats) -> None:
        """``emitted`` [2, n, onsets]: chances of each onset at each position."""
        self.found = np.zeros((2, len(beats_s)))
        self._between_s, self._emitted, self._metre, self._beats_s = np.diff(at_s), emitted, metre, beats_s
        self._alive = np.arange(len(beats_s))
        first = (metre.profile.first[:, None] * emitted[:, :, 0].T).T[:, None, :]
        self._forward = np.repeat(first, len(beats_s), axis=1)  # [2, tempos, n]
        self._index = 0

    def step(self) -> int:
        """Take one more onset; return how many moves at tempos were weighed, 0 once there is none left."""
        total = self._forward.sum(-1)
        self.found[:, self._alive] += np.log(total)
        if self._index == len(self._between_s):
            return 0
        between_s = float(self._between_s[self._index])
        self._index += 1
        forward, metre = self._forward / total[..., None], self._metre
        if self._index > 3:
            forward = self._without_unlikely(forward)
        near = _nearness(between_s, metre, self._beats_s[self._alive])[:, metre.distance_of]  # [tempos, moves]
        moves = forward[:, :, metre.source] * (near * metre.chance)
        emitted = self._emitted[:, None, :, self._index]
        self._forward = np.add.reduceat(moves, metre.begins, axis=-1) * emitted + 1e-300
        return int(moves.size)

    def _without_unlikely(self, forward: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give up the tempos that are far less likely than the best."""
        found = self.found[0, self._alive]
        best = found > found.max() - _KEEP * (1 + self._index / 20) ** 0.5
        self.found[:, self._alive[~best]] = _NEVER
        self._alive = self._alive[best]
        return forward[:, best]


def _nearness(between_s: float, metre: MetreModel, beats_s: Floats) -> Floats:
    """How well a time between two onsets fits each distance at each tempo [tempos, distances]: a normal density."""
    deviation = _deviation(between_s)
    found: Floats = np.exp(-0.5 * ((between_s - np.outer(beats_s, metre.distance)) / deviation) ** 2) / deviation
    return found


def _deviation(between_s: float) -> float:
    """The standard deviation of a time between two onsets."""
    return float((2 * _JITTER_S**2 + (_DRIFT * between_s) ** 2) ** 0.5)


def _expected(metre: MetreModel, beats_s: Floats, before: HeardMetre | None) -> Floats:
    """Log-probabilities [tempos] before anything is heard: the usual tempo, or that of the phrase before."""
    usual = _normal(np.log(beats_s * 1000 / metre.beat_ms), metre.spread)
    if before is None:
        return np.asarray(np.log(usual), np.float64)
    is_same = (metre.profile.beats, metre.profile.is_compound) == (before.bars.beats, before.bars.is_compound)
    goes_on = _normal(np.log(beats_s * NS_PER_S / before.tempo.beat_ns), _SAME_TEMPO) * is_same
    return np.asarray(np.log((usual + goes_on) / 2), np.float64)


def _normal(values: Floats, deviation: float) -> Floats:
    """A normal density, its sum 1 over the tempos that are tried; where one is set, the density there."""
    density = np.exp(-0.5 * (values / deviation) ** 2) + 1e-12
    return np.asarray(density / density.sum() if len(values) > 1 else density, np.float64)


def _returns(onsets: Onsets, beats_s: Floats) -> NDArray[np.float64]:
    """How many onsets have none one lag before, one of another pitch, one of the same: [tempos, LAGS, 3]."""
    at_s, top = onsets.at_s, onsets.top
    lags_s = beats_s[:, None] * np.array(LAGS)  # [tempos, LAGS]
    sought = at_s - lags_s[..., None]  # [tempos, LAGS, onsets]
    after = np.clip(np.searchsorted(at_s, sought), 0, len(at_s) - 1)
    earlier = np.maximum(after - 1, 0)
    is_earlier = np.abs(at_s[earlier] - sought) <= np.abs(at_s[after] - sought)
    nearest = np.where(is_earlier, earlier, after)
    reach = (_HIT_S + _HIT * lags_s)[..., None]
    is_hit, is_possible = np.abs(at_s[nearest] - sought) < reach, sought >= at_s[0] - reach
    is_same = top[nearest] == top
    kinds = (is_possible & ~is_hit, is_possible & is_hit & ~is_same, is_possible & is_hit & is_same)
    return np.stack([kind.sum(-1) for kind in kinds], -1).astype(np.float64)


def _likeliest_path(at_s: Floats, emitted: Floats, metre: MetreModel, beat_s: float) -> Ints:
    """The position of each onset, in twelfths of a beat from a bar line at or before the first (Viterbi, 1967)."""
    profile, count = metre.profile, len(metre.profile.positions)
    with np.errstate(divide="ignore"):
        beats = distances(metre.places, profile.beats)
        best, back = np.log(profile.first * emitted[:, 0]), []
        for index, between in enumerate(np.diff(at_s), 1):
            misses = (between - beats * beat_s) / _deviation(float(between))
            moves = best[:, None, None] + np.log(profile.moves) - 0.5 * misses**2
            choices = moves.transpose(1, 0, 2).reshape(count, -1)
            back.append(choices.argmax(1))
            best = choices.max(1) + np.log(emitted[:, index])
    at = int(best.argmax())
    steps = list[int]()
    for choices in reversed(back):
        before, bars = divmod(int(choices[at]), 2)
        wraps = profile.positions[at] <= profile.positions[before]
        steps.append(int(profile.positions[at] - profile.positions[before]) + profile.bar * (bars + int(wraps)))
        at = before
    return np.asarray(profile.positions[at] + np.cumsum([0, *reversed(steps)]), np.int64)


def _fitted(moments: NDArray[np.int64], path: Ints, metre: MetreModel, beat_s: float, *, is_fixed: bool) -> HeardMetre:
    """The tempo that fits the path best (least squares), near the one that was found, and the swing."""
    seconds = (moments - moments[0]) / NS_PER_S
    whole, part = np.divmod(path, PARTS)
    is_late = (part == PARTS // 2) if metre.swing != 1 else np.zeros(len(path), np.bool_)
    swing, plain = metre.swing, np.where(is_late, whole, path / PARTS)
    if is_late.any() and not is_late.all():
        shape = np.stack([np.ones(len(path)), plain, is_late], 1)
        _, even_s, late_s = np.linalg.lstsq(shape, seconds, rcond=None)[0]
        late = np.clip(late_s / max(even_s, 1e-3), _SWINGS[0] / (1 + _SWINGS[0]), _SWINGS[1] / (1 + _SWINGS[1]))
        swing = float(late / (1 - late))
    places = played_at(path, swing)
    if not is_fixed:
        fitted_s = float(np.polyfit(places, seconds, 1)[0])
        beat_s = fitted_s if abs(fitted_s / beat_s - 1) < _FAR else beat_s
    first_beat = int(path[0]) // PARTS
    begin_s = float(np.mean(seconds - (places - first_beat) * beat_s))
    bar = metre.profile.bar * _TICKS
    tempo = SteadyTempo(int(moments[0]) + round(begin_s * NS_PER_S), round(beat_s * NS_PER_S), swing)
    bars = Bars(metre.profile.beats, metre.profile.is_compound, -first_beat * TICKS_PER_QUARTER % bar)
    return HeardMetre(tempo, bars, tuple(int(each) * _TICKS - first_beat * TICKS_PER_QUARTER for each in path))
