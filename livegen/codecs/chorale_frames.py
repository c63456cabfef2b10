"""Frames: the pitches that sound in each sixteenth of a chorale, also while the music is being played."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic

from livegen.codecs.codec import C, FrameCodec
from livegen.codecs.vocabulary import Mask
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked

FRAME_TICKS = TICKS_PER_QUARTER // 4
VOICES = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """A sixteenth of music: (pitch, tied) of at most four voices, the highest first."""

    notes: tuple[tuple[int, bool], ...] = ()
    fermata: bool = False


class FrameWriter:
    """Turns note events on the grid into frames. Owner of the pitches that sound meanwhile."""

    def __init__(self, fold: Callable[[int], int]) -> None:
        self.folded = 0  # count of notes outside the range, moved by octaves
        self.dropped = 0  # count of notes beyond four voices, left out of their frame
        self._fold = fold
        self._tick = 0
        self._sounding: dict[int, bool] = {}  # pitch → struck in the current frame
        self._before: tuple[int, ...] = ()

    def hear(self, ticked: Ticked) -> list[Frame]:
        """Take an event, in order of time; return the frames that are complete before it."""
        frames = self.until(ticked.tick)
        event = ticked.event
        if isinstance(event, NoteOn | NoteOff):
            pitch = self._fold(event.pitch)
            self.folded += isinstance(event, NoteOn) and pitch != event.pitch
            if isinstance(event, NoteOn):
                self._sounding[pitch] = True
            else:
                self._sounding.pop(pitch, None)
        return frames

    def until(self, tick: int) -> list[Frame]:
        """The frames that are complete before ``tick``."""
        frames = []
        while self._tick + FRAME_TICKS <= tick:
            self._tick += FRAME_TICKS
            voices = sorted(self._sounding, reverse=True)
            self.dropped += max(0, len(voices) - VOICES)
            if len(voices) > VOICES:
                voices = [*voices[: VOICES - 1], voices[-1]]  # the outer voices carry the music
            tied = {pitch for pitch in voices if not self._sounding[pitch] and pitch in self._before}
            frames.append(Frame(tuple((pitch, pitch in tied) for pitch in voices)))
            self._before = tuple(voices)
            self._sounding = dict.fromkeys(self._sounding, False)
        return frames


def frames_of(notes: Iterable[Note], fold: Callable[[int], int]) -> list[Frame]:
    """The frames from tick 0 to the last note's end."""
    writer = FrameWriter(fold)
    return [frame for ticked in as_events(notes) for frame in writer.hear(ticked)]


def as_events(notes: Iterable[Note]) -> list[Ticked]:
    """Note-ons and note-offs in order of time, offs first."""
    events: list[Ticked] = []
    for note in notes:
        events.append(Ticked(note.onset, NoteOn(note.pitch, note.velocity)))
        events.append(Ticked(note.end, NoteOff(note.pitch)))
    return sorted(events, key=lambda ticked: (ticked.tick, isinstance(ticked.event, NoteOn)))


FrameNotes = tuple[tuple[int, bool], ...]  # (pitch, tied), the highest first


@dataclass(frozen=True, slots=True)
class FramePrompt(Generic[C]):
    """Masks that allow only frames with ``notes``; ``is_top``: with no other voice above them."""

    codec: FrameCodec[C]
    notes: FrameNotes
    until: int  # the tick after the frame
    is_top: bool

    def mask(self, cursor: C) -> Mask | None:
        """Tokens that agree with the given notes; None after the frame."""
        return None if cursor.tick >= self.until else self.codec.given(cursor, self.notes, is_top=self.is_top)

    def numbers(self) -> tuple[int, ...]:
        """Numbers that distinguish this prompt from others at the same tick."""
        return tuple(2 * pitch + tied for pitch, tied in self.notes)


START, END, FRAME_END, FERMATA = range(4)
FIRST_PITCH = 4


@dataclass(frozen=True, slots=True)
class ChoraleCursor:
    """The position in a chorale."""

    tick: int = 0  # of the frame being written
    is_inside: bool = False  # between START and END
    sounding: tuple[int, ...] = ()  # pitches of the last complete frame
    notes: tuple[tuple[int, bool], ...] = ()  # of the frame being written
    fermata: bool = False  # of the frame being written
    under_fermata: bool = False  # the last complete frame has a fermata
    is_piece_end: bool = False

    @property
    def is_whole(self) -> bool:
        """No frame is incomplete."""
        return not self.notes and not self.fermata

    @property
    def is_phrase_end(self) -> bool:
        """The last complete frame has a fermata."""
        return self.under_fermata and self.is_whole
