"""A watch over the music: silence where something should sound means an engine that only seems to be well."""

from livegen.clock import NS_PER_S
from livegen.music.transport import Song
from livegen.settings import Settings

_STALL_NS = 5 * NS_PER_S  # so long between two looks, and everything stood still, as in a suspended machine
_PATIENCE = 2  # engines replaced in a row without a note: more of them will not help


class Vigil:
    """Told how things stand a few times a second. One thread."""

    def __init__(self) -> None:
        self._notes_out = 0
        self._looked_ns = 0
        self._quiet_ns: int | None = None  # since when music has been due and none has come; None: none is due
        self._sent_ns = 0  # when a note of ours was last seen to have left
        self.replaced = 0  # engines in a row that were silent where music was due
        self.is_due = False

    @property
    def is_well(self) -> bool:
        """There is music where it is due, or a new engine may still bring it."""
        return self.replaced < _PATIENCE

    def look(self, at_ns: int, settings: Settings, song: Song | None, notes_out: int, asked_ns: int | None) -> bool:
        """Has it been silent for too long? Then the engine is to be replaced; the next one has as long again.

        ``notes_out``: how many notes of ours have left so far. ``asked_ns``: when a player who waits for an answer
        began the last note; None where nobody waits, or the room is shut.
        """
        passed_ns, self._looked_ns = at_ns - self._looked_ns, at_ns
        if self._quiet_ns is not None and passed_ns > _STALL_NS:
            self._quiet_ns += passed_ns
        if notes_out != self._notes_out:
            self._notes_out, self._sent_ns, self._quiet_ns, self.replaced = notes_out, at_ns, None, 0
        is_stopped = song is not None and not song.is_running
        is_asked = settings.play.role == "respond" and asked_ns is not None and asked_ns > self._sent_ns
        self.is_due = not is_stopped and (settings.play.role == "solo" or is_asked)
        if not self.is_due:
            self._quiet_ns = None
            return False
        self._quiet_ns = at_ns if self._quiet_ns is None else self._quiet_ns
        patience_ns = round(settings.installation.mute_s * NS_PER_S)
        if not patience_ns or at_ns - self._quiet_ns < patience_ns:
            return False
        self._quiet_ns = at_ns
        self.replaced += 1
        return True

    def silent_s(self, at_ns: int) -> int:
        """For how many seconds music has been due and none has come."""
        return (at_ns - self._quiet_ns) // NS_PER_S if self._quiet_ns is not None else 0
