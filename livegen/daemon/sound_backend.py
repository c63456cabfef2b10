"""Our own synthesizer among the ports."""

from collections.abc import Callable

from livegen.clock import now_ns
from livegen.daemon.readiness import Ends
from livegen.midi_out.player import Player
from livegen.routing import output_route
from livegen.settings import OutputPort, Sound
from livegen.sound.fluidsynth import audio_driver
from livegen.sound.soundfont import find_fluidsynth, find_soundfont
from livegen.sound.synth import Synth


class SoundBackend:
    """As ``Backend``. It stays attached while FluidSynth is started again: what sounded has ended with it."""

    is_there = is_whole = True

    def __init__(
        self, settings: Sound, player: Player, say: Callable[[str], None], midi_system: Callable[[], str | None]
    ) -> None:
        """SoundError when FluidSynth or the soundfont is missing."""
        find_fluidsynth()
        find_soundfont(settings.soundfont)
        self._synth = Synth(settings)
        self._wanted = settings.driver
        self._driver: str | None = None
        self._player = player
        self._say = say
        self._midi_system = midi_system

    def open(self) -> None:
        """Start it."""
        self._player.attach_routed([(self._synth, output_route(OutputPort()))], repay=True)
        self.poll()

    def poll(self) -> None:
        """See that it plays. One that plays through a JACK server that is gone waits for that server."""
        system = self._midi_system()
        is_lost = self._driver == "jack" and system is None
        if not is_lost:
            self._driver = audio_driver(system) if self._wanted == "auto" else self._wanted
        for line in self._synth.poll(None if is_lost else self._driver, now_ns()):
            self._say(line)

    def is_changed(self) -> bool:
        """Nobody connects to it."""
        return False

    def deaf(self) -> list[str]:
        """It has no input."""
        return []

    def plugged(self) -> list[str]:
        """FluidSynth, while it plays."""
        return ["out: FluidSynth (--sound)"] if self._synth.is_playing else []

    def to_do(self) -> list[str]:
        """What keeps it from playing."""
        return [f"no sound: {self._synth.fault}"] if self._synth.fault else []

    def ends(self) -> Ends:
        """It is heard, while it plays."""
        return Ends(is_heard=self._synth.is_playing)

    def release(self) -> None:
        """Nothing is held: it has no input."""

    def close(self) -> None:
        """End what sounds, then FluidSynth."""
        self._player.detach(self._synth, are_there=True)
        self._synth.close()
