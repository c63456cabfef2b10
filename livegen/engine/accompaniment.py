"""Voices that sound together with the player's: frame by frame, the player's notes given, the others the network's.

A frame is written when it is needed, at most a horizon ahead. When the player moves, the frames that have not sounded
are taken back, the state with them, and others are written from the last one that was heard. Between two notes the
harmony of the likely next ones is foreseen, so that most notes find theirs waiting.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.chorale_frames import FRAME_TICKS, VOICES, FrameNotes, FramePrompt
from livegen.codecs.codec import FrameCodec
from livegen.engine.best_of_n import Candidate
from livegen.engine.checkpoint import Checkpoint
from livegen.engine.part import PlaybackStyle
from livegen.engine.token_stream import TokenStream
from livegen.events import NoteOff, NoteOn, Timed
from livegen.music.tempo_map import TempoMap, next_multiple

_REMEMBERED = 32  # frames, for an ensemble that changes its key
_LATEST_NS = NS_PER_S  # frames that should have begun longer ago would only take their time
_TOGETHER_NS = 50 * NS_PER_MS  # keys that go down so near to each other are a chord, not a melody
_STEPS = (2, -2, -1, 1, 0, 3, -3, 4, -4, 5, -5, 7, -7, 12, -12)  # of melodies, in semitones, the likely ones first


@dataclass(frozen=True, slots=True)
class KeySetting:
    """The key and the odds that an ensemble writes in: ``shift`` semitones from the model's key to the player's."""

    shift: int
    stream: TokenStream


@dataclass(frozen=True, slots=True)
class _Frame:
    at_ns: int
    checkpoint: Checkpoint  # before it
    voices: FrameNotes  # all of them, as the player hears them
    struck: frozenset[int]  # keys of the player that it took as newly struck
    before: frozenset[int]  # what of ours sounded before it


class Accompaniment:
    """Owner of the other voices. ``is_immediate``: each note is answered at once, and silence with silence."""

    def __init__(
        self,
        codec: FrameCodec[Any],
        setting: KeySetting,
        style: PlaybackStyle,
        beat: TempoMap,
        *,
        is_immediate: bool,
        candidates: int,
    ) -> None:
        self.style = style
        self.beat = beat
        self.candidates = candidates
        self._codec = codec
        self._key_setting = setting
        self._is_immediate = is_immediate
        self._held: set[int] = set()  # the player's keys that are down
        self._given: dict[int, bool] = {}  # of these, those that are written into frames, and whether one has been
        self._last_pitch: int | None = None
        self._last_touch_ns = 0
        self._precomputed: dict[FrameNotes, Candidate] = {}  # ways to write the next frame, by what is given of it
        self._precomputed_from: Checkpoint | None = None
        self._touched_ns: int | None = None
        self._is_ending = False
        self._handed_ns = 0  # up to where events have been handed over
        self._sent_ns = 0  # the latest moment that anything was handed over for at once
        self._sounding: frozenset[int] = frozenset()  # of ours, after all that was written
        self._frames: deque[_Frame] = deque()  # written, and not yet heard
        self._last_ns: int | None = None  # the moment of the last frame that was heard
        self._heard: deque[FrameNotes] = deque(maxlen=_REMEMBERED)
        self._out: deque[Timed] = deque()
        self._velocity = 64
        self._is_closed = False

    @property
    def stream(self) -> TokenStream:
        """The stream that the voices are written in."""
        return self._key_setting.stream

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches of ours that are to sound on now, for a retraction to spare."""
        return self._sounding

    @property
    def is_open(self) -> bool:
        """Nothing is written that has not been heard."""
        return not self._frames

    @property
    def is_touched(self) -> bool:
        """A note waits for its answer."""
        return self._touched_ns is not None

    def note_on(self, pitch: int, velocity: int, at_ns: int) -> int | None:
        """A key went down: what was to sound later is taken back. Return the moment after which it is, if any of it
        had been handed over.

        Where notes are answered at once, the newest is the melody: a key that is still down from before is left out.
        """
        self._held.add(pitch)
        if self._is_immediate and at_ns - self._last_touch_ns > _TOGETHER_NS:
            self._given.clear()
        self._given[pitch] = False
        self._velocity, self._last_pitch = velocity, pitch
        self._touched_ns = self._last_touch_ns = at_ns
        return self._take_back(at_ns)

    def note_off(self, pitch: int, at_ns: int) -> int | None:
        """A key came up; as ``note_on``."""
        self._held.discard(pitch)
        self._given.pop(pitch, None)
        if self._held and not self._given:
            self._given = {max(self._held): True}
        if not self._is_immediate or self._held:
            return None
        self._touched_ns = None
        self._is_ending = True
        return self._take_back(at_ns)

    def go_on(self, at_ns: int) -> None:
        """Play on from this moment, before any key is touched."""
        self._last_ns = at_ns

    def advance(self, now_ns: int) -> None:
        """What began by now has been heard."""
        while self._frames and self._frames[0].at_ns <= now_ns:
            frame = self._frames.popleft()
            self._last_ns = frame.at_ns
            self._heard.append(frame.voices)

    def plan(self, now_ns: int, until_ns: int) -> None:
        """Write the frame that a touch asks for, then those that begin before a moment."""
        self.advance(now_ns)
        if self._is_ending:
            self._end(now_ns)
        if self._touched_ns is not None and (self._is_immediate or self._last_moment is None):
            self._write(max(self._touched_ns, self._last_moment or 0), now_ns)
        self._touched_ns = None
        if self._is_closed or (self._is_immediate and not self._held) or self._last_moment is None:
            return
        while (at_ns := self._next_moment(now_ns - _LATEST_NS)) <= until_ns:
            self._write(at_ns, max(at_ns, now_ns))

    def precompute(self) -> bool:
        """Look for the harmony of one more note that may come next; False when all likely ones have theirs."""
        if not self._is_immediate or self._last_pitch is None or self._is_closed:
            return False
        checkpoint = self._frames[0].checkpoint if self._frames else self.stream.checkpoint
        if checkpoint is not self._precomputed_from:
            self._precomputed, self._precomputed_from = {}, checkpoint
        for step in _STEPS:
            given = self._written([(self._last_pitch + step, False)])
            if given not in self._precomputed:
                prompt = self._prompt(checkpoint, given, is_top=True)
                self._precomputed[given] = self.stream.harmonise_frame(prompt, self.candidates, checkpoint)
                return True
        return False

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once.

        Frames that come too late all sound at once: a note that one of them begins and the next one ends is left out.
        """
        self._handed_ns = max(self._handed_ns, until_ns)
        events: list[Timed] = []
        while self._out and self._out[0].at_ns <= until_ns:
            timed = self._out.popleft()
            begun = [known for known in events if known.at_ns == timed.at_ns and _begins_what_ends(known, timed)]
            if begun:
                events.remove(begun[0])
            else:
                events.append(timed)
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

    def retune(self, setting: KeySetting) -> None:
        """From now on in another key, when ``is_open``: what was heard is told to a fresh continuation."""
        self._key_setting = setting
        stream = setting.stream
        for voices in self._heard:
            prompt = self._prompt(stream.checkpoint, self._written(voices), is_top=False)
            stream.go(stream.harmonise_frame(prompt, 1).checkpoint)
        stream.feed_settled()

    @property
    def _last_moment(self) -> int | None:
        return self._frames[-1].at_ns if self._frames else self._last_ns

    def _next_moment(self, earliest_ns: int) -> int:
        """The sixteenth of the beat after the last frame, which lasted at least half of one, or after a moment."""
        last_ns = self._last_moment
        assert last_ns is not None
        last_ns = max(last_ns, earliest_ns)
        tick = next_multiple(self.beat.tick_at(last_ns) + FRAME_TICKS // 2, FRAME_TICKS)
        return max(self.beat.ns_at(tick), last_ns + 1)

    def _write(self, at_ns: int, sent_ns: int) -> None:
        checkpoint, before = self.stream.checkpoint, self._sounding
        given = self._written(list(self._given.items()))
        candidate = self._candidate(checkpoint, given)
        self.stream.go(candidate.checkpoint)
        struck = {ticked.event.pitch for ticked in candidate.events if isinstance(ticked.event, NoteOn)}
        shift = self._key_setting.shift
        voices = tuple((pitch + shift, pitch not in struck) for pitch in candidate.checkpoint.cursor.sounding)
        newly = frozenset(pitch for pitch, is_taken in self._given.items() if not is_taken)
        self._given = dict.fromkeys(self._given, True)
        theirs = {pitch + shift for pitch, _ in given}
        self._out.extend(self._changes([voice for voice in voices if voice[0] not in theirs], sent_ns))
        self._sent_ns = max(self._sent_ns, sent_ns if sent_ns != at_ns else 0)
        self._frames.append(_Frame(at_ns, checkpoint, voices, newly, before))

    def _candidate(self, checkpoint: Checkpoint, given: FrameNotes) -> Candidate:
        if checkpoint is self._precomputed_from and given in self._precomputed:
            return self._precomputed[given]
        candidates = (
            self.candidates if any(not tied for _, tied in given) else 1
        )  # the likeliest way to hold is to hold
        return self.stream.harmonise_frame(self._prompt(checkpoint, given, is_top=self._is_immediate), candidates)

    def _changes(self, voices: Sequence[tuple[int, bool]], at_ns: int) -> tuple[Timed, ...]:
        """From what sounds of ours to these voices. A key that the player holds is not struck, nor ended, by us."""
        before = self._sounding
        ours = {pitch: tied for voice, tied in voices if (pitch := self.style.pitch(voice)) not in self._held}
        ours |= dict.fromkeys(before & self._held, True)
        self._sounding = frozenset(ours)
        off = sorted(pitch for pitch in before if not ours.get(pitch, False))
        on = [pitch for pitch, tied in ours.items() if not tied or pitch not in before]
        loudness = self.style.loudness(self._velocity)
        return (
            *(Timed(at_ns, NoteOff(pitch)) for pitch in off),
            *(Timed(at_ns, NoteOn(pitch, loudness)) for pitch in on),
        )

    def _prompt(self, checkpoint: Checkpoint, notes: FrameNotes, *, is_top: bool) -> FramePrompt:
        return FramePrompt(self._codec, notes, checkpoint.cursor.tick + FRAME_TICKS, is_top)

    def _written(self, notes: Sequence[tuple[int, bool]]) -> FrameNotes:
        """Pitches as the player hears them, as the model writes them: each once, the outer ones when they are many."""
        shift = self._key_setting.shift
        written = {self._codec.fold(pitch - shift): tied for pitch, tied in notes}
        voices = sorted(written.items(), reverse=True)
        return (*voices[: VOICES - 1], *voices[VOICES - 1 :][-1:])

    def _take_back(self, after_ns: int) -> int | None:
        """Unwrite the frames after a moment, or after the last one that was sent at once; return which it was."""
        after_ns = max(after_ns, self._sent_ns)
        handed = False
        while self._frames and self._frames[-1].at_ns > after_ns:
            frame = self._frames.pop()
            handed = handed or frame.at_ns <= self._handed_ns
            self.stream.go(frame.checkpoint)
            self._sounding = frame.before
            for pitch in frame.struck & self._given.keys():
                self._given[pitch] = False
        self._out = deque(timed for timed in self._out if timed.at_ns <= after_ns)
        return after_ns if handed else None

    def _end(self, at_ns: int) -> None:
        self._out.extend(Timed(at_ns, NoteOff(pitch)) for pitch in sorted(self._sounding))
        self._sounding = frozenset()
        self._is_ending = False


def _begins_what_ends(on: Timed, off: Timed) -> bool:
    return isinstance(on.event, NoteOn) and isinstance(off.event, NoteOff) and on.event.pitch == off.event.pitch
