"""MIDI systems that are near, and that livegen does not reach: what would let it."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from livegen.midi_ports.libjack import mapped_library
from livegen.midi_ports.systems import ALSA_SEQUENCER, LOAD_ALSA, VARIABLE, supported_systems


def remedies(answering: str = "") -> list[str]:
    """What would give a MIDI system, or a better one than that which answers; a line for each."""
    return [] if sys.platform != "linux" else [*_alsa(), *_jack(answering)]


def _alsa() -> Iterator[str]:
    """ALSA has the keyboards; the others only through it."""
    if not ALSA_SEQUENCER.exists():
        yield f"ALSA's sequencer, which has the keyboards, is not there: {LOAD_ALSA}"
    elif "alsa" not in supported_systems():
        yield "ALSA's sequencer is there, but no library for it: apt-get install alsa-utils; pip install alsa-midi"
    elif not os.access(ALSA_SEQUENCER, os.R_OK | os.W_OK):
        yield "ALSA's sequencer may not be opened: sudo usermod -aG audio $USER, then log in again"


def _jack(answering: str) -> Iterator[str]:
    """JACK's programs and PipeWire's; a keyboard that ALSA has is there, too, so one system is enough."""
    if answering or not is_pipewire_running(os.environ):
        return
    library = mapped_library("libjack") or ""
    if "rtmidi" in library:
        yield f"PipeWire runs, and rtmidi's own JACK library cannot reach it: {VARIABLE}=system pw-jack livegen ..."
    elif "pipewire" not in library:
        yield "PipeWire runs, and JACK's library cannot reach it: apt-get install pipewire-jack; pw-jack livegen ..."


def is_pipewire_running(environment: Mapping[str, str]) -> bool:
    """Does it answer at its socket?"""
    folder = environment.get("PIPEWIRE_RUNTIME_DIR") or environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(Path(folder, environment.get("PIPEWIRE_REMOTE") or "pipewire-0")))
        return True
    return False
