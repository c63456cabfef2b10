"""What rtmidi does not offer for JACK: no messages on stderr, port aliases, a check that the server answers, its time.

The functions are called in the library that rtmidi has loaded. All of them are optional: where that library cannot be
found, or is of another kind, there is no ``JackClient``.
"""

import ctypes
import functools
import itertools
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from livegen.clock import NS_PER_S

_NO_START_SERVER = 1  # jack_options_t
_SOME_PERIODS_S = 0.05
_HALF = 1 << 31  # of the range of frame numbers
_PORT_IS_INPUT = 1  # JackPortFlags

Peer = tuple[str, str | None]  # a port's name, and its owner's uuid


class JackClient:
    """A client without ports, kept open for requests to the server. Owner: the thread that opened it."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._name = bytes(library.jack_get_client_name(handle)).decode()
        self._rate: int = library.jack_get_sample_rate(handle)
        self._frames = 0

    def add_alias(self, port: str, alias: str) -> bool:
        """Give ``port`` a second name, by which jack_connect finds it; True when JACK has accepted it."""
        found = self._library.jack_port_by_name(self._handle, port.encode())
        return bool(found) and self._library.jack_port_set_alias(found, alias.encode()) == 0

    def uuid(self, port: str) -> str | None:
        """The uuid of the port's client; a program that is restarted has a new one. None where JACK gives none."""
        answer = self._library.jack_get_uuid_for_client_name(self._handle, port.partition(":")[0].encode())
        if not answer:
            return None
        text = ctypes.string_at(answer).decode()
        self._library.jack_free(answer)
        return text

    def peers(self, port: str) -> frozenset[Peer] | None:
        """The ports that are connected to this port of ours, each with its uuid; None where JACK knows no such port.

        Where the name is taken, as by a client that was killed a moment ago, JACK gives our port another name.
        """
        found = self._library.jack_port_by_name(self._handle, port.encode())
        if not found:
            return None
        names = self._library.jack_port_get_all_connections(self._handle, found)
        if not names:
            return frozenset()
        listed = list(itertools.takewhile(bool, (names[index] for index in itertools.count())))
        self._library.jack_free(ctypes.cast(names, ctypes.c_void_p))
        return frozenset((name, self.uuid(name)) for name in (bytes(name).decode() for name in listed))

    def stalled_ns(self, at_ns: int) -> int:
        """How long the server has stalled, up to a constant: a moment within a period minus that period's beginning.

        A period that is late or left out is not made up for: the time of every program that plays by the server's
        periods, as a DAW does, stalls with the server (Letz et al., jackdmp, 2005). Threads of the server may call it.
        """
        frames = self._library.jack_last_frame_time(self._handle)
        self._frames += (frames - self._frames + _HALF) % (2 * _HALF) - _HALF  # the number wraps around after a day
        return at_ns - self._frames * NS_PER_S // self._rate

    def isolate(self, ports: str) -> None:
        """Disconnect every input whose whole name this regular expression matches from every output.

        It waits until messages that were on their way have arrived; afterwards none arrives.
        """
        names = self._library.jack_get_ports(self._handle, f"^({ports})$".encode(), None, _PORT_IS_INPUT)
        if not names:
            return
        for name in itertools.takewhile(bool, (names[index] for index in itertools.count())):
            self._library.jack_port_disconnect(self._handle, self._library.jack_port_by_name(self._handle, name))
        self._library.jack_free(ctypes.cast(names, ctypes.c_void_p))
        time.sleep(_SOME_PERIODS_S)

    def is_alive(self) -> bool:
        """The server answers. (rtmidi still lists the ports of a dead server.)"""
        return self.uuid(self._name) is not None

    def close(self) -> None:
        """Close the client."""
        self._library.jack_client_close(self._handle)


def open_jack(name: str) -> JackClient | None:
    """A client of the running server; None when there is no server, or no library to reach it."""
    library = _library()
    if library is None:
        return None
    status = ctypes.c_int()
    handle = library.jack_client_open(name.encode(), _NO_START_SERVER, ctypes.byref(status))
    return JackClient(library, handle) if handle else None


def owners_of(ports: Iterable[str], jack: JackClient | None) -> dict[str, str]:
    """Each port with its client's uuid, which tells a program from the next of the same name; without JACK it is "".

    A program that is ending still has its ports in JACK's list, but no uuid: these ports are left out.
    """
    if jack is None:
        return dict.fromkeys(ports, "")
    owners = ((port, jack.uuid(port)) for port in ports)
    return {port: owner for port, owner in owners if owner}


def hush_jack() -> None:
    """Keep JACK's own messages off stderr: who has no JACK need not read that no server runs."""
    library = _library()
    if library is None:
        return
    # A C function that does nothing with its argument: JACK's threads must not wait for Python to log.
    nothing = ctypes.cast(library.jack_get_version_string, ctypes.c_void_p)
    library.jack_set_error_function(nothing)
    library.jack_set_info_function(nothing)


@functools.cache
def _library() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = [line.split(maxsplit=5)[5] for line in mapped if "/libjack" in line]
    try:
        return _declare(ctypes.CDLL(paths[0])) if paths else None
    except (OSError, AttributeError):
        return None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures = {
        "jack_client_open": (pointer, [text, ctypes.c_int, pointer]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_get_client_name": (text, [pointer]),
        "jack_get_uuid_for_client_name": (pointer, [pointer, text]),
        "jack_port_by_name": (pointer, [pointer, text]),
        "jack_port_set_alias": (ctypes.c_int, [pointer, text]),
        "jack_port_get_all_connections": (ctypes.POINTER(text), [pointer, pointer]),
        "jack_get_ports": (ctypes.POINTER(text), [pointer, text, text, ctypes.c_ulong]),
        "jack_port_disconnect": (ctypes.c_int, [pointer, pointer]),
        "jack_free": (None, [pointer]),
        "jack_set_error_function": (None, [pointer]),
        "jack_set_info_function": (None, [pointer]),
        "jack_get_sample_rate": (ctypes.c_uint32, [pointer]),
        "jack_get_version_string": (text, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    keeps_gil = ctypes.PYFUNCTYPE(ctypes.c_uint32, pointer)  # called on JACK's threads, which must not wait for it
    vars(library)["jack_last_frame_time"] = keeps_gil(("jack_last_frame_time", library))
    return library
