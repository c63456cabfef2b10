"""A synthesiser, and what it hears."""

DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM = {0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}
PEDALS = (64, 66, 67, 69)  # sustain, sostenuto, soft, hold 2
SOUND_OFF, RESET, NOTES_OFF = 120, 121, 123
_CENTRE = b"\x00\x40"


def is_valid(message: bytes) -> bool:
    """One whole MIDI message (MIDI 1.0), and nothing else."""
    if not message or message[0] < 0x80:
        return False
    status = message[0]
    wanted = _SYSTEM.get(status, -1) if status >= 0xF0 else DATA_BYTES[status & 0xF0]
    return len(message) == wanted + 1 and max(message[1:], default=0) < 0x80


class Receiver:
    """Counts note-ons and note-offs by (channel, pitch), as the strictest instrument would.

    A pedal stays down until it is lifted itself, or all controllers are reset; so does a bend.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: dict[tuple[int, int], int] = {}
        self.pedals: set[tuple[int, int]] = set()  # (channel, controller) down
        self.bends: set[int] = set()  # channels
        self.heard = 0

    def take(self, message: bytes) -> None:
        """A message arrives."""
        self.heard += 1
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0x90 and message[2]:
            key = (channel, message[1])
            self.notes[key] = self.notes.get(key, 0) + 1
        elif kind in (0x80, 0x90):
            key = (channel, message[1])
            count = self.notes.pop(key, 0) - 1
            if count > 0:
                self.notes[key] = count
        elif kind == 0xE0:
            (self.bends.discard if message[1:] == _CENTRE else self.bends.add)(channel)
        elif kind == 0xB0:
            self._control(channel, message[1], message[2])

    def _control(self, channel: int, number: int, value: int) -> None:
        if number in PEDALS:
            (self.pedals.add if value >= 64 else self.pedals.discard)((channel, number))
        elif number == RESET:
            self.bends.discard(channel)
            self.pedals = {pedal for pedal in self.pedals if pedal[0] != channel}
        elif number == SOUND_OFF or number >= NOTES_OFF:
            self.notes = {key: count for key, count in self.notes.items() if key[0] != channel}

    def forget(self) -> None:
        """It falls silent by itself."""
        self.notes.clear()
        self.pedals.clear()
        self.bends.clear()

    def state(self) -> tuple[dict[tuple[int, int], int], set[tuple[int, int]], set[int]]:
        """What sounds, which pedals are down, and which channels are bent."""
        return dict(self.notes), set(self.pedals), set(self.bends)
