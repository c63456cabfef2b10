"""A phrase in musical time: played notes quantised to a grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.metre import Bars
from livegen.music.metre_detection import HeardMetre
from livegen.music.tempo_map import SteadyTempo, nearest, next_multiple

_LONGEST_GAP = TICKS_PER_QUARTER  # a shorter gap between two notes is articulation, not a rest
_MOST_BEATS = 32


@dataclass(frozen=True, slots=True)
class Phrase:
    """Notes on a grid; tick 0 is that of ``tempo``. Lengths are whole beats, in ticks."""

    notes: tuple[Note, ...]
    tempo: SteadyTempo
    bars: Bars
    length: int
    whole_length: int  # the length before its first beats were left out


def lay_out(played: Sequence[tuple[int, int, int, int]], heard: HeardMetre, grid: int) -> Phrase:
    """Quantise (onset_ns, end_ns, pitch, velocity), sorted by onset, to a ``grid`` in ticks.

    Gaps shorter than a beat are closed; of a long phrase the last 32 beats are kept, and tick 0 moves there.
    """
    tempo, bars = heard.tempo, heard.bars
    notes = [
        Note(onset, pitch, max(grid, nearest(tick + lasts, grid) - onset), velocity)
        for (onset_ns, end_ns, pitch, velocity), tick in zip(played, heard.ticks, strict=True)
        for onset in (max(nearest(tick, grid), 0),)  # a first note before its beat is moved to it
        for lasts in (tempo.tick_at(end_ns) - tempo.tick_at(onset_ns),)
    ]
    length = next_multiple(max(note.end for note in notes), TICKS_PER_QUARTER)
    notes = _separate(_join(notes, length), grid)
    length = next_multiple(max(note.end for note in notes), TICKS_PER_QUARTER)  # the longest note may be shorter now
    skipped = max(0, length - _MOST_BEATS * TICKS_PER_QUARTER)
    kept = tuple(_clip(note, skipped) for note in notes if note.end > skipped)
    bars = replace(bars, upbeat=(bars.upbeat - skipped) % bars.ticks)
    return Phrase(kept, replace(tempo, anchor_ns=tempo.ns_at(skipped)), bars, length - skipped, length)


def _clip(note: Note, begin: int) -> Note:
    onset = max(note.onset, begin)
    return replace(note, onset=onset - begin, duration=note.end - onset)


def _join(notes: list[Note], length: int) -> list[Note]:
    onsets = [*sorted({note.onset for note in notes}), length]
    joined = []
    for note in notes:
        gap = next(onset for onset in onsets if onset >= note.end) - note.end
        joined.append(replace(note, duration=note.duration + (gap if gap < _LONGEST_GAP else 0)))
    return joined


def _separate(notes: list[Note], grid: int) -> list[Note]:
    """End a note where its own pitch is struck again."""
    separated: list[Note] = []
    for index, note in enumerate(notes):
        again = (later.onset for later in notes[index + 1 :] if later.pitch == note.pitch)
        end = min(note.end, next(again, note.end))
        if end - note.onset >= grid:
            separated.append(replace(note, duration=end - note.onset))
    return separated
