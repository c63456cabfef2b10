"""Where a stream of tokens has got to: all that its next token depends on."""

from dataclasses import dataclass
from typing import Any

from livegen.codecs.codec import Codec
from livegen.engine.repetition import NO_TRAIL, Trail
from livegen.events import Ticked
from livegen.model.stepper import State


@dataclass(frozen=True, slots=True)
class Place:
    """An immutable value, so keeping an old one is a way back.

    ``unfed`` tokens are settled but not yet in the state.
    """

    cursor: Any
    state: State
    unfed: tuple[int, ...] = ()
    trail: Trail | None = None  # None where nobody asks for it

    def after(self, codec: Codec[Any], token: int) -> tuple["Place", tuple[Ticked, ...]]:
        """The place after one more token, and the events that it settled."""
        cursor, events = codec.step(self.cursor, token)
        trail = self.trail.after(token, is_whole=cursor.is_whole) if self.trail else None
        return Place(cursor, self.state, (*self.unfed, token), trail), events


def beginning(codec: Codec[Any], state: State, *, is_guarded: bool) -> Place:
    """Before the first token."""
    return Place(codec.begin(), state, (), NO_TRAIL if is_guarded else None)
