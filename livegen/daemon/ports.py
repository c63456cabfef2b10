"""The ports of a MIDI system and in memory; each is attached and detached while the other plays on."""

import faulthandler
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Protocol

from livegen.clock import now_ns
from livegen.daemon.readiness import Ends
from livegen.errors import PortError
from livegen.events import to_bytes
from livegen.log_line import WarningLine
from livegen.midi_in.input_filter import Hear, InputFilter
from livegen.midi_in.loop_detector import LoopDetector
from livegen.midi_in.port import MakeFilter, MemoryInput, MidiInput, open_input, virtual_port
from livegen.midi_out.player import Player
from livegen.midi_out.port import MemoryOutput, MidiOutput, open_output
from livegen.midi_ports.names import virtual_ports
from livegen.routing import input_route, output_route
from livegen.settings import InputPort, Ports

_TITLES = {"alsa": "ALSA", "jack": "JACK", "core": "CoreMIDI", "windows": "Windows MIDI"}
_CLOSED_S = 3.0
_ALIVE_S = 1.0  # a dead MIDI system is detected within this time


class Backend(Protocol):
    """Ports of one kind. A backend attaches its outputs to the player, and detaches them when they are gone."""

    @property
    def is_there(self) -> bool:
        """Its outputs are attached; while they are not, pending note-offs are kept for them."""

    @property
    def is_whole(self) -> bool:
        """Every attached output was there at the last poll."""

    def open(self) -> None:
        """Connect the ports that are there; PortError when a named port is missing."""

    def poll(self) -> None:
        """See what has changed."""

    def is_changed(self) -> bool:
        """Somebody has connected or disconnected since the last ``poll``; cheap."""

    def deaf(self) -> list[str]:
        """Inputs from which nothing comes any more."""

    def plugged(self) -> list[str]:
        """The devices and programs that are there, each with its direction."""

    def to_do(self) -> list[str]:
        """What somebody has to do so that all its ports are there."""

    def ends(self) -> Ends:
        """Can somebody play here, and does something listen?"""

    def release(self) -> None:
        """End what is held at its inputs."""

    def close(self) -> None:
        """Close all its ports; what sounds there ends."""


class PortManager:
    """All ports, of several backends, each attached and detached by itself. Owner: the daemon's main thread."""

    def __init__(self, player: Player, loop_detector: LoopDetector, say: Callable[[str], None]) -> None:
        self._player = player
        self._loop_detector = loop_detector
        self._say = say
        self._backends: list[Backend] = []
        self._detached: list[Backend] = []  # pending note-offs are kept for them
        self._is_muting = False

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The attached backends."""
        return tuple(self._backends)

    @property
    def midi_system(self) -> str | None:
        """The MIDI system that answers, "alsa" for example; None when none does."""
        return next((backend.system for backend in self._backends if isinstance(backend, MidiBackend)), None)

    def attach(self, backend: Backend) -> None:
        """Open a backend's ports; when a named port is missing, PortError, and the backend is not attached."""
        self._backends.append(backend)
        self._detached = [other for other in self._detached if other is not backend]
        try:
            backend.open()
        except PortError:
            self._let_go(backend)
            raise
        self._tell_player()

    def detach(self, backend: Backend) -> None:
        """Close a backend's ports: what sounds or is held there ends. The other backends play on."""
        self._let_go(backend)
        self._detached.append(backend)
        self._tell_player()

    def poll(self) -> None:
        """See what has changed."""
        for backend in self._backends:
            backend.poll()
        self._tell_player()
        self._poll_for_loops()

    def is_changed(self) -> bool:
        """Somebody has connected or disconnected since the last ``poll``; cheap, to be asked many times a second."""
        return any(backend.is_changed() for backend in self._backends)

    def plugged(self) -> list[str]:
        """The devices and programs that are there, each with its direction."""
        return [line for backend in self._backends for line in backend.plugged()]

    def status(self) -> dict[str, Any]:
        """The MIDI system, the inputs from which nothing comes, what somebody has to do: for ``livegen status``."""
        return {
            "midi_system": self.midi_system,
            "deaf": [name for backend in self._backends for name in backend.deaf()],
            "to_do": [line for backend in self._backends for line in backend.to_do()],
        }

    def ends(self) -> Ends:
        """Can somebody play, and does something listen?"""
        return reduce(or_, (backend.ends() for backend in self._backends), Ends())

    @property
    def has_system(self) -> bool:
        """Every MIDI system that is wanted answers."""
        return all(backend.is_there for backend in self._backends)

    def close(self) -> None:
        """Detach all backends."""
        for backend in self._backends:
            backend.release()  # ends what a player holds, at all outputs
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
            self._say(
                WarningLine(
                    "our own notes come back to us, through a cable or a program: they are dropped until that stops"
                )
            )
        if was_muting and not self._is_muting:
            self._say("our own notes have stopped coming back")


