"""Where notes come in: a real MIDI port, or one in memory."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import rtmidi

from livegen.clock import now_ns
from livegen.errors import PortError
from livegen.events import Event, Timed, from_bytes
from livegen.jack import hush_jack
from livegen.port_names import find_port, is_keyboard, require_port, without_numbers

_ALSA_SEQUENCER = Path("/dev/snd/seq")

Hear = Callable[[Timed], None]  # called on the MIDI system's own thread: must return at once

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class MidiInput:
    """The virtual port ``NAME:in``, and the keyboards that are plugged in. Owner: the daemon's main thread.

    ``wanted`` names the one port to connect from; "" means every hardware keyboard.
    """

    def __init__(self, system: str, name: str, wanted: str, client: Any, hear: Hear) -> None:
        self.system = system
        self._name = name
        self._wanted = wanted
        self._client = client  # lives as long as this: a new one per look would exhaust the system
        self._hear = hear
        self._keyboards: dict[str, Any] = {}
        self._refused: set[str] = set()

    def names(self) -> list[str]:
        """Every port there is to listen to."""
        return [str(name) for name in self._client.get_ports()]

    def require_wanted(self) -> None:
        """PortError when a port was named and is not there."""
        if self._wanted:
            require_port(self._wanted, self.names(), "input")

    def look(self) -> list[str]:
        """Let go of what was pulled out, connect what was plugged in; a line for each."""
        present = self.names()
        lines = []
        for gone in self._keyboards.keys() - set(present):
            self._keyboards.pop(gone).delete()
            lines.append(f"'{without_numbers(gone)}' is gone; waiting for it to come back")
        self._refused &= set(present)
        for name in self._chosen(present):
            if name in self._keyboards:
                continue
            if self._connect(name):
                lines.append(f"listening to '{without_numbers(name)}'")
            elif name not in self._refused:
                lines.append(f"'{without_numbers(name)}' cannot be opened: taken by another program? trying again")
                self._refused.add(name)
        return lines

    def close(self) -> None:
        """Hear nothing any more."""
        for keyboard in self._keyboards.values():
            keyboard.delete()
        self._keyboards.clear()
        self._client.delete()

    def _chosen(self, present: list[str]) -> list[str]:
        if self._wanted:
            found = find_port(self._wanted, present)
            return [found] if found else []
        return [name for name in present if is_keyboard(name, self.system, self._name)]

    def _connect(self, name: str) -> bool:
        keyboard = rtmidi.MidiIn(_APIS[self.system], name=f"{self._name}-keyboard")
        with suppress(rtmidi.RtMidiError, ValueError):  # it may be pulled out, or be taken, this very moment
            keyboard.open_port(keyboard.get_ports().index(name), name="in")
            _listen(keyboard, self._hear)
            self._keyboards[name] = keyboard
            return True
        keyboard.delete()
        return False


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


def open_input(system: str, name: str, wanted: str, hear: Hear) -> MidiInput:
    """The input on ``system`` ("auto" takes the first that answers), its virtual port open; see ``MidiInput``.

    PortError when no MIDI system answers.
    """
    system, client = _open_client(system, name)
    with suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # Windows has no virtual ports
        client.open_virtual_port("in")
        _listen(client, hear)
    return MidiInput(system, name, wanted, client, hear)


def list_inputs(system: str, name: str) -> tuple[str, list[str]]:
    """The MIDI system that answers, and every port it offers to listen to; PortError when none does."""
    system, client = _open_client(system, f"{name}-list")
    names = [str(port) for port in client.get_ports()]
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


def _listen(client: Any, hear: Hear) -> None:
    def on_message(message: tuple[list[int], float], _data: None) -> None:
        at_ns = now_ns()
        event = from_bytes(message[0])
        if event is not None:
            hear(Timed(at_ns, event))

    client.set_callback(on_message)
