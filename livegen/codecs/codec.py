"""What every codec offers: notes to tokens, tokens to notes, and which token may come next."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.vocabulary import Mask, PitchSet, Tokens, Vocabulary
from livegen.events import Note, Ticked
from livegen.music.key import Key


class Cursor(Protocol):
    """Where a stream of tokens has got to: an immutable value, so keeping an old one is a way back."""

    @property
    def tick(self) -> int:
        """Everything before this tick is decided."""

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches that sound up to that tick and may be held on."""

    @property
    def is_whole(self) -> bool:
        """Nothing is half written: music may stop here."""

    @property
    def is_phrase_end(self) -> bool:
        """What was written last closes a phrase."""

    @property
    def is_piece_end(self) -> bool:
        """The piece has ended; the next token begins another."""


C = TypeVar("C", bound=Cursor)


class Prompt(Protocol[C]):
    """What was heard, as the masks that let only tokens through which agree with it."""

    def begin(self, cursor: C) -> C:
        """The cursor that the telling begins with, out of the one that the stream had reached."""

    def mask(self, cursor: C) -> Mask | None:
        """Tokens that agree with what was heard at ``cursor``; None when all of it has been told."""


class Codec(Protocol[C]):
    """One way of writing music as tokens."""

    name: str
    vocabulary: Vocabulary
    grid_ticks: int
    has_velocities: bool  # its note-ons are as loud as they say; else an answer is as loud as its phrase

    def parameters(self) -> Mapping[str, Any]:
        """What rebuilds this codec: it travels in the model's card."""

    def begin(self) -> C:
        """The cursor before the first token."""

    def mask(self, cursor: C) -> Mask:
        """The grammar: tokens that may come next. Read-only, never all False."""

    def ending(self, cursor: C) -> Mask:
        """Of the tokens that may come next, those that bring the phrase to its end."""

    def step(self, cursor: C, token: int) -> tuple[C, tuple[Ticked, ...]]:
        """The cursor after ``token``, which the mask must allow, and the events it settled."""

    def voice_leading_errors(self, cursor: C) -> Mask | None:
        """Of the tokens that may come next, those that a teacher would strike out; None when there is none."""

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens that begin a note whose pitch class, 0-11, is not among these."""

    def disallowed(self, cursor: C, allowed: PitchSet) -> Mask:
        """Of the tokens that may come next, those that begin a pitch which is not ``allowed``."""

    def density_weights(self) -> NDArray[np.float32]:
        """How much each token [vocab] makes music busier (1) or calmer (-1); 0 where it does neither."""

    def draft_tokens(self, cursor: C) -> tuple[int, ...]:
        """Tokens that are likely to come next, each allowed after the ones before it; () is no guess."""

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """Tokens of a whole piece, from its start mark to its end mark."""

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """Notes of a token stream, sorted; the exact inverse of ``encode`` on the grid.

        ValueError when a token breaks the grammar.
        """

    def prompt(self, notes: Sequence[Note], cursor: C, key: Key) -> Prompt[C]:
        """What was heard, in ``key``, laid from ``cursor`` on; notes count their ticks from 0."""

    def fold(self, pitch: int) -> int:
        """The nearest pitch that the codec can write."""

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """Semitones that bring a melody of these pitches in this key to where the model knows melodies."""

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The lowest and the highest transposition, in semitones, that ``transposed`` can give these tokens."""

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same music, higher by ``semitones``."""


@runtime_checkable
class FrameCodec(Codec[C], Protocol[C]):
    """A codec of several voices in frames: what others play can be written into a frame as it sounds."""

    def given(self, cursor: C, notes: Sequence[tuple[int, bool]], *, is_top: bool) -> Mask:
        """Tokens that agree with ``notes`` (pitch, tied), the highest first, in a frame of as many voices as there are.

        ``is_top`` keeps every other voice below the highest of them.
        """
