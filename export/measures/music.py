"""Tokens read as music: what happens between two whole moments is one event, in every codec."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from livegen.codecs.codec import Codec
from livegen.events import Note, NoteOff, NoteOn, Ticked


@dataclass(frozen=True, slots=True)
class Event:
    """A frame, a chord, a note with its length: what a codec writes before it is whole again."""

    tokens: tuple[int, ...]
    ticks: int  # by which time goes on
    struck: tuple[int, ...]  # pitches, from the lowest up
    sounding: tuple[int, ...]  # pitches that sound on after it, from the lowest up
    is_end: bool  # of a piece

    @property
    def is_mark(self) -> bool:
        """Nothing is struck and no time passes: a start, an end, a bar line."""
        return not self.struck and not self.ticks


@dataclass(frozen=True, slots=True)
class Music:
    """A stretch of music: its events, and those of its notes that begin and end in it."""

    events: tuple[Event, ...]
    notes: tuple[Note, ...]  # in order of their ends


class Reader:
    """Owner of the place in a stream of tokens; keeps what came since the last ``take``."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec
        self.cursor = codec.begin()
        self.count = 0  # of the events since the last ``take`` that are no marks
        self._events: list[Event] = []
        self._notes: list[Note] = []
        self._onsets: dict[int, tuple[int, int]] = {}  # pitch → (onset, velocity)
        self._tokens: list[int] = []  # of the event being read
        self._struck: list[int] = []
        self._begin = self.cursor.tick

    def hear(self, token: int) -> None:
        """Move on by one token that the grammar allows."""
        self.cursor, settled = self._codec.step(self.cursor, token)
        self._tokens.append(token)
        for ticked in settled:
            self._add(ticked)
        if self.cursor.is_whole:
            self._close()

    def take(self) -> Music:
        """The whole events since the last take; a note that began before it is left out."""
        music = Music(tuple(self._events), tuple(self._notes))
        self.count, self._events, self._notes, self._onsets = 0, [], [], {}
        return music

    def _add(self, ticked: Ticked) -> None:
        event = ticked.event
        if isinstance(event, NoteOn | NoteOff):
            onset, velocity = self._onsets.pop(event.pitch, (ticked.tick, 0))
            if onset < ticked.tick:
                self._notes.append(Note(onset, event.pitch, ticked.tick - onset, velocity))
        if isinstance(event, NoteOn):
            self._onsets[event.pitch] = (ticked.tick, event.velocity)
            self._struck.append(event.pitch)

    def _close(self) -> None:
        cursor = self.cursor
        sounding, struck = tuple(sorted(cursor.sounding)), tuple(sorted(self._struck))
        event = Event(tuple(self._tokens), cursor.tick - self._begin, struck, sounding, cursor.is_piece_end)
        self._events.append(event)
        self.count += not event.is_mark
        self._tokens, self._struck, self._begin = [], [], cursor.tick


def read(codec: Codec[Any], tokens: Iterable[int]) -> Music:
    """A whole piece."""
    reader = Reader(codec)
    for token in tokens:
        reader.hear(int(token))
    return reader.take()


def excerpts(music: Music, length: int) -> list[tuple[Event, ...]]:
    """A piece cut into stretches of ``length`` events, marks not counted.

    A shorter rest is left out, a shorter piece is one stretch.
    """
    ends = [place + 1 for place, event in enumerate(music.events) if not event.is_mark][length - 1 :: length]
    if not ends:
        return [music.events]
    return [music.events[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def without_opening(events: Sequence[Event], opening: int) -> Sequence[Event]:
    """What comes after the first ``opening`` events, marks not counted."""
    counts = accumulate(not event.is_mark for event in events)
    return events[next((place + 1 for place, count in enumerate(counts) if count == opening), len(events)) :]
