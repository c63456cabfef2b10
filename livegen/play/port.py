"""Where notes leave: a real MIDI port, or one in memory."""

from contextlib import suppress
from typing import Any

import rtmidi

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import Timed, from_bytes
from livegen.jack import JackClient, open_jack
from livegen.port_names import find_port, require_port, without_numbers

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class MidiOutput:
    """The virtual port ``NAME:out``, and the port that was named, if any.

    Owner: the daemon's main thread; ``send`` belongs to the player's lock.
    """

    def __init__(self, system: str, name: str, wanted: str, client: Any, jack: JackClient | None) -> None:
        self._system = system
        self._name = name
        self._wanted = wanted
        self._client = client
        self._jack = jack
        self._connected: tuple[str, Any] | None = None
        self._refused = ""
        self._senders: tuple[Any, ...] = (client,)  # replaced as a whole, never changed

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        for sender in self._senders:
            with suppress(rtmidi.RtMidiError):  # a cable that was pulled out: ``look`` says so
                sender.send_message(message)

    def names(self) -> list[str]:
        """Every port there is to play to."""
        return [str(name) for name in self._client.get_ports()]

    def require_wanted(self) -> None:
        """PortError when a port was named and is not there."""
        if self._wanted:
            require_port(self._wanted, self.names(), "output")

    def is_alive(self) -> bool:
        """Is the MIDI system still there? Cheap; to be asked every second, for a dead JACK blocks who sends on."""
        return self._jack is None or self._jack.is_alive()

    def look(self) -> list[str]:
        """Let go of the named port when it is gone, connect it when it is there; a line for each."""
        if not self._wanted:
            return []
        present = self.names()
        if self._connected and self._connected[0] not in present:
            name, sender = self._connected
            self._connected, self._senders = None, (self._client,)
            sender.delete()
            return [f"'{without_numbers(name)}' is gone; waiting for it to come back"]
        found = find_port(self._wanted, present) or ""
        if self._connected or not found:
            return []
        if self._connect(found):
            return [f"playing to '{without_numbers(found)}'"]
        is_news, self._refused = found != self._refused, found
        line = f"'{without_numbers(found)}' cannot be opened: taken by another program? trying again"
        return [line] if is_news else []

    def close(self) -> None:
        """Send nothing any more."""
        self._senders = ()
        if self._connected:
            self._connected[1].delete()
        self._client.delete()
        if self._jack:
            self._jack.close()

    def _connect(self, name: str) -> bool:
        sender = rtmidi.MidiOut(_APIS[self._system], name=f"{self._name}-to")
        with suppress(rtmidi.RtMidiError, ValueError):  # it may be pulled out, or be taken, this very moment
            sender.open_port(sender.get_ports().index(name), name="out")
            self._connected, self._senders = (name, sender), (self._client, sender)
            return True
        sender.delete()
        return False


class MemoryOutput:
    """An output that keeps what it is sent: for ``livegen demo`` and for tests."""

    def __init__(self) -> None:
        self.sent: list[Timed] = []

    def send(self, message: bytes) -> None:
        """Keep the event, with the moment of its sending."""
        event = from_bytes(message)
        if event is not None:
            self.sent.append(Timed(now_ns(), event))


def open_output(system: str, name: str, wanted: str) -> MidiOutput:
    """The output on ``system`` (as the input found it), its virtual port open; PortError when it went away.

    JACK gives a client its name only once, and the input has it: there the port is ``NAME-out:out`` with the
    alias ``NAME:out``, by which jack_connect and most patch bays know it.
    """
    jack = open_jack(f"{name}-watch") if system == "jack" else None  # before the port: see below
    try:
        client = rtmidi.MidiOut(_APIS[system], name=f"{name}-out" if system == "jack" else name)
    except rtmidi.SystemError as error:
        if jack:
            jack.close()
        raise PortError(f"no MIDI output on {system}: {error}") from None
    with suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # Windows has no virtual ports
        client.open_virtual_port("out")
    # Whoever waits for our port may connect to it from here on. JACK 1.9.21 stalls when clients come and go meanwhile.
    if jack:
        jack.add_alias(f"{name}-out:out", f"{name}:out")
    return MidiOutput(system, name, wanted, client, jack)


def list_outputs(system: str, name: str) -> list[str]:
    """Every port that ``system`` offers to play to."""
    client = rtmidi.MidiOut(_APIS[system], name=f"{name}-list")
    names = [str(port) for port in client.get_ports()]
    client.delete()
    return names
