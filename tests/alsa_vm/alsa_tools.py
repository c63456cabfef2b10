"""Strangers to livegen that play and listen: aplaymidi, aseqdump, aconnect (alsa-utils)."""

import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

Event = tuple[float, bytes]  # seconds from the beginning, a message

_QUIET_S = 8.0  # an emulated network may take so long for a note
_TICKS_PER_S = 960  # 480 to the quarter, at 120 bpm
_NOTE = re.compile(r"Note (on|off) +(\d+), note (\d+)(?:, velocity (\d+))?")
_CLIENT = re.compile(r"client (\d+): '(.*)' \[")


def wait_for(look: Callable[[], T], seconds: float, pause_s: float = 0.2) -> T:
    """What ``look`` returns once that is true, or after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(pause_s)
    return found


def connect(*arguments: str) -> None:
    """Connect two ports by aconnect, or with "-d" disconnect them; an error when it refuses."""
    done = subprocess.run(["aconnect", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"aconnect {' '.join(arguments)}: {done.stderr.strip()}"


def clients() -> list[tuple[str, str]]:
    """Each client of the sequencer: its name, and what aconnect lists below it."""
    listed = subprocess.run(["aconnect", "-l"], capture_output=True, text=True, check=True).stdout
    found = re.split(r"^(?=client )", listed, flags=re.MULTILINE)
    return [(match[2].strip(), text) for text in found if (match := _CLIENT.match(text))]


def held(*pitches: int, seconds: float) -> list[Event]:
    """Keys that go down together, and come up together."""
    return [(at, bytes((status, pitch, 80))) for at, status in ((0.0, 0x90), (seconds, 0x80)) for pitch in pitches]


def tune(pitches: Sequence[int], step_s: float) -> list[Event]:
    """One key after the other, each for nearly a step."""
    return [
        event
        for number, pitch in enumerate(pitches)
        for event in later(held(pitch, seconds=step_s * 0.9), number * step_s)
    ]


def later(events: Sequence[Event], by_s: float) -> list[Event]:
    """The same, later."""
    return [(at_s + by_s, message) for at_s, message in events]


def play(port: str, events: Sequence[Event]) -> subprocess.Popen[bytes]:
    """aplaymidi, playing these events to that port; it ends after the last."""
    path = Path(f"/tmp/{time.monotonic_ns()}.mid")
    path.write_bytes(_midi_file(events))
    return subprocess.Popen(["aplaymidi", "-d", "0", "-p", port, str(path)])


class Receiver:
    """aseqdump: it prints what arrives. Each beginning of a note needs an end of its own."""

    def __init__(self) -> None:
        command = ["stdbuf", "-oL", "aseqdump"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.begun = 0
        self._sounding: Counter[tuple[str, str]] = Counter()  # channel, pitch
        self._changed_s = time.monotonic()
        match = re.search(r"port (\d+:\d+)", self._process.stdout.readline())
        assert match, "aseqdump says no address"
        self.address = match[1]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            if match := _NOTE.search(line):
                self._changed_s = time.monotonic()
                note = match[2], match[3]
                if match[1] == "on" and match[4] != "0":
                    self.begun += 1
                    self._sounding[note] += 1
                elif self._sounding[note]:  # an end too many makes up for nothing
                    self._sounding[note] -= 1

    @property
    def hanging(self) -> int:
        """The notes that have begun and not ended."""
        return self._sounding.total()

    def hears(self, more_than: int = 0, seconds: float = 120) -> bool:
        """More notes than so many have begun, within that time."""
        return wait_for(lambda: self.begun > more_than, seconds, 0.02)

    def sounds(self, seconds: float = 120) -> bool:
        """A note sounds, within that time."""
        return wait_for(lambda: self.hanging > 0, seconds, 0.02)

    def is_silent(self, seconds: float) -> bool:
        """No note sounds any more, within that time."""
        return wait_for(lambda: self.hanging == 0, seconds, 0.02)

    def settle(self) -> None:
        """Wait until nothing has come for a while."""
        wait_for(lambda: time.monotonic() - self._changed_s > _QUIET_S, 300)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _midi_file(events: Sequence[Event]) -> bytes:
    body, at = bytearray(), 0
    for seconds, message in sorted(events, key=lambda event: event[0]):
        tick = round(seconds * _TICKS_PER_S)
        body += _number(tick - at) + message
        at = tick
    body += b"\x00\xff\x2f\x00"
    return b"MThd\0\0\0\6\0\0\0\1\x01\xe0MTrk" + len(body).to_bytes(4, "big") + bytes(body)


def _number(value: int) -> bytes:
    """A number as MIDI files have it: seven bits a byte, the highest first."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.insert(0, 0x80 | value & 0x7F)
    return bytes(found)