@dataclass(frozen=True, slots=True)
class MemoryPorts:
    """A pair of ports without a MIDI system: for ``livegen demo`` and for tests."""

    input: MemoryInput = field(default_factory=MemoryInput)
    output: MemoryOutput = field(default_factory=MemoryOutput)


class MemoryBackend:
    """Ports in memory, which are always there."""

    is_there = is_whole = True

    def __init__(self, ports: MemoryPorts, settings: Ports, make: MakeFilter, player: Player) -> None:
        self._ports = ports
        self._route = output_route(settings.all_outputs[0])
        self._filter = make("memory", virtual_port(settings.all_inputs, settings.split))
        self._player = player

    def open(self) -> None:
        """Connect both ports."""
        self._player.attach_routed([(self._ports.output, self._route)])
        self._ports.input.open(lambda timed: self._filter.take(to_bytes(timed.event), timed.at_ns))

    def poll(self) -> None:
        """Do nothing: nothing can have changed."""

    def is_changed(self) -> bool:
        """Nothing ever has."""
        return False

    def deaf(self) -> list[str]:
        """None ever is."""
        return []

    def plugged(self) -> list[str]:
        """Both ports."""
        return ["in: memory", "out: memory"]

    def to_do(self) -> list[str]:
        """Nothing: they are there."""
        return []

    def ends(self) -> Ends:
        """Whoever has these ports plays and listens."""
        return Ends(can_play=True, is_heard=True)

    def release(self) -> None:
        """End what is held."""
        self._filter.release(now_ns())

    def close(self) -> None:
        """Close both ports."""
        self._ports.input.close()
        self.release()
        self._player.detach(self._ports.output, are_there=True)


