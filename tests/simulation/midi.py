"""The MIDI system: devices, cables, servers that die. It stands in rtmidi's place, and in JACK's."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import rtmidi

import livegen.midi_out.port
from livegen.midi_ports import rtmidi_client

from .receiver import Receiver


class Killed(BaseException):
    """livegen has been killed in the middle of something."""


OnMessage = Callable[[tuple[list[int], float], Any], None]


class MidiSystem:
    """What is plugged in, and who is connected to what. ``on_send`` sees each message before it is delivered."""

    def __init__(self, kind: str) -> None:
        self.kind = kind  # "alsa" or "jack"
        self.is_alive = True
        self.ports_refused: list[bool] = []  # by a server that has just come: our virtual ports, the next one first
        self.clients_refused: list[bool] = []  # the same of our clients
        self.keyboards: dict[str, Keyboard] = {}  # by the name of their port
        self.synths: dict[str, Receiver] = {}
        self.owners: dict[str, str] = {}  # port → which program's it is
        self.listeners: list[Receiver] = []  # connected to our virtual output
        self.clients: list[Client] = []
        self.on_send: Callable[[bytes], None] = lambda _: None
        self.on_open: Callable[[], None] = lambda: None  # our virtual output is there
        self.on_killed: Callable[[], None] = lambda: None
        self._plugged = 0

    def plug_keyboard(self, keyboard: "Keyboard") -> None:
        """It gets a port, by a number of its own."""
        keyboard.port = self._name(keyboard.name, is_source=True)
        self.keyboards[keyboard.port] = keyboard

    def plug_synth(self, synth: Receiver) -> str:
        """It gets a port; its name."""
        name = self._name(synth.name, is_source=False)
        self.synths[name] = synth
        return name

    def unplug(self, port: str) -> None:
        """A cable comes out."""
        keyboard = self.keyboards.pop(port, None)
        if keyboard:
            keyboard.port = ""
        self.synths.pop(port, None)
        self.owners.pop(port, None)
        for client in self.clients:
            if client.port == port:
                client.is_cut = True

    def die(self) -> None:
        """The server is killed; every client of it is dead."""
        self.is_alive = False
        self.listeners.clear()
        for client in self.clients:
            client.is_cut = True

    def is_heard(self, keyboard: "Keyboard") -> bool:
        """Is livegen connected to it?"""
        heard = (client.port for client in self.clients if client.on_message and not client.is_cut)
        return self.is_alive and bool(keyboard.port) and keyboard.port in heard

    def close_all(self) -> None:
        """The process that has them is gone."""
        for client in list(self.clients):
            client.delete()
        self.listeners.clear()

    def listen(self, receiver: Receiver) -> None:
        """Somebody connects to our virtual output."""
        if receiver not in self.listeners and any(client.is_virtual_out for client in self.clients):
            self.listeners.append(receiver)

    def _name(self, device: str, *, is_source: bool) -> str:
        self._plugged += 1
        number = 16 + self._plugged % 100
        if self.kind == "jack":
            name = f"a2j:{device} [{number}] ({'capture' if is_source else 'playback'}): {device} MIDI 1"
        else:
            name = f"{device}:{device} MIDI 1 {number}:0"
        self.owners[name] = str(self._plugged)
        return name

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this, livegen's ports are in this system."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(patch.object(rtmidi_client, "rtmidi", _Rtmidi(self)))
            stack.enter_context(patch.object(rtmidi_client, "hush_jack", lambda: None))
            stack.enter_context(patch.object(rtmidi_client, "_ALSA_SEQUENCER", Path("/")))
            stack.enter_context(patch.object(livegen.midi_out.port, "open_jack", lambda _: _Jack(self)))
            yield


class Keyboard:
    """A device with keys, played by somebody. ``port`` is "" while it is not plugged in."""

    def __init__(self, name: str, system: MidiSystem) -> None:
        self.name = name
        self.port = ""
        self._system = system

    def play(self, message: list[int]) -> None:
        """Bytes leave the device; whoever is connected hears them."""
        if self.port and self._system.is_alive:
            for client in list(self._system.clients):
                if client.port == self.port and client.on_message and not client.is_cut:
                    try:
                        client.on_message((message, 0.0), None)
                    except Killed:
                        self._system.on_killed()


class Client:
    """A program's end: rtmidi's MidiIn or MidiOut."""

    def __init__(self, system: MidiSystem, *, is_input: bool) -> None:
        if not system.is_alive or (system.clients_refused and system.clients_refused.pop(0)):
            raise rtmidi.SystemError("no server")
        self._system = system
        self._is_input = is_input
        self.port = ""
        self.is_cut = False
        self.is_virtual_out = False
        self.on_message: OnMessage | None = None
        system.clients.append(self)

    def get_ports(self) -> list[str]:
        """The ports on the other side."""
        if not self._system.is_alive:
            return []
        return list(self._system.keyboards if self._is_input else self._system.synths)

    def open_port(self, index: int, name: str) -> None:
        """Connect."""
        ports = self.get_ports()
        if index >= len(ports):
            raise rtmidi.InvalidPortError("no such port")
        self.port = ports[index]

    def open_virtual_port(self, name: str) -> None:
        """Be found by others."""
        if self._system.ports_refused and self._system.ports_refused.pop(0):
            raise rtmidi.SystemError("error creating virtual port")
        self.is_virtual_out = not self._is_input
        if self.is_virtual_out:
            self._system.on_open()

    def ignore_types(self, **_: bool) -> None:
        """Whatever."""

    def set_callback(self, on_message: OnMessage) -> None:
        """Call this with each message."""
        self.on_message = on_message

    def send_message(self, message: bytes) -> None:
        """Deliver it."""
        if self.is_cut:
            raise rtmidi.SystemError("gone")
        self._system.on_send(message)
        for receiver in self._system.listeners if self.is_virtual_out else (self._system.synths[self.port],):
            receiver.take(message)

    def delete(self) -> None:
        """Leave."""
        if self in self._system.clients:
            self._system.clients.remove(self)
        if self.is_virtual_out:
            self._system.listeners.clear()


class _Rtmidi:
    """What livegen uses of the module."""

    RtMidiError = rtmidi.RtMidiError
    SystemError = rtmidi.SystemError
    UnsupportedOperationError = rtmidi.UnsupportedOperationError

    def __init__(self, system: MidiSystem) -> None:
        self._system = system

    def get_compiled_api(self) -> list[int]:
        return [rtmidi.API_UNIX_JACK if self._system.kind == "jack" else rtmidi.API_LINUX_ALSA]

    def MidiIn(self, _api: int, name: str) -> Client:
        return Client(self._system, is_input=True)

    def MidiOut(self, _api: int, name: str) -> Client:
        return Client(self._system, is_input=False)


class _Jack:
    """What livegen uses of JACK; a client of a server that has died stays dead."""

    def __init__(self, system: MidiSystem) -> None:
        self._system = system
        self._client = Client(system, is_input=False)

    def is_alive(self) -> bool:
        return not self._client.is_cut

    def uuid(self, port: str) -> str | None:
        return self._system.owners.get(port) if self.is_alive() else None

    def isolate(self, _ports: str) -> None:
        """Nothing comes while its port is closed: there are no threads."""

    def stalled_ns(self, _at_ns: int) -> int:
        return 1  # it never stands still

    def peers(self, _port: str) -> frozenset[Any]:
        return frozenset()

    def add_alias(self, _port: str, _alias: str) -> bool:
        return True

    def close(self) -> None:
        self._client.delete()
