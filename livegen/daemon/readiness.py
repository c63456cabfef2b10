"""Says when somebody can play and be heard, and until then what is missing."""

from collections.abc import Callable
from dataclasses import dataclass

from livegen.log_line import WarningLine
from livegen.midi_ports.names import virtual_ports
from livegen.settings import Settings

_HOW = {  # to begin, by role
    "respond": "play a phrase, then pause",
    "accompany": "play, and livegen plays with you",
    "harmonise": "play a melody, and each note gets its chord",
    "solo": "livegen plays alone until you touch a key",
}


@dataclass(frozen=True, slots=True)
class Ends:
    """What is connected; true where the MIDI system does not tell."""

    can_play: bool = False  # a keyboard, or a program at the virtual input
    is_heard: bool = False  # a synthesizer, or a program at an output

    def __or__(self, other: "Ends") -> "Ends":
        return Ends(self.can_play or other.can_play, self.is_heard or other.is_heard)


class Readiness:
    """Says one line when livegen is ready, or what is missing, and again when that changes. One thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: Ends | None = None

    def poll(self, settings: Settings, ends: Ends, *, has_system: bool, midi_system: str | None = None) -> None:
        """To be called once the first engine is loaded; ``has_system``: a MIDI system answers, or none is used.

        ``midi_system`` is its name, by which our ports have theirs.
        """
        if not has_system or ends == self._before:  # without a system, that was said
            return
        self._before = ends
        missing = self.missing(settings, ends, midi_system)
        self._say(WarningLine(f"not ready yet: {missing}") if missing else f"ready: {_HOW[settings.play.role]}")

    @staticmethod
    def missing(settings: Settings, ends: Ends, midi_system: str | None) -> str:
        """What keeps people from playing and hearing, and what mends it; "" when nothing does."""
        found = []
        own_input, own_output = virtual_ports(settings.ports.name, midi_system)
        if not ends.can_play and settings.play.role != "solo":
            found.append(f"nobody can play: plug in a MIDI keyboard, or connect a program to {own_input}")
        if not ends.is_heard:
            found.append(
                f"nothing listens: connect a synthesizer to {own_output}, name one with --out, or start with --sound"
            )
        return "; ".join(found)
