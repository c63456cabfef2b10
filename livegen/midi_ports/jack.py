"""What rtmidi does not offer for JACK: who is connected, connecting, messages for one receiver only, the server's time.

All of it is optional: where JACK's library cannot be found, there is no ``JackClient``.
"""

import ctypes
import time
from collections.abc import Sequence

from livegen.clock import NS_PER_S, now_ns
from livegen.midi_ports.libjack import (
    MIDI_TYPE,
    NO_START_SERVER,
    ON_SHUTDOWN,
    PORT_IS_INPUT,
    PORT_IS_OUTPUT,
    does_nothing,
    is_pipewire,
    jack_library,
    names_in,
    settling_s,
)
from livegen.midi_ports.names import Peer

_PERIODS = 2  # in which a receiver gets what is sent to it alone: the first may have begun before it was connected
_HALF = 1 << 31  # of the range of frame numbers
_END_OF_EXCLUSIVE = b"\xf7"


class JackClient:
    """A client for requests to the server, and with two ports of its own. Owner: the thread that opened it.

    ``connected`` and ``stalled_ns`` may be called by any thread.

    It calls no Python on JACK's threads: what its ports send stands in their buffers, and is sent in every period in
    which they are connected. On PipeWire it is told there when the server has ended.
    """

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._name = bytes(library.jack_get_client_name(handle)).decode()
        self._rate: int = library.jack_get_sample_rate(handle)
        self._frames = 0
        self._stalled_ns: int | None = None
        self._known: dict[str, int] = {}  # ports by name, while they are there
        self._is_flushing = self._has_ended = False
        self._is_pipewire = is_pipewire(library)
        self._at_end = ON_SHUTDOWN(self._note_end)  # kept: JACK does not
        self._flush = self._register("flush")
        self._mend = self._register("mend")
        self._activate()  # now, not when somebody has just connected to us: JACK 1.9.21 then loses what is played

    def add_alias(self, port: str, alias: str) -> bool:
        """Give ``port`` a second name, by which jack_connect finds it; True when JACK has accepted it."""
        found = self._library.jack_port_by_name(self._handle, port.encode())
        return bool(found) and self._library.jack_port_set_alias(found, alias.encode()) == 0

    def uuid(self, port: str) -> str | None:
        """The uuid of the port's client; a program that is restarted has a new one. None where JACK gives none.

        On PipeWire it is the port's own: 0.3.65 gives a client that of the first of its name, though it is long gone.
        """
        if self._is_pipewire:
            found = self._find(port)
            return str(self._library.jack_port_uuid(found)) if found else None
        answer = self._library.jack_get_uuid_for_client_name(self._handle, port.partition(":")[0].encode())
        if not answer:
            return None
        text = ctypes.string_at(answer).decode()
        self._library.jack_free(answer)
        return text

    def peers(self, port: str) -> frozenset[Peer] | None:
        """The ports that are connected to this port, each with its uuid; None where JACK knows no such port.

        Where the name is taken, as by a client that was killed a moment ago, JACK gives our port another name.
        """
        names = self.connected(port)
        return None if names is None else frozenset((name, self.uuid(name)) for name in names)

    def connected(self, port: str) -> frozenset[str] | None:
        """The names of the ports that are connected to this port, except ours; no question to the server, so cheap."""
        found = self._find(port)
        if not found:
            return None
        names = self._library.jack_port_get_all_connections(self._handle, found)
        return frozenset(name for name in names_in(self._library, names) if not name.startswith(f"{self._name}:"))

    def connect(self, source: str, target: str) -> bool:
        """Connect two ports; True when they are connected."""
        self._library.jack_connect(self._handle, source.encode(), target.encode())
        time.sleep(settling_s(self._library))
        return self._is_connected(self._find(source), target)

    @property
    def is_flushing(self) -> bool:
        """``flush`` works: an input that hears no F7 is deaf."""
        return self._is_flushing

    def flush(self, ports: str) -> None:
        """Send an F7 or some to each input of ours whose whole name this regular expression matches; some periods.

        rtmidi collects what comes after a system exclusive message without an end, and delivers it at the next F7. The
        connection does not stay: without real-time priority, an input that waits for one more client misses periods.
        """
        for port in self._ports(ports, PORT_IS_INPUT):
            if self.connected(port) and (self._is_flushing or self._put(self._flush, [_END_OF_EXCLUSIVE])):
                self._is_flushing = True
                self._send_from("flush", port)

    def send_to(self, peer: Peer, messages: Sequence[bytes]) -> bool:
        """Send these messages, several times each, to this receiver only; False when it has gone, or JACK refuses.

        They are written before it is connected: a buffer that is read must not change. It takes some periods.
        """
        if self.uuid(peer[0]) != peer[1] or not self._put(self._mend, messages):
            return False
        return self._send_from("mend", peer[0], settling_s(self._library))

    def _send_from(self, own: str, target: str, settling_s: float = 0) -> bool:
        """Connect a port of ours for some periods, once it carries anything; False when JACK refuses."""
        ends = f"{self._name}:{own}".encode(), target.encode()
        is_connected: bool = self._library.jack_connect(self._handle, *ends) == 0
        time.sleep(settling_s + _PERIODS * self._period_ns / NS_PER_S)
        self._library.jack_disconnect(self._handle, *ends)
        return is_connected

    def stalled_ns(self, at_ns: int) -> int:
        """How long the server has stalled, up to a constant: a moment within a period minus that period's beginning.

        A period that is late or left out is not made up for: the time of every program that plays by the server's
        periods, as a DAW does, stalls with the server (Letz et al., jackdmp, 2005). ``at_ns`` may be some periods ago:
        it cannot be said for certain whether one more has begun since then, and the answer nearer to the last is right.
        """
        passed_ns, period_ns = now_ns() - at_ns, self._period_ns
        frames = self._library.jack_last_frame_time(self._handle)
        self._frames += (frames - self._frames + _HALF) % (2 * _HALF) - _HALF  # the number wraps around after a day
        least = at_ns - self._frames * NS_PER_S // self._rate + passed_ns // period_ns * period_ns
        last = least if self._stalled_ns is None else self._stalled_ns
        self._stalled_ns = min(least, least + period_ns, key=lambda stalled_ns: abs(stalled_ns - last))
        return self._stalled_ns

    def is_alive(self) -> bool:
        """The server answers. (rtmidi still lists the ports of a dead server.)"""
        if self._is_pipewire:  # which knows our ports for ever
            return not self._has_ended
        return self.uuid(self._name) is not None

    def close(self) -> None:
        """Close the client."""
        self._library.jack_client_close(self._handle)

    @property
    def _period_ns(self) -> int:
        return int(self._library.jack_get_buffer_size(self._handle)) * NS_PER_S // self._rate

    def _find(self, port: str) -> int | None:
        name = port.encode()
        if self._is_pipewire:  # there a port that is gone keeps its name, for whoever has kept its place
            there: int | None = self._library.jack_port_by_name(self._handle, name)
            return there
        found = self._known.get(port)  # JACK looks through all places for ports, and we ask many times a second
        if found is None or self._library.jack_port_name(found) != name:
            found = self._library.jack_port_by_name(self._handle, name)
            self._known = {**self._known, port: found} if found else {}
        return found

    def _is_connected(self, port: int | None, other: str) -> bool:
        return port is not None and bool(self._library.jack_port_connected_to(port, other.encode()))

    def _ports(self, whole_name: str, flags: int = 0) -> list[str]:
        names = self._library.jack_get_ports(self._handle, f"^({whole_name})$".encode(), None, flags)
        return names_in(self._library, names)

    def _register(self, name: str) -> int | None:
        flags = PORT_IS_OUTPUT
        port: int | None = self._library.jack_port_register(self._handle, name.encode(), MIDI_TYPE, flags, 0)
        return port

    def _put(self, port: int | None, messages: Sequence[bytes]) -> bool:
        """Let a port of ours, which is not connected, send these messages in every period."""
        frames = self._library.jack_get_buffer_size(self._handle)
        buffer = self._library.jack_port_get_buffer(port, frames) if port else None
        if not buffer:
            return False
        self._library.jack_midi_clear_buffer(buffer)
        return not any([self._library.jack_midi_event_write(buffer, 0, message, len(message)) for message in messages])

    def _note_end(self, _: object) -> None:
        """The server has ended. A thread of JACK's, which has nothing else to do any more."""
        self._has_ended = True

    def _activate(self) -> None:
        """Let our ports be connected: as JACK wants it, with a function that is called in every period."""
        if self._is_pipewire:
            self._library.jack_on_shutdown(self._handle, self._at_end, None)
        self._library.jack_set_process_callback(self._handle, does_nothing(), None)
        self._library.jack_activate(self._handle)


def open_jack(name: str) -> JackClient | None:
    """A client of the running server; None when there is no server, or no library to reach it."""
    library = jack_library()
    if library is None:
        return None
    status = ctypes.c_int()
    handle = library.jack_client_open(name.encode(), NO_START_SERVER, ctypes.byref(status))
    return JackClient(library, handle) if handle else None
