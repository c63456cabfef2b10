"""What a model's chorales are like beside Bach's: parallels, keys, and what is quoted.

A chorale is so many sixteenths of one stream, as the engine writes it: where a piece ends early, another begins in it.
Bach's own are the pieces of the corpus, cut into stretches of the same length.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.corpora import Corpus
from export.corpora.work import Piece
from export.measures.copies import copies
from export.measures.music import Event, read
from export.scoring import Predictor
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_TICKS, START
from livegen.codecs.voice_leading import parallel
from livegen.engine.sampler import Sampler
from livegen.music.key import Key
from livegen.settings import Sampling

Each = Callable[[Sequence[Any], str], Iterable[Any]]
Chord = tuple[int, ...]  # pitches, from the highest down

HOME = Key(0)  # the scale of C major and of A minor, where the model thinks
COPIED = 16  # frames
_SCALES = np.array([[(pitch - tonic) % 12 in Key(0).scale for pitch in range(12)] for tonic in range(12)])


@dataclass(frozen=True, slots=True)
class Plan:
    """How many chorales, how long, and from which random numbers."""

    count: int = 60
    frames: int = 240
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a number of chorales, the means of what each of them is like."""

    chorales: int
    changes: int  # of sonority, in all of them
    fifths: float  # parallel ones per 1,000 changes
    octaves: float  # with unisons
    entropy_bits: float  # of the pitch classes of a chorale's notes
    scale_consistency: float  # share of a chorale's notes in the major or minor scale that holds most of them
    voices: float  # that sound in a frame
    frames_a_piece: float


def parallels(chords: Iterable[Chord]) -> tuple[int, int, int]:
    """Changes of sonority, parallel fifths, parallel octaves and unisons; voices are told apart by their order."""
    changes, found = 0, {7: 0, 0: 0}
    for before, now in pairwise(chords):
        if not before or not now or before == now:
            continue
        changes += 1
        for upper, lower in combinations(list(zip(before, now, strict=False)), 2):
            interval = parallel(upper, lower)
            if interval is not None:
                found[interval] += 1
    return changes, found[7], found[0]


def entropy_bits(classes: NDArray[np.int64]) -> float:
    """Of a histogram of pitch classes [12]."""
    shares = classes[classes > 0] / classes.sum()
    return float(-(shares * np.log2(shares)).sum())


def scale_consistency(classes: NDArray[np.int64]) -> float:
    """Share of the notes in the scale that holds most of them (Mogren, C-RNN-GAN, 2016)."""
    return float((_SCALES @ classes).max() / classes.sum())


def measure(chorales: Sequence[Sequence[Event]]) -> Figures:
    """The figures of chorales, each a list of frames and marks; a move over the end of a piece is none."""
    counted = np.array([_parallels(events) for events in chorales]).sum(axis=0)
    histograms = [_pitch_classes(events) for events in chorales]
    frames = [event for events in chorales for event in events if event.ticks]
    changes, fifths, octaves = (int(count) for count in counted)
    return Figures(
        chorales=len(chorales),
        changes=changes,
        fifths=1000 * fifths / changes,
        octaves=1000 * octaves / changes,
        entropy_bits=fmean(map(entropy_bits, histograms)),
        scale_consistency=fmean(map(scale_consistency, histograms)),
        voices=fmean(len(event.sounding) for event in frames),
        frames_a_piece=len(frames) / sum(len(_pieces(events)) for events in chorales),
    )


def report(corpus: Corpus, chorales: Sequence[Sequence[Event]], frames: int) -> Mapping[str, Any]:
    """The figures of generated chorales beside Bach's own: of all the corpus, and the copies of its test part."""
    data = corpus.split
    every, test, trained = (
        [_events(corpus, piece) for piece in part]
        for part in ((*data.train, *data.valid, *data.test), data.test, data.train)
    )
    copied = copies(chorales, test, trained, COPIED)
    return {
        "generated": {**asdict(measure(chorales)), "copied_16_frames": copied.generated},
        "bach": {
            **asdict(measure([cut for events in every for cut in stretches(events, frames)])),
            "copied_16_frames": copied.human,
        },
    }


def stretches(events: Sequence[Event], frames: int) -> Iterator[Sequence[Event]]:
    """A piece in stretches of so many frames, its shorter rest left out; a shorter piece is one stretch."""
    music = [event for event in events if event.ticks]
    for begin in range(0, max(1, len(music) - frames + 1), frames):
        yield music[begin : begin + frames]


def generate(
    predictor: Predictor,
    codec: ChoraleCodec,
    sampling: Sampling,
    plan: Plan,
    each: Each = lambda items, _: items,
) -> list[tuple[Event, ...]]:
    """Chorales written side by side, each drawn from a seed of its own; the same plan gives the same music."""
    rows = [_Row(codec, sampling, plan.seed + place) for place in range(plan.count)]
    leaning = np.where(codec.out_of_scale(HOME.scale), np.float32(np.log(sampling.out_of_key)), np.float32(0))
    state = predictor.begin(plan.count)
    for frame in each(range(1, plan.frames + 1), "sixteenths"):
        while late := [place for place, row in enumerate(rows) if row.cursor.tick < frame * FRAME_TICKS]:
            tokens = np.array([[rows[place].tokens[-1]] for place in late], np.int64)
            some = {name: part[late] for name, part in state.items()}
            logits, after = predictor.step(tokens, some)
            for name, part in after.items():
                state[name][late] = part
            for place, line in zip(late, logits[:, -1] + leaning, strict=True):
                rows[place].write(line)
    return [read(codec, row.tokens).events for row in rows]


class _Row:
    """Owner of one chorale being written."""

    def __init__(self, codec: ChoraleCodec, sampling: Sampling, seed: int) -> None:
        self.tokens = [START]
        self.cursor, _ = codec.step(codec.begin(), START)
        self._codec = codec
        self._sampler = Sampler(sampling, seed)
        self._avoids_errors = sampling.voice_leading

    def write(self, logits: NDArray[np.float32]) -> None:
        """Draw the next token from ``logits`` [vocab]."""
        mask = self._codec.mask(self.cursor)
        voice_leading_errors = self._codec.voice_leading_errors(self.cursor) if self._avoids_errors else None
        if voice_leading_errors is not None and (mask & ~voice_leading_errors).any():
            mask = mask & ~voice_leading_errors
        token = self._sampler.choose(logits, mask)
        self.cursor, _ = self._codec.step(self.cursor, token)
        self.tokens.append(token)


def _events(corpus: Corpus, piece: Piece) -> tuple[Event, ...]:
    return read(corpus.codec, piece.tokens).events


def _pieces(events: Iterable[Event]) -> list[list[Event]]:
    """The frames of each piece."""
    found: list[list[Event]] = [[]]
    for event in events:
        if event.ticks:
            found[-1].append(event)
        if event.is_end:
            found.append([])
    return [piece for piece in found if piece]


def _parallels(events: Iterable[Event]) -> NDArray[np.int64]:
    counts = [parallels(event.sounding[::-1] for event in piece) for piece in _pieces(events)]
    found: NDArray[np.int64] = np.array(counts, np.int64).reshape(-1, 3).sum(axis=0)
    return found


def _pitch_classes(events: Iterable[Event]) -> NDArray[np.int64]:
    struck = [pitch % 12 for event in events for pitch in event.struck]
    return np.bincount(struck, minlength=12)