class MidiBackend:
    """The ports of a MIDI system: opened when it answers, closed when it dies."""

    def __init__(
        self, settings: Ports, make: MakeFilter, player: Player, say: Callable[[str], None], *, is_realtime: bool = True
    ) -> None:
        self._settings = settings
        self._make = make
        self._is_realtime = is_realtime
        self._player = player
        self._say = say
        self._pair: tuple[MidiInput, MidiOutput] | None = None

    @property
    def system(self) -> str | None:
        """The MIDI system, while it answers."""
        return self._pair[0].system if self._pair else None

    @property
    def is_there(self) -> bool:
        """The MIDI system answered at the last poll."""
        return self._pair is not None

    @property
    def is_whole(self) -> bool:
        """Every named output was there at the last poll."""
        return self._pair is None or self._pair[1].is_whole

    def open(self) -> None:
        """Connect the ports that are there; a missing MIDI system is reported once, and waited for."""
        try:
            self._pair = self._open_pair()
        except PortError as error:
            awaited = ("it", *map(repr, self._settings.named))
            self._say(WarningLine(f"{error}; waiting for {' and for '.join(awaited)}"))
            return
        for missing in self._missing(self._pair):
            if self._settings.require:
                raise missing
            self._say(WarningLine(f"{missing}; waiting for it"))
        self._begin(*self._pair)

    def poll(self) -> None:
        """Check whether the MIDI system and its ports have appeared or disappeared."""
        if self._pair is None:
            self._try_again()
        elif not self._pair[1].is_alive():
            self._let_go(*self._pair, are_there=False)
            self._say(WarningLine("the MIDI system is gone; waiting for it to come back"))
        else:
            self._poll_ports(*self._pair)

    def is_changed(self) -> bool:
        """Somebody has connected or disconnected since the last ``poll``."""
        if self._pair is None:
            return False
        heard, played = self._pair
        return played.is_changed() or (played.connections is not None and heard.is_changed(played.connections))

    def deaf(self) -> list[str]:
        """Inputs from which nothing comes any more."""
        return self._pair[0].deaf() if self._pair else []

    def plugged(self) -> list[str]:
        """What is connected to our ports, where the MIDI system lists it."""
        if self._pair is None:
            return []
        heard, played = self._pair
        return [*(f"in: {name}" for name in heard.plugged()), *(f"out: {name}" for name in played.plugged())]

    def to_do(self) -> list[str]:
        """Start the MIDI system, or plug in what was asked for by name."""
        if self._pair is None:
            return ["no MIDI system answers: start it, or see 'MIDI system' in livegen doctor"]
        return [f"plug it in or start it: {missing}" for missing in self._missing(self._pair)]

    def ends(self) -> Ends:
        """As ``Backend.ends``; yes where the MIDI system does not tell who is connected."""
        if self._pair is None:
            return Ends()
        heard, played = self._pair
        is_unknown = played.connections is None
        return Ends(is_unknown or bool(heard.plugged()), is_unknown or bool(played.plugged()))

    def release(self) -> None:
        """End what is held."""
        if self._pair:
            self._pair[0].release()

    def close(self) -> None:
        """Close the ports; what sounds there ends, if the MIDI system still answers."""
        self.release()
        if self._pair:
            # rtmidi closes a client without releasing the GIL, and JACK 1.9.21 can stall while one closes: the process
            # then exits, and what sounds elsewhere is in the ledger.
            faulthandler.dump_traceback_later(_CLOSED_S, exit=True, file=2)
            self._let_go(*self._pair, are_there=self._pair[1].is_alive())
            faulthandler.cancel_dump_traceback_later()

    def _let_go(self, heard: MidiInput, played: MidiOutput, *, are_there: bool) -> None:
        # First: where the system is dead, nothing can be sent any more, not even a note-off.
        self._player.detach(*(output for output, _ in played.routed()), are_there=are_there)
        heard.close()
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
            self._say(WarningLine(f"{missing}; waiting for it"))
        self._begin(*self._pair)

    def _open_pair(self) -> tuple[MidiInput, MidiOutput]:
        ports = self._settings
        heard = open_input(ports, self._make, is_realtime=self._is_realtime)
        try:
            return heard, open_output(heard.system, ports.name, ports.all_outputs)
        except PortError:
            heard.close()
            raise

    def _begin(self, heard: MidiInput, played: MidiOutput) -> None:
        own_input, own_output = virtual_ports(self._settings.name, heard.system)
        self._say(f"listening at '{own_input}', playing at '{own_output}' ({_TITLES[heard.system]})")
        heard.check_too(played.check, played.connections)
        self._player.attach_routed(played.routed(), repay=played.repays)
        self._poll_ports(heard, played)

    def _poll_ports(self, heard: MidiInput, played: MidiOutput) -> None:
        for line in (*heard.poll(played.connections), *played.poll()):
            self._say(line)


def open_ports(
    settings: Ports,
    memory: MemoryPorts | None,
    hear: Hear,
    player: Player,
    say: Callable[[str], None],
    *,
    is_realtime: bool = True,
) -> PortManager:
    """The open ports of these settings; PortError when a named port is missing.

    With ports in memory, a MIDI system is used only if the settings name it; both then play.
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
        manager.attach(MidiBackend(settings, make, player, say, is_realtime=is_realtime))
    if memory or settings.system == "memory":
        manager.attach(MemoryBackend(memory or MemoryPorts(), settings, make, player))
    return manager


def pause_s(settings: Ports) -> float:
    """The time between two polls."""
    return min(settings.poll_s, _ALIVE_S)
