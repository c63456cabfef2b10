"""The ports, and the MIDI system under them, which may come late, go, and come back."""

import faulthandler
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import to_bytes
from livegen.midi_in.input_filter import Hear, InputFilter
from livegen.midi_in.loop_detector import LoopDetector
from livegen.midi_in.port import MakeFilter, MemoryInput, MidiInput, open_input, virtual_port
from livegen.midi_out.player import Player
from livegen.midi_out.port import MemoryOutput, MidiOutput, open_output
from livegen.routing import input_route, output_route
from livegen.settings import InputPort, Ports

_TITLES = {"alsa": "ALSA", "jack": "JACK", "core": "CoreMIDI", "windows": "Windows MIDI"}
_CLOSED_S = 3.0
_ALIVE_S = 1.0  # a dead MIDI system is found out after so long, at the latest


class PortManager(Protocol):
    """What the daemon asks of the ports. Owner: its main thread."""

    def open(self) -> None:
        """Connect what is there; PortError when a port was named and is not there."""

    def poll(self) -> None:
        """See what has changed."""

    def plugged(self) -> list[str]:
        """The devices and programs that are there, each with its direction."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """A pair of ports without a MIDI system: for ``livegen demo`` and for tests."""

    input: MemoryInput = field(default_factory=MemoryInput)
    output: MemoryOutput = field(default_factory=MemoryOutput)


class MemoryPortManager:
    """Ports in memory are always there."""

    def __init__(self, ports: MemoryPorts, settings: Ports, make: MakeFilter, player: Player) -> None:
        self._ports = ports
        self._settings = settings
        self._filter = make("memory", virtual_port(settings.all_inputs, settings.split))
        self._player = player

    def open(self) -> None:
        """Connect both."""
        self._player.attach_routed([(self._ports.output, output_route(self._settings.all_outputs[0]))])
        self._ports.input.open(lambda timed: self._filter.take(to_bytes(timed.event), timed.at_ns))

    def poll(self) -> None:
        """Nothing can have changed."""

    def plugged(self) -> list[str]:
        """Both."""
        return ["in: memory", "out: memory"]

    def close(self) -> None:
        """Let go of both."""
        self._filter.release(now_ns())
        self._player.detach()


class MidiPortManager:
    """Real ports: opened when a MIDI system answers, let go when it dies."""

    def __init__(
        self, settings: Ports, make: MakeFilter, loop_detector: LoopDetector, player: Player, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._make = make
        self._loop_detector = loop_detector
        self._player = player
        self._say = say
        self._pair: tuple[MidiInput, MidiOutput] | None = None
        self._is_muting = False

    def open(self) -> None:
        """Connect what is there; no MIDI system at all is said once, and waited for."""
        try:
            self._pair = self._open_pair()
        except PortError as error:
            self._say(f"{error}; waiting for it")
            return
        for missing in self._missing(self._pair):
            if self._settings.require:
                raise missing
            self._say(f"{missing}; waiting for it")
        self._begin(*self._pair)

    def poll(self) -> None:
        """See whether the MIDI system has come or gone, and which ports have."""
        if self._pair is None:
            self._try_again()
        elif not self._pair[1].is_alive():
            self._player.detach()  # first of all: nothing can be sent any more, not even the end of a note
            self._close_pair(*self._pair)
            self._say("the MIDI system is gone; waiting for it to come back")
        else:
            heard, played = self._pair
            for line in (*heard.poll(played.jack), *played.poll()):
                self._say(line)
            self._player.see(is_whole=played.is_whole)
            self._poll_for_loops()

    def plugged(self) -> list[str]:
        """What is connected to our ports, as far as the MIDI system tells."""
        if self._pair is None:
            return []
        heard, played = self._pair
        return [*(f"in: {name}" for name in heard.plugged()), *(f"out: {name}" for name in played.plugged())]

    def close(self) -> None:
        """Let go of the ports; what sounds is owed."""
        if self._pair:
            self._pair[0].release()  # what a player holds and hears through us ends
        self._player.detach()
        if self._pair:
            # A program that connects itself to us just now can still stop rtmidi for ever (see MidiInput.close); all
            # notes have ended, so then the process does.
            faulthandler.dump_traceback_later(_CLOSED_S, exit=True, file=2)
            self._close_pair(*self._pair)
            faulthandler.cancel_dump_traceback_later()

    def _close_pair(self, heard: MidiInput, played: MidiOutput) -> None:
        heard.close(played.jack)
        played.close()
        self._pair = None

    def _missing(self, pair: tuple[MidiInput, MidiOutput]) -> list[PortError]:
        return [error for port in pair for error in port.missing()]

    def _try_again(self) -> None:
        try:
            self._pair = self._open_pair()
        except PortError:
            return
        for missing in self._missing(self._pair):
            self._say(f"{missing}; waiting for it")
        self._begin(*self._pair)

    def _open_pair(self) -> tuple[MidiInput, MidiOutput]:
        ports = self._settings
        heard = open_input(ports, self._make)
        try:
            return heard, open_output(heard.system, ports.name, ports.all_outputs)
        except PortError:
            heard.close()
            raise

    def _begin(self, heard: MidiInput, played: MidiOutput) -> None:
        name = self._settings.name
        self._say(f"listening at '{name}:in', playing at '{name}:out' ({_TITLES[heard.system]})")
        self._player.attach_routed(played.routed())
        self.poll()

    def _poll_for_loops(self) -> None:
        self._loop_detector.poll(now_ns())
        was_muting, self._is_muting = self._is_muting, self._loop_detector.is_muting
        if self._is_muting and not was_muting:
            self._say("our own notes come back to us, by a cable or a program: leaving them out until that stops")
        if was_muting and not self._is_muting:
            self._say("our own notes have stopped coming back")


def open_ports(
    settings: Ports,
    memory: MemoryPorts | None,
    hear: Hear,
    player: Player,
    say: Callable[[str], None],
) -> PortManager:
    """The wiring of these settings: in memory when a pair is given or the system is called so."""
    loop_detector = LoopDetector()
    player.sender.on_note = loop_detector.sent
    channel = settings.thru_channel - 1 if settings.thru_channel else None

    def pass_on(message: bytes) -> None:
        player.sender.pass_on(message, channel)

    def make(name: str, port: InputPort) -> InputFilter:
        return InputFilter(
            name, input_route(port), hear, thru=pass_on if settings.thru == "on" else None, loop_detector=loop_detector
        )

    if memory or settings.system == "memory":
        return MemoryPortManager(memory or MemoryPorts(), settings, make, player)
    return MidiPortManager(settings, make, loop_detector, player, say)


def pause_s(settings: Ports) -> float:
    """How long to wait between two looks."""
    return min(settings.poll_s, _ALIVE_S)
