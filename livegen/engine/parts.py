"""The parts that play without the player: an answer to a phrase, and a solo."""

from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from livegen.clock import NS_PER_S
from livegen.codecs.codec import Cursor, Prompt
from livegen.codecs.vocabulary import Mask
from livegen.engine.endings import End, Wish
from livegen.engine.finale import LEAD_NS, Finale
from livegen.engine.form import TAKES_UP, Form, closing
from livegen.engine.part import Moment, Part, PlaybackStyle
from livegen.engine.phrasing import LIFT, Phraser
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import TurnEvent
from livegen.events import (
    TICKS_PER_QUARTER,
    Event,
    NoteOff,
    NoteOn,
    Ticked,
    Timed,
    ending_of,
    is_beginning,
)
from livegen.music.metre import Metre
from livegen.music.tempo_map import TempoMap, next_multiple
from livegen.music.transport import TransportState

_TOKENS_A_CALL = 32  # of a prompt: a call lasts some milliseconds at the most
_ONSETS_A_CALL = 16  # of a phrase that loudness and pedal begin from
_MARGIN_NS = NS_PER_S // 50  # before the commit time: so long a call may last
_NEWEST = 512  # events that a close of a solo is chosen by
BREATH = 2 * TICKS_PER_QUARTER  # between two pieces, at the least


@dataclass(frozen=True, slots=True)
class Start:
    """Where a part begins."""

    grid: int = TICKS_PER_QUARTER  # ticks: it begins on a multiple of this from ``line`` on
    not_before: int = 0  # tick of the beat
    said: str = ""  # a line for the person at the keyboard
    metre: Metre | None = None  # of a part without a clock
    line: int = 0  # tick of one of the beats or bars that it begins on


