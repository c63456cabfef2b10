"""Chorales as frames of a sixteenth: BachBot's encoding (Liang, BachBot, 2016, section 4.2).

A frame is an optional fermata, then ``(pitch, tied)`` from the highest voice down, then the frame end:

    START  (67, False) (64, False) (60, False) (48, False) |||  (67, True) (64, True) ... |||  END

Voices in unison are one token, and a pitch that one voice holds while another strikes it is struck: the tokens
describe what a keyboard would play.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.chorale_frames import (
    END,
    FERMATA,
    FIRST_PITCH,
    FRAME_END,
    FRAME_TICKS,
    START,
    VOICES,
    ChoraleCursor,
    Frame,
    frames_of,
)
from livegen.codecs.decoding import ends, followed, paired
from livegen.codecs.pitch_range import PitchRangeCodec
from livegen.codecs.vocabulary import Mask, PitchTable, Tokens, Vocabulary
from livegen.codecs.voice_leading import forbidden
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars

MELODY_CENTRE = 70  # the mean pitch of a soprano in C major or A minor


class ChoraleCodec(PitchRangeCodec[ChoraleCursor]):
    """Vocabulary, grammar, encoding and decoding for pitches ``low`` to ``high``, both included."""

    name = "chorale"
    grid_ticks = FRAME_TICKS
    has_velocities = False

    def __init__(self, low: int = 30, high: int = 88) -> None:
        super().__init__(low, high, octaves=1)
        marks = ["START", "END", "|||", "(.)"]
        self.vocabulary = Vocabulary(
            marks + [f"({pitch}, {tied})" for pitch in range(low, high + 1) for tied in (False, True)]
        )
        struck = [[pitch] if not tied else [] for pitch in range(low, high + 1) for tied in (False, True)]
        self._pitches = PitchTable([*([] for _ in marks), *struck])
        self._below = [self._struck_below(top) for top in range(high + 2)]  # index: pitch above

    def note_token(self, pitch: int, *, tied: bool) -> int:
        """The token of one voice in one frame."""
        return FIRST_PITCH + 2 * (pitch - self.low) + tied

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """To C major or A minor, in the octave where the melody's mean pitch is nearest to a soprano's."""
        mean = sum(pitches) / len(pitches) + key.semitones_home
        return key.semitones_home + 12 * min(range(-5, 6), key=lambda n: abs(mean + 12 * n - MELODY_CENTRE))

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every pitch within the codec's range."""
        pitches = self.low + (tokens[tokens >= FIRST_PITCH] - FIRST_PITCH) // 2
        if not len(pitches):
            return 0, 0
        return self.low - int(pitches.min()), self.high - int(pitches.max())

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same frames, transposed up by ``semitones``; a pitch has two tokens, struck and tied."""
        return np.where(tokens >= FIRST_PITCH, tokens + 2 * semitones, tokens)

    # tokens → events, one at a time

    def begin(self) -> ChoraleCursor:
        """Before START."""
        return ChoraleCursor()

    def mask(self, cursor: ChoraleCursor) -> Mask:
        """START outside a piece; inside, voices from high to low, tied only to sounding pitches, then the frame end."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        if not cursor.is_inside:
            mask[START] = True
        elif len(cursor.notes) == VOICES:
            mask[FRAME_END] = True
        else:
            top = cursor.notes[-1][0] if cursor.notes else self.high + 1
            mask |= self._below[top]
            for pitch in cursor.sounding:
                if pitch < top:
                    mask[self.note_token(pitch, tied=True)] = True
            mask[FERMATA] = cursor.is_whole
            mask[END] = cursor.is_whole and bool(cursor.sounding)  # a piece ends only after a sounding frame
        return mask

    def step(self, cursor: ChoraleCursor, token: int) -> tuple[ChoraleCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; a frame's events are settled at its end, note-offs first."""
        if token == START:
            return ChoraleCursor(tick=cursor.tick, is_inside=True), ()
        if token == END:
            ended = ChoraleCursor(tick=cursor.tick, is_piece_end=True)
            return ended, tuple(Ticked(cursor.tick, NoteOff(pitch)) for pitch in cursor.sounding)
        if token == FERMATA:
            return self._written(cursor, cursor.notes, fermata=True), ()
        if token == FRAME_END:
            return self._close(cursor)
        pitch, tied = divmod(token - FIRST_PITCH, 2)
        notes = (*cursor.notes, (self.low + pitch, bool(tied)))
        return self._written(cursor, notes, fermata=cursor.fermata), ()

    def voice_leading_errors(self, cursor: ChoraleCursor) -> Mask | None:
        """Struck notes that make parallel fifths or octaves with a voice above."""
        struck = list(forbidden(cursor.sounding, [pitch for pitch, _ in cursor.notes], self.low))
        if not struck:
            return None
        mask = np.zeros(len(self.vocabulary), np.bool_)
        mask[[self.note_token(pitch, tied=False) for pitch in struck]] = True
        return mask

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens that strike a pitch whose pitch class is not among these."""
        mask = np.zeros(len(self.vocabulary), np.bool_)
        for pitch in range(self.low, self.high + 1):
            mask[self.note_token(pitch, tied=False)] = pitch % 12 not in pitch_classes
        return mask

    def density_weights(self) -> NDArray[np.float32]:
        """0.5 for struck notes, -0.5 for tied notes."""
        weights = np.zeros(len(self.vocabulary), np.float32)
        weights[FIRST_PITCH::2], weights[FIRST_PITCH + 1 :: 2] = 0.5, -0.5
        return weights

    def given(self, cursor: ChoraleCursor, notes: Sequence[tuple[int, bool]], *, is_top: bool) -> Mask:
        """As ``FrameCodec.given``, in four voices; a voice is tied to its own last pitch only."""
        if not cursor.is_inside:
            return self.mask(cursor)
        rank, top = len(cursor.notes), cursor.notes[-1][0] if cursor.notes else self.high + 1
        missing = [note for note in notes if note[0] < top]
        if missing and (rank + len(missing) >= VOICES or (is_top and not rank)):
            pitch, tied = missing[0]
            return self.vocabulary.only(self.note_token(pitch, tied=tied and pitch in cursor.sounding))
        mask = self.mask(cursor)
        if rank == VOICES:
            return mask
        mask[[FERMATA, END, FRAME_END]] = False
        for pitch in cursor.sounding[:rank] + cursor.sounding[rank + 1 :]:
            mask[self.note_token(pitch, tied=True)] = False
        if missing:
            pitch, tied = missing[0]
            mask[: self.note_token(pitch, tied=False) + 2] = False
            mask[self.note_token(pitch, tied=tied and pitch in cursor.sounding)] = True
        else:
            mask[FIRST_PITCH : max(self.note_token(self.low + VOICES - 1 - rank, tied=False), FIRST_PITCH)] = False
        return mask if mask.any() else self.vocabulary.only(FRAME_END)

    def draft_tokens(self, cursor: ChoraleCursor) -> tuple[int, ...]:
        """All voices hold: true of 95 frames in 100 between two eighths, 40 on an eighth off the beat, 7 on a beat.

        (Counted in music21's corpus.) Off the beat it is drafted once the highest voice holds, on the beat never.
        """
        held = [pitch for pitch in cursor.sounding if not cursor.notes or pitch < cursor.notes[-1][0]]
        is_holding = cursor.is_inside and cursor.sounding and all(tied for _, tied in cursor.notes)
        sixteenth = cursor.tick // FRAME_TICKS % 4
        is_likely = sixteenth % 2 == 1 or (sixteenth == 2 and bool(cursor.notes))
        if not is_holding or not is_likely or cursor.under_fermata != cursor.fermata:
            return ()
        return (*(self.note_token(pitch, tied=True) for pitch in held), FRAME_END)

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """As ``Codec.decode``; notes that still sound at the end of the tokens end there."""
        cursor, events = followed(self, tokens)
        return paired((*events, *ends((cursor.tick, pitch) for pitch in cursor.sounding)))

    # events → tokens, one at a time

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """START, the frames from tick 0 to the last note's end, END."""
        tokens = [START]
        for frame in frames_of(notes, self.fold):
            tokens.extend(self.frame_tokens(frame))
        return [*tokens, END]

    def frame_tokens(self, frame: Frame) -> list[int]:
        """Fermata, voices, frame end."""
        fermata = [FERMATA] if frame.fermata else []
        return [*fermata, *(self.note_token(pitch, tied=tied) for pitch, tied in frame.notes), FRAME_END]

    def prompt(
        self, notes: Sequence[Note], cursor: ChoraleCursor, key: Key, bars: Bars | None = None
    ) -> "ChoralePrompt":
        """The frames of the notes; a last chord of a beat or more gets a fermata."""
        frames = frames_of(notes, self.fold)
        last = max((note.onset for note in notes), default=0) // FRAME_TICKS
        if (len(frames) - last) * FRAME_TICKS >= TICKS_PER_QUARTER:
            frames[last:] = [replace(frame, fermata=True) for frame in frames[last:]]
        return ChoralePrompt(self, frames, cursor.tick)

    def _struck_below(self, top: int) -> Mask:
        mask = np.zeros(len(self.vocabulary), np.bool_)
        mask[FRAME_END] = True
        mask[FIRST_PITCH : self.note_token(max(top, self.low), tied=False) : 2] = True
        return mask

    def _written(self, cursor: ChoraleCursor, notes: tuple[tuple[int, bool], ...], *, fermata: bool) -> ChoraleCursor:
        """The cursor after a token within a frame; built directly at a third of the cost of ``replace``."""
        return ChoraleCursor(cursor.tick, True, cursor.sounding, notes, fermata, cursor.under_fermata)  # noqa: FBT003

    def _close(self, cursor: ChoraleCursor) -> tuple[ChoraleCursor, tuple[Ticked, ...]]:
        held = {pitch for pitch, tied in cursor.notes if tied}
        off = [Ticked(cursor.tick, NoteOff(pitch)) for pitch in cursor.sounding if pitch not in held]
        on = [Ticked(cursor.tick, NoteOn(pitch)) for pitch, tied in cursor.notes if not tied]
        closed = ChoraleCursor(
            tick=cursor.tick + FRAME_TICKS,
            is_inside=True,
            sounding=tuple(pitch for pitch, _ in cursor.notes),
            under_fermata=cursor.fermata,
        )
        return closed, (*off, *on)


class ChoralePrompt:
    """What the player played, frame by frame: its notes are fixed, the network draws the voices between and below."""

    def __init__(self, codec: ChoraleCodec, frames: Sequence[Frame], begin_tick: int) -> None:
        self._codec = codec
        self._frames = frames
        self._begin_tick = begin_tick

    def begin(self, cursor: ChoraleCursor) -> ChoraleCursor:
        """The same cursor: the frames continue the stream."""
        return cursor

    def mask(self, cursor: ChoraleCursor) -> Mask | None:
        """As ``Prompt.mask``; None after the last frame."""
        index = (cursor.tick - self._begin_tick) // FRAME_TICKS
        if index >= len(self._frames):
            return None
        if not cursor.is_inside:
            return self._codec.mask(cursor)
        frame = self._frames[index]
        if frame.fermata and cursor.is_whole:
            return self._codec.vocabulary.only(FERMATA)
        top = cursor.notes[-1][0] if cursor.notes else self._codec.high + 1
        missing = [note for note in frame.notes if note[0] < top]
        mask = self._codec.mask(cursor)
        if not missing:
            mask[[FERMATA, END]] = False
            return mask
        pitch, tied = missing[0]
        must = self._codec.note_token(pitch, tied=tied and pitch in cursor.sounding)
        if not cursor.notes or len(cursor.notes) + len(missing) >= VOICES:
            return self._codec.vocabulary.only(must)
        mask[: self._codec.note_token(pitch, tied=False) + 2] = False
        mask[must] = True
        return mask
