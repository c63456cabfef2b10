"""Histograms of pitch classes and of note lengths, and how far two of them overlap.

The overlapped area of Yang and Lerch ("On the evaluation of generative models in music", 2020), here of the histograms
themselves: the sum over their bins of the smaller share; 1 is the same histogram, 0 has no bin in common.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from export.measures.music import Music
from livegen.music.tempo_map import nearest

LENGTH_TICKS = 80  # twelfths of a quarter
LONGEST = 4 * 960  # ticks; what lasts longer is counted there

H = TypeVar("H", bound=Hashable)
Histogram = Mapping[H, float]  # shares, which add up to 1


@dataclass(frozen=True, slots=True)
class Overlap:
    """A histogram of generated and of held-out music, and their overlap with the held-out and the training part."""

    generated: Mapping[int, float]
    human: Mapping[int, float]
    area: float  # of generated with held-out music
    human_area: float  # of the training part with held-out music


def pitch_classes(music: Sequence[Music]) -> Mapping[int, float]:
    """Shares of the twelve pitch classes, C = 0, among all notes."""
    return histogram([note.pitch % 12 for piece in music for note in piece.notes])


def lengths(music: Sequence[Music]) -> Mapping[int, float]:
    """Shares of the note lengths, in ticks, to the nearest twelfth of a quarter."""
    ticks = (note.duration for piece in music for note in piece.notes)
    return histogram([min(LONGEST, max(LENGTH_TICKS, nearest(length, LENGTH_TICKS))) for length in ticks])


def histogram(values: Sequence[H]) -> Mapping[H, float]:
    """The share of each value."""
    return {value: count / len(values) for value, count in Counter(values).items()}


def area(one: Mapping[H, float], other: Mapping[H, float]) -> float:
    """The overlap of two histograms, 0-1."""
    return sum(min(share, other[value]) for value, share in one.items() if value in other)


def overlap(generated: Mapping[int, float], human: Mapping[int, float], trained: Mapping[int, float]) -> Overlap:
    """Hold generated music against held-out music, beside what the training part reaches."""
    return Overlap(generated, human, area(generated, human), area(trained, human))
