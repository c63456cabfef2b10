"""What rtmidi does not offer for ALSA's sequencer: who is connected, connecting, messages for one receiver only.

The functions are called in the library that rtmidi has loaded, as in ``jack.py``.
"""

import ctypes
import functools
import os
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress

from livegen.events import ControlChange, NoteOff, PitchBend, from_bytes
from livegen.midi_ports.libjack import mapped_library
from livegen.midi_ports.names import Peer

_DUPLEX, _NONBLOCK = 3, 1  # <alsa/seq.h>
_READERS, _WRITERS = 0, 1  # snd_seq_query_subs_type_t: those that hear a port, those that play to it
_IS_THERE = -16  # -EBUSY: the two are connected already
_DIRECT = 253  # the queue of what is sent at once
_NOTE_OFF, _CONTROLLER, _BEND = 7, 10, 13  # snd_seq_event_type
_EVENT = struct.Struct("=BBBB8xBBBB12s")  # snd_seq_event_t: type, flags, tag, queue, source, destination, data
_ADDRESS = re.compile(r" (\d+):(\d+)$")

Address = tuple[int, int]  # a client and its port


class AlsaClient:
    """A client for requests to the sequencer; it names ports as rtmidi does. Any thread."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._handle = handle
        self._asking = threading.RLock()  # the answers are in one place for each kind
        self._own: dict[str, Address] = {}  # ports of this process, which stay where they are
        self._client, self._port, self._query, self._subscription = (
            _allocate(library, f"snd_seq_{kind}_malloc")
            for kind in ("client_info", "port_info", "query_subscribe", "port_subscribe")
        )

    @property
    def is_flushing(self) -> bool:
        """rtmidi does not collect what comes after an unfinished system exclusive message on ALSA."""
        return False

    def flush(self, ports: str) -> None:
        """Do nothing; see ``is_flushing``."""

    def add_alias(self, port: str, alias: str) -> bool:
        """There are none."""
        return False

    def stalled_ns(self, at_ns: int) -> int:
        """The sequencer has no periods."""
        return 0

    def is_alive(self) -> bool:
        """The kernel's sequencer does not end."""
        return True

    def uuid(self, port: str) -> str | None:
        """The process of the port's client, the same for all devices; None when it has gone."""
        with self._asking:
            address = self._address(port)
            if address is None or self._library.snd_seq_get_any_client_info(self._handle, address[0], self._client):
                return None
            return str(self._library.snd_seq_client_info_get_pid(self._client))

    def connected(self, port: str) -> frozenset[str] | None:
        """The names of the ports that are connected to this port; None where there is no such port."""
        with self._asking:
            address = self._address(port)
            if address is None:
                return None
            others = [other for kind in (_READERS, _WRITERS) for other in self._subscribers(address, kind)]
            return frozenset(name for name in map(self._name, others) if name)

    def peers(self, port: str) -> frozenset[Peer] | None:
        """As ``connected``, each with its process."""
        names = self.connected(port)
        return None if names is None else frozenset((name, self.uuid(name)) for name in names)

    def connect(self, source: str, target: str) -> bool:
        """Connect two ports; True when they are connected."""
        with self._asking:
            ends = self._address(source), self._address(target)
        if ends[0] is None or ends[1] is None:
            return False
        self._library.snd_seq_port_subscribe_set_sender(self._subscription, bytes(ends[0]))
        self._library.snd_seq_port_subscribe_set_dest(self._subscription, bytes(ends[1]))
        return self._library.snd_seq_subscribe_port(self._handle, self._subscription) in (0, _IS_THERE)

    def send_to(self, peer: Peer, messages: Sequence[bytes]) -> bool:
        """Send these messages to this receiver only, without a connection; False when it has gone."""
        with self._asking:
            address = self._address(peer[0])
        if address is None or self.uuid(peer[0]) != peer[1]:
            return False
        events = (event_of(message, address) for message in messages)
        return all(self._library.snd_seq_event_output_direct(self._handle, event) >= 0 for event in events if event)

    def close(self) -> None:
        """Close the client."""
        self._library.snd_seq_close(self._handle)

    def _address(self, port: str) -> Address | None:
        """The address that a name ends with; without one, that of a port of this process."""
        if found := _ADDRESS.search(port):
            return int(found[1]), int(found[2])
        if port not in self._own:
            own = {self._name(address): address for address in self._ports_of_process()}
            self._own.update({_ADDRESS.sub("", name): address for name, address in own.items() if name})
        return self._own.get(port)

    def _ports_of_process(self) -> Iterator[Address]:
        self._library.snd_seq_client_info_set_client(self._client, -1)
        clients = []
        while self._library.snd_seq_query_next_client(self._handle, self._client) >= 0:
            if self._library.snd_seq_client_info_get_pid(self._client) == os.getpid():
                clients.append(self._library.snd_seq_client_info_get_client(self._client))
        for client in clients:
            self._library.snd_seq_port_info_set_client(self._port, client)
            self._library.snd_seq_port_info_set_port(self._port, -1)
            ports = []
            while self._library.snd_seq_query_next_port(self._handle, self._port) >= 0:
                ports.append(self._library.snd_seq_port_info_get_port(self._port))
            yield from ((client, port) for port in ports)

    def _subscribers(self, address: Address, kind: int) -> list[Address]:
        library, found = self._library, list[Address]()
        library.snd_seq_query_subscribe_set_root(self._query, bytes(address))
        library.snd_seq_query_subscribe_set_type(self._query, kind)
        library.snd_seq_query_subscribe_set_index(self._query, 0)
        while library.snd_seq_query_port_subscribers(self._handle, self._query) >= 0:
            other = ctypes.string_at(library.snd_seq_query_subscribe_get_addr(self._query), 2)
            found.append((other[0], other[1]))
            library.snd_seq_query_subscribe_set_index(self._query, len(found))
        return found

    def _name(self, address: Address) -> str | None:
        """As rtmidi writes it: "client:port 20:0"."""
        client, port = address
        if self._library.snd_seq_get_any_client_info(self._handle, client, self._client):
            return None
        if self._library.snd_seq_get_any_port_info(self._handle, client, port, self._port):
            return None
        names = (
            self._library.snd_seq_client_info_get_name(self._client),
            self._library.snd_seq_port_info_get_name(self._port),
        )
        return f"{':'.join(name.decode(errors='replace') for name in names)} {client}:{port}"


