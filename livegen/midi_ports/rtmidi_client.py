"""Clients by rtmidi, which brings native code of its own: no Python runs on the MIDI system's threads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import rtmidi

from livegen.midi_ports.client import QUEUED, Direction, MakeClient, MidiSystemError
from livegen.midi_ports.names import listed

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class RtmidiClient:
    """See ``MidiClient``."""

    def __init__(self, system: str, direction: Direction, name: str) -> None:
        self.system = system
        self._client: Any
        with _its_errors():
            if direction == "input":
                self._client = rtmidi.MidiIn(_APIS[system], name=name, queue_size_limit=QUEUED)
                self._client.ignore_types(sysex=False, timing=False, active_sense=False)
            else:
                self._client = rtmidi.MidiOut(_APIS[system], name=name)

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""
        return listed(self._client.get_ports)

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect."""
        with _its_errors(), suppress(rtmidi.UnsupportedOperationError, NotImplementedError):  # rtmidi's, on Windows
            self._client.open_virtual_port(name)

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``."""
        with _its_errors():
            self._client.open_port(self._client.get_ports().index(port), name=name)

    def receive(self) -> tuple[list[int], float] | None:
        """The oldest message that waits; None when none waits."""
        received: tuple[list[int], float] | None = self._client.get_message()
        return received

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        try:
            self._client.send_message(message)
        except rtmidi.RtMidiError as error:
            raise MidiSystemError(str(error)) from None

    def close(self) -> None:
        """Close the client."""
        self._client.delete()


def systems() -> Mapping[str, MakeClient]:
    """The MIDI systems that this build of rtmidi supports, in the order in which they are tried."""
    compiled = rtmidi.get_compiled_api()
    return {system: partial(RtmidiClient, system) for system, api in _APIS.items() if api in compiled}


@contextmanager
def _its_errors() -> Iterator[None]:
    """Within this, rtmidi's errors are ours; so is the one of a port that no longer exists."""
    try:
        yield
    except (rtmidi.RtMidiError, ValueError) as error:
        raise MidiSystemError(str(error)) from None