class Line(Part):
    """A part that is planned in ticks, handed over in nanoseconds, and ended note by note.

    Events that are not handed over move with the beat. Notes are transposed; other events pass unchanged.
    """

    def __init__(self, stream: TokenStream[Cursor], style: PlaybackStyle, beat: TempoMap, start: Start) -> None:
        self.stream = stream
        self.style = style
        self._beat = beat
        self._start = start
        self.metre = start.metre
        self._lines: tuple[str, ...] = (start.said,) if start.said else ()
        self._is_begun = False
        self._begin_tick = stream.cursor.tick
        self._offset = 0  # from the stream's ticks to the beat's
        self._planned: deque[Ticked] = deque()  # in the beat's ticks
        self._begun: dict[int, list[int | None]] = {}  # the model's pitch → the pitch that sounds; None: left out
        self._voices: Counter[int] = Counter()  # voices on each pitch: octave folding can put two on one
        self._held: dict[Event, None] = {}  # the events that lift pressed pedals and centre pitch bends
        self._is_paused = False
        self.phraser: Phraser | None = None  # what decides the loudness and the pedal of a model that writes none

    @property
    def is_behind(self) -> bool:
        """As ``Part.is_behind``."""
        return not self._is_begun

    def plan(self, moment: Moment) -> Sequence[str]:
        """As ``Part.plan``."""
        lines, self._lines = self._lines, ()
        if not self._is_begun:
            if not self._prepare():
                return lines
            lines = (*lines, *self._begin(moment))
        if not moment.is_stopped:
            ahead = moment.ahead
            self._write_until(moment.now_ns + ahead.horizon_ns, moment.now_ns + ahead.commit_ns + _MARGIN_NS)
            self._phrase()
        return lines

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """As ``Part.hand_over``."""
        events = []
        while self._planned and (at_ns := self._beat.ns_at(self._planned[0].tick)) <= until_ns:
            events.append(Timed(at_ns, self._planned.popleft().event))
        return tuple(events)

    def pending(self) -> tuple[Timed, ...]:
        """As ``Part.pending``."""
        return tuple(Timed(self._beat.ns_at(ticked.tick), ticked.event) for ticked in self._planned)

    def retract(self, after_ns: int) -> None:
        """As ``Part.retract``."""
        self._planned.clear()
        self._begun.clear()
        self._voices.clear()
        self._held.clear()
        heard = self._beat.tick_at(after_ns) - self._offset
        self.stream.retract(max(heard, self._begin_tick))
        if self.phraser:
            self.phraser.retract(heard + self._offset)

    def follow(self, transport: TransportState, moment: Moment, *, is_same_run: bool) -> bool:
        """As ``Part.follow``: after a stop or a jump it goes on at the same position within the beat."""
        if is_same_run:
            self._beat = transport
            return False
        self._pause(moment.now_ns)
        if transport.is_running:
            self._beat = transport
            earliest = transport.tick_at(moment.now_ns + moment.ahead.commit_ns)
            lag = earliest - (self.stream.cursor.tick + self._offset)
            self._offset += next_multiple(lag, TICKS_PER_QUARTER)
            self._is_paused = False
            if self.phraser:
                self.phraser.move()
        return True

    def due_ns(self, ahead: LookAhead) -> int:
        """As ``Part.due_ns``."""
        if not self._is_begun or self._is_paused:
            return 0
        due_ns = self._moment() - ahead.horizon_ns
        return min(due_ns, self._beat.ns_at(self._planned[0].tick) - ahead.commit_ns) if self._planned else due_ns

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """As ``Part.apply_settings``; the velocity stays as it was."""
        self.style = style.shifted(shift, self.style.velocity)

    def without_end(self) -> "Solo":
        """As ``Part.without_end``."""
        solo = Solo(self.stream, self.style, self._beat, self._start)
        vars(solo).update({name: value for name, value in vars(self).items() if name in vars(solo)})
        return solo

    def _prepare(self) -> bool:
        """Do a limited amount of the work before the beginning; True when the part is ready to begin."""
        return self.phraser is None or self.phraser.prime(self._beat, _ONSETS_A_CALL)

    def _begin(self, moment: Moment) -> Sequence[str]:
        """Put the first note on the grid, not before the commit time."""
        earliest = self._beat.tick_at(moment.now_ns + moment.ahead.commit_ns)
        line = self._start.line
        tick = next_multiple(max(earliest, self._start.not_before) - line, self._start.grid) + line
        self._begin_tick = self.stream.cursor.tick
        self._offset = tick - self._begin_tick
        self._is_begun = True
        if moment.is_stopped:
            self._pause(moment.now_ns)
            return ("answer when the clock runs",)
        return ()

    @abstractmethod
    def _write_until(self, until_ns: int, due_ns: int) -> None:
        """Generate all events that begin before a moment; those before ``due_ns`` whatever it costs."""

    def _pause(self, after_ns: int) -> None:
        """As ``retract``; plan nothing until the clock runs."""
        if not self._is_paused:
            self.retract(after_ns)
            self._is_paused = True

    def _is_reached(self, until_ns: int, finale: Finale[Cursor] | None) -> bool:
        """The next event is to be written by now; what an end is chosen among, and all before it, some time earlier."""
        is_early = finale and not finale.chosen and self._fork_ns(finale) <= until_ns + LEAD_NS
        return self._moment() <= until_ns + (LEAD_NS if is_early else 0)

    def _due_before(self, finale: Finale[Cursor], ahead: LookAhead) -> int:
        """As ``Part.due_ns``, where an end comes."""
        if finale.is_looking:
            return 0
        due_ns = Line.due_ns(self, ahead)
        if finale.chosen or not self._is_begun or self._is_paused:
            return due_ns
        return min(due_ns, max(self._fork_ns(finale), self._moment()) - LEAD_NS - ahead.horizon_ns)

    def _fork_ns(self, finale: Finale[Cursor]) -> int:
        return self._beat.ns_at(finale.fork + self._offset)

    def _moment(self) -> int:
        """When the next generated event begins."""
        return self._beat.ns_at(self.stream.cursor.tick + self._offset)

    def _keep(self, ticked: Ticked) -> None:
        """Plan an event at the player's pitch, velocity and time."""
        event, tick = ticked.event, ticked.tick + self._offset
        if isinstance(event, NoteOn):
            self._strike(event, tick)
        elif isinstance(event, NoteOff):
            pitch = self._begun[event.pitch].pop() if self._begun.get(event.pitch) else None
            if pitch is not None:
                self._release(pitch, tick)
        else:
            self._pass(event, tick)

    def _strike(self, event: NoteOn, tick: int) -> None:
        pitch = self.style.pitch(event.pitch)
        most = self.style.most_voices
        is_left_out = bool(most) and not self._voices[pitch] and len(+self._voices) >= most
        self._begun.setdefault(event.pitch, []).append(None if is_left_out else pitch)
        if is_left_out:
            return
        self._voices[pitch] += 1
        if self._voices[pitch] == 1:
            self._planned.append(Ticked(tick, NoteOn(pitch, self.style.loudness(event.velocity))))

    def _release(self, pitch: int, tick: int) -> None:
        self._voices[pitch] -= 1
        if not self._voices[pitch]:
            self._planned.append(Ticked(tick, NoteOff(pitch)))

    def _pass(self, event: Event, tick: int) -> None:
        self._planned.append(Ticked(tick, event))
        if lift := ending_of(event):
            self._held.pop(lift, None)
            if is_beginning(event):
                self._held[lift] = None

    def _phrase(self) -> None:
        """Phrase what is planned, as far as everything that begins together is known."""
        if self.phraser and self._planned:
            known = self.stream.cursor.tick + self._offset if self._is_going_on else inf
            self._planned = self.phraser.phrase(self._planned, known, self._beat, self.style)

    @property
    def _is_going_on(self) -> bool:
        """More is to be written."""
        return True

    def _release_all(self, tick: int) -> None:
        lift = (LIFT,) if self.phraser and self.phraser.is_pedalled else ()
        for ending in (*map(NoteOff, sorted(+self._voices)), *self._held, *lift):
            self._planned.append(Ticked(tick, ending))
        self._voices.clear()
        self._begun.clear()
        self._held.clear()


