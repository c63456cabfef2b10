"""A judge of short performances: which of them people played, which a model.

It sees counts (``playing_figures`` and those below), learns a logistic regression from half of the pieces, and is asked
about the other half (``frozen_judge``). What a model and what people played after an opening are as long as each other.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from export.measures.classifier import Features
from export.measures.frozen_judge import Excerpts, Verdict, ask, freeze
from export.measures.interval import Floats
from export.measures.playing import Playing, chords, together
from export.measures.playing_figures import binned, histograms
from livegen.events import Note
from livegen.music.skyline import intervals, skyline

FEWEST = 4  # notes: of fewer it is not asked
_COARSE_MS = (25, 100, 250, 600)
_LOUDER = (-24, -16, -8, 0, 1, 9, 17, 25)  # velocities
_OVERLAP_MS = (-400, -100, -30, 0, 30, 100, 400)

Judged = tuple[str, Playing]  # and the name of its piece


def told_apart(ours: Sequence[Judged], theirs: Sequence[Judged], seed: int = 0) -> Verdict | None:
    """How often each kind is told aright, of pieces that nothing was learnt from; None of fewer than four pieces.

    ``ours`` and ``theirs`` go with each other: a pair is left out where either is too short.
    """
    pairs = [pair for pair in zip(ours, theirs, strict=True) if min(len(played.notes) for _, played in pair) >= FEWEST]
    names = list(dict.fromkeys(name for (name, _), _ in pairs))
    if len(names) < 4:
        return None
    learnt, asked = ([pair for pair in pairs if pair[0][0] in names[half::2]] for half in range(2))
    frozen = freeze(_seen([one for one, _ in learnt]), _seen([other for _, other in learnt]), seed)
    return ask(frozen, _seen([one for one, _ in asked]), _seen([other for _, other in asked]), seed)


def features(playing: Playing) -> Features:
    """Roots of what is counted; [features]."""
    found: Features = np.sqrt(np.concatenate(list(_counts(playing)))).astype(np.float32)
    return found


def _seen(played: Sequence[Judged]) -> Excerpts:
    return Excerpts(np.stack([features(playing) for _, playing in played]), np.array([name for name, _ in played]))


def _counts(playing: Playing) -> Iterator[Floats]:
    notes = playing.notes
    known = dict(histograms(playing))
    yield known.pop("keys down") / 100  # tenths of a second
    yield from known.values()
    line = skyline(together(notes))
    yield binned(intervals(line), range(-12, 13))
    yield binned([note.pitch for note in notes], range(24, 108, 6))
    yield binned([len(chord) for chord in chords(notes)], range(2, 7))
    yield binned([(after.pitch - before.pitch) % 12 for before, after in pairwise(notes)], range(1, 12))
    yield binned([after.velocity - before.velocity for before, after in pairwise(notes)], _LOUDER)
    yield binned(list(_above_the_rest(notes)), _LOUDER)
    yield binned([before.end - after.onset for before, after in pairwise(line)], _OVERLAP_MS)
    times = np.digitize([after.onset - before.onset for before, after in pairwise(notes)], _COARSE_MS).tolist()
    count = len(_COARSE_MS) + 1
    yield binned([count * before + after for before, after in pairwise(times)], range(1, count * count))


def _above_the_rest(notes: Sequence[Note]) -> Iterator[float]:
    """By how much the highest note of each chord is louder than the others."""
    for chord in chords(notes):
        *rest, top = sorted(chord, key=lambda note: note.pitch)
        if rest:
            yield top.velocity - sum(note.velocity for note in rest) / len(rest)
