"""The MIDI output: real ports, or a port in memory."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import Timed, from_bytes
from livegen.midi_out.ledger import ledger_folder
from livegen.midi_out.receivers import Receivers
from livegen.midi_out.sender import Output
from livegen.midi_ports.client import MidiClient, MidiSystemError
from livegen.midi_ports.connections import Connections, open_connections
from livegen.midi_ports.hot_plug import HotPlug
from livegen.midi_ports.names import (
    ConnectionWatch,
    Peer,
    find_port,
    missing_ports,
    of_others,
    output_client,
    virtual_ports,
    without_numbers,
)
from livegen.midi_ports.systems import new_client
from livegen.routing import OutputRoute, output_route
from livegen.settings import OutputPort


class MidiOutput:
    """The virtual output, and the named ports. Owner: the daemon's main thread.

    ``wanted``: the settings of the virtual port first, then those of each named port.
    """

    def __init__(
        self, name: str, wanted: Sequence[OutputPort], client: MidiClient, connections: Connections | None
    ) -> None:
        folder = ledger_folder() / f"{name}.receivers"
        self.repays = connections is not None and folder.is_dir()  # else the process before kept no such record
        self._own = name
        self._name = virtual_ports(name, client.system)[1]
        self._client = client
        self._virtual = VirtualOutput(client, Receivers(folder / "virtual") if connections else None)
        self._wanted = wanted
        self._named = [Destination(client.system, f"{name}-to", port.name, folder) for port in wanted[1:]]
        self.connections = connections
        if connections:
            self._virtual.watch = ConnectionWatch(lambda: connections.connected(self._name) or frozenset())

    def routed(self) -> list[tuple[Output, OutputRoute]]:
        """Each output, whether its device is there or not, with its route."""
        outputs: list[Output] = [self._virtual, *self._named]
        return [(output, output_route(port)) for output, port in zip(outputs, self._wanted, strict=True)]

    def names(self) -> list[str]:
        """The names of all ports that can be played to, but for our own."""
        return of_others(self._client.names(), self._own)

    def missing(self) -> list[PortError]:
        """An error for each named port that is missing."""
        return missing_ports((port.name for port in self._wanted[1:]), self.names(), "output")

    def plugged(self) -> list[str]:
        """The connected named ports, and the programs at the virtual port, where the MIDI system lists them."""
        connected = [destination.name for destination in self._named if destination.name]
        peers = (self.connections.connected(self._name) if self.connections else None) or ()
        return sorted({*connected, *map(without_numbers, peers)})

    @property
    def is_whole(self) -> bool:
        """Every named port was there at the last ``poll``."""
        return all(destination.is_connected for destination in self._named)

    def is_alive(self) -> bool:
        """The MIDI system answers. Cheap; to be checked every second, because sending to a dead JACK blocks."""
        return self.connections is None or self.connections.is_alive()

    def check(self) -> bool:
        """See who is connected to the virtual port, many times a second; True when anybody is. One thread."""
        return self._virtual.watch is None or self._virtual.watch.check()

    def is_changed(self) -> bool:
        """Somebody has connected or disconnected since the last ``poll``; cheap."""
        if self.connections is None:
            return False
        names = self.connections.connected(self._name)
        is_same = names is None or names == {name for name, _ in self._virtual.peers}
        return not is_same or any(destination.is_changed(self.connections) for destination in self._named)

    def poll(self) -> list[str]:
        """Disconnect named ports that are gone, connect those that are there; a line for each."""
        if self.connections:
            self._virtual.poll(self._name, self.connections)
        present = self.names() if self._named else []
        return [line for destination in self._named for line in destination.poll(present, self.connections)]

    def close(self) -> None:
        """Send nothing any more."""
        is_alive = self.is_alive()
        for destination in self._named:
            destination.close(is_alive=is_alive)
        self._virtual.close(is_alive=is_alive)
        self._client.close()
        if self.connections:
            self.connections.close()


class VirtualOutput:
    """The virtual port. ``send`` may be called by any thread, the other methods by the daemon's main thread."""

    def __init__(self, client: MidiClient, receivers: Receivers | None) -> None:
        self._client = client
        self._receivers = receivers
        self.peers: frozenset[Peer] = frozenset()
        self.watch: ConnectionWatch | None = None

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        with suppress(MidiSystemError):  # a MIDI system that has just ended: the port manager reports it
            if self._receivers is None:
                self._client.send(message)
                return
            with self._receivers.sending(message):
                self._client.send(message)

    def poll(self, name: str, connections: Connections) -> None:
        """See who is connected to the port, which has that name; who has come back gets what it is owed."""
        peers = connections.peers(name)
        if peers is None or self._receivers is None:
            return  # there is no such port
        self.peers = peers
        if gone := self.watch.gone() if self.watch else None:
            self._receivers.see((peer for peer in peers if peer[0] not in gone), connections.send_to)
        self._receivers.see(peers, connections.send_to)

    def close(self, *, is_alive: bool) -> None:
        """Forget the receivers, if what sounded there has been ended."""
        if self._receivers and is_alive:
            self._receivers.close()


