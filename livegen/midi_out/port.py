"""Where notes leave: a real MIDI port, or one in memory."""

import threading
from collections.abc import Sequence
from contextlib import suppress

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import Timed, from_bytes, to_bytes
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.sender import Output
from livegen.midi_ports.jack import JackClient, open_jack
from livegen.midi_ports.names import find_port, missing_ports, without_numbers
from livegen.midi_ports.rtmidi_client import HotPlug, MidiSystemError, RtmidiClient
from livegen.routing import OutputRoute, output_route
from livegen.settings import OutputPort


class MidiOutput:
    """The virtual port ``NAME:out``, and the ports that were named. Owner: the daemon's main thread.

    ``wanted`` are the settings of the virtual port first, then those of each named one.
    """

    def __init__(self, name: str, wanted: Sequence[OutputPort], client: RtmidiClient, jack: JackClient | None) -> None:
        self._name = name
        self._client = client
        self._virtual = VirtualOutput(client)
        self._wanted = wanted
        self._named = [Destination(client.system, f"{name}-to", port.name) for port in wanted[1:]]
        self.jack = jack

    def routed(self) -> list[tuple[Output, OutputRoute]]:
        """Each output, whether its device is there or not, and what it makes of what it is sent."""
        outputs: list[Output] = [self._virtual, *self._named]
        return [(output, output_route(port)) for output, port in zip(outputs, self._wanted, strict=True)]

    def names(self) -> list[str]:
        """Every port there is to play to."""
        return self._client.names()

    def missing(self) -> list[PortError]:
        """What there is to say about each port that was named and is not there."""
        return missing_ports((port.name for port in self._wanted[1:]), self.names(), "output")

    def plugged(self) -> list[str]:
        """Who is played to: named ports, and programs at the virtual port where the MIDI system tells."""
        peers = (self.jack.peers(f"{self._name}-out:out") if self.jack else None) or ()
        connected = [destination.name for destination in self._named if destination.name]
        return sorted({*connected, *(without_numbers(name) for name, _ in peers)})

    @property
    def is_whole(self) -> bool:
        """Was every named port there, when ``poll`` last looked?"""
        return all(destination.is_connected for destination in self._named)

    def is_alive(self) -> bool:
        """Is the MIDI system still there? Cheap; to be asked every second, for a dead JACK blocks who sends on."""
        return self.jack is None or self.jack.is_alive()

    def poll(self) -> list[str]:
        """Let go of named ports that are gone, connect those that are there; a line for each."""
        present = self.names() if self._named else []
        return [line for destination in self._named for line in destination.poll(present, self.jack)]

    def close(self) -> None:
        """Send nothing any more."""
        for destination in self._named:
            destination.close()
        self._client.close()
        if self.jack:
            self.jack.close()


class VirtualOutput:
    """The virtual port."""

    def __init__(self, client: RtmidiClient) -> None:
        self._client = client

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        with suppress(MidiSystemError):  # a MIDI system that has just ended: the wiring says so
            self._client.send(message)


class Destination:
    """A port that was named: it may come late, go, and come back; then what it last heard begin is ended first.

    ``send`` may be called by any thread, the rest belongs to the daemon's main thread.
    """

    def __init__(self, system: str, client_name: str, wanted: str) -> None:
        self._wanted = wanted
        self._port = HotPlug("output", system, client_name, self._let_go, most=1)
        self._using = threading.Lock()  # of the client: who sends must not meet who lets go
        self._client: RtmidiClient | None = None
        # As far as it has heard. The sender cannot tell: it sends on while the port is away, and what it then ends is
        # still to be ended here.
        self._ledger = blank_ledger()

    @property
    def name(self) -> str:
        """Of the port that it is connected to, "" while there is none."""
        return without_numbers("".join(self._port.names))

    @property
    def is_connected(self) -> bool:
        """Is its port there, as far as ``poll`` has seen?"""
        return self._client is not None

    def send(self, message: bytes) -> None:
        """Send one MIDI message now, if anybody is there."""
        with self._using, suppress(MidiSystemError):  # a cable that was pulled out: ``poll`` says so
            if self._client is None:
                return
            event = from_bytes(message)
            if event is not None:
                self._ledger.leaves(event)
                self._ledger.has_left(event)
            self._client.send(message)

    def poll(self, present: list[str], jack: JackClient | None) -> list[str]:
        """Let go of the port when it is gone, connect it when it is there; a line for each."""
        found = find_port(self._wanted, present)
        lines = self._port.poll({found: self._begin} if found else {}, present, jack)
        if self._client is not None and not lines:
            self._ledger.confirm_delivery()
        return lines

    def close(self) -> None:
        """Send nothing any more."""
        self._port.close()

    def _begin(self, client: RtmidiClient) -> None:
        for ending in self._ledger.pending_offs():
            client.send(to_bytes(ending))
        self._ledger.clear_pending()
        with self._using:
            self._client = client

    def _let_go(self, _name: str) -> None:
        with self._using:
            self._client = None
        self._ledger.mark_pending_off()


class MemoryOutput:
    """An output that keeps what it is sent: for ``livegen demo`` and for tests."""

    def __init__(self) -> None:
        self.sent: list[Timed] = []

    def send(self, message: bytes) -> None:
        """Keep the event, with the moment of its sending."""
        event = from_bytes(message)
        if event is not None:
            self.sent.append(Timed(now_ns(), event))


def open_output(system: str, name: str, wanted: Sequence[OutputPort] = (OutputPort(),)) -> MidiOutput:
    """The output on ``system`` (as the input found it), its virtual port open; PortError when it went away.

    ``wanted``: see ``MidiOutput``.

    JACK gives a client its name only once, and the input has it: there the port is ``NAME-out:out`` with the
    alias ``NAME:out``, by which jack_connect and most patch bays know it.
    """
    jack = open_jack(f"{name}-watch") if system == "jack" else None  # before the port: see below
    client = None
    try:
        client = RtmidiClient("output", system, f"{name}-out" if system == "jack" else name)
        client.open_virtual("out")
    except MidiSystemError as error:  # a server that is just coming, or going
        if client is not None:
            client.close()
        if jack:
            jack.close()
        raise PortError(f"no MIDI output on {system}: {error}") from None
    # Whoever waits for our port may connect to it from here on. JACK 1.9.21 stalls when clients come and go meanwhile.
    if jack:
        jack.add_alias(f"{name}-out:out", f"{name}:out")
    return MidiOutput(name, wanted, client, jack)
