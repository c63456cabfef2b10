"""A USB keyboard that can be unplugged: the kernel's gadget driver makes it, its USB audio driver finds it."""

import multiprocessing
import os
import re
import time
from pathlib import Path

from alsa_tools import clients, wait_for

NAME = "KeyStep 37"
CONTROLLER = Path("/sys/kernel/config/usb_gadget/keys/UDC")
_PULSES_PER_QUARTER = 24
_START, _PULSE, _STOP = b"\xfa", b"\xf8", b"\xfc"


class UsbKeyboard:
    """What is written to the gadget's side is played on the keyboard."""

    def __init__(self) -> None:
        self._gadget = -1

    def plug(self) -> None:
        """Plug it in; the sequencer has it now."""
        CONTROLLER.write_text("dummy_udc.0\n")
        device = wait_for(_device, 20)
        assert device, "no gadget"
        self._gadget = os.open(device, os.O_WRONLY)
        assert wait_for(lambda: any(name == NAME for name, _ in clients()), 30), "no keyboard"

    def unplug(self) -> None:
        """Pull it out, whatever is held."""
        os.close(self._gadget)
        CONTROLLER.write_text("\n")

    def send(self, *message: int) -> None:
        """Play one message."""
        os.write(self._gadget, bytes(message))

    def start_clock(self, bpm: float) -> "Clock":
        """Send a MIDI clock, until it is stopped."""
        return Clock(self._gadget, bpm)


class Clock:
    """A process with real-time priority that sends start and pulses; stop is sent at the end."""

    def __init__(self, gadget: int, bpm: float) -> None:
        self._gadget = gadget
        pulse_s = 60 / bpm / _PULSES_PER_QUARTER
        self._process = multiprocessing.get_context("fork").Process(target=_send_pulses, args=(gadget, pulse_s))
        self._process.start()

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.join()
        os.write(self._gadget, _STOP)


def _send_pulses(gadget: int, pulse_s: float) -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    os.write(gadget, _START)
    due_s = time.monotonic()
    while True:
        time.sleep(max(0.0, due_s - time.monotonic()))
        os.write(gadget, _PULSE)
        due_s += pulse_s


def _device() -> str | None:
    """The gadget's side, as a raw MIDI device."""
    for card in Path("/proc/asound").glob("card*/id"):
        if re.fullmatch("f_?midi", card.read_text().strip()):
            return next((str(path) for path in Path("/dev/snd").glob(f"midiC{card.parent.name[4:]}D*")), None)
    return None
