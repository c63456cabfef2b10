"""One answer: when it begins, how long it lasts, and which of its notes are promised."""

from livegen.codecs.codec import Prompt
from livegen.engine.part import Part, PlaybackStyle
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER, NoteOn, Ticked
from livegen.music.tempo_map import TempoMap, next_multiple

_EARLIEST_END = 0.7  # of the length aimed at: a phrase end after it ends the answer


class Answer(Part):
    """The part that follows a phrase, about ``length`` ticks long."""

    def __init__(
        self, stream: TokenStream, prompt: Prompt[object], style: PlaybackStyle, beat: TempoMap, length: int
    ) -> None:
        super().__init__(stream, style, beat)
        self._prompt = prompt
        self._length = length
        self._closing: int | None = None  # ticks from the beginning to the end, once it is decided
        self._end: int | None = None  # the beat's tick
        self._end_ns: int | None = None  # of an answer that was cut short

    def prepare(self, most_tokens: int) -> bool:
        """Tell the network up to ``most_tokens`` of the phrase; True when it knows all of it."""
        return self.stream.prime(self._prompt, most_tokens)

    def plan(self, until_ns: int) -> None:
        """Imagine everything that begins before a moment."""
        while self._is_open and self._moment() <= until_ns:
            self._decide_closing()
            if self._closing is not None and self._written >= self._closing:
                self._end = self.stream.cursor.tick + self._offset
                self._release_all(self._end)
                return
            is_first = not self._written
            for ticked in self.stream.imagine(is_ending=self._closing is not None):
                self._keep(ticked)
            if is_first:
                self._strike_what_is_held()

    def due_ns(self, ahead: LookAhead) -> int:
        """From when on there is something to hand over, or to imagine, or it is over."""
        if self._is_open:
            return super().due_ns(ahead)
        if self._planned:
            return self.beat.ns_at(self._planned[0].tick) - ahead.commit_ns
        return (self.beat.ns_at(self._end) if self._end is not None else self._end_ns) or 0

    def retract(self, after_ns: int) -> None:
        """Forget what was not heard by a moment; the continuation goes back with it. The answer is over."""
        super().retract(after_ns)
        self._end_ns = after_ns

    def pause(self, after_ns: int) -> None:
        """As ``Part.pause``."""
        super().pause(after_ns)
        self._end = self._end_ns = None

    def is_over(self, now_ns: int) -> bool:
        """Its last note has ended."""
        end_ns = self.beat.ns_at(self._end) if self._end is not None else self._end_ns
        return end_ns is not None and not self._planned and now_ns >= end_ns

    @property
    def _is_open(self) -> bool:
        return self._end is None and self._end_ns is None and not self._is_paused

    @property
    def _written(self) -> int:
        written: int = self.stream.cursor.tick - self._begin_tick
        return written

    def _decide_closing(self) -> None:
        """Close with a phrase end of the network's own when it comes late enough, else in the last beat."""
        if self._closing is not None:
            return
        length, written = self._length, self._written
        if self.stream.cursor.is_phrase_end and written >= _EARLIEST_END * length:
            self._closing = next_multiple(written, TICKS_PER_QUARTER)
        elif written >= length - TICKS_PER_QUARTER:
            self._closing = next_multiple(written + 1, TICKS_PER_QUARTER)

    def _strike_what_is_held(self) -> None:
        """A voice that the network holds on from the phrase has not sounded yet."""
        for pitch in self.stream.cursor.sounding:
            if not self._voices[self.style.pitch(pitch)]:
                self._keep(Ticked(self._begin_tick, NoteOn(pitch)))


_BREATH = 2 * TICKS_PER_QUARTER  # between two pieces, at the least


class Solo(Part):
    """The part of a machine that plays alone."""

    @classmethod
    def from_part(cls, part: Part) -> "Solo":
        """The same part, now without end."""
        solo = cls(part.stream, part.style, part.beat)
        solo._take_over(part)
        return solo

    def plan(self, until_ns: int) -> None:
        """Imagine everything that begins before a moment."""
        while not self._is_paused and self._moment() <= until_ns:
            for ticked in self.stream.imagine():
                self._keep(ticked)
            cursor = self.stream.cursor
            if cursor.is_piece_end:
                tick = cursor.tick + self._offset
                self._release_all(tick)
                self._offset += next_multiple(tick + _BREATH, TICKS_PER_QUARTER) - tick

    @property
    def is_between_phrases(self) -> bool:
        """It has come to the end of a phrase or of a piece, or waits."""
        cursor = self.stream.cursor
        return self._is_paused or cursor.is_phrase_end or cursor.is_piece_end
