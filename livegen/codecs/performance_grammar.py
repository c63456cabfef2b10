"""What may happen next in a performance: keys and a pedal that move one at a time, and the waits between them.

A wait is a number of steps of 10 ms. A tick is a 960th of a quarter everywhere, and a step has to be a whole number of
them: so the ticks of a performance are those of 100 bpm, at which a step is 16 (at 120 bpm it would be 19.2). 16 ticks
also divide every sixteenth, triplet and beat. A solo without a clock is played at 100 bpm, in the time of the hands
that it was learnt from. At another tempo, as under a clock, all of it is slower or faster.
"""

from dataclasses import dataclass, replace

import numpy as np

from livegen.codecs.pitch_range import PitchRangeCodec
from livegen.codecs.vocabulary import Mask, PitchTable, Vocabulary
from livegen.events import SUSTAIN_PEDAL, TICKS_PER_QUARTER, ControlChange, NoteOff, NoteOn, Ticked, Timed
from livegen.music.tempo_map import round_div

GRID_TICKS = 16  # a step
STEP_MS = 10
STEP_NS = STEP_MS * 1_000_000
BEAT_NS = TICKS_PER_QUARTER // GRID_TICKS * STEP_NS  # of the nominal tempo, 100 bpm

START, END, PEDAL_DOWN, PEDAL_UP = range(4)
FIRST_WAIT = 4
COARSE = 50  # steps: every shorter wait has a token, and so have the multiples of this one ...
WAITS = (*range(1, COARSE), *range(COARSE, 10 * COARSE + 1, COARSE))  # ... in steps
LONGEST_WAIT = WAITS[-1]
FIRST_LOUDNESS = FIRST_WAIT + len(WAITS)
LOUDNESSES = (*range(8, 127, 8), 127)  # velocities
FIRST_KEY = FIRST_LOUDNESS + len(LOUDNESSES)
_UNKNOWN = -1  # no loudness yet
_PEDAL_VALUES = {PEDAL_DOWN: 127, PEDAL_UP: 0}
_WAIT_TOKENS = {wait: token for token, wait in enumerate(WAITS, FIRST_WAIT)}


