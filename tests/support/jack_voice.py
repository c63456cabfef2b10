"""A process that plays or listens on JACK, and writes down every event with its moment.

    python jack_voice.py play NAME LOG TARGET    plays to TARGET what it reads: lines of [[delay_ms, [bytes]], ...];
                                                 with "" to whoever connects to it
    python jack_voice.py hear NAME LOG SOURCE    listens to SOURCE, and to the next one of that name when it is gone;
                                                 with "" to whoever connects to it

NAME is its own client's name. A line of LOG: nanoseconds of the monotonic clock, then the bytes in hexadecimal.
SIGTERM ends it, when all that has reached it is written down: it waits for what is on its way, a few periods of JACK.
"""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import TextIO

import rtmidi

_LOOK_S = 0.05
_POLL_S = 0.0005
_ON_THE_WAY_S = 0.05
_PATIENCE_S = 10.0


def main(what: str, name: str, path: str, other: str) -> None:
    """Do so until the standard input ends."""
    with Path(path).open("a", buffering=1, encoding="ascii") as log:
        if what == "play":
            play(name, log, other)
        else:
            hear(name, log, other)


def play(name: str, log: TextIO, target: str) -> None:
    """Play each line when it comes; answer "done" when it has been played."""
    port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
    port.open_virtual_port("out")
    say("ready")
    for line in sys.stdin:
        if target:  # perhaps another process than it was for the last line
            connect_in_time(f"{name}:out", target)
        for delay_ms, message in json.loads(line):
            time.sleep(delay_ms / 1000)
            write(log, message)
            port.send_message(message)
        say("done")


def hear(name: str, log: TextIO, source: str) -> None:
    """Write down what comes; a source that is gone is connected again as soon as it is back.

    The port's own queue takes the messages in, native code on JACK's thread: a callback in Python could make this
    client late, and JACK lets a late client miss what came meanwhile. Each attempt to connect is a client that
    comes and goes, and JACK 1.9.21 stalls when one does while another is killed: so there is one only after a port
    has appeared.
    """
    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
    port.open_virtual_port("in")
    say("ready")
    known: set[str] = set()
    is_wanting, look_at = False, 0.0
    is_over, over_at = Event(), math.inf
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    while True:
        is_last = time.monotonic() >= over_at
        while message := port.get_message():
            write(log, message[0])
        if is_last:
            return
        if is_over.is_set():
            over_at = min(over_at, time.monotonic() + _ON_THE_WAY_S)
        if time.monotonic() >= look_at:
            look_at = time.monotonic() + _LOOK_S
            present = ports_of(port)
            is_wanting, known = bool(source) and (is_wanting or bool(present - known)), present
            if is_wanting:
                is_wanting = not connect(source, f"{name}:in")
        time.sleep(_POLL_S)


def ports_of(port: rtmidi.MidiIn) -> set[str]:
    """The names of all ports; none at all when one of them goes away while they are being asked for."""
    try:
        return set(port.get_ports())
    except rtmidi.InvalidPortError:
        return set()


def connect(source: str, target: str) -> bool:
    """Connect two ports by their names or aliases, as people do; True when they are connected."""
    done = subprocess.run(["jack_connect", source, target], capture_output=True, text=True, check=False)
    return done.returncode == 0 or "already connected" in done.stdout + done.stderr


def connect_in_time(source: str, target: str) -> None:
    """As ``connect``, again and again: beside a client that has just been killed, JACK refuses one that connects."""
    until = time.monotonic() + _PATIENCE_S
    while not connect(source, target):
        assert time.monotonic() < until, f"{source} cannot be connected to {target}"
        time.sleep(_LOOK_S)


def write(log: TextIO, message: list[int]) -> None:
    """A line of the log."""
    log.write(f"{time.monotonic_ns()} {bytes(message).hex()}\n")


def say(line: str) -> None:
    """A line for whoever started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
