"""How near the loudness and the pedal of the phrasing are to people's, on performances that it has not learnt from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.phrasing.examples import NO_MOVE, Sung
from export.phrasing.pedalled import pedalled
from livegen.clock import NS_PER_S
from livegen.engine.part import PlaybackStyle
from livegen.engine.phrasing import CHANCE, Phraser, Told
from livegen.events import TICKS_PER_QUARTER, ControlChange, NoteOn, Ticked
from livegen.music.note_features import BarPosition
from livegen.music.phrasing import Phrasing
from livegen.music.tempo_map import SteadyTempo

Floats = NDArray[np.float64]
Figure = Callable[[Sequence[tuple[Floats, Floats]]], float]  # of (foretold, people's) of each performance
Row = dict[str, Any]

EXCERPT_S = 8.0
_TICKS_A_S = 1920
_BEAT = SteadyTempo(0, NS_PER_S * TICKS_PER_QUARTER // _TICKS_A_S)
_FEWEST = 8  # notes of an excerpt
_DRAWS = 400  # of the interval
_PARTS = (("songs", True), ("pieces", False))


def foretell(phrasing: Phrasing, sung: Sung) -> Floats:
    """The loudness [notes] of a whole performance, from its notes alone."""
    heard, found = phrasing.begin(), []
    for onset in sung.onsets:
        heard, loudness = phrasing.hear(heard, onset)
        found.append(loudness)
    return np.concatenate(found).astype(np.float64)


def pooled(pairs: Sequence[tuple[Floats, Floats]]) -> float:
    """Pearson's correlation over all notes."""
    ours, theirs = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return float(np.corrcoef(ours, theirs)[0, 1])


def within(pairs: Sequence[tuple[Floats, Floats]]) -> float:
    """The mean of the performances' correlations."""
    return float(np.mean([np.corrcoef(ours, theirs)[0, 1] for ours, theirs in pairs]))


