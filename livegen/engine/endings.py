"""Ends an answer: imagines several futures of its last bars, and chooses one of them and the chord that it ends on.

Every chord of every future may be the last one. What is likely, near the intended length, near the phrase's register
and of its motifs is good, and so is a cadence, as much as makes answers end with one as often as people's do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf
from statistics import fmean
from typing import Generic

from livegen.codecs.codec import C
from livegen.engine.best_of_n import Candidate, Steps
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.cadence import cadence, is_strong
from livegen.music.key import Key
from livegen.music.metre import Bars
from livegen.music.skyline import intervals, runs, skyline
from livegen.music.tempo_map import next_multiple

COUNT = 8  # futures: a batch of eight costs a fifth of a call a row
LENGTH = 8 * TICKS_PER_QUARTER  # of a future, up to the intended end, at the most ...
LATER = 4 * TICKS_PER_QUARTER  # ... and beyond it
_LEAST = 4 * TICKS_PER_QUARTER  # that an answer may last, however short its phrase
_EARLIER = 4 * TICKS_PER_QUARTER  # than intended: no end lies further before it
_ENDS = 4  # that are weighed in one step: some milliseconds
_NEAR_KEY = 0.5  # how much a cadence in a near key counts
_RUN = 3  # intervals of a motif
_FIFTH = 7  # semitones: so far from the phrase's register nothing is lost


@dataclass(frozen=True, slots=True)
class Weights:
    """What is good in an end, in nats per token of the future; chosen on the validation (docs/models.md)."""

    cadence: float
    strong: float = 0.1  # the last chord begins on a strong beat
    mark: float = 0.2  # the codec's own end of a phrase or a piece
    beat: float = 0.02  # lost for each beat off the intended length
    octave: float = 0.3  # lost for each octave out of the phrase's register
    motif: float = 0.1  # all of its motifs stand in the phrase


WEIGHTS: Mapping[str, Weights] = {  # by codec
    "abc": Weights(0.15),
    "chorale": Weights(0.4),
    "note_duration": Weights(0),
    "performance": Weights(0.2, strong=0),
    "notes": Weights(0),
}
_OTHERS = Weights(0.2)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an answer's end should be like; ticks count from the beginning of the answer."""

    length: int
    longest: int | None
    key: Key  # of the stream's pitches, as all here
    bars: Bars
    phrase: tuple[Note, ...]
    held: int = TICKS_PER_QUARTER  # the last chord, at the least


@dataclass(frozen=True, slots=True)
class End:
    """How an answer goes on: its tokens, the stream's ticks where its last chord begins and where it is over."""

    tokens: tuple[int, ...]
    last: int
    over: int
    nats: float  # per token, above the mean of the futures


