"""A process that follows MIDI clock on JACK and plays a note on every beat it foresees.

    python beat_player.py NAME

The clock comes in at NAME:in, the notes leave at NAME-out:out; the pitch counts the beats, from 36 on and up to 95.
"""

import sys
import time
from queue import SimpleQueue

import numpy as np
import rtmidi

from livegen.events import PULSES_PER_QUARTER, NoteOff, NoteOn, Transport, to_bytes
from livegen.midi_ports.jack import open_jack
from livegen.realtime import PLAYING, raise_thread

_POLL_S = 0.0002
_WINDOW = PULSES_PER_QUARTER  # the pulses a beat is foreseen from
FIRST_BEAT = 2  # counted from 0, the clock's start
LOWEST, PITCHES = 36, 60

Heard = tuple[int, int, int]  # a status byte, its moment, and how long JACK had stood still by then, in nanoseconds


class Clock:
    """When the pulses of a running clock came, in JACK's own time, in which a DAW's clock is even.

    JACK lets a client that is late miss what came meanwhile: a pulse at the time of the next but one is that.
    """

    def __init__(self) -> None:
        self._pulses: list[tuple[int, int]] = []  # (number, moment), from the clock's start
        self._stalled_ns = 0

    def hear(self, status: int, at_ns: int, stalled_ns: int) -> None:
        """A byte of the clock."""
        if status == Transport.START.value:
            self._pulses = []
        elif status == Transport.CLOCK.value:
            self._pulses.append((self._number(at_ns - stalled_ns), at_ns - stalled_ns))
            self._stalled_ns = stalled_ns

    def beats(self) -> int:
        """How many whole beats it has run."""
        return self._pulses[-1][0] // PULSES_PER_QUARTER if self._pulses else 0

    def moment(self, beat: int) -> float:
        """When that beat is, in nanoseconds, by a straight line through the last pulses."""
        number, at_ns, distance_ns = self._line()
        return at_ns + distance_ns * (beat * PULSES_PER_QUARTER - number) + self._stalled_ns

    def _number(self, at_ns: int) -> int:
        if len(self._pulses) < 3:
            return len(self._pulses)
        number, last_ns = self._pulses[-1]
        return number + max(1, round((at_ns - last_ns) / self._line()[2]))

    def _line(self) -> tuple[int, float, float]:
        """The last pulse's number, its moment on the line, and the distance of two."""
        numbers, moments = np.array(self._pulses[-_WINDOW:]).T
        distance_ns, level_ns = np.polyfit(numbers - numbers[-1], moments - moments[-1], 1)
        return int(numbers[-1]), float(moments[-1] + level_ns), float(distance_ns)


def main(name: str) -> None:
    """Play until somebody ends the process."""
    raise_thread(PLAYING)
    source = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
    source.ignore_types(timing=False)
    jack = open_jack(f"{name}-time")
    assert jack
    heard: SimpleQueue[Heard] = SimpleQueue()

    def on_message(message: tuple[list[int], float], _data: None) -> None:
        at_ns = time.monotonic_ns()
        heard.put((message[0][0], at_ns, jack.stalled_ns(at_ns)))

    source.set_callback(on_message)
    source.open_virtual_port("in")
    target = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{name}-out")
    target.open_virtual_port("out")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    clock, beat, due_ns = Clock(), FIRST_BEAT, float("inf")
    while True:
        while not heard.empty():
            clock.hear(*heard.get())
            due_ns = clock.moment(beat) if clock.beats() > 0 else due_ns
        if time.monotonic_ns() >= due_ns:
            target.send_message(to_bytes(NoteOn(pitch(beat), 80)))
            target.send_message(to_bytes(NoteOff(pitch(beat - 1))))
            beat += 1
            due_ns = clock.moment(beat)
        time.sleep(_POLL_S)


def pitch(beat: int) -> int:
    """What is played on that beat."""
    return LOWEST + beat % PITCHES


if __name__ == "__main__":
    main(*sys.argv[1:])
