"""Passes the engine's plans to the player."""

from collections.abc import Callable

from livegen.ipc.messages import Message, Notice, PlayEvents, Retract, RoleChanged, TurnChanged
from livegen.log_line import WarningLine
from livegen.midi_out.player import Player
from livegen.music.metre import KeyChange, Mark, Metre


class PlanReceiver:
    """Applies an engine's messages to the player. Owner: the thread that receives them."""

    def __init__(
        self,
        player: Player,
        on_role_changed: Callable[[RoleChanged], None],
        say: Callable[[str], None],
        on_told: Callable[[TurnChanged | Mark], None] = lambda _: None,
    ) -> None:
        self._player = player
        self._on_role_changed = on_role_changed
        self._say = say
        self._on_told = on_told
        self.planned_ns = 0  # when the last event of this engine is due; 0 before there is one

    def receive(self, message: Message) -> bool:
        """Apply a message; True when it has music."""
        match message:
            case Retract(after_ns, kept):
                self._player.retract(after_ns, kept)
            case PlayEvents(events):
                self._player.play(events)
                self.planned_ns = max(timed.at_ns for timed in events)
                return True
            case RoleChanged():
                self._on_role_changed(message)
            case Notice(text):
                self._say(WarningLine(text))
            case TurnChanged() | Metre() | KeyChange():
                self._on_told(message)
        return False

    def end_music(self, alive_ns: int) -> None:
        """The engine has ended, and sent its last message at ``alive_ns``: end its notes."""
        self._on_told(TurnChanged("idle"))
        if self._player.end_all():
            self.planned_ns = alive_ns  # its music was not over

    def forget(self) -> int:
        """Reset for the next engine; return when the last event of this one is due, 0 when it had none."""
        planned_ns, self.planned_ns = self.planned_ns, 0
        return planned_ns
