"""What happens now: whose turn it is, tempo, bar, beat, key and chord. For the line in the terminal, and for status."""

from collections.abc import Mapping
from dataclasses import dataclass

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import PERCUSSION, TICKS_PER_QUARTER, NoteOff, NoteOn, Timed
from livegen.ipc.messages import TurnChanged, TurnName
from livegen.key_names import NAMES, key_name, note_names, read_key
from livegen.music.chord_names import chord_name
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.music.tempo_map import SteadyTempo
from livegen.music.transport import TransportState
from livegen.recording.tracks import Who
from livegen.settings import Role, Settings

_YOUR_TURN: Mapping[Role, str] = {
    "respond": "your turn",
    "accompany": "your turn",
    "harmonise": "your turn: a melody",
    "solo": "livegen begins",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens at one moment; "" and 0 for what is not known."""

    who: str  # whose turn it is, or what livegen waits for
    bar: int = 0  # from 1
    beat: int = 0  # of the bar, from 1
    tempo_bpm: int = 0
    key: str = ""
    chord: str = ""

    def text(self, columns: int) -> str:
        """One line of at most ``columns`` characters; what matters least is left out first."""
        parts = {
            "who": self.who,
            "beat": f"bar {self.bar}, beat {self.beat}" if self.bar else "",
            "tempo": f"{self.tempo_bpm} bpm" if self.tempo_bpm else "",
            "key": self.key,
            "chord": self.chord,
        }
        for least in ("", "key", "tempo", "chord", "beat"):
            parts[least] = ""
            line = " | ".join(part for part in parts.values() if part)
            if len(line) <= columns:
                return line
        return line[:columns]


class NowPlaying:
    """Gathers what the parts of the daemon know. Each method: one thread, each its own; all values are replaced whole.

    ``observe``: the monitor's thread; ``take``: the supervisor's; ``poll``: the daemon's; ``scene``: any.
    """

    def __init__(self) -> None:
        self._sounding: dict[Who, frozenset[int]] = {"player": frozenset(), "machine": frozenset()}
        self._heard_ns = 0  # when the player's last note began or ended
        self._turn: TurnName = "idle"
        self._metre: Metre | None = None
        self._key: KeyChange | None = None
        self._settings = Settings()
        self._transport: TransportState | None = None
        self._waits_for = "loads the model"

    def observe(self, who: Who, timed: Timed) -> None:
        """The player played this event, or livegen sent it."""
        event = timed.event
        if isinstance(event, NoteOn | NoteOff) and event.channel != PERCUSSION:
            begun = {event.pitch} if isinstance(event, NoteOn) else set()
            self._sounding[who] = (self._sounding[who] - {event.pitch}) | begun
            self._heard_ns = timed.at_ns if who == "player" else self._heard_ns

    def take(self, told: TurnChanged | Mark) -> None:
        """The engine told this."""
        match told:
            case TurnChanged(turn):
                self._turn = turn
            case Metre():
                self._metre = told
            case KeyChange():
                self._key = told

    def poll(self, settings: Settings, transport: TransportState | None, waits_for: str) -> None:
        """The daemon's state; ``waits_for``: what is missing until music can be played and heard, "" when nothing."""
        self._settings, self._transport, self._waits_for = settings, transport, waits_for

    def text(self, columns: int) -> str:
        """The scene of now, in one line of at most so many columns."""
        return self.scene(now_ns()).text(columns)

    def scene(self, at_ns: int) -> Scene:
        """What happens at this moment."""
        metre, transport, key = self._metre, self._transport, self._tonic_and_mode()
        clock = transport if transport and transport.is_running else None
        tempo = clock or (SteadyTempo(metre.ns_at(0), metre.beat_ns) if metre else None)
        is_compound = not clock and metre is not None and metre.is_compound
        beat_ticks = TICKS_PER_QUARTER * 3 // 2 if is_compound else TICKS_PER_QUARTER
        bar_ticks = TICKS_PER_QUARTER * (metre.beats_per_bar if metre else 4)
        if self._settings.time.beats_per_bar:
            bar_ticks = beat_ticks * self._settings.time.beats_per_bar
        is_counting = clock or self._turn in ("playing", "together")
        bar, beat = _position(tempo.tick_at(at_ns), bar_ticks, beat_ticks) if tempo and is_counting else (0, 0)
        return Scene(
            self._who(at_ns),
            bar,
            beat,
            round(tempo.tempo_bpm * TICKS_PER_QUARTER / beat_ticks) if tempo else 0,
            key_name(key[0], is_minor=key[1]) if key else "",
            chord_name(
                self._sounding["player"] | self._sounding["machine"],
                note_names(key[0], is_minor=key[1]) if key else NAMES,
            ),
        )

    def _tonic_and_mode(self) -> tuple[int, bool] | None:
        """The key that is set, else the one that was heard last."""
        if self._settings.play.key:
            return read_key(self._settings.play.key)
        return (self._key.tonic, self._key.is_minor) if self._key else None

    def _who(self, at_ns: int) -> str:
        if self._waits_for and not self._sounding["machine"]:
            return self._waits_for
        is_playing = self._sounding["player"] or at_ns - self._heard_ns < self._settings.play.pause_ms * NS_PER_MS
        match self._turn:
            case "listening":
                return "you play" if is_playing else "livegen listens"
            case "playing":
                return "livegen plays"
            case "together":
                return "you and livegen" if is_playing else "livegen waits for you"
        return _YOUR_TURN[self._settings.play.role]


def _position(tick: int, bar_ticks: int, beat_ticks: int) -> tuple[int, int]:
    """Bar and beat, from 1; 0 and 0 before the first bar."""
    bar, within = divmod(tick, bar_ticks)
    return (bar + 1, within // beat_ticks + 1) if tick >= 0 else (0, 0)
