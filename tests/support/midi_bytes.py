"""Standard MIDI Files byte by byte, so that what is odd about them stays odd."""

from pathlib import Path

TUNE = (60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60, 64, 67, 72)  # 18 notes, each a beat after the last
STEP = 480  # ticks of a beat
END = b"\0\xff\x2f\0"


def number(value: int) -> bytes:
    """A number of variable length."""
    rest, last = value >> 7, bytes((value & 0x7F,))
    while rest:
        rest, last = rest >> 7, bytes((rest & 0x7F | 0x80,)) + last
    return last


def at(delta: int, *message: int) -> bytes:
    """A message so many ticks after the one before it."""
    return number(delta) + bytes(message)


def meta(kind: int, *data: int) -> bytes:
    """A meta event at once."""
    return at(0, 0xFF, kind, len(data), *data)


def tune(channel: int = 0, pitches: tuple[int, ...] = TUNE) -> bytes:
    """Notes of 400 ticks, a beat apart."""
    return b"".join(
        at(80 * bool(n), 0x90 | channel, p, 80) + at(400, 0x80 | channel, p, 0) for n, p in enumerate(pitches)
    )


def track(*events: bytes, length: int | None = None, name: bytes = b"MTrk") -> bytes:
    """A chunk of events; ``length`` is what it says of itself, where that is not true."""
    body = b"".join(events)
    return name + (len(body) if length is None else length).to_bytes(4) + body


def header(kind: int = 1, tracks: int = 1, division: int = STEP, more: bytes = b"") -> bytes:
    """The header of a file, with ``more`` bytes than usual."""
    words = b"".join(word.to_bytes(2) for word in (kind, tracks, division))
    return b"MThd" + (6 + len(more)).to_bytes(4) + words + more


def write(path: Path, *chunks: bytes) -> Path:
    """A file of these chunks."""
    path.write_bytes(b"".join(chunks))
    return path
