"""The ports, of a MIDI system and in memory; each of the two comes and goes while the other plays on."""

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


class Backend(Protocol):
    """Ports of one kind. It attaches its outputs to the player, and detaches them when they are gone."""

    @property
    def is_there(self) -> bool:
        """Are its outputs attached? Else what is owed waits for them."""

    @property
    def is_whole(self) -> bool:
        """Has every output that is attached been seen to be there?"""

    def open(self) -> None:
        """Connect what is there; PortError when a port was named and is not there."""

    def poll(self) -> None:
        """See what has changed."""

    def plugged(self) -> list[str]:
        """The devices and programs that are there, each with its direction."""

    def release(self) -> None:
        """End what is held at its inputs."""

    def close(self) -> None:
        """Let go of everything; what sounds there ends."""


class PortManager:
    """All ports, of several backends: each comes and goes while the others play on. Owner: the daemon's main thread."""

    def __init__(self, player: Player, loop_detector: LoopDetector, say: Callable[[str], None]) -> None:
        self._player = player
        self._loop_detector = loop_detector
        self._say = say
        self._backends: list[Backend] = []
        self._detached: list[Backend] = []  # what is owed waits for them
        self._is_muting = False

    @property
    def backends(self) -> tuple[Backend, ...]:
        """Those that are attached."""
        return tuple(self._backends)

    def attach(self, backend: Backend) -> None:
        """Open a backend's ports; PortError, and it is not attached, when a port was named and is not there."""
        self._backends.append(backend)
        self._detached = [other for other in self._detached if other is not backend]
        try:
            backend.open()
        except PortError:
            self._let_go(backend)
            raise
        self._tell_player()

    def detach(self, backend: Backend) -> None:
        """Let go of a backend's ports: what sounds there, or is held there, ends. Elsewhere the music goes on."""
        self._let_go(backend)
        self._detached.append(backend)
        self._tell_player()

    def poll(self) -> None:
        """See what has changed."""
        for backend in self._backends:
            backend.poll()
        self._tell_player()
        self._poll_for_loops()

    def plugged(self) -> list[str]:
        """The devices and programs that are there, each with its direction."""
        return [line for backend in self._backends for line in backend.plugged()]

    def close(self) -> None:
        """Let go of everything."""
        for backend in self._backends:
            backend.release()  # what a player holds ends everywhere
        for backend in reversed(self.backends):
            self.detach(backend)

    def _let_go(self, backend: Backend) -> None:
        self._backends.remove(backend)
        backend.close()

    def _tell_player(self) -> None:
        self._player.see(
            is_whole=all(backend.is_whole for backend in self._backends),
            is_awaited=bool(self._detached) or not all(backend.is_there for backend in self._backends),
        )

    def _poll_for_loops(self) -> None:
        self._loop_detector.poll(now_ns())
        was_muting, self._is_muting = self._is_muting, self._loop_detector.is_muting
        if self._is_muting and not was_muting:
            self._say("our own notes come back to us, by a cable or a program: leaving them out until that stops")
        if was_muting and not self._is_muting:
            self._say("our own notes have stopped coming back")


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """A pair of ports without a MIDI system: for ``livegen demo`` and for tests."""

    input: MemoryInput = field(default_factory=MemoryInput)
    output: MemoryOutput = field(default_factory=MemoryOutput)


class MemoryBackend:
    """Ports in memory are always there."""

    is_there = is_whole = True

    def __init__(self, ports: MemoryPorts, settings: Ports, make: MakeFilter, player: Player) -> None:
        self._ports = ports
        self._route = output_route(settings.all_outputs[0])
        self._filter = make("memory", virtual_port(settings.all_inputs, settings.split))
        self._player = player

    def open(self) -> None:
        """Connect both."""
        self._player.attach_routed([(self._ports.output, self._route)])
        self._ports.input.open(lambda timed: self._filter.take(to_bytes(timed.event), timed.at_ns))

    def poll(self) -> None:
        """Nothing can have changed."""

    def plugged(self) -> list[str]:
        """Both."""
        return ["in: memory", "out: memory"]

    def release(self) -> None:
        """End what is held."""
        self._filter.release(now_ns())

    def close(self) -> None:
        """Let go of both."""
        self._ports.input.close()
        self.release()
        self._player.detach(self._ports.output, are_there=True)


class MidiBackend:
    """The ports of a MIDI system: opened when it answers, let go when it dies."""

    def __init__(self, settings: Ports, make: MakeFilter, player: Player, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._make = make
        self._player = player
        self._say = say
        self._pair: tuple[MidiInput, MidiOutput] | None = None

    @property
    def is_there(self) -> bool:
        """Does the MIDI system answer, as far as has been seen?"""
        return self._pair is not None

    @property
    def is_whole(self) -> bool:
        """Has every named output been seen to be there?"""
        return self._pair is None or self._pair[1].is_whole

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
            self._let_go(*self._pair, are_there=False)
            self._say("the MIDI system is gone; waiting for it to come back")
        else:
            self._poll_ports(*self._pair)

    def plugged(self) -> list[str]:
        """What is connected to our ports, as far as the MIDI system tells."""
        if self._pair is None:
            return []
        heard, played = self._pair
        return [*(f"in: {name}" for name in heard.plugged()), *(f"out: {name}" for name in played.plugged())]

    def release(self) -> None:
        """End what is held."""
        if self._pair:
            self._pair[0].release()

    def close(self) -> None:
        """Let go of the ports; what sounds there ends, if the MIDI system is still there."""
        self.release()
        if self._pair:
            # A program that connects itself to us just now can still stop rtmidi for ever, and all of this process with
            # it (see MidiInput.close). So then it ends; what sounds elsewhere is in the ledger.
            faulthandler.dump_traceback_later(_CLOSED_S, exit=True, file=2)
            self._let_go(*self._pair, are_there=self._pair[1].is_alive())
            faulthandler.cancel_dump_traceback_later()

    def _let_go(self, heard: MidiInput, played: MidiOutput, *, are_there: bool) -> None:
        # First of all: where the system is dead, nothing can be sent any more, not even the end of a note.
        self._player.detach(*(output for output, _ in played.routed()), are_there=are_there)
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
        self._poll_ports(heard, played)

    def _poll_ports(self, heard: MidiInput, played: MidiOutput) -> None:
        for line in (*heard.poll(played.jack), *played.poll()):
            self._say(line)


def open_ports(
    settings: Ports,
    memory: MemoryPorts | None,
    hear: Hear,
    player: Player,
    say: Callable[[str], None],
) -> PortManager:
    """The ports of these settings, open; PortError when one was named and is not there.

    Ports in memory take the place of a MIDI system that is found by itself; one that is named plays beside them.
    """
    loop_detector = LoopDetector()
    player.sender.on_note = loop_detector.sent
    channel = settings.thru_channel - 1 if settings.thru_channel else None

    def pass_on(message: bytes) -> None:
        player.sender.pass_on(message, channel)

    def make(name: str, port: InputPort) -> InputFilter:
        return InputFilter(
            name, input_route(port), hear, thru=pass_on if settings.thru == "on" else None, loop_detector=loop_detector
        )

    manager = PortManager(player, loop_detector, say)
    if settings.system != "memory" and not (memory and settings.system == "auto"):
        manager.attach(MidiBackend(settings, make, player, say))
    if memory or settings.system == "memory":
        manager.attach(MemoryBackend(memory or MemoryPorts(), settings, make, player))
    return manager


def pause_s(settings: Ports) -> float:
    """How long to wait between two looks."""
    return min(settings.poll_s, _ALIVE_S)
