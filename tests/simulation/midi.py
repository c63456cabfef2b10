"""The MIDI system: devices, cables, servers that die. It stands in rtmidi's place, and in JACK's and ALSA's."""

import contextlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import rtmidi

import livegen.midi_out.port
from livegen.clock import NS_PER_S, now_ns
from livegen.midi_in.poller import InputPoller
from livegen.midi_ports import rtmidi_client, systems

from .receiver import Receiver


class Killed(BaseException):
    """livegen has been killed in the middle of something."""


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
        self.programs: list[Receiver] = []  # that were ever connected to our virtual output
        self.listeners: list[Receiver] = []  # and those that are
        self.clients: list[Client] = []
        self.pollers: list[InputPoller] = []
        self.is_flushing = False  # livegen sends an F7 to its inputs in every period
        self.lives = 0  # of the server
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
        self.is_alive = self.is_flushing = False
        self.lives += 1
        for program in self.programs:  # one that has lost its server is silent, and is another one to the next
            program.forget()
        self.listeners.clear()
        for client in self.clients:
            client.is_cut = True

    def is_heard(self, keyboard: "Keyboard") -> bool:
        """Is livegen connected to it?"""
        heard = (client.port for client in self.clients if client.is_input and client.is_connected)
        return self.is_alive and bool(keyboard.port) and keyboard.port in heard

    def close_all(self) -> None:
        """The process that has them is gone."""
        for client in list(self.clients):
            client.delete()
        self.listeners.clear()
        self.pollers.clear()

    def take(self) -> None:
        """livegen takes what has arrived; its thread does so all the time."""
        try:
            for poller in self.pollers:
                poller.take()
        except Killed:
            self.on_killed()

    def is_out(self, port: str) -> Callable[[], None] | None:
        """The connection to this port goes, though both stay; what puts it back by hand. None where there is none."""
        client = next((client for client in self.clients if client.port == port and client.is_connected), None)
        if client is None:
            return None
        client.is_out = True
        return client.join

    def listen(self, receiver: Receiver) -> None:
        """Somebody connects to our virtual output."""
        if receiver not in self.programs:
            self.programs.append(receiver)
        if receiver not in self.listeners and any(client.is_virtual_out for client in self.clients):
            self.listeners.append(receiver)

    def _stop(self, poller: InputPoller) -> None:
        if poller in self.pollers:
            self.pollers.remove(poller)

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
            stack.enter_context(patch.object(systems, "supported_systems", _by_rtmidi))
            stack.enter_context(patch.object(systems, "hush_jack", lambda: None))
            stack.enter_context(patch.object(systems, "ALSA_SEQUENCER", Path("/")))
            stack.enter_context(patch.object(livegen.midi_out.port, "open_connections", lambda *_: _Connections(self)))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.enter_context(patch.object(livegen.midi_out.port, "ledger_folder", lambda: folder))
            stack.enter_context(patch.object(InputPoller, "start", lambda poller: self.pollers.append(poller)))
            stack.enter_context(patch.object(InputPoller, "stop", lambda poller: self._stop(poller)))
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
            for client in self._system.clients:
                if client.port == self.port and client.is_input and client.is_connected:
                    client.arrive(message)
            self._system.take()


