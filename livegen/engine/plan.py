"""What the engine hands to the player's side."""

from dataclasses import dataclass

from livegen.clock import NS_PER_MS
from livegen.events import Timed
from livegen.music.transport import TransportState
from livegen.settings import Role, Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What the player's side has to do now."""

    events: tuple[Timed, ...] = ()  # handed over: each is to sound at its moment
    retract_ns: int | None = None  # forget everything due after this moment, and end what would hang
    kept: tuple[int, ...] = ()  # pitches that sound on through a retraction
    notices: tuple[str, ...] = ()  # lines for the person at the keyboard
    role_changed: Role | None = None  # the role that it has taken of its own accord
    is_behind: bool = False  # work is waiting: call again at once
    due_ns: int | None = 0  # when there may be something to do again; None: not before something is heard


@dataclass(frozen=True, slots=True)
class LookAhead:
    """In ns: what begins within ``horizon_ns`` is planned, what is within ``commit_ns`` is promised."""

    horizon_ns: int
    commit_ns: int


def look_ahead(settings: Settings, transport: TransportState | None) -> LookAhead:
    """In beats where a clock runs and the settings say so; earlier for the earliest output."""
    play, early_ns = settings.play, round(settings.ports.ahead_ms * NS_PER_MS)

    def ahead_ns(usual_ms: int, beats: float) -> int:
        return early_ns + (round(beats * transport.beat_ns) if transport and beats else usual_ms * NS_PER_MS)

    commit_ns = ahead_ns(play.commit_ms, play.commit_beats)
    return LookAhead(max(ahead_ns(play.horizon_ms, play.horizon_beats), commit_ns), commit_ns)
