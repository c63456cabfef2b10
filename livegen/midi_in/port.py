"""The MIDI input: real ports, or a port in memory."""

import re
from collections.abc import Callable, Sequence
from functools import partial

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import PortError
from livegen.events import Event, Timed, Transport
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_in.poller import InputPoller, Source
from livegen.midi_ports.client import MidiClient, MidiSystemError
from livegen.midi_ports.connections import Connections
from livegen.midi_ports.hot_plug import HotPlug
from livegen.midi_ports.names import (
    ConnectionWatch,
    Peer,
    find_port,
    is_keyboard,
    missing_ports,
    of_others,
    without_numbers,
)
from livegen.midi_ports.systems import open_client
from livegen.settings import InputPort, Ports

MakeFilter = Callable[[str, InputPort], InputFilter]  # of an input's name and settings

_FLUSH_SOON_NS, _FLUSH_NS = 500 * NS_PER_MS, 2 * NS_PER_S


class MidiInput:
    """The virtual port ``NAME:in``, and the keyboards that are plugged in. Owner: the daemon's main thread.

    It listens to the ports that the settings name; an entry with the name "" means every hardware keyboard not named.
    """

    def __init__(self, settings: Ports, client: MidiClient, make: MakeFilter, *, is_realtime: bool = True) -> None:
        self.system = client.system
        self._name = settings.name
        self._wanted = settings.all_inputs
        self._client = client  # kept open: a new one at each poll would exhaust the system
        self._make = make
        self._virtual = make(f"{settings.name}:in", virtual_port(settings.all_inputs, settings.split))
        self._flushed_ns = 0
        self._peers: frozenset[Peer] = frozenset()  # of the virtual port, where the MIDI system lists them
        self._keyboards = HotPlug("input", self.system, f"{self._name}-keyboard", self._let_go)
        self._filters: dict[str, InputFilter] = {}  # of the keyboards
        self._sources: dict[str, Source] = {}  # by name; "" is the virtual port
        self._poller = InputPoller(is_realtime=is_realtime)
        self._connections: Connections | None = None
        self._watch: ConnectionWatch | None = None

    def names(self) -> list[str]:
        """The names of all ports that can be listened to, but for our own."""
        return of_others(self._client.names(), self._name)

    def missing(self) -> list[PortError]:
        """An error for each named port that is missing."""
        return missing_ports((port.name for port in self._wanted), self.names(), "input")

    def plugged(self) -> list[str]:
        """The keyboards that are connected, and the programs at the virtual port, where the MIDI system lists them."""
        return sorted({without_numbers(name) for name in (*self._filters, *(name for name, _ in self._peers))})

    def deaf(self) -> list[str]:
        """The inputs from which nothing comes any more, not even what we send there ourselves."""
        if not self._connections or not self._connections.is_flushing:
            return []
        deaf = [name for name, source in self._sources.items() if source.is_deaf(now_ns())]
        return [without_numbers(name) or f"{self._name}:in" for name in deaf]

    def open(self) -> None:
        """Open the virtual port."""
        self._client.open_virtual("in")
        self._listen("", self._client, self._virtual)
        self._poller.start()

    def poll(self, connections: Connections | None = None) -> list[str]:
        """Disconnect what was unplugged, end what it held, connect what was plugged in; a line for each."""
        self._connections = connections
        present = self.names()
        begin = {name: partial(self._begin, name, port) for name, port in self._chosen(present).items()}
        lines = self._keyboards.poll(begin, present, connections)
        if not self._peers:  # it is not flushed
            self._sources[""].excuse(now_ns())
        if connections:
            self._look_at_peers(connections)
            self._poller.is_alone = not self._peers and not self._keyboards.names
            self._flush(connections, now_ns())
        return lines + [line for input_filter in self._all_filters() for line in input_filter.poll(now_ns())]

    def _flush(self, connections: Connections, at_ns: int) -> None:
        """Soon after somebody has played, and now and then: a system exclusive message may have no end."""
        wait_ns = _FLUSH_SOON_NS if self._poller.has_taken_since(self._flushed_ns) else _FLUSH_NS
        if at_ns - self._flushed_ns >= wait_ns:
            connections.flush(f"{re.escape(self._name)}(-keyboard[^:]*)?:in")
            self._flushed_ns = at_ns

    def is_changed(self, connections: Connections) -> bool:
        """Somebody has connected or disconnected since the last ``poll``; cheap."""
        names = connections.connected(f"{self._name}:in")
        is_same = names is None or names == {name for name, _ in self._peers}
        return not is_same or self._keyboards.is_changed(connections)

    def close(self) -> None:
        """Close the ports; what is held ends."""
        self._poller.stop()
        self.release()
        self._keyboards.close()
        self._poller.remove(self._client)
        self._client.close()

    def check_too(self, check: Callable[[], bool], connections: Connections | None) -> None:
        """Call ``check``, which tells whether somebody listens to us, whenever the inputs are polled."""
        if connections:
            self._watch = ConnectionWatch(lambda: connections.connected(f"{self._name}:in") or frozenset())
        watch = self._watch
        self._poller.check = lambda: any([check(), watch is not None and watch.check()])

    def release(self) -> None:
        """End the notes and pedals that are held."""
        for input_filter in self._all_filters():
            input_filter.release(now_ns())

    def _all_filters(self) -> list[InputFilter]:
        return [self._virtual, *self._filters.values()]

    def _begin(self, name: str, port: InputPort, client: MidiClient) -> None:
        self._filters[name] = self._make(without_numbers(name), port)
        self._listen(name, client, self._filters[name])

    def _listen(self, name: str, client: MidiClient, input_filter: InputFilter) -> None:
        self._sources[name] = self._poller.add(client, partial(self._hear, input_filter))

    def _let_go(self, name: str, client: MidiClient) -> None:
        self._poller.remove(client)
        del self._sources[name]
        self._filters.pop(name).release(now_ns())

    def _hear(self, input_filter: InputFilter, received: list[int], at_ns: int) -> None:
        is_pulse = received[:1] == [Transport.CLOCK.value]
        input_filter.take(received, at_ns, self._connections.stalled_ns(at_ns) if self._connections and is_pulse else 0)

    def _look_at_peers(self, connections: Connections) -> None:
        """Programs connect themselves to the virtual port: when all of them have disconnected, end what is held.

        A program that connects and disconnects between two polls is not seen: so end it also while none is connected.
        """
        peers = connections.peers(f"{self._name}:in")
        if peers is None:
            return  # there is no such port
        gone = self._watch.gone() if self._watch else frozenset()
        stayed = {peer for peer in self._peers & peers if peer[0] not in gone}
        if not peers or (self._peers and not stayed):
            self._virtual.release(now_ns())
        self._peers = peers

    def _chosen(self, present: list[str]) -> dict[str, InputPort]:
        chosen: dict[str, InputPort] = {}
        for port in self._wanted:
            found = find_port(port.name, (name for name in present if name not in chosen)) if port.name else None
            if found:
                chosen[found] = port
        for port in self._wanted:
            if not port.name:
                keyboards = (name for name in present if is_keyboard(name, self.system, self._name))
                chosen = dict.fromkeys(keyboards, port) | chosen
        return chosen