class Client:
    """A program's end: rtmidi's MidiIn or MidiOut."""

    def __init__(self, system: MidiSystem, name: str, *, is_input: bool) -> None:
        if not system.is_alive or (system.clients_refused and system.clients_refused.pop(0)):
            raise rtmidi.SystemError("no server")
        self._system = system
        self.is_input = is_input
        self.own = f"{name}-{id(self)}:{'in' if is_input else 'out'}"  # our port, as others name it
        self.port = ""
        self.is_cut = False  # for good
        self.is_out = False  # its connection, which can be made again
        self.is_virtual_out = False
        self._queue: deque[tuple[list[int], float]] = deque()
        self._collected: list[int] = []  # of an exclusive message that has had no end
        self._arrived_ns = now_ns()
        system.clients.append(self)

    @property
    def is_connected(self) -> bool:
        """What is sent arrives."""
        return not self.is_cut and not self.is_out

    @property
    def is_deaf(self) -> bool:
        """It has collected something, and will not give it."""
        return bool(self._collected) and self.is_connected

    def join(self) -> None:
        """The connection is there again."""
        self.is_out = False

    def get_ports(self) -> list[str]:
        """The ports on the other side."""
        if not self._system.is_alive:
            return []
        return list(self._system.keyboards if self.is_input else self._system.synths)

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
        self.is_virtual_out = not self.is_input
        if self.is_virtual_out:
            self._system.on_open()

    def ignore_types(self, **_: bool) -> None:
        """Whatever."""

    def arrive(self, message: list[int]) -> None:
        """As rtmidi does on JACK: what follows an exclusive message without an end is collected until an F7 comes."""
        if not message:
            return
        self._collected += message
        if self._system.kind == "jack" and self._collected[:1] == [0xF0] and message[-1:] != [0xF7]:
            return
        self._queue.append((self._collected, (now_ns() - self._arrived_ns) / NS_PER_S))
        self._collected, self._arrived_ns = [], now_ns()

    def get_message(self) -> tuple[list[int], float] | None:
        """The oldest message that waits."""
        if self._collected and self._system.is_flushing:
            self.arrive([0xF7])
        return self._queue.popleft() if self._queue else None

    def send_message(self, message: bytes) -> None:
        """Deliver it."""
        if self.is_cut:
            raise rtmidi.SystemError("gone")
        self._system.on_send(message)
        if self.is_out:
            return
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

    def MidiIn(self, _api: int, name: str, queue_size_limit: int) -> Client:
        return Client(self._system, name, is_input=True)

    def MidiOut(self, _api: int, name: str) -> Client:
        return Client(self._system, name, is_input=False)


def _by_rtmidi() -> dict[str, systems.Library]:
    return {system: systems.Library("rtmidi", make) for system, make in rtmidi_client.systems().items()}


class _Connections:
    """What livegen asks JACK and ALSA; a client of a server that has died stays dead."""

    def __init__(self, system: MidiSystem) -> None:
        self._system = system
        self._client = Client(system, "watch", is_input=False)

    @property
    def is_flushing(self) -> bool:
        return False  # its thread does not run here: nothing is deaf

    def is_alive(self) -> bool:
        return not self._client.is_cut

    def uuid(self, port: str) -> str | None:
        return self._system.owners.get(port) if self.is_alive() else None

    def connected(self, port: str) -> frozenset[str]:
        system = self._system
        if port in ("livegen:out", "livegen-out:out"):
            return frozenset(listener.name for listener in system.listeners)
        joined = ((client.own, client.port) for client in system.clients if client.port and client.is_connected)
        return frozenset(theirs if port == ours else ours for ours, theirs in joined if port in (ours, theirs))

    def connect(self, source: str, target: str) -> bool:
        client = next(client for client in self._system.clients if client.own in (source, target))
        client.join()
        return client.is_connected

    def send_to(self, peer: tuple[str, str | None], messages: list[bytes]) -> bool:
        found = [listener for listener in self._system.listeners if listener.name == peer[0]]
        for listener in found:
            for message in messages:
                listener.take(message)
        return bool(found)

    def flush(self, _ports: str) -> None:
        self._system.is_flushing = self._system.kind == "jack"

    def stalled_ns(self, _at_ns: int) -> int:
        return 1  # it never stands still

    def peers(self, port: str) -> frozenset[tuple[str, str | None]]:
        return frozenset((name, str(self._system.lives)) for name in self.connected(port))

    def add_alias(self, _port: str, _alias: str) -> bool:
        return True

    def close(self) -> None:
        self._client.delete()