class Destination:
    """A named port. It may appear late, disappear and return; when it returns, its pending note-offs are sent first.

    ``send`` may be called by any thread, the other methods by the daemon's main thread.
    """

    def __init__(self, system: str, client_name: str, wanted: str, folder: Path) -> None:
        self._wanted = wanted
        self._port = HotPlug("output", system, client_name, self._let_go, most=1)
        self._using = threading.Lock()  # the client: it must not be closed while a thread sends
        self._client: MidiClient | None = None
        # What this port was sent. The sender's ledger does not know it: the sender goes on while the port is away, and
        # notes that it ends meanwhile must still be ended here. It is known by the name that was asked for.
        self._receivers = Receivers(folder / "named")
        self._peer: Peer = (f"named {wanted}", None)

    @property
    def name(self) -> str:
        """The name of the connected port; "" while none is connected."""
        return without_numbers("".join(self._port.names))

    @property
    def is_connected(self) -> bool:
        """The port was there at the last ``poll``."""
        return self._client is not None

    def send(self, message: bytes) -> None:
        """Send one MIDI message now, if the port is connected."""
        with self._using, suppress(MidiSystemError):  # an unplugged cable: ``poll`` reports it
            if self._client is not None:
                with self._receivers.sending(message):
                    self._client.send(message)

    def poll(self, present: list[str], connections: Connections | None) -> list[str]:
        """Disconnect the port when it is gone, connect it when it is there; a line for each."""
        found = find_port(self._wanted, present)
        lines = self._port.poll({found: self._begin} if found else {}, present, connections)
        if self._client is not None and not lines:
            self._receivers.see([self._peer], self._pay)
        return lines

    def is_changed(self, connections: Connections) -> bool:
        """The connection has gone since the last ``poll``."""
        return self._port.is_changed(connections)

    def close(self, *, is_alive: bool) -> None:
        """Send nothing any more."""
        if self._client is not None and is_alive:
            self._receivers.close()
        self._port.close()

    def _begin(self, client: MidiClient) -> None:
        with self._using:
            self._client = client
        self._receivers.see([self._peer], self._pay)

    def _pay(self, _: Peer, messages: Sequence[bytes]) -> bool:
        for message in messages:
            self.send(message)
        return True

    def _let_go(self, _name: str, _client: MidiClient) -> None:
        with self._using:
            self._client = None
        self._receivers.see([], self._pay)


class MemoryOutput:
    """An output that stores what it is sent: for ``livegen demo`` and for tests."""

    def __init__(self) -> None:
        self.sent: list[Timed] = []

    def send(self, message: bytes) -> None:
        """Store the event with the moment of its sending."""
        event = from_bytes(message)
        if event is not None:
            self.sent.append(Timed(now_ns(), event))


def open_output(system: str, name: str, wanted: Sequence[OutputPort] = (OutputPort(),)) -> MidiOutput:
    """The output on ``system`` (which the input found), with its virtual port open; PortError when the system is gone.

    ``wanted``: see ``MidiOutput``.

    See ``virtual_ports`` for its name. On JACK it has the alias ``NAME:out``, which jack_connect and most patch bays
    accept.
    """
    connections = open_connections(system, name)  # before the port: see below
    client = None
    try:
        client = new_client("output", system, output_client(name, system))
        client.open_virtual("out")
    except MidiSystemError as error:  # a server that is starting or ending
        if client is not None:
            client.close()
        if connections:
            connections.close()
        raise PortError(f"no MIDI output on {system}: {error}") from None
    # From here on, programs may connect to our port. JACK 1.9.21 stalls when clients open or close meanwhile.
    if connections:
        connections.add_alias(virtual_ports(name, system)[1], f"{name}:out")
    return MidiOutput(name, wanted, client, connections)
