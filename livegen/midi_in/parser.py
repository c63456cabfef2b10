"""Parses received bytes into whole MIDI messages (MIDI 1.0, appendix 2: how a receiver reads status bytes).

Ports usually deliver whole messages. Programs, cables and drivers also send running status, messages cut short,
real-time bytes inside other messages, and system exclusive messages without an end.
"""

from collections.abc import Sequence

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}  # by kind of channel message
_COMMON_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}  # other system common messages are exclusive or undefined
_UNDEFINED = (0xF9, 0xFD)


class MidiParser:
    """Parses one input. It keeps at most one status byte between two calls. Owner: the input's thread."""

    def __init__(self) -> None:
        self._status = 0  # the running status; 0 while data bytes are ignored
        self._wanted = 0  # data bytes of a message with this status

    def read(self, received: Sequence[int]) -> list[bytes]:
        """Every whole message, oldest first. What is cut short, stray or system exclusive is dropped."""
        if len(received) == 3 and 0x80 <= received[0] < 0xC0 and received[1] < 0x80 and received[2] < 0x80:
            self._expect(received[0])
            return [bytes(received)]  # nearly all messages, in a third of the time
        messages: list[bytes] = []
        data: list[int] = []
        for byte in received:
            if byte >= 0xF8:
                messages += [] if byte in _UNDEFINED else [bytes((byte,))]
                continue
            if byte >= 0x80:
                self._expect(byte)
                data.clear()
            elif self._status:
                data.append(byte)
            if self._status and len(data) == self._wanted:
                messages.append(bytes((self._status, *data)))
                data.clear()
                self._status = self._status if self._status < 0xF0 else 0
        return messages

    def _expect(self, status: int) -> None:
        wanted = _COMMON_DATA_BYTES.get(status, -1) if status >= 0xF0 else _DATA_BYTES[status & 0xF0]
        self._status, self._wanted = (status, wanted) if wanted >= 0 else (0, 0)