def open_alsa(name: str) -> AlsaClient | None:
    """A client of the sequencer; None when there is none, or no library to reach it."""
    library = _library()
    if library is None:
        return None
    handle = ctypes.c_void_p()
    if library.snd_seq_open(ctypes.byref(handle), b"default", _DUPLEX, _NONBLOCK) < 0:
        return None
    library.snd_seq_set_client_name(handle, name.encode())
    return AlsaClient(library, handle)


def event_of(message: bytes, target: Address) -> bytes | None:
    """The sequencer's event for a message that ends something."""
    match from_bytes(message):
        case NoteOff(pitch, channel):
            kind, data = _NOTE_OFF, bytes((channel, pitch))
        case ControlChange(number, value, channel):
            kind, data = _CONTROLLER, struct.pack("=B3xIi", channel, number, value)
        case PitchBend(value, channel):
            kind, data = _BEND, struct.pack("=B3xIi", channel, 0, value)
        case _:
            return None
    return _EVENT.pack(kind, 0, 0, _DIRECT, 0, 0, *target, data)


def _allocate(library: ctypes.CDLL, function: str) -> ctypes.c_void_p:
    made = ctypes.c_void_p()
    getattr(library, function)(ctypes.byref(made))
    return made


@functools.cache
def _library() -> ctypes.CDLL | None:
    path = mapped_library("libasound")
    with suppress(OSError, AttributeError):
        return _declare(ctypes.CDLL(path)) if path else None
    return None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    taking = {
        "open": [pointer, text, number, number],
        "close": [pointer],
        "set_client_name": [pointer, text],
        "get_any_client_info": [pointer, number, pointer],
        "get_any_port_info": [pointer, number, number, pointer],
        "query_next_client": [pointer, pointer],
        "query_next_port": [pointer, pointer],
        "client_info_set_client": [pointer, number],
        "client_info_get_client": [pointer],
        "client_info_get_pid": [pointer],
        "client_info_get_name": [pointer],
        "port_info_set_client": [pointer, number],
        "port_info_set_port": [pointer, number],
        "port_info_get_port": [pointer],
        "port_info_get_name": [pointer],
        "query_subscribe_set_root": [pointer, text],
        "query_subscribe_set_type": [pointer, number],
        "query_subscribe_set_index": [pointer, number],
        "query_subscribe_get_addr": [pointer],
        "query_port_subscribers": [pointer, pointer],
        "port_subscribe_set_sender": [pointer, text],
        "port_subscribe_set_dest": [pointer, text],
        "subscribe_port": [pointer, pointer],
        "event_output_direct": [pointer, text],
    }
    for name, arguments in taking.items():
        getattr(library, f"snd_seq_{name}").argtypes = arguments
    library.snd_seq_client_info_get_name.restype = library.snd_seq_port_info_get_name.restype = text
    library.snd_seq_query_subscribe_get_addr.restype = pointer
    return library
