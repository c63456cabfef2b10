"""Notes as pitches alone, one token each; their rhythm is taken from the phrase that they answer.

    START  60 64 67  65 69 72  END

Chords are written from the bottom up. A rhythm gives for each note in turn the wait before it, its duration and its
velocity; it is repeated from its beginning when it ends.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from livegen.codecs.decoding import ends, followed, paired
from livegen.codecs.pitch_range import PitchRangeCodec
from livegen.codecs.prompt import TokenPrompt
from livegen.codecs.vocabulary import Mask, PitchTable, Tokens, Vocabulary
from livegen.events import TICKS_PER_QUARTER, Note, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars
from livegen.music.tempo_map import next_multiple

START, END = range(2)
FIRST_PITCH = 2
GRID_TICKS = TICKS_PER_QUARTER // 12  # triplets and sixteenths


@dataclass(frozen=True, slots=True)
class Step:
    """One note of a rhythm, in ticks."""

    wait: int  # before its onset
    after: int  # from its onset to where the next step begins; 0 within a chord
    duration: int
    velocity: int


Rhythm = tuple[Step, ...]
EIGHTHS: Rhythm = (Step(0, TICKS_PER_QUARTER // 2, TICKS_PER_QUARTER // 2, 64),)


@dataclass(frozen=True, slots=True)
class NotesCursor:
    """The position in a stream of pitches."""

    tick: int = 0
    rhythm: Rhythm = EIGHTHS
    told: int = 0  # notes since the rhythm was set
    is_inside: bool = False  # between START and END
    is_empty: bool = True  # no note since START
    chord: tuple[int, ...] = ()  # pitches of the chord being written
    held: tuple[tuple[int, int], ...] = ()  # (end, pitch) of the sounding notes, in order
    is_piece_end: bool = False

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches of the sounding notes."""
        return tuple(pitch for _, pitch in self.held)

    @property
    def is_whole(self) -> bool:
        """No chord is incomplete."""
        return not self.chord

    @property
    def is_phrase_end(self) -> bool:
        """The rhythm has reached its end."""
        return self.told > 0 and self.is_whole and self.told % len(self.rhythm) == 0

    @property
    def step(self) -> Step:
        """The step of the next note."""
        return self.rhythm[self.told % len(self.rhythm)]

    @property
    def above(self) -> int:
        """How many notes of the same chord come after the next one."""
        place = self.told % len(self.rhythm)
        return next(count for count, step in enumerate(self.rhythm[place:]) if step.after)


class NotesCodec(PitchRangeCodec[NotesCursor]):
    """Vocabulary, grammar, encoding and decoding for pitches ``low`` to ``high``, both included."""

    name = "notes"
    grid_ticks = GRID_TICKS
    has_velocities = True

    def __init__(self, low: int = 21, high: int = 108) -> None:
        super().__init__(low, high, octaves=2)
        self.vocabulary = Vocabulary(["START", "END", *(str(pitch) for pitch in range(low, high + 1))])
        self._pitches = PitchTable([[], [], *([pitch] for pitch in range(low, high + 1))])

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """0: the model is trained in every key."""
        return 0

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every pitch within the codec's range."""
        pitches = self.low + tokens[tokens >= FIRST_PITCH] - FIRST_PITCH
        return (self.low - int(pitches.min()), self.high - int(pitches.max())) if len(pitches) else (0, 0)

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same notes, transposed up by ``semitones``."""
        return np.where(tokens >= FIRST_PITCH, tokens + semitones, tokens)

    # tokens → events, one at a time

    def begin(self) -> NotesCursor:
        """Before START, with a rhythm of eighths."""
        return NotesCursor()

    def mask(self, cursor: NotesCursor) -> Mask:
        """START outside a piece; inside, pitches that leave room above for the rest of their chord."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        if not cursor.is_inside:
            mask[START] = True
            return mask
        lowest = cursor.chord[-1] + 1 if cursor.chord else self.low
        mask[FIRST_PITCH + lowest - self.low : len(mask) - cursor.above] = True
        mask[END] = cursor.is_whole and not cursor.is_empty
        return mask

    def step(self, cursor: NotesCursor, token: int) -> tuple[NotesCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; a note settles its note-on and the note-offs before the next onset."""
        if token == START:
            return replace(cursor, is_inside=True, is_empty=True, is_piece_end=False), ()
        if token == END:
            return replace(cursor, is_inside=False, is_piece_end=True), ()
        pitch, step = self.low + token - FIRST_PITCH, cursor.step
        onset = cursor.tick + step.wait
        tick = onset + step.after
        on = Ticked(onset, NoteOn(pitch, step.velocity))
        again = [(onset, held) for _, held in cursor.held if held == pitch]
        others = [(end, held) for end, held in cursor.held if held != pitch]
        every = sorted([*others, (onset + step.duration, pitch)])
        before = sorted([*again, *((end, held) for end, held in others if end <= onset)])
        after = [(end, held) for end, held in every if onset < end <= tick]
        moved = NotesCursor(
            tick=tick,
            rhythm=cursor.rhythm,
            told=cursor.told + 1,
            is_inside=True,
            is_empty=False,
            chord=() if step.after else (*cursor.chord, pitch),
            held=tuple((end, held) for end, held in every if end > tick),
        )
        return moved, (*ends(before), on, *ends(after))

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens of pitches whose pitch class is not among these."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        for pitch in range(self.low, self.high + 1):
            mask[FIRST_PITCH + pitch - self.low] = pitch % 12 not in pitch_classes
        return mask

    def decode(self, tokens: Iterable[int], rhythm: Rhythm = EIGHTHS) -> list[Note]:
        """As ``Codec.decode``, in this rhythm; notes that still sound at the end of the tokens keep their duration."""
        cursor, events = followed(self, tokens, replace(self.begin(), rhythm=rhythm))
        return paired((*events, *ends(cursor.held)))

    # events → tokens

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """START, the pitches in order of time and from the bottom up, END; without the rhythm."""
        ordered = sorted((note.onset, self.fold(note.pitch)) for note in notes)
        return [START, *(FIRST_PITCH + pitch - self.low for _, pitch in dict.fromkeys(ordered)), END]

    def prompt(
        self, notes: Sequence[Note], cursor: NotesCursor, key: Key, bars: Bars | None = None
    ) -> TokenPrompt[NotesCursor]:
        """The pitches of the notes; their rhythm is used for the music that follows."""
        folded = [replace(note, pitch=self.fold(note.pitch)) for note in notes]
        heard = sorted({(note.onset, note.pitch): note for note in folded}.values())
        rhythm = rhythm_of(heard)
        return TokenPrompt(
            self,
            self.encode(heard)[1:-1],
            lambda cursor: replace(cursor, rhythm=rhythm, told=0, chord=(), held=()),
        )


def rhythm_of(notes: Sequence[Note]) -> Rhythm:
    """The rhythm of notes sorted by onset, in whole beats from tick 0."""
    length = next_multiple(max(note.end for note in notes), TICKS_PER_QUARTER)
    onsets = [*(note.onset for note in notes), length]
    return tuple(
        Step(note.onset if place == 0 else 0, after - note.onset, note.duration, note.velocity)
        for place, (note, after) in enumerate(zip(notes, onsets[1:], strict=True))
    )
