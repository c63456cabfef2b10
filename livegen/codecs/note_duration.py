"""Notes and chords with their durations, and rests, on a grid of sixteenths: one token each.

    START  48 2.0  60.64.67 1.0  rest 1.0  62 0.5  rest 0.5  END

Notes that begin together are written from the lowest up; those that also end together are a chord. A rest leads to the
next onset. The vocabulary has the single notes, the rests and a corpus's most frequent chords; any other chord is
written as its notes one by one, so no chord is changed; only durations are rounded.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.chord_events import DURATIONS, GRID_TICKS, Sound, read_sound, sounds_of
from livegen.codecs.decoding import ends, followed, paired
from livegen.codecs.pitch_range import PitchRangeCodec
from livegen.codecs.prompt import TokenPrompt
from livegen.codecs.vocabulary import Mask, PitchTable, Tokens, Vocabulary
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars
from livegen.music.tempo_map import next_multiple

START, END = range(2)
LONGEST_REST = 16  # sixteenths
RESTS = range(1, LONGEST_REST + 1)


@dataclass(frozen=True, slots=True)
class NoteDurationCursor:
    """The position in a stream of notes."""

    tick: int = 0
    told: int = 0  # tokens since the last prompt began
    is_inside: bool = False  # between START and END
    struck: tuple[int, ...] = ()  # pitches that begin at this tick, in the order of their tokens
    lowest: int = -1  # the lowest pitch of the last token at this tick
    last_rest: int = 0  # the rest that led to this tick, in sixteenths; 0 at the beginning of a piece
    held: tuple[tuple[int, int], ...] = ()  # (end, pitch) of the sounding notes, in order
    is_piece_end: bool = False

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches of the sounding notes."""
        return tuple(pitch for _, pitch in self.held)

    @property
    def is_whole(self) -> bool:
        """Nothing has begun at this tick yet."""
        return not self.struck

    @property
    def is_phrase_end(self) -> bool:
        """A beat or more without an onset, and no note sounds."""
        return self.is_whole and self.last_rest >= 4 and not self.held


