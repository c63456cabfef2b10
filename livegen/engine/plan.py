"""What the engine hands over to the port process, and how far ahead."""

from dataclasses import dataclass

from livegen.clock import NS_PER_MS
from livegen.events import Timed
from livegen.music.metre import Mark
from livegen.music.transport import TransportState
from livegen.settings import Role, Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What the port process has to do now."""

    events: tuple[Timed, ...] = ()  # send each at its moment
    retract_ns: int | None = None  # drop all events after this moment, and end the notes that would hang
    kept: tuple[int, ...] = ()  # what lasts through a retraction: pitches, and ``PEDAL``
    notices: tuple[str, ...] = ()  # lines for the person at the keyboard
    role_changed: Role | None = None  # the role that the engine has changed to by itself
    marks: tuple[Mark, ...] = ()  # tempo, metre and key, where they have changed
    is_behind: bool = False  # work is waiting: call again at once
    due_ns: int | None = 0  # when to call again; None: not before something is played


@dataclass(frozen=True, slots=True)
class LookAhead:
    """In ns from now: events within ``horizon_ns`` are planned, those within ``commit_ns`` are handed over."""

    horizon_ns: int
    commit_ns: int


def look_ahead(settings: Settings, transport: TransportState | None) -> LookAhead:
    """In beats when there is a clock and the settings give beats, else in ms; longer by the ports' ``ahead_ms``."""
    play, early_ns = settings.play, round(settings.ports.ahead_ms * NS_PER_MS)

    def ahead_ns(usual_ms: int, beats: float) -> int:
        return early_ns + (round(beats * transport.beat_ns) if transport and beats else usual_ms * NS_PER_MS)

    commit_ns = ahead_ns(play.commit_ms, play.commit_beats)
    return LookAhead(max(ahead_ns(play.horizon_ms, play.horizon_beats), commit_ns), commit_ns)
