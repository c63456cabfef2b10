"""Long silences of a score, and notes that last as long, made shorter: nobody learns from them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from livegen.events import TICKS_PER_QUARTER, Note

LONGEST = 256 * TICKS_PER_QUARTER  # in which nothing begins and nothing ends: 64 bars of 4/4


def shortened(notes: Sequence[Note]) -> list[Note]:
    """The same notes in order, at most ``LONGEST`` from each onset or end to the next."""
    moments = sorted({0, *(note.onset for note in notes), *(note.end for note in notes)})
    moved = [0]
    for before, after in pairwise(moments):
        moved.append(moved[-1] + min(after - before, LONGEST))

    def at(moment: int) -> int:
        return moved[bisect_right(moments, moment) - 1]

    return [replace(note, onset=at(note.onset), duration=at(note.end) - at(note.onset)) for note in notes]
