"""Where notes come in: a real MIDI port, or one in memory."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rtmidi

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import Event, Timed, Transport
from livegen.midi_in.input_filter import Hear, InputFilter
from livegen.midi_ports.jack import JackClient, Peer, hush_jack, owners_of
from livegen.midi_ports.names import find_port, is_keyboard, listed, missing_ports, without_numbers
from livegen.settings import InputPort, Ports

_ALSA_SEQUENCER = Path("/dev/snd/seq")

MakeFilter = Callable[[str, InputPort], InputFilter]  # its name and its settings

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class MidiInput:
    """The virtual port ``NAME:in``, and the keyboards that are plugged in. Owner: the daemon's main thread.

    It connects from the ports that the settings name; an entry called "" means every hardware keyboard not named.
    """

    def __init__(self, system: str, settings: Ports, client: Any, make: MakeFilter) -> None:
        self.system = system
        self._name = settings.name
        self._wanted = settings.all_inputs
        self._client = client  # lives as long as this: a new one per look would exhaust the system
        self._make = make
        self._virtual = make(f"{settings.name}:in", virtual_port(settings.all_inputs, settings.split))
        self._peers: frozenset[Peer] = frozenset()  # of the virtual port, where the MIDI system tells
        self._connected: dict[str, _Connection] = {}
        self._refused: set[str] = set()
        self._jack: JackClient | None = None

    def names(self) -> list[str]:
        """Every port there is to listen to."""
        return listed(self._client.get_ports)

    def missing(self) -> list[PortError]:
        """What there is to say about each port that was named and is not there."""
        return missing_ports((port.name for port in self._wanted), self.names(), "input")

    def plugged(self) -> list[str]:
        """Who is listened to: keyboards, and programs at the virtual port where the MIDI system tells."""
        return sorted({without_numbers(name) for name in (*self._connected, *(name for name, _ in self._peers))})

    def open(self) -> None:
        """Open the virtual port."""
        with suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # Windows has no virtual ports
            self._client.open_virtual_port("in")
            self._listen(self._client, self._virtual)

    def poll(self, jack: JackClient | None = None) -> list[str]:
        """Let go of what was pulled out, end what it held, connect what was plugged in; a line for each."""
        self._jack = jack
        present = self.names()
        chosen = self._chosen(present)
        owners = owners_of({*chosen, *self._connected}.intersection(present), jack)
        lines = self._let_go(owners)
        self._refused &= set(present)
        for name in chosen.keys() & owners.keys() - self._connected.keys():
            if self._connect(name, chosen[name], owners[name]):
                lines.append(f"listening to '{without_numbers(name)}'")
            elif name not in self._refused:
                lines.append(f"'{without_numbers(name)}' cannot be opened: taken by another program? trying again")
                self._refused.add(name)
        self._look_at_peers(jack)
        return lines + [line for input_filter in self._filters() for line in input_filter.poll(now_ns())]

    def close(self, jack: JackClient | None = None) -> None:
        """Hear nothing any more; what is held ends.

        rtmidi deletes a client without letting go of the GIL, and waits for its thread meanwhile: a message that
        comes just then would wait for the GIL, for ever. So nobody is let play to us first, where we can see to it.
        """
        self.release()
        if jack and jack.is_alive():
            jack.isolate(f"{re.escape(self._name)}(-keyboard[^:]*)?:in")
        for connection in self._connected.values():
            connection.client.delete()
        self._connected.clear()
        self._client.delete()

    def release(self) -> None:
        """End what is held."""
        for input_filter in self._filters():
            input_filter.release(now_ns())

    def _filters(self) -> list[InputFilter]:
        return [self._virtual, *(connection.input_filter for connection in self._connected.values())]

    def _let_go(self, owners: Mapping[str, str]) -> list[str]:
        """Of each port that is not there any more, or is another one by the same name."""
        lines = []
        for name, connection in list(self._connected.items()):
            if owners.get(name) != connection.owner:
                del self._connected[name]
                connection.close()
                lines.append(f"'{without_numbers(name)}' is gone; waiting for it to come back")
        return lines

    def _look_at_peers(self, jack: JackClient | None) -> None:
        """Programs connect themselves to the virtual port: when all of them have gone, nobody holds a key.

        One that came and went between two looks was never seen: so where nobody is, nobody holds a key either.
        """
        if jack is None:
            return
        peers = jack.peers(f"{self._name}:in")
        if peers is None:
            return  # nobody can be told from somebody
        if not peers or (self._peers and not self._peers & peers):
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

    def _connect(self, name: str, port: InputPort, owner: str) -> bool:
        client = None
        with suppress(rtmidi.RtMidiError, ValueError):  # it may be pulled out, or be taken, this very moment
            client = rtmidi.MidiIn(_APIS[self.system], name=f"{self._name}-keyboard")
            client.open_port(client.get_ports().index(name), name="in")
            input_filter = self._make(without_numbers(name), port)
            self._listen(client, input_filter)
            self._connected[name] = _Connection(client, input_filter, owner)
            return True
        if client is not None:
            client.delete()
        return False

    def _listen(self, client: Any, input_filter: InputFilter) -> None:
        def on_message(message: tuple[list[int], float], _data: None) -> None:
            received, at_ns = message[0], now_ns()
            is_pulse = received[:1] == [Transport.CLOCK.value]
            input_filter.take(received, at_ns, self._jack.stalled_ns(at_ns) if self._jack and is_pulse else 0)

        client.ignore_types(sysex=True, timing=False, active_sense=False)
        client.set_callback(on_message)


@dataclass(frozen=True, slots=True)
class _Connection:
    client: Any
    input_filter: InputFilter
    owner: str

    def close(self) -> None:
        self.input_filter.release(now_ns())  # before the other: that may take a while
        self.client.delete()


class MemoryInput:
    """An input that is played by a program: for ``livegen demo`` and for tests."""

    def __init__(self) -> None:
        self._hear: Hear | None = None

    def open(self, hear: Hear) -> None:
        """Hand what is played to ``hear`` from now on."""
        self._hear = hear

    def play(self, event: Event) -> None:
        """Play an event now; before ``open`` nobody hears it."""
        if self._hear:
            self._hear(Timed(now_ns(), event))


def open_input(settings: Ports, make: MakeFilter) -> MidiInput:
    """The input on the system of the settings ("auto" takes the first that answers), its virtual port open.

    PortError when no MIDI system answers.
    """
    system, client = _open_client(settings.system, settings.name)
    heard = MidiInput(system, settings, client, make)
    try:
        heard.open()
    except rtmidi.RtMidiError as error:  # a server that is just coming, or going
        heard.close()
        raise PortError(f"no MIDI input on {system}: {error}") from None
    return heard


def virtual_port(wanted: Sequence[InputPort], split: int) -> InputPort:
    """The entry that holds for the virtual port."""
    return next((port for port in wanted if not port.name), InputPort(split=split))


def list_inputs(system: str, name: str) -> tuple[str, list[str]]:
    """The MIDI system that answers, and every port it offers to listen to; PortError when none does."""
    system, client = _open_client(system, f"{name}-list")
    names = listed(client.get_ports)
    client.delete()
    return system, names


def compiled_systems() -> list[str]:
    """The MIDI systems this build of rtmidi speaks, in the order they are tried."""
    compiled = rtmidi.get_compiled_api()
    return [system for system, api in _APIS.items() if api in compiled]


def _open_client(system: str, name: str) -> tuple[str, Any]:
    candidates = [candidate for candidate in compiled_systems() if system in ("auto", candidate)]
    for candidate in candidates:
        if candidate == "jack":
            hush_jack()
        if candidate == "alsa" and not _ALSA_SEQUENCER.exists():
            continue  # ALSA would say so too, on stderr, at every attempt
        with suppress(rtmidi.SystemError):
            return candidate, rtmidi.MidiIn(_APIS[candidate], name=name)
    tried = " or ".join(candidates) or f"'{system}' (not in this build of rtmidi)"
    raise PortError(f"no MIDI system: no answer from {tried}; start a JACK server, or load ALSA's snd-seq")
