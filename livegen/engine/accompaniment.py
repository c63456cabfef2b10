"""Voices that sound together with the player's, frame by frame: the player gives some notes, the network the others.

A frame is written when it is needed, at most a horizon ahead. When the player's notes change, the frames that have not
sounded are retracted, and the stream goes back to the checkpoint after the last frame that sounded. Between two notes
the frames for the likely next notes are computed ahead, so that most notes find their harmony ready.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.chorale_frames import FRAME_TICKS, VOICES, FrameNotes, FramePrompt
from livegen.codecs.codec import Cursor, FrameCodec
from livegen.engine.best_of_n import Candidate, InterruptedSearch
from livegen.engine.checkpoint import Checkpoint
from livegen.engine.part import Moment, Part, PlaybackStyle
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import TurnEvent
from livegen.events import Event, NoteOff, NoteOn, Timed, ending_of
from livegen.music.beat_tracker import BeatTracker
from livegen.music.hands import Hands
from livegen.music.tempo_map import TempoMap, next_multiple
from livegen.music.transport import TransportState

_REMEMBERED = 32  # frames that prime the new stream after a change of key
_MELODY = 16  # notes of the melody that its register is found from
_LATEST_NS = NS_PER_S  # frames that should have begun longer ago are not written: they would cost time for nothing
_TOGETHER_NS = 50 * NS_PER_MS  # keys pressed within this time are a chord, not a melody
_LIKELY_NS = 4 * NS_PER_S  # after so long without a key press, no next note is computed ahead
_LOWEST_BASS = 28  # of a double bass: an octave added below it is only a rumble
_STEPS = (2, -2, -1, 1, 0, 3, -3, 4, -4, 5, -5, 7, -7, 12, -12)  # intervals of melodies, semitones, likeliest first


@dataclass(frozen=True, slots=True)
class KeySetting:
    """The transposition and the stream that voices are written with.

    ``shift``: semitones from the model's key to the player's.
    """

    shift: int
    stream: TokenStream[Cursor]


@dataclass(frozen=True, slots=True)
class _Frame:
    at_ns: int
    checkpoint: Checkpoint[Cursor]  # before this frame
    voices: FrameNotes  # all voices, at the pitches that the player hears
    struck: frozenset[int]  # the player's keys that this frame counts as newly struck
    before: frozenset[int]  # our pitches that sounded before this frame


class Accompaniment(Part):
    """Owner of the other voices. ``is_immediate``: each note is harmonised at once, and silence is kept as silence.

    ``beat``: a clock's, or a tracker of the player's, which listens when nothing else is to be done. Frames that are
    written stay where they are when it changes.
    ``update_key`` is called after each note with the time and the melody's newest pitches, for another key. The
    accompaniment ends after ``patience_ns`` of silence.
    """

    def __init__(
        self,
        codec: FrameCodec[Cursor],
        setting: KeySetting,
        style: PlaybackStyle,
        beat: TempoMap,
        *,
        candidates: int,
        is_immediate: bool,
        patience_ns: int,
        hands: Hands,
        update_key: Callable[[int, Sequence[int]], KeySetting | None],
    ) -> None:
        self._codec, self._style, self._beat = codec, style, beat
        self._candidates = candidates
        self.stream, self._shift = setting.stream, setting.shift
        self._is_immediate = is_immediate
        self._patience_ns = patience_ns
        self._hands = hands
        self._update_key = update_key
        self._held: set[int] = set()  # the player's keys that are down
        self._given: dict[int, bool] = {}  # the held keys that go into frames → is already written into a frame
        self._last_touch_ns = 0
        self._melody: deque[int] = deque(maxlen=_MELODY)  # its newest pitches
        self._last_melody_ns = 0
        self._precomputed: dict[FrameNotes, Candidate[Cursor]] = {}  # the next frame, by its given notes
        self._precomputed_from: Checkpoint[Cursor] | None = None
        self._touched_ns: int | None = None  # when the key was pressed whose note has no frame yet
        self._is_key_known = self._is_precomputed = True
        self._is_ending = False
        self._handed_ns = 0  # up to where events have been handed over
        self._sent_ns = 0  # the latest moment of events that were to sound at once
        self._sounding: frozenset[int] = frozenset()  # our pitches that sound after the last written frame
        self._lifts: dict[Event, None] = {}  # the events that lift pressed pedals and centre pitch bends
        self._frames: deque[_Frame] = deque()  # written, and not yet sounding
        self._last_ns: int | None = None  # when the last frame that has sounded began
        self._heard: deque[FrameNotes] = deque(maxlen=_REMEMBERED)  # frames that have sounded
        self._out: deque[Timed] = deque()
        self._velocity = 64
        self._is_closed = False

    @property
    def sounding(self) -> frozenset[int]:
        """Our pitches that keep sounding through a retraction."""
        return self._sounding

    @property
    def is_behind(self) -> bool:
        """As ``Part.is_behind``: the key is to be found anew, or likely next notes have no harmony yet."""
        return not (self._is_key_known and self._is_precomputed)

    def begin(self, at_ns: int) -> None:
        """Play from this moment on, before any key is pressed."""
        self._last_ns = self._last_touch_ns = at_ns

    def note_on(self, event: NoteOn, at_ns: int) -> int | None:
        """As ``Part.note_on``: frames that were to sound later are retracted.

        With ``is_immediate`` the right hand's newest note is the melody: its keys still down from before are left out
        of the frame. The left hand's keys are voices of it as long as they sound.
        """
        pitch = event.pitch
        self._held.add(pitch)
        is_left = self._hands.is_left(pitch)
        if self._is_immediate and not is_left:
            is_chord = at_ns - self._last_melody_ns <= _TOGETHER_NS
            self._given = {key: True for key in self._held if self._hands.is_left(key)} | {
                key: is_taken for key, is_taken in self._given.items() if is_chord or self._hands.is_left(key)
            }
        if not is_left:
            self._melody.append(pitch)
            self._last_melody_ns = at_ns
        if not (is_left and self._has_melody):
            self._velocity = event.velocity
        self._given[pitch] = False
        self._touched_ns = self._last_touch_ns = at_ns
        if isinstance(self._beat, BeatTracker):
            self._beat.note_on(at_ns)
        return self._take_back(at_ns)

    def note_off(self, pitch: int, at_ns: int) -> int | None:
        """As ``Part.note_off``."""
        self._held.discard(pitch)
        self._given.pop(pitch, None)
        if self._held and not self._has_melody:
            others = [key for key in self._held if not self._hands.is_left(key)]
            self._given |= {max(others): True} if others else {}
        if not self._is_immediate or self._held:
            return None
        self._touched_ns = None
        self._is_ending = True
        return self._take_back(at_ns)

    def plan(self, moment: Moment) -> Sequence[str]:
        """As ``Part.plan``. After a key press, only its frame is written; the other work waits for the next call."""
        now_ns, ahead = moment.now_ns, moment.ahead
        if self._touched_ns is not None:
            self._is_key_known = self._is_precomputed = False
            self._write_until(now_ns, now_ns)
            return ()
        self._advance(now_ns)
        if not self._is_key_known and not self._frames and (setting := self._update_key(now_ns, self._melody)):
            self._change_key(setting)
        self._is_key_known = True
        waited_ns = 0 if moment.is_held else now_ns - self._last_touch_ns
        if waited_ns > self._patience_ns:
            self.retract(now_ns)
            return ()
        self._write_until(now_ns, now_ns if moment.is_stopped else now_ns + ahead.horizon_ns)
        is_due = bool(self._out) and self._out[0].at_ns <= now_ns + ahead.commit_ns
        if not is_due and isinstance(self._beat, BeatTracker) and self._beat.is_behind(now_ns):
            self._is_precomputed = False  # call again at once
            lines, self.metre = self._beat.advance(now_ns), self._beat.metre
            return lines
        self._is_precomputed = is_due or waited_ns > _LIKELY_NS or not self._precompute(moment.is_interrupted)
        return ()

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once.

        Late frames all sound at once: a note that one of them begins and the next one ends is left out.
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
        """As ``Part.pending``."""
        return tuple(self._out)

    def retract(self, after_ns: int) -> None:
        """As ``Part.retract``; no frame is written afterwards."""
        self._take_back(after_ns)
        self._out.clear()
        self._sounding = frozenset()
        self._is_closed = True

    def follow(self, transport: TransportState, moment: Moment, *, is_same_run: bool) -> bool:
        """As ``Part.follow``: a clock that stops ends the accompaniment."""
        self._beat = transport
        if is_same_run or transport.is_running:
            return False
        self.retract(moment.now_ns)
        return True

    def due_ns(self, ahead: LookAhead) -> int:
        """Always 0: it follows the player."""
        return 0

    def ending(self, now_ns: int) -> TurnEvent | None:
        """As ``Part.ending``."""
        return TurnEvent.SILENCE if self._is_closed else None

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """As ``Part.apply_settings``; ``shift`` is ignored: voices are transposed where they are written."""
        self._style, self._candidates = style, candidates

    def _precompute(self, is_interrupted: Callable[[], bool]) -> bool:
        """Compute the harmony of one more likely next note; False when all likely notes have one.

        It is given up when somebody plays: the frame of the note that was played must not wait for it.
        """
        if not self._is_immediate or not self._melody or self._is_closed:
            return False
        checkpoint = self._frames[0].checkpoint if self._frames else self.stream.checkpoint
        if checkpoint is not self._precomputed_from:
            self._precomputed, self._precomputed_from = {}, checkpoint
        low = [(key, True) for key in self._given if self._hands.is_left(key)]
        for step in _STEPS:
            given = self._written([*low, (self._melody[-1] + step, False)])
            if given not in self._precomputed:
                prompt = self._prompt(checkpoint, given, is_top=True)
                with suppress(InterruptedSearch):
                    self._precomputed[given] = self.stream.harmonise_frame(
                        prompt, self._candidates, checkpoint, is_interrupted
                    )
                return True
        return False

    def _advance(self, now_ns: int) -> None:
        """Move the frames that have begun to the history."""
        while self._frames and self._frames[0].at_ns <= now_ns:
            frame = self._frames.popleft()
            self._last_ns = frame.at_ns
            self._heard.append(frame.voices)

    def _write_until(self, now_ns: int, until_ns: int) -> None:
        """Write the frame for a key press, if one waits, then the frames that begin before a moment."""
        self._advance(now_ns)
        if self._is_ending:
            self._end(now_ns)
        if self._touched_ns is not None and (self._is_immediate or self._last_moment is None):
            self._write(max(self._touched_ns, self._last_moment or 0), now_ns)
        self._touched_ns = None
        if self._is_closed or (self._is_immediate and not self._held) or self._last_moment is None:
            return
        while (at_ns := self._next_moment(now_ns - _LATEST_NS)) <= until_ns:
            self._write(at_ns, max(at_ns, now_ns))

    def _change_key(self, setting: KeySetting) -> None:
        """Continue in another key: a new stream is primed with the frames that have sounded."""
        stream = self.stream = setting.stream
        self._shift = setting.shift
        for voices in self._heard:
            prompt = self._prompt(stream.checkpoint, self._written(voices), is_top=False)
            stream.go(stream.harmonise_frame(prompt, 1).checkpoint)
        stream.feed_settled()

    @property
    def _last_moment(self) -> int | None:
        return self._frames[-1].at_ns if self._frames else self._last_ns

    def _next_moment(self, earliest_ns: int) -> int:
        """The next sixteenth of the beat, at least half a sixteenth after the last frame or after ``earliest_ns``."""
        last_ns = self._last_moment
        assert last_ns is not None
        last_ns = max(last_ns, earliest_ns)
        tick = next_multiple(self._beat.tick_at(last_ns) + FRAME_TICKS // 2, FRAME_TICKS)
        return max(self._beat.ns_at(tick), last_ns + 1)

    def _write(self, at_ns: int, sent_ns: int) -> None:
        checkpoint, before = self.stream.checkpoint, self._sounding
        given = self._written(list(self._given.items()))
        candidate = self._candidate(checkpoint, given)
        self.stream.go(candidate.checkpoint)
        struck = {ticked.event.pitch for ticked in candidate.events if isinstance(ticked.event, NoteOn)}
        shift = self._shift
        voices = tuple((pitch + shift, pitch not in struck) for pitch in candidate.checkpoint.cursor.sounding)
        newly = frozenset(pitch for pitch, is_taken in self._given.items() if not is_taken)
        self._given = dict.fromkeys(self._given, True)
        theirs = {pitch + shift for pitch, _ in given}
        self._out.extend(self._changes([voice for voice in voices if voice[0] not in theirs], newly, sent_ns))
        self._out.extend(self._passed(candidate, sent_ns))
        self._sent_ns = max(self._sent_ns, sent_ns if sent_ns != at_ns else 0)
        self._frames.append(_Frame(at_ns, checkpoint, voices, newly, before))

    def _candidate(self, checkpoint: Checkpoint[Cursor], given: FrameNotes) -> Candidate[Cursor]:
        is_top = self._is_immediate and self._has_melody
        if is_top and checkpoint is self._precomputed_from and given in self._precomputed:
            return self._precomputed[given]
        is_struck = any(not tied for _, tied in given)
        candidates = self._candidates if is_struck else 1  # a frame in which all given notes are held needs no search
        return self.stream.harmonise_frame(self._prompt(checkpoint, given, is_top=is_top), candidates)

    @property
    def _has_melody(self) -> bool:
        """Is one of the given keys the right hand's?"""
        return any(not self._hands.is_left(key) for key in self._given)

    def _passed(self, candidate: Candidate[Cursor], at_ns: int) -> Iterator[Timed]:
        """Events other than notes pass unchanged."""
        for ticked in candidate.events:
            if not isinstance(ticked.event, NoteOn | NoteOff):
                if lift := ending_of(ticked.event):
                    self._lifts[lift] = None
                yield Timed(at_ns, ticked.event)

    def _changes(self, voices: Sequence[tuple[int, bool]], newly: frozenset[int], at_ns: int) -> tuple[Timed, ...]:
        """Note-offs and note-ons from our sounding pitches to these voices, without keys that the player holds."""
        before = self._sounding
        ours = {pitch: tied for voice, tied in voices if (pitch := self._style.pitch(voice)) not in self._held}
        ours = ours or self._doubled(newly)
        ours |= dict.fromkeys(before & self._held, True)
        self._sounding = frozenset(ours)
        off = sorted(pitch for pitch in before if not ours.get(pitch, False))
        on = [pitch for pitch, tied in ours.items() if not tied or pitch not in before]
        loudness = self._style.loudness(self._velocity)
        return (
            *(Timed(at_ns, NoteOff(pitch)) for pitch in off),
            *(Timed(at_ns, NoteOn(pitch, loudness)) for pitch in on),
        )

    def _doubled(self, newly: frozenset[int]) -> dict[int, bool]:
        """Where the hands hold all voices: the bass an octave lower, or else the melody an octave higher.

        An octave belongs to every chord, and it lies where no hand is, as an organ's pedal does.
        """
        for key, octave in ((min(self._given), -12), (max(self._given), 12)) if self._given else ():
            pitch = key + octave
            is_in_range = max(self._style.lowest, _LOWEST_BASS) <= pitch <= self._style.highest
            if (
                is_in_range
                and pitch not in self._held
                and self.stream.may_begin(pitch - self._shift - self._style.shift)
            ):
                return {pitch: key not in newly}
        return {}

    def _prompt(self, checkpoint: Checkpoint[Cursor], notes: FrameNotes, *, is_top: bool) -> FramePrompt[Cursor]:
        return FramePrompt(self._codec, notes, checkpoint.cursor.tick + FRAME_TICKS, is_top)

    def _written(self, notes: Sequence[tuple[int, bool]]) -> FrameNotes:
        """The player's pitches, transposed for the model: each once, of more than four the top three and the lowest."""
        shift = self._shift
        written = {self._codec.fold(pitch - shift): tied for pitch, tied in notes}
        voices = sorted(written.items(), reverse=True)
        return (*voices[: VOICES - 1], *voices[VOICES - 1 :][-1:])

    def _take_back(self, after_ns: int) -> int | None:
        """Retract the frames after a moment, or after the last events that were to sound at once.

        Return the moment after which handed-over events are invalid; None if none are.
        """
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
        at_ns = max(at_ns, (self._last_ns or 0) + 1)  # after what the last frame begins: note-offs come first
        self._out.extend(Timed(at_ns, ending) for ending in (*map(NoteOff, sorted(self._sounding)), *self._lifts))
        self._sounding = frozenset()
        self._lifts.clear()
        self._is_ending = False


def _begins_what_ends(on: Timed, off: Timed) -> bool:
    return isinstance(on.event, NoteOn) and isinstance(off.event, NoteOff) and on.event.pitch == off.event.pitch
