"""The only module that uses rtmidi: the MIDI systems there are, their clients, and ports that are plugged in."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import rtmidi

from livegen.errors import PortError
from livegen.midi_ports.connections import Connections, owners_of
from livegen.midi_ports.jack import hush_jack
from livegen.midi_ports.names import listed, without_numbers

Direction = Literal["input", "output"]
OnGone = Callable[[str, "RtmidiClient"], None]  # a port's name, and our client that was connected to it

MidiSystemError = rtmidi.RtMidiError  # a system that is starting or ending; a port that is in use

_QUEUED = 16_384  # messages that wait in an input: all that a flood can bring in while this process is held up
_ALSA_SEQUENCER = Path("/dev/snd/seq")
_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class RtmidiClient:
    """A client of a MIDI system, for one port of ours; MidiSystemError when the system does not answer."""

    def __init__(self, direction: Direction, system: str, name: str) -> None:
        self.system = system
        self._client: Any
        if direction == "input":
            self._client = rtmidi.MidiIn(_APIS[system], name=name, queue_size_limit=_QUEUED)
            self._client.ignore_types(sysex=False, timing=False, active_sense=False)
        else:
            self._client = rtmidi.MidiOut(_APIS[system], name=name)

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""
        return listed(self._client.get_ports)

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect."""
        with suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # rtmidi's: Windows has no virtual ports
            self._client.open_virtual_port(name)

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``; ValueError when ``port`` no longer exists."""
        self._client.open_port(self._client.get_ports().index(port), name=name)

    def receive(self) -> tuple[list[int], float] | None:
        """The oldest message that waits, and the seconds from the one before it to its arrival; None when none waits.

        rtmidi's native code queues the messages: no Python runs on the MIDI system's threads.
        """
        received: tuple[list[int], float] | None = self._client.get_message()
        return received

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        self._client.send_message(message)

    def close(self) -> None:
        """Close the client."""
        self._client.delete()


@dataclass(slots=True)
class _Plugged:
    """A port that is connected, and our client for it."""

    client: RtmidiClient
    owner: str  # what tells the port's program from the next one of the same name
    own: str | None  # our port, where the MIDI system says who is connected
    is_joined: bool = True


class HotPlug:
    """Connects ports as they are plugged in, each by its own client. Owner: the daemon's main thread."""

    def __init__(self, direction: Direction, system: str, client_name: str, on_gone: OnGone, most: int = 128) -> None:
        self._direction = direction
        self._system = system
        self._client_name = client_name
        self._on_gone = on_gone
        self._most = most  # ports at once
        self._plugged: dict[str, _Plugged] = {}  # by port
        self._refused: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The names of the connected ports."""
        return [name for name, plugged in self._plugged.items() if plugged.is_joined]

    def poll(
        self,
        wanted: Mapping[str, Callable[[RtmidiClient], None]],
        present: Iterable[str],
        connections: Connections | None,
    ) -> list[str]:
        """Disconnect ports that were unplugged, connect those that are wanted; a line for each.

        A connection that was taken out while both ports stay is made again. ``wanted``: for each port, what to call
        with the client that is connected to it. ``on_gone`` is called before a client is closed, because closing may
        take a while.
        """
        owners = owners_of({*wanted, *self._plugged}.intersection(present), connections)
        lines = [self._let_go(name) for name in list(self._plugged) if owners.get(name) != self._plugged[name].owner]
        self._refused.intersection_update(present)
        for name, begin in wanted.items():
            if name in owners and name not in self._plugged and len(self._plugged) < self._most:
                lines += self._connect(name, owners[name], begin, connections)
            elif connections and name in self._plugged:
                lines += self._look_at(name, begin, connections)
        return lines

    def is_changed(self, connections: Connections) -> bool:
        """A connection has gone since the last ``poll``."""
        return any(
            plugged.own and plugged.is_joined and name not in (connections.connected(plugged.own) or ())
            for name, plugged in self._plugged.items()
        )

    def close(self) -> None:
        """Disconnect all ports."""
        for name in list(self._plugged):
            self._let_go(name)

    def _let_go(self, name: str) -> str:
        plugged = self._plugged.pop(name)
        if plugged.is_joined:
            self._on_gone(name, plugged.client)
        plugged.client.close()
        return f"'{without_numbers(name)}' is gone; waiting for it to come back"

    def _look_at(self, name: str, begin: Callable[[RtmidiClient], None], connections: Connections) -> list[str]:
        plugged = self._plugged[name]
        if plugged.own is None or (plugged.is_joined and name in (connections.connected(plugged.own) or ())):
            return []
        lines = []
        if plugged.is_joined:
            plugged.is_joined = False
            self._on_gone(name, plugged.client)
            lines.append(f"the connection to '{without_numbers(name)}' is gone; making it again")
        ends = (name, plugged.own) if self._direction == "input" else (plugged.own, name)
        if connections.connect(*ends):
            plugged.is_joined = True
            begin(plugged.client)
        return lines

    def _connect(
        self, name: str, owner: str, begin: Callable[[RtmidiClient], None], connections: Connections | None
    ) -> list[str]:
        client, before = None, (connections.connected(name) if connections else None) or frozenset()
        with suppress(MidiSystemError, ValueError):  # it may be unplugged, or taken, at this moment
            client = RtmidiClient(self._direction, self._system, self._client_name)
            client.connect(name, "in" if self._direction == "input" else "out")
            joined = ((connections.connected(name) if connections else None) or frozenset()) - before
            own = next((port for port in joined if port.startswith(self._client_name)), None)
            begin(client)
            self._plugged[name] = _Plugged(client, owner, own)
            self._refused.discard(name)
            return [f"{'listening' if self._direction == 'input' else 'playing'} to '{without_numbers(name)}'"]
        if client is not None:
            client.close()
        if name in self._refused:
            return []
        self._refused.add(name)
        return [f"'{without_numbers(name)}' cannot be opened: another program may be using it; trying again"]


def open_client(system: str, name: str) -> RtmidiClient:
    """A client for an input on that system ("auto": the first that answers); PortError when none answers."""
    candidates = [candidate for candidate in compiled_systems() if system in ("auto", candidate)]
    for candidate in candidates:
        if candidate == "jack":
            hush_jack()
        if candidate == "alsa" and not _ALSA_SEQUENCER.exists():
            continue  # ALSA itself prints an error to stderr at every attempt
        with suppress(rtmidi.SystemError):
            return RtmidiClient("input", candidate, name)
    tried = " or ".join(candidates) or f"'{system}' (not in this build of rtmidi)"
    raise PortError(f"no MIDI system: no answer from {tried}; start a JACK server, or load ALSA's snd-seq")


def list_ports(system: str, name: str) -> tuple[str, list[str], list[str]]:
    """The MIDI system that answers, the ports to listen to, the ports to play to; PortError when none answers."""
    client = open_client(system, f"{name}-list")
    inputs = client.names()
    client.close()
    client = RtmidiClient("output", client.system, f"{name}-list")
    outputs = client.names()
    client.close()
    return client.system, inputs, outputs


def answering_system(system: str, name: str) -> str:
    """The MIDI system that answers; PortError when none does."""
    client = open_client(system, f"{name}-list")
    client.close()
    return client.system


def compiled_systems() -> list[str]:
    """The MIDI systems that this build of rtmidi supports, in the order in which they are tried."""
    compiled = rtmidi.get_compiled_api()
    return [system for system, api in _APIS.items() if api in compiled]
