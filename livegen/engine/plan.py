"""What the engine hands to the player's side."""

from dataclasses import dataclass

from livegen.events import Timed
from livegen.settings import Role


@dataclass(frozen=True, slots=True)
class Plan:
    """What the player's side has to do now."""

    events: tuple[Timed, ...] = ()  # handed over: each is to sound at its moment
    retract_ns: int | None = None  # forget everything due after this moment, and end what would hang
    kept: tuple[int, ...] = ()  # pitches that sound on through a retraction
    notices: tuple[str, ...] = ()  # lines for the person at the keyboard
    became: Role | None = None  # the role that it has taken of its own accord
    is_behind: bool = False  # work is waiting: call again at once
    due_ns: int | None = 0  # when there may be something to do again; None: not before something is heard
