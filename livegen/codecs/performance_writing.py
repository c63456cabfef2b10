"""Writes what hands and a foot do as the tokens of a performance, event by event, each as it happens.

Only what has happened is known, so a token is never taken back. Two things would have no length on the grid, a note
that ends in the moment in which it began and a pedal that moves twice in one moment; their ends come at the next
moment, written with the next event that is not before it. What changes nothing has no tokens: a note-off of a key that
is up, a pedal that moves and stays on its side, other controllers. All channels are one piano with one pedal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from livegen.codecs.performance_grammar import (
    FIRST_LOUDNESS,
    GRID_TICKS,
    PEDAL_DOWN,
    PEDAL_UP,
    START,
    PerformanceCursor,
    PerformanceGrammar,
    loudness_token,
    wait_tokens,
)
from livegen.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    MODES,
    RESET_CONTROLLERS,
    SUSTAIN_PEDAL,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    Ticked,
)
from livegen.music.tempo_map import nearest

HALF_PEDAL = 64  # from this value on the pedal is down (MIDI 1.0: 0-63 off, 64-127 on)


@dataclass(frozen=True, slots=True)
class PerformanceWriter:
    """Who plays, as far as what comes next depends on it; an immutable value. ``cursor`` is that of the stream."""

    grammar: PerformanceGrammar
    cursor: PerformanceCursor
    keys: tuple[tuple[int, int], ...] = ()  # (channel, pitch) of the keys that are down, as they were played
    late: tuple[int, ...] = ()  # tokens that wait for ...
    due: int = 0  # ... this tick

    @property
    def pitches(self) -> frozenset[int]:
        """The pitches of the keys that are down."""
        return frozenset(self.grammar.fold(pitch) for _, pitch in self.keys)

    @property
    def late_tick(self) -> int | None:
        """The tick at which tokens wait to be told; None when none wait."""
        return self.due if self.late else None

    def hear(self, ticked: Ticked) -> tuple["PerformanceWriter", tuple[int, ...]]:
        """The writer after an event, and the event's tokens, which the grammar allows; events come in order.

        An event that comes before the stream's cursor is written at the cursor.
        """
        pen = _Pen(self.grammar, self.cursor, list(self.late), self.due)
        keys = self.keys
        tick = max(nearest(ticked.tick, GRID_TICKS), self.cursor.tick)
        for event in self._simple(ticked.event):
            pen.write_late(before=tick + 1)
            match event:
                case NoteOn(pitch, velocity, channel):
                    keys = tuple(dict.fromkeys((*keys, (channel, pitch))))
                    pen.strike(self.grammar.fold(pitch), velocity, tick)
                case NoteOff(pitch, channel) if (channel, pitch) in keys:
                    keys = tuple(key for key in keys if key != (channel, pitch))
                    folded = self.grammar.fold(pitch)
                    if folded not in map(self.grammar.fold, (pitch for _, pitch in keys)):
                        pen.release(folded, tick)
                case ControlChange(number, value) if number == SUSTAIN_PEDAL:
                    pen.pedal(tick, is_down=value >= HALF_PEDAL)
        return self._after(pen, keys)

    def wait(self, tick: int) -> tuple["PerformanceWriter", tuple[int, ...]]:
        """Nothing happens up to ``tick``, or the moment nearest to it: what is late is told, and the time."""
        pen = _Pen(self.grammar, self.cursor, list(self.late), self.due)
        pen.write_late(before=tick + 1)
        pen.go(nearest(tick, GRID_TICKS))
        return self._after(pen, self.keys)

    def let_go(self, tick: int = 0) -> tuple["PerformanceWriter", tuple[int, ...]]:
        """All keys and the pedal come up; then nothing happens up to ``tick``, if that is later."""
        pen = _Pen(self.grammar, self.cursor, list(self.late), self.due)
        for pitch in self.cursor.down:
            pen.release(pitch, self.cursor.tick)
        pen.pedal(self.cursor.tick, is_down=False)
        pen.write_late(before=pen.due + 1)
        pen.go(tick)
        return self._after(pen, ())

    def at(self, cursor: PerformanceCursor) -> "PerformanceWriter":
        """The writer in a stream that has gone on to this cursor, by tokens of somebody else."""
        return replace(self, cursor=cursor)

    def _simple(self, event: Event) -> Iterable[Event]:
        """The events that have the same effect here: a channel mode message lets go of the keys of its channel."""
        match event:
            case ControlChange(number, _, channel) if number in (ALL_SOUND_OFF, ALL_NOTES_OFF, *MODES):
                return [NoteOff(pitch, channel) for of, pitch in self.keys if of == channel]
            case ControlChange(number, _, channel) if number == RESET_CONTROLLERS:
                return [ControlChange(SUSTAIN_PEDAL, 0, channel)]
        return [event]

    def _after(self, pen: "_Pen", keys: tuple[tuple[int, int], ...]) -> tuple["PerformanceWriter", tuple[int, ...]]:
        return PerformanceWriter(self.grammar, pen.cursor, keys, tuple(pen.late), pen.due), tuple(pen.tokens)


def begun(grammar: PerformanceGrammar, cursor: PerformanceCursor) -> tuple[PerformanceWriter, tuple[int, ...]]:
    """A writer with all keys up at ``cursor``, and START where no piece has begun."""
    pen = _Pen(grammar, cursor, [], 0)
    if not cursor.is_inside:
        pen.put(START)
    return PerformanceWriter(grammar, pen.cursor), tuple(pen.tokens)


class _Pen:
    """Owner of the tokens that are being written, and of the cursor after them."""

    def __init__(self, grammar: PerformanceGrammar, cursor: PerformanceCursor, late: list[int], due: int) -> None:
        self._grammar = grammar
        self.cursor = cursor
        self.late = late
        self.due = due
        self.tokens: list[int] = []

    def put(self, token: int) -> None:
        self.cursor, _ = self._grammar.step(self.cursor, token)
        self.tokens.append(token)

    def go(self, tick: int) -> None:
        for token in wait_tokens((tick - self.cursor.tick) // GRID_TICKS if tick > self.cursor.tick else 0):
            self.put(token)

    def write_late(self, before: int) -> None:
        """Write what is late, if that is due before a tick and still true: somebody else may have moved, too."""
        if not self.late or self.due >= before:
            return
        late, self.late = self.late, []
        self.go(self.due)
        for token in late:
            if self._is_true(token):
                self.put(token)

    def strike(self, pitch: int, velocity: int, tick: int) -> None:
        off = self._grammar.off(pitch)
        if off in self.late:  # it went down, up and down in one moment: it is down
            self.late.remove(off)
        self.go(tick)
        if pitch in self.cursor.struck:
            return
        if pitch in self.cursor.down:
            self.put(off)
        loudness = loudness_token(velocity)
        if loudness - FIRST_LOUDNESS != self.cursor.loudness:
            self.put(loudness)
        self.put(self._grammar.on(pitch))

    def release(self, pitch: int, tick: int) -> None:
        if pitch not in self.cursor.down:
            return
        if tick == self.cursor.tick and pitch in self.cursor.struck:
            self._postpone(self._grammar.off(pitch))
        else:
            self.go(tick)
            self.put(self._grammar.off(pitch))

    def pedal(self, tick: int, *, is_down: bool) -> None:
        late = next((token for token in self.late if token in (PEDAL_DOWN, PEDAL_UP)), None)
        if is_down == (self.cursor.is_pedal_down if late is None else late == PEDAL_DOWN):
            return
        if late is not None:  # it moved three times in one moment
            self.late.remove(late)
        elif tick == self.cursor.tick and self.cursor.is_pedal_moved:
            self._postpone(PEDAL_DOWN if is_down else PEDAL_UP)
        else:
            self.go(tick)
            self.put(PEDAL_DOWN if is_down else PEDAL_UP)

    def _postpone(self, token: int) -> None:
        self.late.append(token)
        self.due = self.cursor.tick + GRID_TICKS

    def _is_true(self, token: int) -> bool:
        """Does the token still change anything? All of the moment may come late to a cursor that has gone on."""
        return bool(self._grammar.mask(self.cursor)[token])
