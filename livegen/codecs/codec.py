"""The protocols of a codec: notes to tokens, tokens to notes, and which token may come next."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.vocabulary import Mask, PitchSet, Tokens, Vocabulary
from livegen.events import Note, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars


class Cursor(Protocol):
    """The codec's position in a stream of tokens: an immutable value, so that an old one can be used again."""

    @property
    def tick(self) -> int:
        """All music before this tick is decided."""

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches that sound up to that tick and may be held further."""

    @property
    def is_whole(self) -> bool:
        """The current time step is complete: music may stop here."""

    @property
    def is_phrase_end(self) -> bool:
        """The last token ended a phrase."""

    @property
    def is_piece_end(self) -> bool:
        """The piece has ended; the next token begins another."""


C = TypeVar("C", bound=Cursor)


class Prompt(Protocol[C]):
    """What the player played, as masks that allow only the tokens that agree with it: a stream is primed with it."""

    def begin(self, cursor: C) -> C:
        """The cursor to begin priming with, made from the stream's present one."""

    def mask(self, cursor: C) -> Mask | None:
        """Tokens that agree with the prompt at ``cursor``; None when the stream is primed."""


class Codec(Protocol[C]):
    """One way of writing music as tokens."""

    name: str
    vocabulary: Vocabulary
    grid_ticks: int
    has_velocities: bool  # its note-ons carry velocities; without, an answer takes the mean velocity of its phrase

    def parameters(self) -> Mapping[str, Any]:
        """The constructor's arguments, as they are kept in the model's card."""

    def begin(self) -> C:
        """The cursor before the first token."""

    def mask(self, cursor: C) -> Mask:
        """The grammar: tokens that may come next. Read-only, never all False."""

    def step(self, cursor: C, token: int) -> tuple[C, tuple[Ticked, ...]]:
        """The cursor after ``token``, which the mask must allow, and the events that it settled."""

    def voice_leading_errors(self, cursor: C) -> Mask | None:
        """Of the tokens that may come next, those that make parallel fifths or octaves; None when there are none."""

    def out_of_scale(self, pitch_classes: Collection[int]) -> Mask:
        """Tokens that begin a note whose pitch class, 0-11, is not among these."""

    def disallowed(self, cursor: C, allowed: PitchSet) -> Mask:
        """Of the tokens that may come next, those that begin a pitch which is not ``allowed``."""

    def density_weights(self) -> NDArray[np.float32]:
        """How much each token [vocab] makes music denser (1) or sparser (-1); 0 where it does neither."""

    def kin(self) -> Tokens | None:
        """A number for each token [vocab]: those that differ in their length only have the same. None: none do."""

    def draft_tokens(self, cursor: C) -> tuple[int, ...]:
        """A draft of the next tokens, each allowed after the ones before it; () when none are likely."""

    def encode(self, notes: Iterable[Note]) -> list[int]:
        """Tokens of a whole piece, from its start mark to its end mark."""

    def decode(self, tokens: Iterable[int]) -> list[Note]:
        """Notes of a token stream, sorted; the exact inverse of ``encode`` on the grid.

        ValueError when a token breaks the grammar.
        """

    def prompt(self, notes: Sequence[Note], cursor: C, key: Key, bars: Bars | None = None) -> Prompt[C]:
        """The prompt for these notes in ``key``, from ``cursor`` on; the notes' ticks count from 0.

        ``bars``: as they were heard; None where nothing is known of them.
        """

    def fold(self, pitch: int) -> int:
        """The nearest pitch that the codec can write."""

    def shift(self, key: Key, pitches: Sequence[int]) -> int:
        """Semitones that bring a melody of these pitches in this key to the key and register of the training music."""

    def shifts(self, tokens: Tokens) -> tuple[int, int]:
        """The lowest and the highest transposition, in semitones, that ``transposed`` can give these tokens."""

    def transposed(self, tokens: Tokens, semitones: int) -> Tokens:
        """The same music, transposed up by ``semitones``."""


@runtime_checkable
class FrameCodec(Codec[C], Protocol[C]):
    """A codec of several voices in frames: the player's notes can be given in a frame, the others are generated."""

    def given(self, cursor: C, notes: Sequence[tuple[int, bool]], *, is_top: bool) -> Mask:
        """Tokens that agree with ``notes`` (pitch, tied), the highest first, in a frame of all voices.

        ``is_top`` keeps every other voice below the highest of ``notes``.
        """


class Listener(Protocol[C]):
    """What somebody plays, as tokens in the order in which it happens; an immutable value."""

    @property
    def pitches(self) -> frozenset[int]:
        """The pitches of the keys that are down."""

    @property
    def late_tick(self) -> int | None:
        """The tick at which tokens wait to be told; None when none wait."""

    def hear(self, ticked: Ticked) -> tuple["Listener[C]", tuple[int, ...]]:
        """The listener after an event, and the event's tokens, which the grammar allows; events come in order."""

    def wait(self, tick: int) -> tuple["Listener[C]", tuple[int, ...]]:
        """Nothing happens up to ``tick``: the tokens that say so, and those that were late."""

    def at(self, cursor: C) -> "Listener[C]":
        """The listener in a stream that has gone on to this cursor, by tokens of somebody else."""


@runtime_checkable
class PlayedCodec(Codec[C], Protocol[C]):
    """A codec of performances in real time, with loudness and pedal."""

    beat_ns: int  # the length of a quarter of its ticks
    waits: Mask  # its tokens in which time goes on [vocab]
    steps: Tokens  # for how long, in steps of its grid; 0 for the others [vocab]
    coarse: int  # steps: of a longer wait, a multiple of this is told first
    begins: Mask  # its tokens that begin a note [vocab]

    def prompt_of_events(
        self, events: Iterable[Ticked], cursor: C, length: int, *, has_loudness: bool = True
    ) -> Prompt[C]:
        """The prompt for what was played, with its pedal, up to tick ``length``; ticks count from 0.

        Where the keys do not say how loud they are, the prompt leaves loudness open.
        """

    def listen(self, cursor: C) -> tuple["Listener[C]", tuple[int, ...]]:
        """Somebody whose keys are all up at ``cursor``, and the tokens that say so."""

    def of_others(self, cursor: C, mine: PitchSet, keys: Collection[int], *, is_pedal_theirs: bool) -> Mask:
        """Tokens [vocab] of a player who has these ``keys`` down, and the pedal if it is theirs.

        So are note-ons of pitches that are not ``mine`` [128], and the end of the piece.
        """

    def paced(self, tokens: Tokens, factor: float) -> Tokens:
        """The same performance, ``factor`` times as long."""

    def louder(self, tokens: Tokens, steps: int) -> Tokens:
        """The same performance, each loudness so many steps louder, as far as they allow."""
