"""A process that follows MIDI clock on JACK and plays a note on every beat it foresees.

    python beat_player.py NAME

The clock comes in at NAME:in, the notes leave at NAME-out:out; the pitch counts the beats, from 36 on and up to 95.
"""

import sys
import time

import numpy as np
import rtmidi

from livegen.events import PULSES_PER_QUARTER, NoteOff, NoteOn, Transport, to_bytes
from livegen.play.priority import PLAYING, raise_thread

_POLL_S = 0.0002
_WINDOW = PULSES_PER_QUARTER  # the pulses a beat is foreseen from
_NEAR_S = 0.002
FIRST_BEAT = 2  # counted from 0, the clock's start
LOWEST, PITCHES = 36, 60


class Clock:
    """When the pulses of a running clock came, in seconds.

    JACK lets a client that is late miss what came meanwhile: a pulse that comes at the time of the next but one is
    counted as that. One that comes at any other time is late itself, and all that follow: where the machine stalls,
    JACK's time stands still.
    """

    def __init__(self) -> None:
        self._pulses: list[tuple[int, float]] = []  # (number, moment), from the clock's start

    def hear(self, status: int, at_s: float) -> None:
        """A byte of the clock, and its moment."""
        if status == Transport.START.value:
            self._pulses = []
        elif status == Transport.PULSE.value:
            self._pulses.append((self._number(at_s), at_s))

    def beats(self) -> int:
        """How many whole beats it has run."""
        return self._pulses[-1][0] // PULSES_PER_QUARTER if self._pulses else 0

    def moment(self, beat: int) -> float:
        """When that beat is, by a straight line through the last pulses."""
        number, at_s, distance_s = self._line()
        return at_s + distance_s * (beat * PULSES_PER_QUARTER - number)

    def _number(self, at_s: float) -> int:
        if len(self._pulses) < _WINDOW:
            return len(self._pulses)
        number, last_s = self._pulses[-1]
        _, _, distance_s = self._line()
        count = round((at_s - last_s) / distance_s)
        is_missing = count > 1 and abs(at_s - last_s - count * distance_s) < _NEAR_S
        return number + count if is_missing else number + 1

    def _line(self) -> tuple[int, float, float]:
        """The last pulse's number, its moment on the line, and the distance of two."""
        numbers, moments = np.array(self._pulses[-_WINDOW:]).T
        distance_s, level = np.polyfit(numbers - numbers[-1], moments - moments[-1], 1)
        return int(numbers[-1]), float(moments[-1] + level), float(distance_s)


def main(name: str) -> None:
    """Play until somebody ends the process."""
    raise_thread(PLAYING)
    source = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
    source.ignore_types(timing=False)
    source.open_virtual_port("in")
    target = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{name}-out")
    target.open_virtual_port("out")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    clock, heard_s, origin_s = Clock(), 0.0, float("inf")
    beat, due_s = FIRST_BEAT, float("inf")
    while True:
        while message := source.get_message():
            # rtmidi tells how long after the one before JACK gave it to us: the delay of our looking is not in it.
            heard_s += message[1]
            origin_s = min(origin_s, time.monotonic() - heard_s)
            clock.hear(message[0][0], origin_s + heard_s)
            due_s = clock.moment(beat) if clock.beats() > 0 else due_s
        if time.monotonic() >= due_s:
            target.send_message(to_bytes(NoteOn(pitch(beat), 80)))
            target.send_message(to_bytes(NoteOff(pitch(beat - 1))))
            beat += 1
            due_s = clock.moment(beat)
        time.sleep(_POLL_S)


def pitch(beat: int) -> int:
    """What is played on that beat."""
    return LOWEST + beat % PITCHES


if __name__ == "__main__":
    main(*sys.argv[1:])
