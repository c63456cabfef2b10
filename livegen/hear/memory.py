"""The performance memory: what the player has played since the last answer."""

from dataclasses import dataclass

from livegen.clock import NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed

_MOST_NOTES = 4096
_RECENT_ONSETS = 8
_LONGEST_BEAT_NS = 3 * NS_PER_S


@dataclass(frozen=True, slots=True)
class HeardNote:
    """A note as it was played: moments in ns, pitch and velocity 0-127."""

    onset_ns: int
    end_ns: int
    pitch: int
    velocity: int


class Performance:
    """Collects a phrase; knows when it is over. Owned by the engine."""

    def __init__(self, pause_ns: int) -> None:
        self._pause_ns = pause_ns
        self._held: dict[tuple[int, int], Timed] = {}  # (channel, pitch) → its note-on
        self._notes: list[HeardNote] = []
        self._onsets: list[int] = []
        self._last_ns = 0

    def hear(self, timed: Timed) -> None:
        """Take what was played, in order of time; a note-off without its note-on is ignored."""
        event = timed.event
        if isinstance(event, NoteOn | NoteOff):
            self._release(event.channel, event.pitch, timed.at_ns)
            self._last_ns = timed.at_ns
        if isinstance(event, NoteOn):
            self._held[event.channel, event.pitch] = timed
            self._onsets = [*self._onsets[-_RECENT_ONSETS:], timed.at_ns]

    def has_ended(self, now_ns: int) -> bool:
        """No key is down and the pause is longer than the settings' and than the phrase's own beat."""
        if self._held or not self._notes:
            return False
        gaps = [after - before for before, after in zip(self._onsets, self._onsets[1:], strict=False)]
        beat_ns = min(max(gaps, default=0), _LONGEST_BEAT_NS)
        return now_ns >= max(self._last_ns + self._pause_ns, self._onsets[-1] + beat_ns + self._pause_ns // 2)

    def take(self) -> list[HeardNote]:
        """The phrase, sorted by onset; the memory is empty afterwards."""
        notes = sorted(self._notes, key=lambda note: (note.onset_ns, note.pitch))
        self._notes, self._onsets = [], []
        return notes

    def _release(self, channel: int, pitch: int, at_ns: int) -> None:
        on = self._held.pop((channel, pitch), None)
        if on is not None and isinstance(on.event, NoteOn):
            self._notes.append(HeardNote(on.at_ns, at_ns, pitch, on.event.velocity))
            del self._notes[:-_MOST_NOTES]
