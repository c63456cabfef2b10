"""Clients of JACK by its own library: Python moves the bytes on JACK's thread."""

import ctypes
import time
from collections import deque

from livegen.clock import NS_PER_S, now_ns
from livegen.midi_ports.client import QUEUED, Direction, MidiSystemError
from livegen.midi_ports.libjack import (
    MIDI_TYPE,
    NO_START_SERVER,
    PORT_IS_INPUT,
    PORT_IS_OUTPUT,
    MidiEvent,
    jack_library,
    names_in,
    settling_s,
)

_OPPOSITE = {PORT_IS_INPUT: PORT_IS_OUTPUT, PORT_IS_OUTPUT: PORT_IS_INPUT}
_PERIODS = 2  # in which what was written last has reached whoever is connected
_CLOSED_S = 0.5  # a server that has died takes nothing any more
_PROCESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p)


class JackMidiClient:
    """See ``MidiClient``. Owner: the thread that opened it; ``receive`` and ``send`` may be called by another each.

    Once a period, JACK's thread calls ``_carry``, which needs the GIL: it holds it throughout, waits for nothing and
    asks the server nothing.
    """

    system = "jack"

    def __init__(self, direction: Direction, name: str) -> None:
        library = jack_library()
        handle = library.jack_client_open(name.encode(), NO_START_SERVER, None) if library else None
        if library is None or not handle:
            raise MidiSystemError("JACK does not answer")
        self._library, self._handle = library, handle
        self._name = bytes(library.jack_get_client_name(handle)).decode()
        self._kind = PORT_IS_INPUT if direction == "input" else PORT_IS_OUTPUT
        self._port: int | None = None
        self._received: deque[tuple[int, bytes]] = deque()  # with the moments of their arrival
        self._waiting: deque[bytes] = deque()  # for the next period
        self._last_ns = self._sent_ns = 0
        self._event = MidiEvent()
        self._has_thread = False
        self._process = _PROCESS(self._carry)  # kept: JACK does not
        library.jack_set_process_callback(handle, ctypes.cast(self._process, ctypes.c_void_p), None)
        if library.jack_activate(handle):
            library.jack_client_close(handle)
            raise MidiSystemError("JACK does not let us in")

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""
        found = self._library.jack_get_ports(self._handle, None, MIDI_TYPE, _OPPOSITE[self._kind])
        return names_in(self._library, found)

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect."""
        self._port = self._library.jack_port_register(self._handle, name.encode(), MIDI_TYPE, self._kind, 0)
        if self._port is None:
            raise MidiSystemError(f"JACK refuses us a port '{name}'")

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``."""
        self.open_virtual(name)
        ends = [port.encode(), f"{self._name}:{name}".encode()]
        if self._library.jack_connect(self._handle, *(ends if self._kind == PORT_IS_INPUT else reversed(ends))):
            raise MidiSystemError(f"JACK does not connect '{port}'")
        time.sleep(settling_s(self._library))

    def receive(self) -> tuple[list[int], float] | None:
        """The oldest message that waits; None when none waits."""
        if not self._received:
            return None
        at_ns, message = self._received.popleft()
        after_ns, self._last_ns = at_ns - self._last_ns, at_ns
        return list(message), after_ns / NS_PER_S

    def send(self, message: bytes) -> None:
        """Send one MIDI message in the next period."""
        if len(self._waiting) >= QUEUED:
            raise MidiSystemError("JACK takes nothing any more")
        self._waiting.append(message)
        self._sent_ns = now_ns()

    def close(self) -> None:
        """Close the client, when what was sent is on its way; without a word where the server has died."""
        until = time.monotonic() + _CLOSED_S
        while self._waiting and time.monotonic() < until:
            time.sleep(self._period_ns / NS_PER_S)
        time.sleep(max(0, self._sent_ns + _PERIODS * self._period_ns - now_ns()) / NS_PER_S)
        self._library.jack_client_close(self._handle)

    @property
    def _period_ns(self) -> int:
        frames: int = self._library.jack_get_buffer_size(self._handle)
        return frames * NS_PER_S // int(self._library.jack_get_sample_rate(self._handle))

    def _carry(self, frames: int, _: object) -> int:
        """What has arrived in this period is queued, what is to be sent is written. JACK's thread."""
        if not self._has_thread:
            self._has_thread = True
            ctypes.pythonapi.PyGILState_Ensure()  # or ctypes makes a thread state in every period, and frees it
        if self._port:
            buffer = self._library.jack_port_get_buffer(self._port, frames)
            if self._kind == PORT_IS_INPUT:
                self._take(buffer)
            else:
                self._give(buffer)
        return 0

    def _take(self, buffer: int) -> None:
        library, event, received = self._library, self._event, self._received
        at_ns = now_ns()
        for index in range(library.jack_midi_get_event_count(buffer)):
            library.jack_midi_event_get(ctypes.byref(event), buffer, index)
            if len(received) < QUEUED:
                received.append((at_ns, ctypes.string_at(event.buffer, event.size)))

    def _give(self, buffer: int) -> None:
        library, waiting = self._library, self._waiting
        library.jack_midi_clear_buffer(buffer)
        while waiting and library.jack_midi_event_write(buffer, 0, waiting[0], len(waiting[0])) == 0:
            waiting.popleft()  # else the buffer is full: the rest goes in the next period
