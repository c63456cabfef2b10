"""A performance as it happens, one event a token: keys that go down and come up, their loudness, the pedal, waits.

    START  velocity 72  60 on  pedal down  250 ms  64 on  180 ms  60 off  ...  pedal up  END

Time is real: a moment is 10 ms (``performance_grammar``), loudness has 16 steps, the pedal is up or down. Nothing else
is rounded: events of one moment keep the order in which they happened, and a chord is its keys, one after the other.
A token says what has happened and never how long it will last, so both hands can be told while they play.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.decoding import ends, followed, paired
from livegen.codecs.performance_grammar import (
    BEAT_NS,
    COARSE,
    END,
    FIRST_KEY,
    FIRST_LOUDNESS,
    FIRST_WAIT,
    GRID_TICKS,
    PEDAL_DOWN,
    PEDAL_UP,
    STEP_MS,
    WAITS,
    PerformanceCursor,
    PerformanceGrammar,
    wait_tokens,
)
from livegen.codecs.performance_writing import PerformanceWriter, begun
from livegen.codecs.vocabulary import Mask, PitchSet, Tokens
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars
from livegen.music.tempo_map import next_multiple

_MIDDLING_MS = 80  # the wait that makes music neither denser nor sparser; about half of all are shorter
_WHOLE_WEIGHT = 3  # doublings of a wait


class PerformanceCodec(PerformanceGrammar):
    """Both directions of the performance of keys from ``low`` to ``high``; what lies outside is moved by octaves."""

    name = "performance"
    grid_ticks = GRID_TICKS
    has_velocities = True
    beat_ns = BEAT_NS

    def __init__(self, low: int = 21, high: int = 108) -> None:
        super().__init__(low, high)
        self.steps: Tokens = np.zeros(len(self.vocabulary), np.int64)
        self.steps[FIRST_WAIT:FIRST_LOUDNESS] = WAITS
        self.coarse = COARSE
        self.waits: Mask = self.steps > 0

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """0: the model is trained in every key."""
        return 0

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every pitch within the codec's range."""
        pitches = self.low + (tokens[tokens >= FIRST_KEY] - FIRST_KEY) % (self.high - self.low + 1)
        return (self.low - int(pitches.min()), self.high - int(pitches.max())) if len(pitches) else (0, 0)

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same performance, transposed up by ``semitones``."""
        return np.where(tokens >= FIRST_KEY, tokens + semitones, tokens)

    def paced(self, tokens: Tokens, factor: float) -> Tokens:
        """The same performance, ``factor`` times as long: every wait is nearest to that, and a step or longer."""
        steps = self.steps[tokens]
        moved = np.flatnonzero(steps == 0)
        moments = np.cumsum(steps)[moved]  # of each token that is no wait, in steps
        before = np.diff(np.rint(moments * factor).astype(np.int64), prepend=0)
        before = np.maximum(before, np.diff(moments, prepend=0) > 0)
        return np.concatenate(
            [[*wait_tokens(int(gap)), token] for gap, token in zip(before, tokens[moved], strict=True)]
        )

    def louder(self, tokens: Tokens, steps: int) -> Tokens:
        """The same performance, each loudness so many steps louder, as far as its softest and its loudest allow."""
        is_loudness = (tokens >= FIRST_LOUDNESS) & (tokens < FIRST_KEY)
        if not is_loudness.any():
            return tokens
        lowest, highest = FIRST_LOUDNESS - tokens[is_loudness].min(), FIRST_KEY - 1 - tokens[is_loudness].max()
        return np.where(is_loudness, tokens + min(max(steps, lowest), highest), tokens)

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Note-ons of pitches whose pitch class is not among these."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        for pitch in range(self.low, self.high + 1):
            mask[self.on(pitch)] = pitch % 12 not in pitch_classes
        return mask

    def disallowed(self, cursor: PerformanceCursor, allowed: PitchSet) -> Mask:
        """Note-ons of a pitch that is not allowed; where no allowed key is up, loudness, too: a note-on follows it."""
        mask = super().disallowed(cursor, allowed)
        free = set(range(self.low, self.high + 1)) - set(cursor.down)
        if free and not allowed[list(free)].any():
            mask = mask.copy()
            mask[FIRST_LOUDNESS:FIRST_KEY] = True
        return mask

    def density_weights(self) -> NDArray[np.float32]:
        """Positive for short waits, negative for long ones, at most 1."""
        weights = np.zeros(len(self.vocabulary), np.float32)
        waits = np.array(WAITS, np.float32) * STEP_MS
        weights[FIRST_WAIT:FIRST_LOUDNESS] = np.clip(np.log2(_MIDDLING_MS / waits) / _WHOLE_WEIGHT, -1, 1)
        return weights

    def kin(self) -> Tokens | None:
        """The first wait's for every wait."""
        tokens = np.arange(len(self.vocabulary), dtype=np.int64)
        tokens[FIRST_WAIT:FIRST_LOUDNESS] = FIRST_WAIT
        return tokens

    # tokens → events

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """As ``Codec.decode``: the notes as their keys went down and came up, without the pedal."""
        cursor, events = followed(self, tokens)
        still = ((cursor.tick + GRID_TICKS * (pitch in cursor.struck), pitch) for pitch in cursor.down)
        return paired((*events, *ends(still)))

    def decode_events(self, tokens: Iterable[int]) -> list[Ticked]:
        """All events of a token stream, in order; the exact inverse of ``encode_events`` on the grid.

        ValueError when a token breaks the grammar.
        """
        return followed(self, tokens)[1]

    # events → tokens

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """As ``Codec.encode``; a note ends where its pitch begins again."""
        return self.encode_events(_events(self._apart(notes)))

    def encode_events(self, events: Iterable[Ticked]) -> list[int]:
        """Tokens of a whole piece, from START to END; events in order of time, as ``PerformanceWriter.hear`` has them.

        Keys that are still down at the end come up with the last event.
        """
        writer, start = begun(self, self.begin())
        tokens = list(start)
        for ticked in events:
            writer, written = writer.hear(ticked)
            tokens += written
        least = writer.cursor.begin + GRID_TICKS  # a piece takes time
        return [*tokens, *writer.let_go(least)[1], END]

    def prompt(
        self, notes: Sequence[Note], cursor: PerformanceCursor, key: Key, bars: Bars | None = None
    ) -> "PerformancePrompt":
        """The tokens of the notes, up to the end of their last beat; what is down before them comes up."""
        length = next_multiple(max((note.end for note in notes), default=0), TICKS_PER_QUARTER)
        return self.prompt_of_events(_events(self._apart(notes)), cursor, length)

    def prompt_of_events(
        self, events: Iterable[Ticked], cursor: PerformanceCursor, length: int, *, has_loudness: bool = True
    ) -> "PerformancePrompt":
        """As ``PlayedCodec.prompt_of_events``."""
        writer, start = begun(self, cursor)
        writer, written = writer.let_go()
        origin, tokens = cursor.tick, list(written)
        for ticked in events:
            writer, written = writer.hear(replace(ticked, tick=origin + ticked.tick))
            tokens += written
        tokens += writer.let_go(origin + length)[1]
        return PerformancePrompt(self, tokens, -len(start), has_loudness=has_loudness)

    def listen(self, cursor: PerformanceCursor) -> tuple[PerformanceWriter, tuple[int, ...]]:
        """As ``PlayedCodec.listen``."""
        writer, start = begun(self, cursor)
        writer, ends = writer.let_go()
        return writer, (*start, *ends)

    def of_others(
        self, cursor: PerformanceCursor, mine: PitchSet, keys: Collection[int], *, is_pedal_theirs: bool
    ) -> Mask:
        """As ``PlayedCodec.of_others``."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        mask[self.on(self.low) : self.on(self.high) + 1] = ~mine[self.low : self.high + 1]
        mask[[self.off(pitch) for pitch in keys if pitch in cursor.down]] = True
        mask[[PEDAL_DOWN, PEDAL_UP]] = is_pedal_theirs
        mask[END] = True
        return mask

    def _apart(self, notes: Iterable[Note]) -> list[Note]:
        """The notes, sorted, each ended where its pitch begins again; of those that begin together the longest."""
        last: dict[int, int] = {}  # folded pitch → its latest note's index
        found: list[Note] = []
        for note in sorted(notes):
            before = last.get(self.fold(note.pitch), -1)
            if before >= 0 and found[before].onset == note.onset:
                found[before] = max(found[before], note, key=lambda each: each.duration)
                continue
            if before >= 0 and found[before].end > note.onset:
                found[before] = replace(found[before], duration=note.onset - found[before].onset)
            last[self.fold(note.pitch)] = len(found)
            found.append(note)
        return found


class PerformancePrompt:
    """What was played, token by token; the cursor counts them in ``told``, from ``first`` on, without loudness.

    Of hands whose keys do not say how loud they are, loudness is left open: the network hears them as it would play.
    """

    def __init__(self, codec: PerformanceCodec, tokens: Iterable[int], first: int, *, has_loudness: bool) -> None:
        self._codec = codec
        self._first = first
        self._has_loudness = has_loudness
        self._tokens: list[int] = []
        self._loudnesses: dict[int, int] = {}  # by the place of the note-on that they come before
        for token in tokens:
            if FIRST_LOUDNESS <= token < FIRST_KEY:
                self._loudnesses[len(self._tokens)] = token
            else:
                self._tokens.append(token)

    def begin(self, cursor: PerformanceCursor) -> PerformanceCursor:
        """As ``Prompt.begin``."""
        return replace(cursor, told=self._first)

    def mask(self, cursor: PerformanceCursor) -> Mask | None:
        """The next token, after a start mark if no piece has begun; None after the last."""
        if not cursor.is_inside:
            return self._codec.mask(cursor)
        if cursor.told >= len(self._tokens):
            return None
        token, loudness = self._tokens[cursor.told], self._loudnesses.get(cursor.told)
        mask: Mask = np.arange(len(self._codec.vocabulary)) == token
        if cursor.is_loudness_new or not FIRST_KEY <= token <= self._codec.on(self._codec.high):
            return mask
        if self._has_loudness:
            return mask if loudness is None else np.arange(len(mask)) == loudness
        mask[FIRST_LOUDNESS:FIRST_KEY] = True
        return mask & self._codec.mask(cursor)


def _events(notes: Iterable[Note]) -> list[Ticked]:
    """Note-ons and note-offs in order of time, offs first, then from the lowest up."""
    heard = list(notes)
    offs = [(note.end, False, note.pitch, 0) for note in heard]
    ons = [(note.onset, True, note.pitch, note.velocity) for note in heard]
    return [
        Ticked(tick, NoteOn(pitch, velocity) if is_on else NoteOff(pitch))
        for tick, is_on, pitch, velocity in sorted([*offs, *ons])
    ]
