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
        self._said = ""
        self.lacking = ""  # what is missing, as at the last poll; "" when nothing is

    def poll(self, settings: Settings, ends: Ends, *, has_system: bool, midi_system: str | None = None) -> None:
        """To be called once the first engine is loaded; ``has_system``: a MIDI system answers, or none is used.

        ``midi_system`` is its name, by which our ports have theirs.
        """
        self.lacking = self.missing(settings, ends, midi_system) if has_system else ""  # without one, that was said
        if not has_system or ends == self._before:
            return
        self._before = ends
        is_ready = not self.lacking
        line = f"ready: {_HOW[settings.play.role]}" if is_ready else WarningLine(f"not ready yet: {self.lacking}")
        if line != self._said:
            self._say(line)
        self._said = line

    @staticmethod
    def missing(settings: Settings, ends: Ends, midi_system: str | None) -> str:
        """What keeps people from playing and hearing, and what mends it; "" when nothing does."""
        found = []
        own_input, own_output = virtual_ports(settings.ports.name, midi_system)
        if _lacks_player(settings, ends):
            found.append(f"nobody can play: plug in a MIDI keyboard, or connect a program to {own_input}")
        if not ends.is_heard:
            remedy = f"connect a synthesizer to {own_output}, name one with --out"
            found.append(
                f"FluidSynth does not sound yet; else {remedy}"
                if settings.sound.on
                else f"nothing listens: {remedy}, or start with --sound"
            )
        return "; ".join(found)

    @staticmethod
    def waits_for(settings: Settings, ends: Ends, *, has_system: bool, is_loaded: bool) -> str:
        """In a few words, what is missing until people can play and hear; "" when nothing is."""
        if not is_loaded:
            return "loads the model"
        if not has_system:
            return "no MIDI system"
        if _lacks_player(settings, ends):
            return "waits for a keyboard"
        return "" if ends.is_heard else "waits for a synthesizer"


def _lacks_player(settings: Settings, ends: Ends) -> bool:
    return not ends.can_play and settings.play.role != "solo"