class Answer(Line):
    """The answer to a phrase. Its end is one of several futures, which are imagined while what is before it plays."""

    takes_up = 1

    def __init__(
        self,
        stream: TokenStream[Cursor],
        prompt: Prompt[Cursor],
        style: PlaybackStyle,
        beat: TempoMap,
        start: Start,
        wish: Wish,
        waits: Mask | None = None,
    ) -> None:
        """``waits``: tokens [vocab] that do not come before its first note."""
        super().__init__(stream, style, beat, start)
        self._prompt = prompt
        self._waits = waits
        self._written: list[Ticked] = []  # in the stream's ticks
        self._finale = Finale(stream, wish)
        self._end: int | None = None  # in the beat's ticks
        self._end_ns: int | None = None  # the end of an answer that was retracted

    @property
    def chosen(self) -> End | None:
        """Its end, once one of the futures was chosen."""
        return self._finale.chosen

    def retract(self, after_ns: int) -> None:
        """As ``Part.retract``. The answer is over."""
        super().retract(after_ns)
        self._end_ns = after_ns

    def due_ns(self, ahead: LookAhead) -> int:
        """As ``Part.due_ns``; when nothing is left to plan, the moment of its end."""
        if not self._is_open and self._is_begun and not self._is_paused:
            if self._planned:
                return self._beat.ns_at(self._planned[0].tick) - ahead.commit_ns
            return self._over_ns or 0
        return self._due_before(self._finale, ahead)

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """As ``Part.apply_settings``; the end is imagined anew, unless its last chord has been planned."""
        super().apply_settings(style, shift, candidates)
        if self._finale.is_changeable:
            self._finale.forget()

    def without_end(self) -> "Solo":
        """As ``Part.without_end``; after the last chord, which ends as it was to end, it goes on at the next beat."""
        if self._is_open and self.chosen and not self._finale.is_changeable:
            self._finish(self.chosen.over)
        solo = super().without_end()
        if self._end is not None:
            solo.wait_until(self._end)
        return solo

    def ending(self, now_ns: int) -> TurnEvent | None:
        """As ``Part.ending``."""
        over_ns = self._over_ns
        is_over = over_ns is not None and not self._planned and now_ns >= over_ns
        return TurnEvent.ANSWER_END if is_over else None

    @property
    def _over_ns(self) -> int | None:
        return self._beat.ns_at(self._end) if self._end is not None else self._end_ns

    @property
    def _is_going_on(self) -> bool:
        return self._end is None

    @property
    def _is_open(self) -> bool:
        return self._end is None and self._end_ns is None and not self._is_paused

    def _prepare(self) -> bool:
        is_ready = super()._prepare()
        return self.stream.prime(self._prompt, _TOKENS_A_CALL) and is_ready

    def _begin(self, moment: Moment) -> Sequence[str]:
        waits = super()._begin(moment)
        self._finale.begin = self._begin_tick
        begin_ns = self._beat.ns_at(self._begin_tick + self._offset)
        return waits or (f"answer in {(begin_ns - moment.now_ns) / NS_PER_S:.2f} s",)

    def _pause(self, after_ns: int) -> None:
        """As ``Line._pause``; it is over where its last chord was heard, else its end is imagined anew."""
        if self._is_paused:
            return
        is_over = self.chosen is not None and self._beat.tick_at(after_ns) - self._offset > self.chosen.last
        super()._pause(after_ns)
        if is_over:
            return
        self._end = self._end_ns = None
        self._finale.forget()
        now = self.stream.cursor.tick
        self._written = [each for each in self._written if each.tick < now + isinstance(each.event, NoteOff)]

    def _write_until(self, until_ns: int, due_ns: int) -> None:
        while self._is_open and self._is_reached(until_ns, self._finale):
            if self.chosen:
                self._write_end()
            elif self.stream.cursor.tick < self._finale.fork:
                self._write()
            elif not self._finale.search(self._written, is_due=self._moment() <= due_ns):
                return
            elif not self.chosen:
                self._finish(min(self.stream.cursor.tick, self._last))

    def _write(self) -> None:
        is_first = self.stream.cursor.tick == self._begin_tick
        held = self.stream.cursor.sounding
        settled = self.stream.imagine(self._waits if is_first else None)
        if is_first:
            settled = (*self._struck(held, settled), *settled)
        for ticked in settled:
            self._keep(ticked)
        self._written += settled

    def _struck(self, held: Sequence[int], settled: Sequence[Ticked]) -> list[Ticked]:
        """Beginnings of the voices that the network holds over from the phrase: they have not sounded yet."""
        ended = {ticked.event for ticked in settled if ticked.tick <= self._begin_tick}
        return [Ticked(self._begin_tick, NoteOn(pitch)) for pitch in held if NoteOff(pitch) not in ended]

    def _write_end(self) -> None:
        heard, is_over = self._finale.write()
        for ticked in heard:
            self._keep(ticked)
        self._written += heard
        if is_over and self.chosen:
            self._finish(self.chosen.over)

    @property
    def _last(self) -> float:
        """The stream's tick at which it ends at the latest."""
        longest = self._finale.wish.longest
        return inf if longest is None else self._begin_tick + longest

    def _keep(self, ticked: Ticked) -> None:
        """As ``Line._keep``: no note begins at the latest end or after it, and everything else comes by then."""
        if ticked.tick < self._last:
            super()._keep(ticked)
        elif isinstance(ticked.event, NoteOn):
            self._begun.setdefault(ticked.event.pitch, []).append(None)
        else:
            super()._keep(Ticked(int(self._last), ticked.event))

    def _finish(self, tick: float) -> None:
        self._end = int(tick) + self._offset
        self._release_all(self._end)


