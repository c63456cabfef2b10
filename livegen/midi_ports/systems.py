"""Chooses the library that reaches each MIDI system, and opens clients of the system that answers.

rtmidi is taken where it is installed: no Python runs on a MIDI system's threads then. Else ALSA and JACK are reached
by libraries of the system. LIVEGEN_MIDI_LIBRARY chooses: "rtmidi", or "system" for the libraries of the system.
"""

import functools
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from livegen.errors import PortError, SettingsError
from livegen.midi_ports.client import Direction, MakeClient, MidiClient, MidiSystemError
from livegen.midi_ports.jack_midi_client import JackMidiClient
from livegen.midi_ports.libjack import hush_jack, jack_library

VARIABLE = "LIVEGEN_MIDI_LIBRARY"
ALSA_SEQUENCER = Path("/dev/snd/seq")
LOAD_ALSA, START_JACK = "sudo modprobe snd-seq", "jackd -d alsa, or the program qjackctl"  # for one who has none


@dataclass(frozen=True, slots=True)
class Library:
    """A library that reaches a MIDI system."""

    name: str
    make: MakeClient


def new_client(direction: Direction, system: str, name: str) -> MidiClient:
    """A client of that system; MidiSystemError when it does not answer."""
    return supported_systems()[system].make(direction, name)


def open_client(system: str, name: str) -> MidiClient:
    """A client for an input on that system ("auto": the first that answers); PortError when none answers."""
    candidates = [candidate for candidate in supported_systems() if system in ("auto", candidate)]
    for candidate in candidates:
        if candidate == "jack":
            hush_jack()
        if candidate == "alsa" and not ALSA_SEQUENCER.exists():
            continue  # ALSA itself prints an error to stderr at every attempt
        with suppress(MidiSystemError):
            return new_client("input", candidate, name)
    tried = " or ".join(candidates) or f"'{system}' (no library for it is installed)"
    raise PortError(f"no MIDI system: no answer from {tried}; load ALSA's ({LOAD_ALSA}), or start JACK ({START_JACK})")


def list_ports(system: str, name: str) -> tuple[str, list[str], list[str]]:
    """The MIDI system that answers, the ports to listen to, the ports to play to; PortError when none answers."""
    client = open_client(system, f"{name}-list")
    inputs = client.names()
    client.close()
    client = new_client("output", client.system, f"{name}-list")
    outputs = client.names()
    client.close()
    return client.system, inputs, outputs


def answering_system(system: str, name: str) -> str:
    """The MIDI system that answers; PortError when none does."""
    client = open_client(system, f"{name}-list")
    client.close()
    return client.system


@functools.cache
def supported_systems() -> Mapping[str, Library]:
    """The MIDI systems that a library here can reach, each with that library, in the order in which they are tried."""
    chosen = os.environ.get(VARIABLE) or "any"
    if chosen not in _LIBRARIES:
        raise SettingsError(f"{VARIABLE}: '{chosen}' is not one of {', '.join(_LIBRARIES)}")
    found: dict[str, Library] = {}
    for offered in _LIBRARIES[chosen]:
        with suppress(ImportError, OSError):  # it is not installed, not for this Python, or without its C library
            found = {**offered(), **found}  # of two that offer a system, the first
    return {system: found[system] for system in _ORDER if system in found}


def _by_rtmidi() -> Mapping[str, Library]:
    from livegen.midi_ports.rtmidi_client import systems

    return {system: Library("rtmidi", make) for system, make in systems().items()}


def _by_alsa_midi() -> Mapping[str, Library]:
    from livegen.midi_ports.alsa_midi_client import AlsaMidiClient

    return {"alsa": Library("alsa-midi", AlsaMidiClient)}


def _by_libjack() -> Mapping[str, Library]:
    return {"jack": Library("libjack", JackMidiClient)} if jack_library() else {}


_ORDER = ("alsa", "jack", "core", "windows")
_SYSTEM: tuple[Callable[[], Mapping[str, Library]], ...] = (_by_alsa_midi, _by_libjack)
_LIBRARIES = {"any": (_by_rtmidi, *_SYSTEM), "rtmidi": (_by_rtmidi,), "system": _SYSTEM}
