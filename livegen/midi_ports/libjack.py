"""JACK's library: the one that rtmidi has loaded, else the system's own, which may be PipeWire's."""

import ctypes
import functools
import itertools
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_SYSTEM = "libjack.so.0"  # of jackd2, or of pipewire-jack where that is first in the library path, as under pw-jack
_PIPEWIRE = ("lib*/pipewire-0.3/jack/libjack.so.0", "lib/*/pipewire-0.3/jack/libjack.so.0")  # below /usr
_SETTLING_S = 0.1  # on a busy machine; on an idle one nothing was lost
NO_START_SERVER = 1  # jack_options_t
MIDI_TYPE = b"8 bit raw midi"
PORT_IS_INPUT, PORT_IS_OUTPUT = 1, 2  # JackPortFlags


ON_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # JackShutdownCallback


class MidiEvent(ctypes.Structure):
    """jack_midi_event_t."""

    _fields_ = (("time", ctypes.c_uint32), ("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p))


def hush_jack() -> None:
    """Keep JACK's own messages off stderr: who has no JACK need not read that no server runs."""
    library = jack_library()
    if library is None:
        return
    # A C function that does nothing with its argument: JACK's threads must not wait for Python to log.
    nothing = ctypes.cast(library.jack_get_version_string, ctypes.c_void_p)
    library.jack_set_error_function(nothing)
    library.jack_set_info_function(nothing)


def does_nothing() -> ctypes.c_void_p:
    """A C function that may be called with anything, does nothing and returns 0, as the one of a period must."""
    return ctypes.cast(ctypes.CDLL(None).pthread_mutexattr_destroy, ctypes.c_void_p)


def mapped_library(name: str) -> str | None:
    """The path of a library of that name that this process has loaded; None where it has none, or cannot tell."""
    if sys.platform != "linux":
        return None
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.split(maxsplit=5)[5] for line in mapped if f"/{name}" in line), None)


def names_in(library: ctypes.CDLL, names: "ctypes._Pointer[ctypes.c_char_p]") -> list[str]:
    """The names of a list that JACK has made, which is freed."""
    if not names:
        return []
    found = itertools.takewhile(bool, map(names.__getitem__, itertools.count()))
    texts = [bytes(name).decode(errors="replace") for name in found]
    library.jack_free(ctypes.cast(names, ctypes.c_void_p))
    return texts


def is_pipewire(library: ctypes.CDLL) -> bool:
    """The library reaches PipeWire in JACK's place."""
    return b"PipeWire" in bytes(library.jack_get_version_string())


def settling_s(library: ctypes.CDLL) -> float:
    """How long what is sent over a new connection may be lost. PipeWire's threads without priority join the two."""
    return _SETTLING_S if is_pipewire(library) else 0.0


@functools.cache
def jack_library() -> ctypes.CDLL | None:
    """The library, with its functions declared; None where there is none, or one of another kind."""
    mapped = mapped_library("libjack")
    for path in (mapped,) if mapped else (_SYSTEM, *_pipewire_libraries()):
        with suppress(OSError, AttributeError):
            return _declare(ctypes.CDLL(path))
    return None


def _pipewire_libraries() -> list[str]:
    """Debian keeps PipeWire's library outside the library path."""
    return [str(path) for pattern in _PIPEWIRE for path in Path("/usr").glob(pattern)]


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures = {
        "jack_client_open": (pointer, [text, ctypes.c_int, pointer]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_get_client_name": (text, [pointer]),
        "jack_get_uuid_for_client_name": (pointer, [pointer, text]),
        "jack_port_by_name": (pointer, [pointer, text]),
        "jack_port_name": (text, [pointer]),
        "jack_port_set_alias": (ctypes.c_int, [pointer, text]),
        "jack_port_get_all_connections": (ctypes.POINTER(text), [pointer, pointer]),
        "jack_get_ports": (ctypes.POINTER(text), [pointer, text, text, ctypes.c_ulong]),
        "jack_port_connected_to": (ctypes.c_int, [pointer, text]),
        "jack_port_register": (pointer, [pointer, text, text, ctypes.c_ulong, ctypes.c_ulong]),
        "jack_port_uuid": (ctypes.c_uint64, [pointer]),
        "jack_on_shutdown": (None, [pointer, ON_SHUTDOWN, pointer]),
        "jack_connect": (ctypes.c_int, [pointer, text, text]),
        "jack_disconnect": (ctypes.c_int, [pointer, text, text]),
        "jack_activate": (ctypes.c_int, [pointer]),
        "jack_set_process_callback": (ctypes.c_int, [pointer, pointer, pointer]),
        "jack_get_buffer_size": (ctypes.c_uint32, [pointer]),
        "jack_free": (None, [pointer]),
        "jack_set_error_function": (None, [pointer]),
        "jack_set_info_function": (None, [pointer]),
        "jack_get_sample_rate": (ctypes.c_uint32, [pointer]),
        "jack_get_version_string": (text, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    _declare_what_never_waits(library)
    return library


def _declare_what_never_waits(library: ctypes.CDLL) -> None:
    """These are called with the GIL held: a thread of JACK would have to wait to have it back."""
    pointer = ctypes.c_void_p
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "jack_last_frame_time": (ctypes.c_uint32, [pointer]),
        "jack_port_get_buffer": (pointer, [pointer, ctypes.c_uint32]),
        "jack_midi_get_event_count": (ctypes.c_uint32, [pointer]),
        "jack_midi_event_get": (ctypes.c_int, [pointer, pointer, ctypes.c_uint32]),
        "jack_midi_clear_buffer": (None, [pointer]),
        "jack_midi_event_write": (ctypes.c_int, [pointer, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]),
    }
    for name, (result, arguments) in signatures.items():
        vars(library)[name] = ctypes.PYFUNCTYPE(result, *arguments)((name, library))