class Endings(Generic[C]):
    """Owner of the futures of a stream, whose answer began at tick ``begin`` and has played ``written`` so far."""

    def __init__(
        self,
        stream: TokenStream[C],
        wish: Wish,
        begin: int,
        written: Iterable[Ticked],
        weights: Weights | None = None,
    ) -> None:
        self._stream = stream
        self._wish = wish
        self._begin = begin
        self._written = tuple(written)
        self._weights = weights or WEIGHTS.get(stream.codec_name, _OTHERS)
        self._known = frozenset(runs(intervals(skyline(wish.phrase)), _RUN))  # the phrase's motifs ...
        self._register = fmean(note.pitch for note in wish.phrase) if wish.phrase else None  # ... and its mean pitch
        self._fork = stream.cursor.tick
        longest = max(2 * wish.length - TICKS_PER_QUARTER, _LEAST)  # to be heard as of the phrase's length
        self._longest = longest if wish.longest is None else min(longest, wish.longest)
        self._latest = begin + min(wish.length + LATER, longest - wish.held, self._longest)
        self.end: End | None = None  # the best one; none where the futures have no note to end on
        self._work = self._find(stream.futures(COUNT, max(self._latest, self._fork + 1)))

    def advance(self, steps: int) -> bool:
        """Do so many steps, each of some milliseconds; True once all is done."""
        return sum(1 for _ in islice(self._work, steps)) < steps

    def complete(self) -> None:
        """Do all the steps that are left."""
        for _ in self._work:
            pass

    def _find(self, steps: Steps[C]) -> Iterator[None]:
        found = yield from steps
        usual = fmean(candidate.nats / max(1, len(candidate.tokens)) for candidate in found)
        best = -inf
        for candidate in found:
            for number, (worth, end) in enumerate(self._ends(candidate, usual), 1):
                if worth > best:
                    best, self.end = worth, end
                if number % _ENDS == 0:
                    yield
            yield

    def _ends(self, candidate: Candidate[C], usual: float) -> Iterator[tuple[float, End]]:
        """Each end of a future, with how good it is."""
        nats = candidate.nats / max(1, len(candidate.tokens)) - usual
        notes = notes_among([*self._written, *candidate.events], candidate.checkpoint.cursor.tick)
        line = skyline(notes)
        onsets = sorted({note.onset for note in notes if self._fork <= note.onset < self._latest})
        marks = self._stream.phrase_ends(candidate.tokens)
        earliest = self._begin + self._wish.length - _EARLIER
        for onset in [each for each in onsets if each >= earliest] or onsets[-1:]:
            heard = self._heard(notes, onset)
            over = max(note.end for note in heard)
            worth = nats + self._worth(onset, over, line) + self._closing(heard)
            worth += self._weights.mark * any(onset < mark <= onset + TICKS_PER_QUARTER for mark in marks)
            yield worth, End(candidate.tokens, onset, over, nats)

    def _heard(self, notes: Sequence[Note], onset: int) -> list[Note]:
        """All notes up to the last chord, which is held for the time that is wished for, and to a beat."""
        kept = [note for note in notes if note.onset <= onset]
        onsets = sorted({note.onset for note in kept})
        least = max(self._wish.held, 2 * (onset - onsets[-2]) if len(onsets) > 1 else 0)
        lasts = max(note.duration for note in kept if note.onset == onset)
        lasts = min(max(lasts, least), 4 * TICKS_PER_QUARTER)
        over = self._begin + next_multiple(onset + lasts - self._begin, TICKS_PER_QUARTER)
        over = max(min(over, self._begin + self._longest), onset + 1)
        return [replace(note, duration=(over if note.end > onset else note.end) - note.onset) for note in kept]

    def _closing(self, notes: Sequence[Note]) -> float:
        """What its cadence is worth; less in a near key than at home."""
        if not self._weights.cadence:
            return 0
        home, bars = self._wish.key, self._wish.bars
        notes = [replace(note, onset=note.onset - self._begin) for note in notes]
        if cadence(notes, home, bars):
            return self._weights.cadence
        return _NEAR_KEY * self._weights.cadence * any(cadence(notes, key, bars) for key in home.near)

    def _worth(self, onset: int, over: int, line: Sequence[Note]) -> float:
        weights, wish = self._weights, self._wish
        worth = weights.strong * is_strong(onset - self._begin, wish.bars)
        worth -= weights.beat * abs(over - self._begin - wish.length) / TICKS_PER_QUARTER
        future = [note for note in line if self._fork <= note.onset <= onset]
        if future and self._register is not None:
            far = abs(fmean(note.pitch for note in future) - self._register) - _FIFTH
            worth -= weights.octave * max(0, far) / 12
        own = runs(intervals(future), _RUN)
        return worth + weights.motif * (sum(run in self._known for run in own) / len(own) if own else 0)


def notes_among(events: Iterable[Ticked], end: int) -> list[Note]:
    """The notes that begin with one of these events; one that does not end ends at ``end``."""
    onsets: dict[int, int] = {}
    notes = []
    for ticked in events:
        event = ticked.event
        if isinstance(event, NoteOn | NoteOff) and event.pitch in onsets:
            onset = onsets.pop(event.pitch)
            notes.append(Note(onset, event.pitch, max(1, ticked.tick - onset)))
        if isinstance(event, NoteOn):
            onsets[event.pitch] = ticked.tick
    return sorted([*notes, *(Note(onset, pitch, max(1, end - onset)) for pitch, onset in onsets.items())])
