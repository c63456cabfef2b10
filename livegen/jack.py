"""What rtmidi cannot ask of JACK: silence on stderr, a second name for a port, a sign of life.

The functions are called in the very library that rtmidi has loaded. Everything here is a courtesy: where that
library cannot be found, or is of another kind, the answer is "no".
"""

import ctypes
import functools
import sys
from pathlib import Path

_NO_START_SERVER = 1  # jack_options_t


class JackClient:
    """A client without ports, kept open to ask the server by. Owner: the thread that opened it."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._name = bytes(library.jack_get_client_name(handle))

    def add_alias(self, port: str, alias: str) -> bool:
        """Let ``port`` be found under ``alias`` too, as jack_connect does; True when it now is."""
        found = self._library.jack_port_by_name(self._handle, port.encode())
        return bool(found) and self._library.jack_port_set_alias(found, alias.encode()) == 0

    def is_alive(self) -> bool:
        """Does the server answer? (rtmidi goes on listing the ports of a dead one.)"""
        answer = self._library.jack_get_uuid_for_client_name(self._handle, self._name)
        if answer:
            self._library.jack_free(answer)
        return bool(answer)

    def close(self) -> None:
        """Leave the server."""
        self._library.jack_client_close(self._handle)


def open_jack(name: str) -> JackClient | None:
    """A client of the running server; None when there is no server, or no way to ask."""
    library = _library()
    if library is None:
        return None
    status = ctypes.c_int()
    handle = library.jack_client_open(name.encode(), _NO_START_SERVER, ctypes.byref(status))
    return JackClient(library, handle) if handle else None


def hush_jack() -> None:
    """Keep JACK's own lines off stderr: that no server runs is no news to someone without JACK."""
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
        "jack_free": (None, [pointer]),
        "jack_set_error_function": (None, [pointer]),
        "jack_set_info_function": (None, [pointer]),
        "jack_get_version_string": (text, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
