"""Voices that sound together with the player's: frame by frame, the player's notes given, the others the network's.

A frame is written when it is needed, at most a horizon ahead. When the player moves, the frames that have not sounded
are taken back, the state with them, and others are written from the last one that was heard.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livegen.codecs.codec import FrameCodec, Mask
from livegen.codecs.frames import FRAME_TICKS, VOICES
from livegen.events import NoteOff, NoteOn, Timed
from livegen.imagine.continuation import Continuation
from livegen.imagine.part import Manner
from livegen.music.meter import Beat, next_multiple

_REMEMBERED = 32  # frames, for an ensemble that changes its key

Voices = tuple[tuple[int, bool], ...]  # (pitch, tied), the highest first


@dataclass(frozen=True, slots=True)
class Setting:
    """The key and the odds that an ensemble writes in: ``shift`` semitones from the model's key to the player's."""

    shift: int
    continuation: Continuation


@dataclass(frozen=True, slots=True)
class _Frame:
    at_ns: int
    tick: int  # the stream's, before it
    voices: Voices  # all of them, as the player hears them
    struck: frozenset[int]  # keys of the player that it took as newly struck
    before: frozenset[int]  # what of ours sounded before it


@dataclass(frozen=True, slots=True)
class FramePrompt:
    """What is given of one frame."""

    codec: FrameCodec[Any]
    notes: Voices
    until: int  # the tick after the frame
    is_top: bool

    def begin(self, cursor: Any) -> Any:
        """Frames are laid where the stream has got to."""
        return cursor

    def mask(self, cursor: Any) -> Mask | None:
        """Tokens that agree with what is given; None after the frame."""
        return None if cursor.tick >= self.until else self.codec.given(cursor, self.notes, is_top=self.is_top)


class Ensemble:
    """Owner of the other voices. ``is_immediate``: each note is answered at once, and silence with silence."""

    def __init__(
        self,
        codec: FrameCodec[Any],
        setting: Setting,
        manner: Manner,
        beat: Beat,
        *,
        is_immediate: bool,
        futures: int,
    ) -> None:
        self.manner = manner
        self.beat = beat
        self.futures = futures
        self._codec = codec
        self._setting = setting
        self._is_immediate = is_immediate
        self._held: dict[int, bool] = {}  # the player's keys, and whether a frame has taken them as struck
        self._touched_ns: int | None = None
        self._is_ending = False
        self._sent_ns = 0  # the latest moment that anything was handed over for at once
        self._sounding: frozenset[int] = frozenset()  # of ours, after all that was written
        self._frames: deque[_Frame] = deque()  # written, and not yet heard
        self._last_ns: int | None = None  # the moment of the last frame that was heard
        self._heard: deque[Voices] = deque(maxlen=_REMEMBERED)
        self._out: deque[Timed] = deque()
        self._velocity = 64
        self._is_closed = False

    @property
    def continuation(self) -> Continuation:
        """The stream that the voices are written in."""
        return self._setting.continuation

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches of ours that are to sound on now, for a retraction to spare."""
        return self._sounding

    @property
    def is_touched(self) -> bool:
        """A note waits for its answer."""
        return self._touched_ns is not None

    def touch(self, pitch: int, velocity: int, at_ns: int) -> int:
        """A key went down: what was to sound later is taken back. Return the moment after which it is."""
        self._held[pitch] = False
        self._velocity = velocity
        self._touched_ns = at_ns
        return self._take_back(at_ns)

    def release(self, pitch: int, at_ns: int) -> int | None:
        """A key came up. Return the moment after which what was to sound later is taken back; None if it is not."""
        self._held.pop(pitch, None)
        if not self._is_immediate or self._held:
            return None
        self._touched_ns = None
        self._is_ending = True
        return self._take_back(at_ns)

    def go_on(self, at_ns: int) -> None:
        """Play on from this moment, before any key is touched."""
        self._last_ns = at_ns

    def plan(self, now_ns: int, until_ns: int) -> None:
        """Write the frame that a touch asks for, then those that begin before a moment."""
        while self._frames and self._frames[0].at_ns <= now_ns:
            frame = self._frames.popleft()
            self._last_ns = frame.at_ns
            self._heard.append(frame.voices)
        if self._is_ending:
            self._end(now_ns)
        if self._touched_ns is not None and (self._is_immediate or self._last_moment is None):
            self._write(max(self._touched_ns, self._last_moment or 0), now_ns)
        self._touched_ns = None
        if self._is_closed or (self._is_immediate and not self._held) or self._last_moment is None:
            return
        while (at_ns := self._next_moment()) <= until_ns:
            self._write(at_ns, max(at_ns, now_ns))

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once."""
        events = []
        while self._out and self._out[0].at_ns <= until_ns:
            events.append(self._out.popleft())
        return tuple(events)

    def pending(self) -> tuple[Timed, ...]:
        """What is planned and not yet handed over."""
        return tuple(self._out)

    def silence(self, at_ns: int) -> None:
        """Take back what has not sounded, and write nothing any more; whoever calls ends what sounds."""
        self._take_back(at_ns)
        self._out.clear()
        self._sounding = frozenset()
        self._is_closed = True

    def retune(self, setting: Setting) -> None:
        """From now on in another key: what was heard is told to a fresh continuation; not while a frame is ahead."""
        if self._frames:
            return
        self._setting = setting
        for voices in self._heard:
            notes = self._given(voices)
            setting.continuation.voice(self._prompt(setting.continuation, notes, is_top=False), 1)
        setting.continuation.settle()

    def settle(self) -> None:
        """Use idle time to get the state ready for the next note."""
        self._setting.continuation.settle()

    @property
    def _last_moment(self) -> int | None:
        return self._frames[-1].at_ns if self._frames else self._last_ns

    def _next_moment(self) -> int:
        """The sixteenth of the beat after the last frame, which lasted at least half of one."""
        last_ns = self._last_moment
        assert last_ns is not None
        tick = next_multiple(self.beat.tick_at(last_ns) + FRAME_TICKS // 2, FRAME_TICKS)
        return max(self.beat.ns_at(tick), last_ns + 1)

    def _write(self, at_ns: int, sent_ns: int) -> None:
        continuation, before = self._setting.continuation, self._sounding
        tick = continuation.cursor.tick
        given = self._given(list(self._held.items()))
        settled = continuation.voice(self._prompt(continuation, given, is_top=self._is_immediate), self.futures)
        struck = {ticked.event.pitch for ticked in settled if isinstance(ticked.event, NoteOn)}
        shift = self._setting.shift
        voices = tuple((pitch + shift, pitch not in struck) for pitch in continuation.cursor.sounding)
        newly = frozenset(pitch for pitch, is_taken in self._held.items() if not is_taken)
        self._held = dict.fromkeys(self._held, True)
        events = self._changes(voices, sent_ns)
        self._out.extend(events)
        self._sent_ns = max(self._sent_ns, sent_ns if sent_ns != at_ns else 0)
        self._frames.append(_Frame(at_ns, tick, voices, newly, before))

    def _changes(self, voices: Voices, at_ns: int) -> tuple[Timed, ...]:
        """From what sounds of ours to these voices; a pitch whose key the player holds is the player's."""
        before = self._sounding
        placed = {self.manner.pitch(pitch): tied for pitch, tied in voices}
        ours = {pitch: tied or pitch in self._held for pitch, tied in placed.items()}
        ours = {pitch: tied for pitch, tied in ours.items() if pitch not in self._held or pitch in before}
        self._sounding = frozenset(ours)
        off = sorted(pitch for pitch in before if not ours.get(pitch, False))
        on = [pitch for pitch, tied in ours.items() if not tied or pitch not in before]
        loudness = self.manner.loudness(self._velocity)
        return (
            *(Timed(at_ns, NoteOff(pitch)) for pitch in off),
            *(Timed(at_ns, NoteOn(pitch, loudness)) for pitch in on),
        )

    def _prompt(self, continuation: Continuation, notes: Voices, *, is_top: bool) -> FramePrompt:
        return FramePrompt(self._codec, notes, continuation.cursor.tick + FRAME_TICKS, is_top)

    def _given(self, notes: Sequence[tuple[int, bool]]) -> Voices:
        """Pitches as the player hears them, as the model writes them: each once, the outer ones when they are many."""
        shift = self._setting.shift
        written = {self._codec.fold(pitch - shift): tied for pitch, tied in notes}
        voices = sorted(written.items(), reverse=True)
        return (*voices[: VOICES - 1], *voices[VOICES - 1 :][-1:])

    def _take_back(self, after_ns: int) -> int:
        """Unwrite the frames after a moment, or after the last one that was sent at once; return which it was."""
        after_ns = max(after_ns, self._sent_ns)
        while self._frames and self._frames[-1].at_ns > after_ns:
            frame = self._frames.pop()
            self._setting.continuation.retract(frame.tick)
            self._sounding = frame.before
            for pitch in frame.struck & self._held.keys():
                self._held[pitch] = False
        self._out = deque(timed for timed in self._out if timed.at_ns <= after_ns)
        return after_ns

    def _end(self, at_ns: int) -> None:
        self._out.extend(Timed(at_ns, NoteOff(pitch)) for pitch in sorted(self._sounding))
        self._sounding = frozenset()
        self._is_ending = False
