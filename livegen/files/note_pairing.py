"""Pairs the note-ons and note-offs of a track, so that each note that begins ends once.

On one tick, what sounds ends before anything begins. Where a key has as many note-offs as note-ons, the first note-off
ends the first note; where note-offs are missing, a note ends when its key is struck again. All Notes Off ends the notes
of its channel, and the end of the file ends all. A note of no length lasts a sixteenth, unless its key is struck again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from livegen.events import ALL_NOTES_OFF, ALL_SOUND_OFF, ControlChange, NoteOff, NoteOn, Ticked

Place = tuple[int, int, int, int]  # tick, track, index of the event in its track, 0 just before the event or 1 at it

_Voice = tuple[int, int]  # channel, pitch


@dataclass(frozen=True, slots=True)
class PlayedNote:
    """A note in a file, and the places where it begins and ends."""

    note: NoteOn
    onset: Place
    end: Place


@dataclass(frozen=True, slots=True)
class _Key:
    """What happens to a key: it goes down (``note``), comes up, or all keys of its channel come up (``is_all``)."""

    place: Place
    note: NoteOn | None = None
    is_all: bool = False


def pair_notes(track: int, events: Sequence[Ticked], end_tick: int, sixteenth: int) -> list[PlayedNote]:
    """The notes of a track; ``end_tick`` is where the file ends, ``sixteenth`` the length of a note that has none."""
    keys: dict[_Voice, list[_Key]] = {}
    used: dict[int, set[_Voice]] = {}  # by channel, since all its notes ended
    for index, (tick, event) in enumerate((ticked.tick, ticked.event) for ticked in events):
        place = tick, track, index, 1
        if isinstance(event, NoteOn | NoteOff):
            key = _Key(place, event if isinstance(event, NoteOn) else None)
            voice = event.channel, event.pitch
            keys.setdefault(voice, []).append(key)
            used.setdefault(event.channel, set()).add(voice)
        elif isinstance(event, ControlChange) and _ends_all_notes(event):
            for voice in used.pop(event.channel, ()):
                keys[voice].append(_Key(place, is_all=True))
    end = end_tick, track, len(events), 1
    notes: list[PlayedNote] = []
    for of_key in keys.values():
        of_voice = [note for group in _groups(_ends_first(of_key)) for note in _paired(group, end)]
        notes += _with_length(of_voice, sixteenth)
    return sorted(notes, key=lambda note: note.onset)


def _ends_all_notes(event: ControlChange) -> bool:
    """All Sound Off, All Notes Off, and the modes that imply it."""
    return event.number == ALL_SOUND_OFF or event.number >= ALL_NOTES_OFF


def _ends_first(keys: Iterable[_Key]) -> list[_Key]:
    """In each tick, the ends of what sounded before come first."""
    ordered: list[_Key] = []
    held = 0
    for _, on_tick in groupby(keys, key=lambda key: key.place[0]):
        now = list(on_tick)
        ends: list[_Key] = []
        rest: list[_Key] = []
        for key in now:
            is_end = key.is_all or (not key.note and len(ends) < held)
            (ends if is_end else rest).append(key)
        ordered += ends + rest
        for key in ordered[-len(now) :]:
            held = held + 1 if key.note else 0 if key.is_all else max(0, held - 1)
    return ordered


def _groups(keys: Iterable[_Key]) -> list[list[_Key]]:
    """From silence to silence; the last may be unfinished."""
    groups: list[list[_Key]] = [[]]
    held = 0
    for key in keys:
        if not held and not key.note:
            continue
        groups[-1].append(key)
        held = held + 1 if key.note else 0 if key.is_all else held - 1
        if not held:
            groups.append([])
    return groups


def _paired(group: Sequence[_Key], end: Place) -> list[PlayedNote]:
    begun = [(key.note, key.place) for key in group if key.note]
    ends = [key.place for key in group if not key.note and not key.is_all]
    if len(begun) == len(ends):
        return [PlayedNote(note, onset, off) for (note, onset), off in zip(begun, ends, strict=True)]
    notes: list[PlayedNote] = []
    open_note: PlayedNote | None = None
    for key in group:
        if open_note:
            notes.append(replace(open_note, end=key.place))
        open_note = PlayedNote(key.note, key.place, end) if key.note else None
    return [*notes, open_note] if open_note else notes


def _with_length(notes: Sequence[PlayedNote], sixteenth: int) -> Iterator[PlayedNote]:
    """The notes of one key, in order: one of no length lasts until the next, at most a sixteenth."""
    if not notes:
        return
    nexts = [after.onset[0] for after in notes[1:]] + [1 << 62]
    befores = [-1] + [before.onset[0] for before in notes[:-1]]
    for note, before, after in zip(notes, befores, nexts, strict=True):
        tick = note.onset[0]
        if note.end[0] > tick:
            yield note
        elif before < tick < after:
            yield replace(note, end=(min(tick + sixteenth, after), *note.end[1:]))
