"""Tunes as characters of ABC notation, between a start and an end mark.

    <start> X: 1 ⏎ M:6/8 ⏎ L:1/8 ⏎ K:G ⏎ G A B c 2 d | ... <end>

A note's events are settled when the character after it shows that the note is complete. A phrase becomes the first
bars of a new tune in the phrase's key and metre.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.abc import grammar, transposing, writing
from livegen.codecs.abc.fields import write_key
from livegen.codecs.abc.reading import ACCIDENTALS, NOTE_LETTERS, AbcCursor, begun_by, complete, read
from livegen.codecs.decoding import ends, paired
from livegen.codecs.prompt import TokenPrompt
from livegen.codecs.vocabulary import Mask, PitchSet, Tokens, Vocabulary
from livegen.events import TICKS_PER_QUARTER, Note, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars

START, END, UNKNOWN = range(3)
PRINTABLE = "\n" + "".join(map(chr, range(32, 127)))
C_MAJOR = Key(0)
MELODY_CENTRE = 72  # the mean pitch of a tune
MOST_FLATS, MOST_SHARPS = -3, 4


class AbcCodec:
    """Vocabulary, grammar, encoding and decoding of ``characters``, with ``<start>``, ``<end>`` and ``<unknown>``."""

    name = "abc"
    grid_ticks = TICKS_PER_QUARTER // 12  # sixteenths, and sixths of a beat
    has_velocities = False

    def __init__(self, characters: str = PRINTABLE) -> None:
        needed = set("XMLK: 01234678/\nABCDEFGabcdefgz,'^_=|-")
        if needed - set(characters):
            raise ValueError(f"'characters' must contain '{min(needed - set(characters))}': tunes need it")
        self._characters = characters
        self.vocabulary = Vocabulary(["<start>", "<end>", "<unknown>", *characters])
        self._tokens = {character: token for token, character in enumerate(characters, 3)}
        self._tokens[grammar.END] = END
        self._masks: dict[frozenset[str], Mask] = {}
        self._only_start: Mask = np.arange(len(self.vocabulary)) == START

    def parameters(self) -> Mapping[str, Any]:
        """As ``Codec.parameters``."""
        return {"characters": self._characters}

    def fold(self, pitch: int) -> int:
        """The same pitch: every pitch can be written."""
        return pitch

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """To the nearest key with few sharps or flats, in the octave where the mean pitch is nearest to a tune's."""
        mean = sum(pitches) / len(pitches)
        near = sorted(range(-6, 7), key=lambda semitones: (abs(semitones), semitones))
        step = next(step for step in near if MOST_FLATS <= write_key(key.transposed(step)).signature <= MOST_SHARPS)
        return step + 12 * min(range(-5, 6), key=lambda octave: abs(mean + step + 12 * octave - MELODY_CENTRE))

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The transpositions that keep every note in the range of the tunes' instruments."""
        return transposing.shifts(self.text_of(tokens.tolist()))

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same tune in another key, with its start and end marks."""
        text = transposing.transposed(self.text_of(tokens.tolist()), semitones)
        begin, end = tokens[:1] == START, tokens[-1:] == END
        return np.concatenate([tokens[:1][begin], self.characters(text), tokens[-1:][end]])

    # text

    def characters(self, text: str) -> Tokens:
        """The tokens of a text; a character that is not in the vocabulary is ``<unknown>``."""
        return np.array([self._tokens.get(character, UNKNOWN) for character in text], np.int64)

    def text_of(self, tokens: Iterable[int]) -> str:
        """The text of tokens, without the marks; ``<unknown>`` is a ``?``."""
        return "".join("?" if token == UNKNOWN else self.vocabulary.text(token) for token in tokens if token > END)

    # tokens → events, one at a time

    def begin(self) -> AbcCursor:
        """Before the start mark."""
        return AbcCursor()

    def mask(self, cursor: AbcCursor) -> Mask:
        """The start mark outside a tune; inside, the characters that the grammar allows next."""
        if not cursor.is_inside:
            return self._only_start
        return self._mask(grammar.following(cursor))

    def step(self, cursor: AbcCursor, token: int) -> tuple[AbcCursor, tuple[Ticked, ...]]:
        """As ``Codec.step``; a note's events are settled with the character that completes it."""
        if token == START:
            return AbcCursor(tick=cursor.tick, origin=cursor.tick, is_inside=True), ()
        if token == END:
            settled, events = complete(cursor)
            off = ends((settled.tick, pitch) for pitch in settled.sounding)
            return AbcCursor(tick=settled.tick, origin=settled.tick, is_piece_end=True), (*events, *off)
        return read(cursor, "?" if token == UNKNOWN else self.vocabulary.text(token))

    def voice_leading_errors(self, cursor: AbcCursor) -> Mask | None:
        """None: a tune is one voice."""
        return None

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """The accidentals: without them, notes are in the scale of the key signature."""
        return self._mask(frozenset("^_="))

    def disallowed(self, cursor: AbcCursor, allowed: PitchSet) -> Mask:
        """Letters and octave marks that make a disallowed pitch, and accidentals after which every letter would."""
        struck = []
        for character in NOTE_LETTERS + ",'":
            pitch = begun_by(cursor, character)
            if pitch is not None and not allowed[pitch]:
                struck.append(character)
        for mark in ACCIDENTALS:
            pitches = [begun_by(cursor, mark + letter) for letter in NOTE_LETTERS]
            if not any(pitch is None or allowed[pitch] for pitch in pitches):
                struck.append(mark)
        return self._mask(frozenset(struck))

    def density_weights(self) -> NDArray[np.float32]:
        """Positive for a ``/``, negative for long lengths."""
        weights = np.zeros(len(self.vocabulary), np.float32)
        for character, weight in {"/": 1.0, "2": -0.5, "3": -0.7, "4": -1.0, "6": -1.0, "8": -1.0}.items():
            weights[self._tokens[character]] = weight
        return weights

    def kin(self) -> Tokens | None:
        """None: a length has characters of its own."""
        return None

    def draft_tokens(self, cursor: AbcCursor) -> tuple[int, ...]:
        """No draft."""
        return ()

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """As ``Codec.decode``; a tied note at the end of the tokens ends there."""
        cursor, events = self.begin(), list[Ticked]()
        for token in (*tokens, END):
            cursor, settled = self.step(cursor, token)
            events += settled
        return paired(events)

    # events → tokens

    def encode(self, notes: Iterable[Note], key: Key = C_MAJOR, bars: Bars | None = None) -> list[int]:
        """A whole tune: the highest note of each onset, in this key signature.

        ``bars``: the first bar line is its upbeat after tick 0; None: the metre is found from the onsets.
        """
        return [START, *self._written(list(notes), key, bars), *self.characters("\n").tolist(), END]

    def prompt(
        self, notes: Sequence[Note], cursor: AbcCursor, key: Key, bars: Bars | None = None
    ) -> TokenPrompt[AbcCursor]:
        """The beginning of a new tune, even when the last one has not ended; a tune with an upbeat begins with it."""
        late = min(note.onset for note in notes) if bars and bars.upbeat else 0

        def begin(cursor: AbcCursor) -> AbcCursor:
            return AbcCursor(tick=cursor.tick + late, origin=cursor.tick + late)

        return TokenPrompt(
            self, self._written([replace(each, onset=each.onset - late) for each in notes], key, bars, late), begin
        )

    def _written(self, notes: Sequence[Note], key: Key, bars: Bars | None, late: int = 0) -> list[int]:
        written, time = write_key(key), writing.time_in(bars) if bars else writing.time_of(notes)
        upbeat = bars.upbeat - late if bars else 0
        text = writing.head(written, time) + writing.body(notes, written, time, upbeat)
        tokens: list[int] = self.characters(text).tolist()
        return tokens

    def _mask(self, characters: frozenset[str]) -> Mask:
        """A mask of the characters that the vocabulary has. It is shared: do not change it."""
        if characters not in self._masks:
            mask = np.zeros(len(self.vocabulary), np.bool_)
            mask[[self._tokens[character] for character in characters if character in self._tokens]] = True
            self._masks[characters] = mask
        return self._masks[characters]
