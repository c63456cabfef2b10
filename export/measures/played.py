"""What an engine played, as notes in musical time."""

from collections.abc import Iterable
from dataclasses import replace

from livegen.codecs.decoding import paired
from livegen.events import TICKS_PER_QUARTER, Note, Ticked, Timed


def notes_of(played: Iterable[Timed], beat_ns: int) -> list[Note]:
    """The notes, at least a tick long; tick 0 is the beat on or before the first one."""
    notes = paired(Ticked(round(timed.at_ns * TICKS_PER_QUARTER / beat_ns), timed.event) for timed in played)
    first = min((note.onset for note in notes), default=0) // TICKS_PER_QUARTER * TICKS_PER_QUARTER
    return [replace(note, onset=note.onset - first, duration=max(1, note.duration)) for note in notes]
