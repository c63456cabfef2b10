"""The position of a stream of tokens: all that its next token depends on."""

from dataclasses import dataclass
from typing import Generic

from livegen.codecs.codec import C, Codec
from livegen.engine.repetition import RepetitionHistory, no_history
from livegen.events import Ticked
from livegen.model.stepper import State


@dataclass(frozen=True, slots=True)
class Checkpoint(Generic[C]):
    """An immutable value: a stream returns to any checkpoint that was kept.

    ``unfed`` tokens are settled but not yet fed into the state.
    """

    cursor: C
    state: State
    unfed: tuple[int, ...] = ()
    history: RepetitionHistory | None = None  # None without a repetition guard
    remembered: int = 0  # the position in the session's cache

    def after(self, codec: Codec[C], token: int) -> tuple["Checkpoint[C]", tuple[Ticked, ...]]:
        """The checkpoint after one more token, and the events that it settled."""
        cursor, events = codec.step(self.cursor, token)
        history = self.history.after(token, is_whole=cursor.is_whole) if self.history else None
        return Checkpoint(cursor, self.state, (*self.unfed, token), history, self.remembered + 1), events


def beginning(codec: Codec[C], state: State, *, is_guarded: bool, remembered: int = 0) -> Checkpoint[C]:
    """The checkpoint before the first token of a stream; in a session that went on before it."""
    return Checkpoint(codec.begin(), state, (), no_history(codec) if is_guarded else None, remembered)
