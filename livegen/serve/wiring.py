"""The ports, and the MIDI system under them, which may come late, go, and come back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from livegen.errors import PortError
from livegen.hear.port import Hear, MemoryInput, MidiInput, open_input
from livegen.play.player import Player
from livegen.play.port import MemoryOutput, MidiOutput, open_output
from livegen.settings import Ports

_TITLES = {"alsa": "ALSA", "jack": "JACK", "core": "CoreMIDI", "windows": "Windows MIDI"}
_ALIVE_S = 1.0  # a dead MIDI system is found out after so long, at the latest


class Wiring(Protocol):
    """What the daemon asks of the ports. Owner: its main thread."""

    def open(self) -> None:
        """Connect what is there; PortError when a port was named and is not there."""

    def look(self) -> None:
        """See what has changed."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """A pair of ports without a MIDI system: for ``livegen demo`` and for tests."""

    input: MemoryInput = field(default_factory=MemoryInput)
    output: MemoryOutput = field(default_factory=MemoryOutput)


class MemoryWiring:
    """Ports in memory are always there."""

    def __init__(self, ports: MemoryPorts, hear: Hear, player: Player) -> None:
        self._ports = ports
        self._hear = hear
        self._player = player

    def open(self) -> None:
        """Connect both."""
        self._player.attach(self._ports.output)
        self._ports.input.open(self._hear)

    def look(self) -> None:
        """Nothing can have changed."""

    def close(self) -> None:
        """Let go of the output."""
        self._player.detach()


class MidiWiring:
    """Real ports: opened when a MIDI system answers, let go when it dies."""

    def __init__(self, settings: Ports, hear: Hear, player: Player, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._hear = hear
        self._player = player
        self._say = say
        self._pair: tuple[MidiInput, MidiOutput] | None = None

    def open(self) -> None:
        """Connect what is there; no MIDI system at all is said once, and waited for."""
        try:
            self._pair = self._open_pair()
        except PortError as error:
            self._say(f"{error}; waiting for it")
            return
        for port in self._pair:
            port.require_wanted()
        self._begin(*self._pair)

    def look(self) -> None:
        """See whether the MIDI system has come or gone, and which ports have."""
        if self._pair is None:
            self._try_again()
        elif not self._pair[1].is_alive():
            self.close()
            self._say("the MIDI system is gone; waiting for it to come back")
        else:
            for port in self._pair:
                for line in port.look():
                    self._say(line)

    def close(self) -> None:
        """Let go of the ports; what sounds is owed."""
        self._player.detach()
        if self._pair:
            for port in self._pair:
                port.close()
        self._pair = None

    def _try_again(self) -> None:
        try:
            self._pair = self._open_pair()
        except PortError:
            return
        for port in self._pair:
            try:
                port.require_wanted()
            except PortError as error:
                self._say(f"{error}; waiting for it")
        self._begin(*self._pair)

    def _open_pair(self) -> tuple[MidiInput, MidiOutput]:
        ports = self._settings
        heard = open_input(ports.system, ports.name, ports.input, self._hear)
        try:
            return heard, open_output(heard.system, ports.name, ports.output)
        except PortError:
            heard.close()
            raise

    def _begin(self, heard: MidiInput, played: MidiOutput) -> None:
        name = self._settings.name
        self._say(f"listening at '{name}:in', playing at '{name}:out' ({_TITLES[heard.system]})")
        self._player.attach(played)
        self.look()


def wire(
    settings: Ports,
    memory: MemoryPorts | None,
    hear: Hear,
    player: Player,
    say: Callable[[str], None],
) -> Wiring:
    """The wiring of these settings: in memory when a pair is given or the system is called so."""
    if memory or settings.system == "memory":
        return MemoryWiring(memory or MemoryPorts(), hear, player)
    return MidiWiring(settings, hear, player, say)


def pause_s(settings: Ports) -> float:
    """How long to wait between two looks."""
    return min(settings.poll_s, _ALIVE_S)
