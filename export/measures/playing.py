"""A stretch of a performance as it is measured: its notes and its pedal, in milliseconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.measures.interval import Floats
from livegen.clock import NS_PER_MS
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import GRID_TICKS, STEP_NS
from livegen.codecs.performance_writing import HALF_PEDAL
from livegen.events import SUSTAIN_PEDAL, ControlChange, Note, NoteOff, NoteOn, Timed

TOGETHER_MS = 40  # what begins so soon after the first note of a chord is of it


@dataclass(frozen=True, slots=True)
class Playing:
    """Its moments count from its beginning; a tick of its notes is a millisecond."""

    notes: tuple[Note, ...]  # those that begin in it, in order of their onsets, cut where it ends
    pedal: tuple[tuple[int, int], ...]  # from where to where the pedal is down
    length: int

    def until(self, length: int) -> "Playing":
        """Its first ``length`` ms, or all of it."""
        end = min(length, self.length)
        notes = (replace(note, duration=min(note.end, end) - note.onset) for note in self.notes if note.onset < end)
        pedal = ((begin, min(up, end)) for begin, up in self.pedal if begin < end)
        return Playing(tuple(notes), tuple(pedal), end)


def timed(codec: PerformanceCodec, tokens: Iterable[int]) -> list[Timed]:
    """What a stream of tokens plays, at the time that it was learnt in; ValueError when one breaks the grammar."""
    return [Timed(each.tick // GRID_TICKS * STEP_NS, each.event) for each in codec.decode_events(tokens)]


def heard(events: Iterable[Timed], begin_ns: int, end_ns: int) -> Playing:
    """What happens between two moments of a performance, whose events come in order.

    A note that began before is left out; a pedal that is down from before counts from the beginning.
    """
    length = (end_ns - begin_ns) // NS_PER_MS
    down: dict[int, Note] = {}
    notes, pedal, pressed = list[Note](), list[tuple[int, int]](), -1  # -1: the pedal is up
    for each in events:
        at = min(max(0, each.at_ns - begin_ns) // NS_PER_MS, length)
        match each.event:
            case NoteOn(pitch) | NoteOff(pitch):
                if pitch in down:
                    note = down.pop(pitch)
                    notes.append(replace(note, duration=at - note.onset))
                if isinstance(each.event, NoteOn) and begin_ns <= each.at_ns < end_ns:
                    down[pitch] = Note(at, pitch, length - at, each.event.velocity)
            case ControlChange(number, value) if number == SUSTAIN_PEDAL:
                if value >= HALF_PEDAL and pressed < 0:
                    pressed = at
                elif value < HALF_PEDAL and pressed >= 0:
                    pedal.append((pressed, at))
                    pressed = -1
    pedal += [(pressed, length)] if pressed >= 0 else []
    inside = tuple((begin, end) for begin, end in pedal if end > begin)
    return Playing(tuple(sorted([*notes, *down.values()])), inside, length)


def chords(notes: Sequence[Note]) -> list[list[Note]]:
    """Notes in order of their onsets, those together that begin within ``TOGETHER_MS`` of a chord's first."""
    found: list[list[Note]] = []
    for note in notes:
        if found and note.onset - found[-1][0].onset <= TOGETHER_MS:
            found[-1].append(note)
        else:
            found.append([note])
    return found


def together(notes: Sequence[Note]) -> list[Note]:
    """The same notes; those of a chord begin with its first, and end where they did."""
    return [
        replace(note, onset=chord[0].onset, duration=note.end - chord[0].onset)
        for chord in chords(notes)
        for note in chord
    ]


def keys_down(playing: Playing) -> Floats:
    """For how many ms so many keys are down, [keys], from none to ten and more."""
    moves = sorted([*((note.onset, 1) for note in playing.notes), *((note.end, -1) for note in playing.notes)])
    lengths, count, before = np.zeros(11), 0, 0
    for at, move in [*moves, (playing.length, 0)]:
        lengths[min(count, 10)] += at - before
        count, before = count + move, at
    return lengths
