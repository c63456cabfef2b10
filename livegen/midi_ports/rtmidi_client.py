"""The only module that uses rtmidi: the MIDI systems there are, their clients, and ports that are plugged in."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import rtmidi

from livegen.errors import PortError
from livegen.midi_ports.jack import JackClient, hush_jack, owners_of
from livegen.midi_ports.names import listed, without_numbers

Direction = Literal["input", "output"]
OnMessage = Callable[[list[int]], None]  # called on the MIDI system's thread: must return at once

MidiSystemError = rtmidi.RtMidiError  # a system that is starting or ending; a port that is in use

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
        kind = rtmidi.MidiIn if direction == "input" else rtmidi.MidiOut
        self.system = system
        self._client: Any = kind(_APIS[system], name=name)

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""
        return listed(self._client.get_ports)

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect."""
        with suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # Windows has no virtual ports
            self._client.open_virtual_port(name)

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``; ValueError when ``port`` no longer exists."""
        self._client.open_port(self._client.get_ports().index(port), name=name)

    def listen(self, on_message: OnMessage) -> None:
        """Call ``on_message`` for every message that arrives, except system exclusive messages."""
        self._client.ignore_types(sysex=True, timing=False, active_sense=False)
        self._client.set_callback(lambda message, _: on_message(message[0]))

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        self._client.send_message(message)

    def close(self) -> None:
        """Close the client."""
        self._client.delete()


class HotPlug:
    """Connects ports as they are plugged in, each by its own client. Owner: the daemon's main thread."""

    def __init__(
        self, direction: Direction, system: str, client_name: str, on_gone: Callable[[str], None], most: int = 128
    ) -> None:
        self._direction = direction
        self._system = system
        self._client_name = client_name
        self._on_gone = on_gone
        self._most = most  # ports at once
        self._connected: dict[str, tuple[RtmidiClient, str]] = {}  # port → our client, and the port's owner
        self._refused: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The names of the connected ports."""
        return list(self._connected)

    def poll(
        self, wanted: Mapping[str, Callable[[RtmidiClient], None]], present: Iterable[str], jack: JackClient | None
    ) -> list[str]:
        """Disconnect ports that were unplugged, connect those that are wanted; a line for each.

        ``wanted``: for each port, what to call with the client that is connected to it. ``on_gone`` is called before
        a client is closed, because closing may take a while.
        """
        owners = owners_of({*wanted, *self._connected}.intersection(present), jack)
        lines = [self._let_go(name) for name in self.names if owners.get(name) != self._connected[name][1]]
        self._refused.intersection_update(present)
        for name, begin in wanted.items():
            if name in owners and name not in self._connected and len(self._connected) < self._most:
                lines += self._connect(name, owners[name], begin)
        return lines

    def close(self) -> None:
        """Disconnect all ports."""
        for name in self.names:
            self._let_go(name)

    def _let_go(self, name: str) -> str:
        client, _ = self._connected.pop(name)
        self._on_gone(name)
        client.close()
        return f"'{without_numbers(name)}' is gone; waiting for it to come back"

    def _connect(self, name: str, owner: str, begin: Callable[[RtmidiClient], None]) -> list[str]:
        client = None
        with suppress(MidiSystemError, ValueError):  # it may be unplugged, or taken, at this moment
            client = RtmidiClient(self._direction, self._system, self._client_name)
            client.connect(name, "in" if self._direction == "input" else "out")
            begin(client)
            self._connected[name] = client, owner
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