class NoteDurationCodec(PitchRangeCodec[NoteDurationCursor]):
    """The tokens of single notes from ``low`` to ``high``, of rests, and of ``chords`` such as ``60.64.67 1.0``."""

    name = "note_duration"
    grid_ticks = GRID_TICKS
    has_velocities = False

    def __init__(self, low: int = 21, high: int = 108, chords: Sequence[str] = ()) -> None:
        super().__init__(low, high, octaves=2)
        self._chords = tuple(chords)
        singles = [Sound((pitch,), duration) for pitch in range(low, high + 1) for duration in DURATIONS]
        self.sounds = [*singles, *(read_sound(text) for text in chords)]
        self.vocabulary = Vocabulary(["START", "END", *(f"rest {rest / 4}" for rest in RESTS), *map(str, self.sounds)])
        self.first_sound = 2 + len(RESTS)
        self._tokens = {sound: token for token, sound in enumerate(self.sounds, self.first_sound)}
        self._has = self._contents()  # [128, vocab]
        self._lowest = np.array([-2] * self.first_sound + [sound.pitches[0] for sound in self.sounds])
        self._pitches = PitchTable(
            [[] for _ in range(self.first_sound)] + [list(sound.pitches) for sound in self.sounds]
        )
        self._shifted: dict[int, tuple[Tokens, NDArray[np.int64], NDArray[np.int64]]] = {}

    def parameters(self) -> Mapping[str, Any]:
        """As ``Codec.parameters``."""
        return {"low": self.low, "high": self.high, "chords": list(self._chords)}

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """0: the model is trained in every key."""
        return 0

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every pitch within the codec's range."""
        pitches = [pitch for token in set(tokens.tolist()) for pitch in self.pitches(token)]
        return (self.low - min(pitches), self.high - max(pitches)) if pitches else (0, 0)

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same notes, transposed up by ``semitones``; a chord without a token there is written note by note."""
        if semitones not in self._shifted:
            self._shifted[semitones] = self._table(semitones)
        flat, begins, counts = self._shifted[semitones]
        lengths = counts[tokens]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        moved: Tokens = flat[np.repeat(begins[tokens], lengths) + within]
        onsets = np.cumsum((moved >= 2) & (moved < self.first_sound))
        return moved[np.lexsort((self._lowest[moved], onsets))]  # of one onset, from the lowest up

    def pitches(self, token: int) -> tuple[int, ...]:
        """The pitches that a token strikes."""
        return self.sounds[token - self.first_sound].pitches if token >= self.first_sound else ()

    # tokens → events, one at a time

    def begin(self) -> NoteDurationCursor:
        """Before START."""
        return NoteDurationCursor()

    def mask(self, cursor: NoteDurationCursor) -> Mask:
        """START outside a piece; inside, chords above the lowest note of the last one, rests, and END after a rest.

        A rest follows a rest only when the first is the longest one, so that there is one way to write a gap.
        """
        mask = np.zeros(len(self.vocabulary), np.bool_)
        if not cursor.is_inside:
            mask[START] = True
            return mask
        mask[:] = self._lowest > cursor.lowest
        for pitch in cursor.struck:
            mask[self._has[pitch]] = False
        mask[2 : self.first_sound] = bool(cursor.struck) or cursor.last_rest in (0, LONGEST_REST)
        mask[END] = cursor.is_whole and cursor.last_rest > 0
        return mask

    def step(self, cursor: NoteDurationCursor, token: int) -> tuple[NoteDurationCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; note-ons are settled at once, note-offs with the rest that leads past them."""
        told = cursor.told + 1
        if token == START:
            return NoteDurationCursor(cursor.tick, told, is_inside=True, held=cursor.held), ()
        if token == END:
            return NoteDurationCursor(cursor.tick, told, held=cursor.held, is_piece_end=True), ()
        if token < self.first_sound:
            return self._rest(cursor, token - 1)
        pitches, duration = self.sounds[token - self.first_sound]
        tick, end = cursor.tick, cursor.tick + duration * GRID_TICKS
        again = tuple(Ticked(tick, NoteOff(pitch)) for _, pitch in cursor.held if pitch in pitches)
        kept = [(until, pitch) for until, pitch in cursor.held if pitch not in pitches]
        moved = replace(
            cursor,
            told=told,
            struck=(*cursor.struck, *pitches),
            lowest=pitches[0],
            held=tuple(sorted([*kept, *((end, pitch) for pitch in pitches)])),
        )
        return moved, (*again, *(Ticked(tick, NoteOn(pitch)) for pitch in pitches))

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens with a pitch whose pitch class is not among these."""
        outer = [pitch for pitch in range(128) if pitch % 12 not in pitch_classes]
        mask: Mask = np.any(self._has[outer], axis=0)
        return mask

    def kin(self) -> Tokens | None:
        """The first token with the same pitches."""
        first: dict[tuple[int, ...], int] = {}
        sounding = enumerate((sound.pitches for sound in self.sounds), self.first_sound)
        numbers = [first.setdefault(pitches, token) for token, pitches in sounding]
        return np.array([*range(self.first_sound), *numbers], np.int64)

    def density_weights(self) -> NDArray[np.float32]:
        """Positive for notes and rests shorter than a beat, negative for longer ones, at most 1."""
        weights = np.zeros(len(self.vocabulary), np.float32)
        quarters = [rest / 4 for rest in RESTS] + [sound.duration / 4 for sound in self.sounds]
        weights[2:] = np.clip(-np.log2(np.array(quarters, np.float32)), -1, 1)
        return weights

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """As ``Codec.decode``; a note lasts as long as its token says, or until its pitch is struck again."""
        cursor, events = followed(self, tokens)
        return paired((*events, *ends(cursor.held)))

    # events → tokens

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """START, the chords of each onset with the rests between, the rest up to the next beat, END."""
        onsets: dict[int, list[Sound]] = {}
        for onset, sound in sounds_of(notes, self.fold):
            onsets.setdefault(onset, []).append(sound)
        tokens, at, end = [START], 0, 0
        for onset, sounds in onsets.items():
            parts = sorted(part for sound in sounds for part in self._parts(sound))
            tokens += [*_rests(onset - at), *(self._tokens[part] for part in parts)]
            at, end = onset, max(end, *(onset + sound.duration for sound in sounds))
        end = next_multiple(end, TICKS_PER_QUARTER // GRID_TICKS)
        return [*tokens, *_rests(end - at), END]

    def prompt(
        self, notes: Sequence[Note], cursor: NoteDurationCursor, key: Key, bars: Bars | None = None
    ) -> TokenPrompt[NoteDurationCursor]:
        """The tokens of the notes, up to the end of their last beat."""
        return TokenPrompt(
            self,
            self.encode(notes)[1:-1],
            lambda cursor: replace(cursor, told=0 if cursor.is_inside else -1, struck=(), lowest=-1, held=()),
        )

    def _parts(self, sound: Sound) -> list[Sound]:
        if sound in self._tokens:
            return [sound]
        return [Sound((pitch,), sound.duration) for pitch in sound.pitches]

    def _rest(self, cursor: NoteDurationCursor, sixteenths: int) -> tuple[NoteDurationCursor, tuple[Ticked, ...]]:
        tick = cursor.tick + sixteenths * GRID_TICKS
        ended = ends((end, pitch) for end, pitch in cursor.held if end <= tick)
        held = tuple((end, pitch) for end, pitch in cursor.held if end > tick)
        moved = NoteDurationCursor(tick, cursor.told + 1, is_inside=True, last_rest=sixteenths, held=held)
        return moved, ended

    def _contents(self) -> NDArray[np.bool_]:
        has = np.zeros((128, len(self.vocabulary)), np.bool_)
        for token, sound in enumerate(self.sounds, self.first_sound):
            has[list(sound.pitches), token] = True
        return has

    def _table(self, semitones: int) -> tuple[Tokens, NDArray[np.int64], NDArray[np.int64]]:
        """For each token the tokens that it becomes: all of them end to end, where each token's begin, how many."""
        rows: list[list[int]] = [[token] for token in range(self.first_sound)]
        for pitches, duration in self.sounds:
            moved = Sound(tuple(pitch + semitones for pitch in pitches), duration)
            is_within = self.low <= moved.pitches[0] and moved.pitches[-1] <= self.high
            rows.append([self._tokens[part] for part in self._parts(moved)] if is_within else [])
        counts = np.array([len(row) for row in rows])
        return np.array([token for row in rows for token in row]), np.cumsum(counts) - counts, counts


def _rests(sixteenths: int) -> list[int]:
    """Tokens of a gap: the longest rest as often as it fits, then the remainder."""
    count, left = divmod(sixteenths, LONGEST_REST)
    return [1 + LONGEST_REST] * count + ([1 + left] if left else [])
