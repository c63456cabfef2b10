"""Chord events (``Sound``): notes that begin and end together, on a grid of sixteenths."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.tempo_map import nearest

GRID_TICKS = TICKS_PER_QUARTER // 4
NO_PITCH = -1
DURATIONS = (*range(1, 17), 24, 32)  # possible durations, in sixteenths


class Sound(NamedTuple):
    """A note or a chord: pitches from the lowest up, duration in sixteenths."""

    pitches: tuple[int, ...]
    duration: int

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.pitches))} {self.duration / 4}"


def read_sound(text: str) -> Sound:
    """Read a chord from its text, ``60.64.67 1.0`` (pitches, quarters); ValueError when it is not one."""
    pitches, _, quarters = text.partition(" ")
    try:
        sound = Sound(tuple(int(pitch) for pitch in pitches.split(".")), round(4 * float(quarters)))
    except ValueError:
        raise ValueError(f"'{text}' is not a chord; write one as '60.64.67 1.0'") from None
    if list(sound.pitches) != sorted(set(sound.pitches)) or not 0 <= sound.pitches[0] <= sound.pitches[-1] <= 127:
        raise ValueError(f"'{text}' is not a chord; write its pitches in rising order, from 0 to 127")
    return sound


def nearest_duration(duration: int, most: int) -> int:
    """The nearest possible duration that is not longer than ``most``; all in sixteenths."""
    known = [known for known in DURATIONS if known <= most]
    nearest_known: int = min(known, key=lambda known: (abs(known - duration), known))
    return nearest_known


def sounds_of(notes: Iterable[Note], fold: Callable[[int], int]) -> list[tuple[int, Sound]]:
    """The chords of a piece, each with its onset in sixteenths, in order; a note ends where its pitch begins again."""
    durations: dict[tuple[int, int], int] = {}  # (pitch, onset) → duration
    for note in notes:
        onset = nearest(note.onset, GRID_TICKS)
        key = (fold(note.pitch), onset // GRID_TICKS)
        durations[key] = max(nearest(note.end - onset, GRID_TICKS) // GRID_TICKS, durations.get(key, 1))
    groups: dict[tuple[int, int], list[int]] = {}
    again = (NO_PITCH, 0)
    for (pitch, onset), duration in sorted(durations.items(), reverse=True):
        most = again[1] - onset if again[0] == pitch else DURATIONS[-1]
        groups.setdefault((onset, nearest_duration(duration, most)), []).append(pitch)
        again = pitch, onset
    return [(onset, Sound(tuple(sorted(pitches)), duration)) for (onset, duration), pitches in sorted(groups.items())]