class Solo(Line):
    """Music without end: piece after piece, with a rest between them; bars come back, and sections close."""

    def __init__(self, stream: TokenStream[Cursor], style: PlaybackStyle, beat: TempoMap, start: Start) -> None:
        super().__init__(stream, style, beat, start)
        self.takes_up = TAKES_UP.get(stream.codec_name, 0)
        self._form = Form(stream)
        self._newest: deque[Ticked] = deque(maxlen=_NEWEST)  # in the stream's ticks
        self._again: Iterator[int] = iter(())  # tokens of bars that come back, not written yet
        self._close: Finale[Cursor] | None = None  # of a section that closes

    @property
    def is_between_phrases(self) -> bool:
        """As ``Part.is_between_phrases``; also at the end of a piece, and while the clock is stopped."""
        cursor = self.stream.cursor
        return self._is_paused or cursor.is_phrase_end or cursor.is_piece_end

    def retract(self, after_ns: int) -> None:
        """As ``Part.retract``."""
        super().retract(after_ns)
        self._newest.clear()
        self._begin_section()

    def due_ns(self, ahead: LookAhead) -> int:
        """As ``Part.due_ns``."""
        return self._due_before(self._close, ahead) if self._close else super().due_ns(ahead)

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """As ``Part.apply_settings``; what comes back stops, and a close, unless its last chord has been planned."""
        super().apply_settings(style, shift, candidates)
        self._again = iter(())
        if self._close and self._close.is_changeable:
            self._begin_section()

    def _begin(self, moment: Moment) -> Sequence[str]:
        """As in every part; without a clock, its first bar begins with its first note."""
        lines = super()._begin(moment)
        if self.metre:
            self.metre = replace(self.metre, at_ns=self._moment())
        return lines

    def _write_until(self, until_ns: int, due_ns: int) -> None:
        while not self._is_paused and self._is_reached(until_ns, self._close):
            close = self._close
            if not close or (not close.chosen and self.stream.cursor.tick < close.fork):
                self._write()
            elif close.chosen:
                self._write_close(close, close.chosen)
            elif not close.search(self._since(close.begin), is_due=self._moment() <= due_ns):
                return
            elif not close.chosen:
                self._begin_section()

    def _write(self) -> None:
        if again := self._form.step():
            self._again = iter(again)
        if self._form.is_closing and not self._close:
            self._close = closing(self.stream, self._newest)
        before = self.stream.cursor.tick
        self._hear(self.stream.write(self._again, before + 1))
        if self.stream.cursor.tick == before:
            self._hear(self.stream.imagine())
        cursor = self.stream.cursor
        if cursor.is_piece_end:
            tick = cursor.tick + self._offset
            self._release_all(tick)
            self.wait_until(tick + BREATH)
            self._begin_section()

    def _since(self, tick: int) -> list[Ticked]:
        """What was written from the stream's tick on."""
        return [each for each in self._newest if each.tick >= tick]

    def _write_close(self, close: Finale[Cursor], end: End) -> None:
        heard, is_over = close.write()
        self._hear(heard)
        if is_over:
            over = end.over + self._offset
            self._release_all(over)
            self.wait_until(over)
            self._begin_section()

    def _hear(self, settled: Iterable[Ticked]) -> None:
        for ticked in settled:
            self._keep(ticked)
        self._newest += settled

    def _begin_section(self) -> None:
        self._again, self._close = iter(()), None
        self._form.begin_section()

    def wait_until(self, tick: int) -> None:
        """Go on at the first beat that is not before a tick of the beat, if that is later."""
        now = self.stream.cursor.tick + self._offset
        self._offset += max(0, next_multiple(tick, TICKS_PER_QUARTER) - now)
