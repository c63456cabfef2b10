"""How much of a phrase an answer takes up: its motifs and its rhythms, beside what people and strangers do.

*Motif*: of an answer's successive intervals in its skyline, repeated notes left out, the share of runs of three that
stand in the phrase's skyline, too. *Rhythm*: the same for the ratios of the times between onsets. *Copies*: motif with
runs of seven intervals, eight notes. *Entropy*: of the pitch classes of all notes, in bits (Shannon, 1948).
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from statistics import fmean, stdev
from typing import Any

from export.corpora.work import Piece
from export.evaluate import OnnxPredictor
from export.measures.continuations import Choice, Each, Plan, generate
from export.measures.music import Music, Reader, read
from livegen.codecs.codec import Codec
from livegen.engine.repetition import RepetitionGuard
from livegen.events import Note
from livegen.music.skyline import intervals, runs, skyline
from livegen.settings import Sampling

RUN, COPY = 3, 7  # intervals
_LONGEST_RATIO = 8.0


@dataclass(frozen=True, slots=True)
class Share:
    """A mean over excerpts, and half of its interval of 95 %."""

    mean: float
    half: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.half:.2f}"


def ratios(line: Sequence[Note]) -> list[float]:
    """How much longer each time between two onsets is than the one before, rounded to two digits."""
    times = [after.onset - before.onset for before, after in pairwise(line)]
    return [round(min(after / before, _LONGEST_RATIO), 2) for before, after in pairwise(times)]


def kinship(
    answer: Sequence[Note],
    phrase: Sequence[Note],
    of: Callable[[Sequence[Note]], Sequence[float]] = intervals,
    length: int = RUN,
) -> float | None:
    """The share of the answer's runs of a length that stand in the phrase; None for an answer without any."""
    own, known = (runs(of(skyline(notes)), length) for notes in (answer, phrase))
    return sum(run in set(known) for run in own) / len(own) if own else None


def entropy(notes: Sequence[Note]) -> float | None:
    """Of the pitch classes, in bits; None without notes."""
    counts = Counter(note.pitch % 12 for note in notes).values()
    total = sum(counts)
    return -sum(count / total * log2(count / total) for count in counts) if total else None


def shuffled(notes: Sequence[Note], seed: int) -> list[Note]:
    """The same pitches in another order, at the same onsets."""
    pitches = [note.pitch for note in notes]
    random.Random(seed).shuffle(pitches)
    return [Note(note.onset, pitch, note.duration, note.velocity) for note, pitch in zip(notes, pitches, strict=True)]


@dataclass(frozen=True, slots=True)
class Told:
    """The beginning of a held-out piece, and how people went on."""

    tokens: tuple[int, ...]
    phrase: Music
    people: Music


def phrases_of(codec: Codec[Any], pieces: Iterable[Piece], phrase: int, answer: int) -> list[Told]:
    """The first ``phrase`` events of each piece that has ``answer`` more; marks are not counted."""
    found = []
    for piece in pieces:
        reader, tokens = Reader(codec), [int(token) for token in piece.tokens[:-1]]
        counts = []
        for token in tokens:
            reader.hear(token)
            counts.append(reader.count)
        if reader.count < phrase + answer:
            continue
        cut, end = counts.index(phrase) + 1, counts.index(phrase + answer) + 1
        told, whole = read(codec, tokens[:cut]), Reader(codec)
        for at, token in enumerate(tokens[:end]):
            if at == cut:
                whole.take()
            whole.hear(token)
        found.append(Told(tuple(tokens[:cut]), told, whole.take()))
    return found


def answers_of(
    predictor: OnnxPredictor,
    codec: Codec[Any],
    told: Sequence[Told],
    familiarity: float,
    events: int,
    seed: int,
    each: Each,
) -> list[Music]:
    """What a model answers to each, at its own temperature and top-p."""
    sampling = Sampling(**predictor.card.own_sampling.model_dump(), familiarity=familiarity)
    guard = RepetitionGuard(predictor.card.longest_run) if predictor.card.longest_run else None
    choice = Choice(sampling, guard, has_cache=True)
    return generate(
        predictor, codec, [each_told.tokens for each_told in told], choice, Plan(events=events, seed=seed), each
    )


def compare(answers: Sequence[Music], told: Sequence[Told]) -> Mapping[str, Mapping[str, Share]]:
    """Motif and rhythm of answers, of people's own continuations, of those of other pieces, and of shuffled phrases."""
    ours, theirs = [list(music.notes) for music in answers], [list(each.people.notes) for each in told]
    phrases = [list(each.phrase.notes) for each in told]
    strangers = [*theirs[len(theirs) // 2 :], *theirs[: len(theirs) // 2]]  # of another piece
    mixed = [shuffled(skyline(phrase), place) for place, phrase in enumerate(phrases)]
    rows = {
        "answer": (ours, phrases),
        "people": (theirs, phrases),
        "a stranger": (strangers, phrases),
        "answer, the phrase shuffled": (ours, mixed),
    }
    return {
        who: {
            "motif": _mean(map(kinship, own, known)),
            "rhythm": _mean(kinship(answer, phrase, ratios) for answer, phrase in zip(own, known, strict=True)),
            "copies": _mean(kinship(answer, phrase, length=COPY) for answer, phrase in zip(own, known, strict=True)),
            "entropy": _mean(map(entropy, own)),
        }
        for who, (own, known) in rows.items()
    }


def _mean(values: Iterable[float | None]) -> Share:
    found = [value for value in values if value is not None]
    if len(found) < 2:
        return Share(found[0] if found else 0.0, 1.0, len(found))
    return Share(fmean(found), 1.96 * stdev(found) / len(found) ** 0.5, len(found))