@dataclass(frozen=True, slots=True)
class PerformanceCursor:
    """The position in a performance; a moment is a step of the grid."""

    tick: int = 0
    told: int = 0  # tokens since the last prompt began, loudness not counted
    is_inside: bool = False  # between START and END
    begin: int = 0  # the tick of START
    last_onset: int = 0  # the tick of the last note-on, at the beginning of a piece that of START
    down: tuple[int, ...] = ()  # pitches whose keys are down, in the order in which they went down
    struck: tuple[int, ...] = ()  # those that went down at this moment
    is_pedal_down: bool = False
    is_pedal_moved: bool = False  # at this moment
    is_moved: bool = False  # a key or the pedal, at this moment
    loudness: int = _UNKNOWN  # of the next note-on, an index of ``LOUDNESSES``
    is_loudness_new: bool = False  # the last token said it: a note-on has to follow
    is_piece_end: bool = False

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches whose keys are down."""
        return self.down

    @property
    def is_whole(self) -> bool:
        """Nothing has happened at this moment yet."""
        return not self.is_moved and not self.is_loudness_new

    @property
    def is_phrase_end(self) -> bool:
        """A nominal beat or more without an onset: a rest, or a chord that is held, as at the end of most phrases."""
        return self.is_whole and self.tick - self.last_onset >= TICKS_PER_QUARTER


class PerformanceGrammar(PitchRangeCodec[PerformanceCursor]):
    """The tokens of keys from ``low`` to ``high``, of the pedal, of loudness and of waits, and which may come next.

    A key goes down only when it is up, and comes up only when it is down: one that is struck again under the pedal has
    come up in between. At one moment each key comes up at most once, and after that goes down at most once, and the
    pedal moves once: so a piece has at most 265 tokens between two waits, and a note lasts a step or longer.
    """

    def __init__(self, low: int = 21, high: int = 108) -> None:
        super().__init__(low, high, octaves=2)
        keys = range(low, high + 1)
        texts = ["START", "END", "pedal down", "pedal up", *(f"{STEP_MS * wait} ms" for wait in WAITS)]
        texts += [f"velocity {velocity}" for velocity in LOUDNESSES]
        texts += [f"{pitch} on" for pitch in keys] + [f"{pitch} off" for pitch in keys]
        self.vocabulary = Vocabulary(texts)
        self._first_off = FIRST_KEY + len(keys)
        self._pitches = PitchTable([*[()] * FIRST_KEY, *((pitch,) for pitch in keys), *[()] * len(keys)])
        self._outside = self.vocabulary.only(START)
        tokens = np.arange(len(self.vocabulary))
        self.begins: Mask = (tokens >= FIRST_KEY) & (tokens < self._first_off)
        self._first_moves: Mask = (tokens >= FIRST_WAIT) & (tokens < FIRST_KEY)  # before any loudness is known
        self._moves: Mask = self.begins | self._first_moves

    def on(self, pitch: int) -> int:
        """The token of a key that goes down."""
        return FIRST_KEY + pitch - self.low

    def off(self, pitch: int) -> int:
        """The token of a key that comes up."""
        return self._first_off + pitch - self.low

    def begin(self) -> PerformanceCursor:
        """Before START."""
        return PerformanceCursor()

    def mask(self, cursor: PerformanceCursor) -> Mask:
        """START outside a piece; inside, a wait, or what a key or the pedal can do now.

        A loudness comes before the note-on that has it, and only where it changes. END comes when all is up. A wait
        may follow a wait, for somebody else may have moved in between; ``wait_tokens`` says how one alone is written.
        """
        if not cursor.is_inside:
            return self._outside.copy()
        if cursor.is_loudness_new:
            mask = self.begins.copy()
        else:
            mask = (self._moves if cursor.loudness != _UNKNOWN else self._first_moves).copy()
            if len(cursor.down) > self.high - self.low:
                mask[FIRST_LOUDNESS:FIRST_KEY] = False
            elif cursor.loudness != _UNKNOWN:
                mask[FIRST_LOUDNESS + cursor.loudness] = False
            mask[PEDAL_UP if cursor.is_pedal_down else PEDAL_DOWN] = not cursor.is_pedal_moved
            mask[END] = not cursor.down and not cursor.is_pedal_down and cursor.tick > cursor.begin
        for pitch in cursor.down:  # one by one: faster than a list of places, for they are few
            mask[self.on(pitch)] = False
            if not cursor.is_loudness_new and pitch not in cursor.struck:
                mask[self.off(pitch)] = True
        return mask

    def step(self, cursor: PerformanceCursor, token: int) -> tuple[PerformanceCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; each note-on, note-off and pedal is settled at once."""
        told, tick = cursor.told + 1, cursor.tick
        if token >= self._first_off:
            pitch = self.low + token - self._first_off
            down = tuple(each for each in cursor.down if each != pitch)
            return replace(cursor, told=told, down=down, is_moved=True), (Ticked(tick, NoteOff(pitch)),)
        if token >= FIRST_KEY:
            return self._strike(cursor, self.low + token - FIRST_KEY)
        if token >= FIRST_LOUDNESS:
            return replace(cursor, loudness=token - FIRST_LOUDNESS, is_loudness_new=True), ()
        if token >= FIRST_WAIT:
            return self._wait(cursor, WAITS[token - FIRST_WAIT]), ()
        if token in _PEDAL_VALUES:
            is_down = token == PEDAL_DOWN
            moved = replace(cursor, told=told, is_pedal_down=is_down, is_pedal_moved=True, is_moved=True)
            return moved, (Ticked(tick, ControlChange(SUSTAIN_PEDAL, _PEDAL_VALUES[token])),)
        if token == START:
            return PerformanceCursor(tick, told, is_inside=True, begin=tick, last_onset=tick), ()
        return PerformanceCursor(tick, told, last_onset=cursor.last_onset, is_piece_end=True), ()

    def _strike(self, cursor: PerformanceCursor, pitch: int) -> tuple[PerformanceCursor, tuple[Ticked, ...]]:
        moved = replace(
            cursor,
            told=cursor.told + 1,
            last_onset=cursor.tick,
            down=(*cursor.down, pitch),
            struck=(*cursor.struck, pitch),
            is_moved=True,
            is_loudness_new=False,
        )
        return moved, (Ticked(cursor.tick, NoteOn(pitch, LOUDNESSES[cursor.loudness])),)

    def _wait(self, cursor: PerformanceCursor, steps: int) -> PerformanceCursor:
        return replace(
            cursor,
            tick=cursor.tick + steps * GRID_TICKS,
            told=cursor.told + 1,
            struck=(),
            is_pedal_moved=False,
            is_moved=False,
        )


def wait_tokens(steps: int) -> list[int]:
    """The tokens of a wait, exactly: the longest as often as it fits, a multiple of ``COARSE``, the remainder."""
    count, rest = divmod(steps, LONGEST_WAIT)
    coarse, fine = rest - rest % COARSE, rest % COARSE
    return [_WAIT_TOKENS[wait] for wait in (*[LONGEST_WAIT] * count, coarse, fine) if wait]


def loudness_token(velocity: int) -> int:
    """The token of the loudness nearest to a velocity of 1-127: 64 and 127 keep theirs, others move by 4, 1-3 by 7."""
    return FIRST_LOUDNESS + min(max(round_div(velocity, 8), 1), len(LOUDNESSES)) - 1


def on_grid(timed: Timed) -> Ticked:
    """An event at the nearest moment of the grid; moment 0 ns is tick 0."""
    return Ticked(round_div(timed.at_ns, STEP_NS) * GRID_TICKS, timed.event)