def interval(figure: Figure, pairs: Sequence[tuple[Floats, Floats]]) -> str:
    """A figure with its interval of 95 %: performances are drawn anew (bootstrap; Efron, 1979)."""
    chance = np.random.default_rng(0)
    drawn = [figure([pairs[at] for at in chance.integers(len(pairs), size=len(pairs))]) for _ in range(_DRAWS)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{figure(pairs):.3f} ({low:.3f} to {high:.3f})"


def correlations(sung: Sequence[Sung], foretold: Mapping[str, Sequence[Floats]]) -> Iterator[Row]:
    """A row for each part of the music and each way to foretell."""
    for part, is_song in (("all", None), *_PARTS):
        for name, each in foretold.items():
            pairs = [
                (ours, one.loudness.astype(np.float64))
                for ours, one in zip(each, sung, strict=True)
                if is_song is None or one.played.is_song is is_song
            ]
            if pairs:
                yield {
                    "held out": part,
                    "by": name,
                    "performances": str(len(pairs)),
                    "notes": str(sum(len(ours) for ours, _ in pairs)),
                    "correlation": interval(pooled, pairs),
                    "within a performance": interval(within, pairs),
                }


@dataclass(frozen=True, slots=True)
class Performed:
    """People's notes as the phrasing plays them."""

    loudness: Floats  # [notes], the highest of an onset first
    pedal: tuple[tuple[float, bool], ...]


def perform(
    phrasing: Phrasing, sung: Sung, begin: int = 0, end: int | None = None, said: int = 0, *, chance: float = CHANCE
) -> Performed:
    """Play these onsets; the ``said`` ones before ``begin`` are the player's phrase that they go on from."""
    ticks = {round(onset.at_s * _TICKS_A_S): onset for onset in sung.onsets}

    def place(tick: int, _: float) -> BarPosition | None:
        return ticks[tick].place

    means = np.add.reduceat(sung.loudness, sung.first[:-1]) / np.diff(sung.first)
    before = range(begin - said, begin)
    told = Told(
        tuple((round(sung.onsets[at].at_s * _TICKS_A_S), sung.onsets[at].pitches, float(means[at])) for at in before)
    )
    phraser = Phraser(1, place, told, is_loud=True, is_pedalled=True, chance=chance, phrasing=lambda: phrasing)
    phraser.prime(_BEAT, len(told.onsets))
    planned = [
        Ticked(round(onset.at_s * _TICKS_A_S), NoteOn(pitch))
        for onset in sung.onsets[begin:end]
        for pitch in onset.pitches
    ]
    events = list(phraser.phrase(planned, planned[-1].tick + 1, _BEAT, PlaybackStyle()))
    return Performed(
        np.array([each.event.velocity for each in events if isinstance(each.event, NoteOn)], np.float64),
        tuple(
            (each.tick / _TICKS_A_S, each.event.value > 0) for each in events if isinstance(each.event, ControlChange)
        ),
    )


def spreads(sung: Sung, loudness: Floats) -> list[float]:
    """The standard deviation of loudness within each excerpt."""
    at_s = np.repeat([onset.at_s for onset in sung.onsets], np.diff(sung.first))
    found = []
    for _, excerpt in groupby(range(len(at_s)), key=lambda index: int(at_s[index] // EXCERPT_S)):
        notes = list(excerpt)
        if len(notes) >= _FEWEST:
            found.append(float(loudness[notes].std()))
    return found


def carried_on(phrasing: Phrasing, sung: Sung) -> Iterator[tuple[Floats, Floats]]:
    """(ours, people's) of every other excerpt, after the excerpt before it was heard."""
    excerpts = [
        list(each)
        for _, each in groupby(range(len(sung.onsets)), key=lambda at: int(sung.onsets[at].at_s // EXCERPT_S))
    ]
    for said, answer in zip(excerpts[::2], excerpts[1::2], strict=False):
        begin, end = answer[0], answer[-1] + 1
        notes = slice(sung.first[begin], sung.first[end])
        if sung.first[end] - sung.first[begin] >= _FEWEST and len(said) >= _FEWEST:
            yield (
                perform(phrasing, sung, begin, end, len(said), chance=0).loudness,
                sung.loudness[notes].astype(np.float64),
            )


def played(
    phrasing: Phrasing, sung: Sequence[Sung], each: Callable[[Sequence[Sung], str], Iterable[Sung]]
) -> Iterator[Row]:
    """A row for each part of the music and each figure: people's, and the phrasing's on the same notes."""
    for part, is_song in _PARTS:
        theirs, ours = dict[str, list[float]](), dict[str, list[float]]()
        carried: list[tuple[Floats, Floats]] = []
        for one in each([one for one in sung if one.played.is_song is is_song], part):
            whole = perform(phrasing, one)
            theirs.setdefault("sd in 8 s", []).extend(spreads(one, one.loudness.astype(np.float64)))
            ours.setdefault("sd in 8 s", []).extend(spreads(one, whole.loudness))
            carried += carried_on(phrasing, one)
            if one.moves[0] != NO_MOVE:
                for found, pedal in ((theirs, one.played.pedal), (ours, whole.pedal)):
                    does = pedalled(one, pedal)
                    found.setdefault("pedal down, share", []).append(does.share)
                    found.setdefault("pedal changes a bar", []).append(does.changes)
                    found.setdefault("dissonance over a change", []).append(does.dissonance)
        for name, values in theirs.items():
            people, machine = float(np.mean(values)), float(np.mean(ours[name]))
            yield {
                "held out": part,
                "figure": name,
                "people": f"{people:.3f}",
                "livegen": f"{machine:.3f}",
                "ratio": f"{machine / people:.2f}",
            }
        if carried:
            yield {
                "held out": part,
                "figure": "correlation, carried on",
                "people": "1",
                "livegen": f"{pooled(carried):.3f}",
                "ratio": "",
            }


def trees(train: Sequence[Sung], sung: Sequence[Sung]) -> list[Floats] | None:
    """What boosted trees foretell from the same features of the same notes; None without scikit-learn."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-not-found]
    except ImportError:
        return None

    def features(one: Sung) -> NDArray[np.float32]:
        return np.concatenate([np.repeat(one.features, np.diff(one.first), 0), one.note_features], 1)

    model = HistGradientBoostingRegressor(max_iter=300, max_leaf_nodes=63, early_stopping=False)
    model.fit(np.concatenate([features(one) for one in train]), np.concatenate([one.loudness for one in train]))
    return [model.predict(features(one)) for one in sung]