class MemoryInput:
    """An input that a program plays: for ``livegen demo`` and for tests."""

    def __init__(self) -> None:
        self._hear: Callable[[Timed], None] | None = None

    def open(self, hear: Callable[[Timed], None]) -> None:
        """From now on, pass what is played to ``hear``."""
        self._hear = hear

    def close(self) -> None:
        """Pass nothing to ``hear`` from now on."""
        self._hear = None

    def play(self, event: Event) -> None:
        """Play an event now; before ``open`` it is lost."""
        if self._hear:
            self._hear(Timed(now_ns(), event))


def open_input(settings: Ports, make: MakeFilter, *, is_realtime: bool = True) -> MidiInput:
    """The input on the settings' MIDI system ("auto": the first that answers), with its virtual port open.

    PortError when no MIDI system answers.
    """
    heard = MidiInput(settings, open_client(settings.system, settings.name), make, is_realtime=is_realtime)
    try:
        heard.open()
    except MidiSystemError as error:  # a server that is starting or ending
        heard.close()
        raise PortError(f"no MIDI input on {heard.system}: {error}") from None
    return heard


def virtual_port(wanted: Sequence[InputPort], split: int) -> InputPort:
    """The entry of the settings that applies to the virtual port."""
    return next((port for port in wanted if not port.name), InputPort(split=split))
