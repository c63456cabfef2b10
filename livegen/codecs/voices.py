"""Four voices, a pitch each in every sixteenth: the frames of the jsb16 benchmark (Boulanger-Lewandowski et al., 2012).

A frame is four tokens, the outer voices first:

    START  67 48 64 60  67 48 64 60  69 41 65 60  ...

A pitch that comes again is held: there is no token that strikes it again, so repeated notes become one long note. A
pitch is held also where another voice takes it over: the tokens describe the keys that are down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from livegen.codecs.chorale_frames import FRAME_TICKS, VOICES, frames_of
from livegen.codecs.decoding import ends, followed, paired
from livegen.codecs.pitch_range import PitchRangeCodec
from livegen.codecs.vocabulary import Mask, PitchTable, Tokens, Vocabulary
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars

MELODY_CENTRE = 70  # the mean pitch of the benchmark's sopranos
SILENCE = 0
LONG = TICKS_PER_QUARTER // FRAME_TICKS  # frames that a chord was held when it ends a phrase: more than a beat in all

# By the number of given pitches: which of them, from the highest down, are soprano, bass, alto, tenor; None: generated.
PARTS: Mapping[int, tuple[int | None, ...]] = {
    0: (None, None, None, None),
    1: (0, None, None, None),
    2: (0, 1, None, None),
    3: (0, 2, 1, None),
    4: (0, 3, 1, 2),
}


@dataclass(frozen=True, slots=True)
class VoicesCursor:
    """The position in a piece."""

    tick: int = 0  # of the frame being written
    is_inside: bool = False  # after START
    voices: tuple[int, ...] = ()  # tokens of the last complete frame: soprano, bass, alto, tenor
    sounding: tuple[int, ...] = ()  # that frame's pitches, the highest first
    written: tuple[int, ...] = ()  # tokens of the frame being written
    still: int = 0  # frames that the last chord has been held
    is_piece_end: bool = False  # never: the vocabulary has no end mark

    @property
    def is_whole(self) -> bool:
        """No frame is incomplete."""
        return not self.written

    @property
    def is_phrase_end(self) -> bool:
        """A chord has been held for more than a beat."""
        return self.still >= LONG and self.is_whole


class VoicesCodec(PitchRangeCodec[VoicesCursor]):
    """Vocabulary, grammar, encoding and decoding for pitches ``low`` to ``high``, both included."""

    name = "voices"
    grid_ticks = FRAME_TICKS
    has_velocities = False

    def __init__(self, low: int = 30, high: int = 88) -> None:
        super().__init__(low, high, octaves=1)
        self.vocabulary = Vocabulary(["-", *(str(pitch) for pitch in range(low, high + 1)), "START"])
        self.start = len(self.vocabulary) - 1
        self._pitches = PitchTable([[], *([pitch] for pitch in range(low, high + 1)), []])

    def pitch_token(self, pitch: int) -> int:
        """The token of one voice in one frame."""
        return pitch - self.low + 1

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """Whole octaves, to the mean pitch nearest to a soprano's: the model is trained in every key."""
        mean = sum(pitches) / len(pitches)
        return 12 * min(range(-5, 6), key=lambda n: abs(mean + 12 * n - MELODY_CENTRE))

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every pitch within the codec's range."""
        pitches = tokens[(tokens != SILENCE) & (tokens != self.start)]
        if not len(pitches):
            return 0, 0
        return 1 - int(pitches.min()), self.start - 1 - int(pitches.max())

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same frames, transposed up by ``semitones``."""
        return np.where((tokens != SILENCE) & (tokens != self.start), tokens + semitones, tokens)

    # tokens → events, one at a time

    def begin(self) -> VoicesCursor:
        """Before START."""
        return VoicesCursor()

    def mask(self, cursor: VoicesCursor) -> Mask:
        """START first, and then any pitch or silence in every voice; voices may cross."""
        mask = np.full(len(self.vocabulary), cursor.is_inside)
        mask[self.start] = not cursor.is_inside
        return mask

    def step(self, cursor: VoicesCursor, token: int) -> tuple[VoicesCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; a frame's events are settled with its last voice, note-offs first."""
        if token == self.start:
            return VoicesCursor(tick=cursor.tick, is_inside=True), ()
        written = (*cursor.written, token)
        if len(written) < VOICES:
            return VoicesCursor(cursor.tick, True, cursor.voices, cursor.sounding, written, cursor.still), ()  # noqa: FBT003
        return self._close(cursor, written)

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens of pitches whose pitch class is not among these."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        for pitch in range(self.low, self.high + 1):
            mask[self.pitch_token(pitch)] = pitch % 12 not in pitch_classes
        return mask

    def given(self, cursor: VoicesCursor, notes: Sequence[tuple[int, bool]], *, is_top: bool) -> Mask:
        """As ``FrameCodec.given``: the highest is the soprano, the lowest the bass when there are two or more."""
        mask, pitches = (
            self.mask(cursor),
            [pitch for pitch, _ in notes[: VOICES - 1]] + [p for p, _ in notes[VOICES - 1 :][-1:]],
        )
        if not cursor.is_inside or not pitches:
            return mask
        part = PARTS[len(pitches)][len(cursor.written)]
        if part is not None:
            return self.vocabulary.only(self.pitch_token(pitches[part]))
        if is_top:
            mask[self.pitch_token(pitches[0]) : self.start] = False
        mask[SILENCE] = mask.sum() == 1  # a voice is silent only where no pitch is left for it
        return mask

    def draft_tokens(self, cursor: VoicesCursor) -> tuple[int, ...]:
        """All voices hold: between two eighths, and on an eighth off the beat once the soprano holds; else no draft."""
        sixteenth = cursor.tick // FRAME_TICKS % 4
        is_likely = sixteenth % 2 == 1 or (sixteenth == 2 and bool(cursor.written))
        if not is_likely or cursor.written != cursor.voices[: len(cursor.written)]:
            return ()
        return cursor.voices[len(cursor.written) :]

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """As ``Codec.decode``; notes that still sound at the end of the tokens end there."""
        cursor, events = followed(self, tokens)
        return paired((*events, *ends((cursor.tick, pitch) for pitch in cursor.sounding)))

    # events → tokens, one at a time

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """START and the frames from tick 0 to the last note's end; there is no end mark."""
        tokens = [self.start]
        for pitches in self.chords(notes):
            parts = PARTS[len(pitches)]
            tokens.extend(SILENCE if part is None else self.pitch_token(pitches[part]) for part in parts)
        return tokens

    def chords(self, notes: Iterable[Note]) -> list[tuple[int, ...]]:
        """The pitches of each frame from tick 0 to the last note's end: at most four, the highest first."""
        return [tuple(pitch for pitch, _ in frame.notes) for frame in frames_of(notes, self.fold)]

    def prompt(self, notes: Sequence[Note], cursor: VoicesCursor, key: Key, bars: Bars | None = None) -> "VoicesPrompt":
        """The frames of the notes; a chord is held through the rest after it."""
        chords: list[tuple[int, ...]] = []
        for chord in self.chords(notes):
            chords.append(chord or (chords[-1] if chords else ()))
        return VoicesPrompt(self, chords, cursor.tick)

    def _close(self, cursor: VoicesCursor, voices: tuple[int, ...]) -> tuple[VoicesCursor, tuple[Ticked, ...]]:
        pitches = {token + self.low - 1 for token in voices if token != SILENCE}
        sounding = tuple(sorted(pitches, reverse=True))
        off = [Ticked(cursor.tick, NoteOff(pitch)) for pitch in cursor.sounding if pitch not in pitches]
        on = [Ticked(cursor.tick, NoteOn(pitch)) for pitch in sounding if pitch not in cursor.sounding]
        still = cursor.still + 1 if sounding and sounding == cursor.sounding else 0
        closed = VoicesCursor(cursor.tick + FRAME_TICKS, True, voices, sounding, still=still)  # noqa: FBT003
        return closed, (*off, *on)


class VoicesPrompt:
    """What the player played, frame by frame: the highest pitch is the soprano, the network draws the other voices."""

    def __init__(self, codec: VoicesCodec, chords: Sequence[tuple[int, ...]], begin_tick: int) -> None:
        self._codec = codec
        self._chords = chords
        self._begin_tick = begin_tick

    def begin(self, cursor: VoicesCursor) -> VoicesCursor:
        """The same cursor: the frames continue the stream."""
        return cursor

    def mask(self, cursor: VoicesCursor) -> Mask | None:
        """As ``Prompt.mask``; None after the last frame."""
        index = (cursor.tick - self._begin_tick) // FRAME_TICKS
        if index >= len(self._chords):
            return None
        return self._codec.given(cursor, [(pitch, False) for pitch in self._chords[index]], is_top=True)
