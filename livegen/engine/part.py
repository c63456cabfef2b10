"""The protocol of a part: what the engine asks of an answer, a solo or an accompaniment alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from livegen.codecs.codec import Cursor
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import TurnEvent
from livegen.events import NoteOn, Timed
from livegen.music.key import octave_fold
from livegen.music.metre import Metre
from livegen.music.transport import TransportState

_MIDDLING = 64  # the velocity when ``velocity_follow`` is 0


@dataclass(frozen=True, slots=True)
class PlaybackStyle:
    """How generated music is played; ``shift``: semitones from the model's key to the player's."""

    shift: int = 0
    lowest: int = 21
    highest: int = 108
    most_voices: int = 0  # 0 is any number
    velocity: int | None = None  # None: each note has its own
    velocity_follow: float = 1.0
    phrasing: float = 1.0  # how far loudness goes from its mean: 1 as far as people's
    pedal: bool = True  # pressed for piano models that do not write it

    def pitch(self, pitch: int) -> int:
        """The pitch at which a pitch of the model sounds."""
        return octave_fold(pitch + self.shift, self.lowest, self.highest)

    def shifted(self, semitones: int, velocity: int | None) -> "PlaybackStyle":
        """The same style, higher by ``semitones`` and at ``velocity``."""
        return replace(self, shift=self.shift + semitones, velocity=velocity)

    def loudness(self, own: int) -> int:
        """The velocity, 1-127, to play for a note with velocity ``own``."""
        wanted = own if self.velocity is None else self.velocity
        return min(127, max(1, round(_MIDDLING + self.velocity_follow * (wanted - _MIDDLING))))


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a call to a part, and the state of the player and the clock then."""

    now_ns: int
    ahead: LookAhead
    is_stopped: bool  # there is a clock, and it is stopped
    is_held: bool  # a key is down, or the pedal holds a note
    is_interrupted: Callable[[], bool]  # something was played that has not been heard yet


class Part(Protocol):
    """Owner of the events that it has planned, until they are handed over. Each call gives the time."""

    stream: TokenStream[Cursor]  # the tokens that its music comes from
    metre: Metre | None = None  # its tempo and bars; None: the clock's, or not known yet
    takes_up: float = 0  # how much of ``familiarity`` it has: 1 takes up what was played in the session, 0 does not

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches that keep sounding through a retraction, and ``PEDAL`` if the sustain pedal stays down."""
        return frozenset()

    @property
    def is_behind(self) -> bool:
        """Work is waiting: call ``plan`` again at once."""

    @property
    def is_between_phrases(self) -> bool:
        """The part is at the end of a phrase."""
        return False

    def begin(self, at_ns: int) -> None:
        """Play from this moment on, before any key is pressed."""
        return

    def note_on(self, event: NoteOn, at_ns: int) -> int | None:
        """A key is pressed. Return the moment after which handed-over events are retracted; None if none are."""
        return None

    def note_off(self, pitch: int, at_ns: int) -> int | None:
        """A key is released; returns the same as ``note_on``."""
        return None

    def hear(self, timed: Timed) -> int | None:
        """Something was played, of whatever kind; returns the same as ``note_on``."""
        return None

    def plan(self, moment: Moment) -> Sequence[str]:
        """Plan music up to the horizon; return lines for the person at the keyboard."""

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once; from now on only a retraction takes them back."""

    def pending(self) -> tuple[Timed, ...]:
        """Events that are planned and not yet handed over."""

    def retract(self, after_ns: int) -> None:
        """Drop the events after a moment; the stream goes back to that moment, and no pitch keeps sounding."""

    def follow(self, transport: TransportState, moment: Moment, *, is_same_run: bool) -> bool:
        """Take a new transport state. True when the handed-over events are to be retracted."""

    def due_ns(self, ahead: LookAhead) -> int:
        """When to call ``plan`` again; 0: soon."""

    def ending(self, now_ns: int) -> TurnEvent | None:
        """The turn event that its end causes, once its last note has ended; None before."""
        return None

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """Play by these settings from now on; ``shift``: semitones from the model's key to the player's."""

    def without_end(self) -> "Part":
        """A part that continues the same music without an end."""
        return self
