"""The melody of music in several voices, and what it is made of: intervals and runs of them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from livegen.events import Note


def skyline(notes: Iterable[Note]) -> list[Note]:
    """The highest note of each onset, in order."""
    highest: dict[int, Note] = {}
    for note in sorted(notes):
        highest[note.onset] = note  # sorted by pitch within an onset
    return [highest[onset] for onset in sorted(highest)]


def intervals(line: Sequence[Note]) -> list[int]:
    """Semitones from note to note, without repeated notes."""
    return [after.pitch - before.pitch for before, after in pairwise(line) if after.pitch != before.pitch]


def runs(values: Sequence[float], length: int) -> list[tuple[float, ...]]:
    """All runs of so many values."""
    return [tuple(values[at : at + length]) for at in range(len(values) - length + 1)]
