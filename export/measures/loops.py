"""Loops: music that repeats itself, with a period of up to 16 events, for longer than real music does."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from export.measures.music import Event, Music, excerpts
from livegen.engine.repetition import longest_run

PERCENTILE = 99
FEWEST = 4  # events: below this nothing is called a loop


@dataclass(frozen=True, slots=True)
class Loops:
    """Of ``count`` stretches of music, the share with a run of more than ``limit`` events."""

    share: float
    count: int
    limit: int
    longest: int  # run in any of them


def runs(stretches: Sequence[Sequence[Event]]) -> list[int]:
    """The longest run of each stretch, in events; two events are one and the same when their tokens are."""
    return [longest_run([event.tokens for event in stretch]) for stretch in stretches]


def longest_real_run(music: Sequence[Music], length: int, percentile: int = PERCENTILE) -> int:
    """A percentile of the longest runs in stretches of ``length`` events: what a model's card should say."""
    found = runs([stretch for piece in music for stretch in excerpts(piece, length)])
    return max(FEWEST, ceil(np.percentile(found, percentile)))


def loops(stretches: Sequence[Sequence[Event]], limit: int) -> Loops:
    """How many of these stretches loop."""
    found = runs(stretches)
    return Loops(float(np.mean([run > limit for run in found])), len(found), limit, max(found))
