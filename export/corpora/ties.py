"""Ties: what sounds as one note and is written as several, whatever else is written beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from livegen.events import TICKS_PER_QUARTER, Note


@dataclass(frozen=True, slots=True, order=True)
class Written:
    """A note as it is written, in quarters from the beginning of the piece."""

    onset: Fraction
    pitch: int
    duration: Fraction
    is_tied: bool = False  # to the next one of its pitch, if that begins where this one ends

    @property
    def end(self) -> Fraction:
        """Where it ends, in quarters."""
        return self.onset + self.duration


def joined(part: Iterable[Written]) -> list[Note]:
    """The notes of a part in order, those that are tied together as one; what has no length is left out."""
    sounding: list[Written] = []
    tied: dict[tuple[Fraction, int], int] = {}  # by end and pitch: which of ``sounding``
    for note in sorted(part):
        if note.duration <= 0:
            continue
        at = tied.pop((note.onset, note.pitch), len(sounding))
        sounding[at:] = sounding[at:] or [note]
        whole = Written(sounding[at].onset, note.pitch, note.end - sounding[at].onset, note.is_tied)
        sounding[at] = whole
        if note.is_tied:
            tied[note.end, note.pitch] = at
    return [_note(written) for written in sounding]


def _note(written: Written) -> Note:
    onset, end = (round(at * TICKS_PER_QUARTER) for at in (written.onset, written.end))
    return Note(onset, written.pitch, max(1, end - onset))
