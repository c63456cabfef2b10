"""One answer: when it begins, how long it lasts, and which of its notes are promised."""

from collections import Counter, deque
from dataclasses import dataclass

from livegen.codecs.codec import Prompt
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Ticked, Timed
from livegen.imagine.continuation import Continuation
from livegen.music.meter import Meter, next_multiple
from livegen.music.register import fold

_EARLIEST_END = 0.7  # of the length aimed at: a phrase end after it ends the answer
_LOWEST, _HIGHEST = 21, 108  # a piano's keys


@dataclass(frozen=True, slots=True)
class Outline:
    """What an answer is to be: ``shift`` semitones from the model's key to the player's, lengths in ticks."""

    meter: Meter
    shift: int
    velocity: int | None  # None: each note has its own
    phrase_length: int
    length: int


class Answer:
    """Owner of an answer's plan: imagined in ticks, kept in nanoseconds, handed over note by note."""

    def __init__(self, continuation: Continuation, prompt: Prompt[object], outline: Outline) -> None:
        self.continuation = continuation
        self._prompt = prompt
        self._outline = outline
        self._begin_tick = 0  # of the answer, in the continuation's ticks
        self._offset = 0  # from the continuation's ticks to the meter's
        self._closing: int | None = None  # ticks from the beginning to the end, once it is decided
        self._planned: deque[Timed] = deque()
        self._sounding: Counter[int] = Counter()  # voices on a key: folding can put two on one
        self._end_ns: int | None = None

    def prepare(self, most_tokens: int) -> bool:
        """Tell the network up to ``most_tokens`` of the phrase; True when it knows all of it."""
        return self.continuation.tell(self._prompt, most_tokens)

    def begin(self, earliest_ns: int) -> int:
        """Lay the first note on the first beat at or after a moment; return that beat's moment."""
        meter = self._outline.meter
        tick = max(meter.tick_at(earliest_ns), self._outline.phrase_length)
        tick = next_multiple(tick, TICKS_PER_QUARTER)
        self._begin_tick = self.continuation.cursor.tick
        self._offset = tick - self._begin_tick
        return meter.ns_at(tick)

    def plan(self, until_ns: int) -> None:
        """Imagine everything that begins before a moment."""
        while self._end_ns is None and self._moment(self.continuation.cursor.tick) <= until_ns:
            self._decide_closing()
            if self._closing is not None and self._written >= self._closing:
                self._finish()
                return
            is_first = not self._written
            for ticked in self.continuation.imagine(is_ending=self._closing is not None):
                self._keep(ticked)
            if is_first:
                self._strike_what_is_held()

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once; they are promised from now on."""
        events = []
        while self._planned and self._planned[0].at_ns <= until_ns:
            events.append(self._planned.popleft())
        return tuple(events)

    def retract(self, after_ns: int) -> None:
        """Forget what was not heard by a moment; the continuation goes back with it."""
        self._planned.clear()
        self._end_ns = after_ns
        heard = self._outline.meter.tick_at(after_ns) - self._offset
        self.continuation.retract(max(heard, self._begin_tick))

    def is_over(self, now_ns: int) -> bool:
        """Its last note has ended."""
        return self._end_ns is not None and not self._planned and now_ns >= self._end_ns

    @property
    def _written(self) -> int:
        written: int = self.continuation.cursor.tick - self._begin_tick
        return written

    def _moment(self, tick: int) -> int:
        return self._outline.meter.ns_at(tick + self._offset)

    def _decide_closing(self) -> None:
        """Close with a phrase end of the network's own when it comes late enough, else in the last beat."""
        if self._closing is not None:
            return
        length, written = self._outline.length, self._written
        if self.continuation.cursor.is_phrase_end and written >= _EARLIEST_END * length:
            self._closing = next_multiple(written, TICKS_PER_QUARTER)
        elif written >= length - TICKS_PER_QUARTER:
            self._closing = next_multiple(written + 1, TICKS_PER_QUARTER)

    def _finish(self) -> None:
        tick = self.continuation.cursor.tick
        for pitch in sorted(+self._sounding):
            self._planned.append(Timed(self._moment(tick), NoteOff(pitch)))
        self._end_ns = self._moment(tick)

    def _strike_what_is_held(self) -> None:
        """A voice that the network holds on from the phrase has not sounded yet."""
        for pitch in self.continuation.cursor.sounding:
            if not self._sounding[_on_the_keys(pitch + self._outline.shift)]:
                self._keep(Ticked(self._begin_tick, NoteOn(pitch)))

    def _keep(self, ticked: Ticked) -> None:
        """Move an event to the player's key, loudness and time."""
        event, at_ns = ticked.event, self._moment(ticked.tick)
        if not isinstance(event, NoteOn | NoteOff):
            return
        pitch = _on_the_keys(event.pitch + self._outline.shift)
        voices = self._sounding[pitch]
        if isinstance(event, NoteOn):
            self._sounding[pitch] += 1
            if not voices:
                self._planned.append(Timed(at_ns, NoteOn(pitch, self._outline.velocity or event.velocity)))
        elif voices:  # without one it was only thought of, under the phrase
            self._sounding[pitch] -= 1
            if voices == 1:
                self._planned.append(Timed(at_ns, NoteOff(pitch)))


def _on_the_keys(pitch: int) -> int:
    return fold(pitch, _LOWEST, _HIGHEST)
