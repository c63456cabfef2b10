"""What the engine asks of whatever plays: it knows no kind of part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from livegen.codecs.codec import Cursor
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import TurnEvent
from livegen.events import NoteOn, Timed
from livegen.music.key import octave_fold
from livegen.music.transport import TransportState

_MIDDLING = 64  # the velocity of whoever does not follow the player's


@dataclass(frozen=True, slots=True)
class PlaybackStyle:
    """How what was imagined is played: ``shift`` semitones from the model's key to the player's."""

    shift: int = 0
    lowest: int = 21
    highest: int = 108
    most_voices: int = 0  # 0 is any number
    velocity: int | None = None  # None: each note has its own
    velocity_follow: float = 1.0

    def pitch(self, pitch: int) -> int:
        """Where a pitch of the model sounds."""
        return octave_fold(pitch + self.shift, self.lowest, self.highest)

    def shifted(self, semitones: int, velocity: int | None) -> "PlaybackStyle":
        """The same, higher by so many semitones and at this velocity."""
        return replace(self, shift=self.shift + semitones, velocity=velocity)

    def loudness(self, own: int) -> int:
        """The velocity of a note whose own would be this."""
        wanted = own if self.velocity is None else self.velocity
        return min(127, max(1, round(_MIDDLING + self.velocity_follow * (wanted - _MIDDLING))))


@dataclass(frozen=True, slots=True)
class Moment:
    """When a part is asked, and how things stand then."""

    now_ns: int
    ahead: LookAhead
    is_stopped: bool  # there is a clock, and it does not run
    is_held: bool  # the player holds a key, or the pedal does


class Part(Protocol):
    """Owner of what it has planned, until that is handed over. It is told the time."""

    @property
    def stream(self) -> TokenStream[Cursor]:
        """The tokens that its music is written in."""

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches that are to sound on through a retraction."""

    @property
    def is_behind(self) -> bool:
        """Work waits: it is to be asked again at once."""

    @property
    def is_between_phrases(self) -> bool:
        """It has come to the end of a phrase."""

    def begin(self, at_ns: int) -> None:
        """Play from this moment on, before any key is touched."""

    def note_on(self, event: NoteOn, at_ns: int) -> int | None:
        """The player strikes a key beside it. The moment after which what it has handed over is taken back, if any."""

    def note_off(self, pitch: int, at_ns: int) -> int | None:
        """The player lets a key go; as ``note_on``."""

    def plan(self, moment: Moment) -> Sequence[str]:
        """See to it that music is planned a horizon ahead; lines for the person at the keyboard."""

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once; they are promised from now on."""

    def pending(self) -> tuple[Timed, ...]:
        """What is planned and not yet handed over."""

    def retract(self, after_ns: int) -> None:
        """Forget what was not heard by a moment; the stream goes back with it, and nothing sounds on."""

    def follow(self, transport: TransportState, moment: Moment, *, is_same_run: bool) -> bool:
        """The clock stands there. True when what was handed over is to be taken back."""

    def due_ns(self, ahead: LookAhead) -> int:
        """From when on there is something to do; 0 is soon."""

    def ending(self, now_ns: int) -> TurnEvent | None:
        """What its end is to the turns, once its last note has ended; None while it goes on."""

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """From now on so; ``shift`` semitones from the model's key to the player's."""

    def without_end(self) -> "Part":
        """The same music, going on for ever."""
