"""Finds parallel fifths and octaves, which the rules of counterpoint forbid (Fux, Gradus ad Parnassum, 1725).

Voices are identified by their order from the top. Two voices make a parallel when both move in the same direction
from a fifth to a fifth, or from an octave or unison to an octave or unison; intervals are taken within the octave.
"""

from collections.abc import Iterator, Sequence

PERFECT = (0, 7)  # semitones within the octave: octaves and unisons, fifths


def parallel(upper: tuple[int, int], lower: tuple[int, int]) -> int | None:
    """The perfect interval, 0 or 7, that two voices (before, after) move in parallel in; None if there is none."""
    interval = (upper[0] - lower[0]) % 12
    if interval not in PERFECT or (upper[1] - lower[1]) % 12 != interval:
        return None
    is_alike = (upper[1] - upper[0]) * (lower[1] - lower[0]) > 0
    return interval if is_alike else None


def forbidden(before: Sequence[int], written: Sequence[int], low: int) -> Iterator[int]:
    """Pitches from ``low`` up with which the next voice would make a parallel.

    ``before`` is the last chord, ``written`` the voices of the new chord so far, both from the top down.
    """
    rank = len(written)
    if not written or rank >= len(before):
        return
    for above, now in zip(before, written, strict=False):
        interval = (above - before[rank]) % 12
        if now == above or interval not in PERFECT:
            continue
        for pitch in range(now - interval, low - 1, -12):
            if pitch < written[-1] and parallel((above, now), (before[rank], pitch)) is not None:
                yield pitch
