"""What leaves livegen, checked message by message: between the player and each of its outputs."""

import hashlib
import struct
from collections.abc import Callable

from livegen.events import Event, ending_of, from_bytes, is_beginning
from livegen.midi_out.sender import Output

from .receiver import is_valid

_STAMP = struct.Struct("<qB")
PITCHES = 128


class SentMessages:
    """Counts what all outputs were sent since they were attached, and hashes everything that was ever sent."""

    def __init__(self, now_ns: Callable[[], int], fail: Callable[[str], None]) -> None:
        self._now_ns = now_ns
        self._fail = fail
        self._last_ns = 0
        self.hash = hashlib.sha256()
        self.counts = bytearray(16 * PITCHES)  # of all outputs together
        self._by_output: dict[int, bytearray] = {}
        self._held: dict[int, set[Event]] = {}  # output → the events that lift its pedals and centre its bends
        self.note_ons = self.messages = 0
        self.on_message: Callable[[bytes], None] = lambda _: None

    def forget(self) -> None:
        """The outputs are gone."""
        self.counts = bytearray(16 * PITCHES)
        self._by_output.clear()
        self._held.clear()

    @property
    def held(self) -> set[Event]:
        """The events that lift the pedals that are down at any output, and centre what is bent."""
        return set().union(*self._held.values())

    def take(self, number: int, message: bytes) -> None:
        """A message leaves."""
        now_ns = self._now_ns()
        self.messages += 1
        self.hash.update(_STAMP.pack(now_ns, number) + message)
        if now_ns < self._last_ns:
            self._fail(f"{message.hex(' ')} leaves before the message before it")
        self._last_ns = now_ns
        if not is_valid(message):
            self._fail(f"{message.hex(' ')} is no MIDI message")
            return
        self.on_message(message)
        kind = message[0] & 0xF0
        if kind == 0x90 and message[2]:
            self._count(number, message, 1)
            self.note_ons += 1
        elif kind in (0x80, 0x90):
            self._count(number, message, -1)
        elif (event := from_bytes(message)) and (ending := ending_of(event)):
            held = self._held.setdefault(number, set())
            (held.add if is_beginning(event) else held.discard)(ending)

    def _count(self, number: int, message: bytes, change: int) -> None:
        """An end without a beginning at this output changes nothing."""
        cell = (message[0] & 0x0F) * PITCHES + message[1]
        counts = self._by_output.setdefault(number, bytearray(16 * PITCHES))
        if 0 <= counts[cell] + change < 256:
            counts[cell] += change
            self.counts[cell] = min(self.counts[cell] + change, 255)


class Tap:
    """An output whose messages are counted first."""

    def __init__(self, number: int, output: Output, sent: SentMessages) -> None:
        self._number = number
        self._output = output
        self._sent = sent

    def send(self, message: bytes) -> None:
        """As ``Output.send``."""
        self._sent.take(self._number, message)
        self._output.send(message)
