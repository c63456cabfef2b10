"""A part that plays together with the player in real time, as if both were one pianist.

Both are one stream of tokens: what the player does is told as it happens, and the network's next event, as far as it is
not the player's to decide, is ours. An event of the player takes back what of ours was to come later, the stream goes
back with it, and the network draws again knowing what happened. Our keys are those that the player's hands leave free.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.codec import Cursor, PlayedCodec
from livegen.codecs.performance_writing import HALF_PEDAL
from livegen.codecs.vocabulary import PitchSet
from livegen.engine.checkpoint import Checkpoint
from livegen.engine.part import Moment, Part, PlaybackStyle
from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import TurnEvent
from livegen.events import (
    ALL_SOUND_OFF,
    PEDAL,
    SUSTAIN_PEDAL,
    TICKS_PER_QUARTER,
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    Ticked,
    Timed,
)
from livegen.music.tempo_map import SteadyTempo
from livegen.music.transport import TransportState

_TOGETHER_NS = 10 * NS_PER_MS  # what we play so soon after an event of the player is not taken back: it may have left
_LATEST_NS = 30 * NS_PER_MS  # what should have begun longer ago is not played: time has gone on without it
_TOKENS_A_CALL = 8  # a call lasts a millisecond or two
_MEMORY_NS = 4 * NS_PER_S  # where a hand has played is its own for so long
_DISTANCE = 3  # semitones from what a hand plays to our keys, at the least
_TWO_HANDS = 9  # semitones without a key between two hands, at the least
_LOW = 55  # a hand with a mean pitch below this is accompanied from above
_CLOSING_NS = 2 * NS_PER_S  # our last notes may last so long
_HELD_NS = 60 * NS_PER_S  # a key that is down for so long is stuck
_PITCHES = range(128)


class _Sound(NamedTuple):
    """A note of ours: its pitch, None where it was left out, and its onset."""

    pitch: int | None
    begun_ns: int


@dataclass(frozen=True, slots=True)
class _Point:
    """The stream after a token, and what of ours lasts then."""

    at_ns: int
    checkpoint: Checkpoint[Cursor]
    sounding: dict[int, "_Sound"] = field(default_factory=dict)  # by the model's pitch; never changed
    is_pedal_down: bool = False


class Duet(Part):
    """Owner of what we play beside a player who began at ``begin_ns``. It ends after ``patience_ns`` of silence."""

    def __init__(
        self,
        codec: PlayedCodec[Cursor],
        stream: TokenStream[Cursor],
        style: PlaybackStyle,
        begin_ns: int,
        patience_ns: int,
        update_key: Callable[[int], None],
    ) -> None:
        """``update_key`` finds the key anew; it is called with the time, when nothing else is to be done."""
        self._codec, self.stream = codec, stream
        self.apply_settings(style, 0, 1)
        self._patience_ns = patience_ns
        self._update_key = update_key
        self._is_key_known = True
        self._beat = SteadyTempo(begin_ns - stream.cursor.tick * codec.beat_ns // TICKS_PER_QUARTER, codec.beat_ns)
        self._listener, tokens = codec.listen(stream.cursor)
        stream.write(tokens, is_own=False)
        self._trail = deque([_Point(self._now_ns, stream.checkpoint)])  # only the first one is certain
        self._planned: deque[Timed] = deque()
        self._lasting: frozenset[int] = frozenset()  # what of ours the player's events since ``hand_over`` left
        self._handed_ns = 0  # up to where events have been handed over
        self._recent: deque[tuple[int, int]] = deque(maxlen=64)  # moments and pitches of the player's notes
        self._is_pedal_theirs = False
        self._touched_ns = begin_ns
        self._is_behind = True
        self._is_closed = False

    @property
    def sounding(self) -> frozenset[int]:
        """As ``Part.sounding``."""
        return self._lasting

    @property
    def is_behind(self) -> bool:
        """As ``Part.is_behind``."""
        return self._is_behind

    def hear(self, timed: Timed) -> int | None:
        """As ``Part.hear``: it is told, and what of ours was to come later is planned anew."""
        if self._is_closed or not _counts(timed.event):
            return None
        if isinstance(timed.event, NoteOn):
            self._recent.append((timed.at_ns, timed.event.pitch))
            self._is_key_known = False
        self._is_pedal_theirs = self._is_pedal_theirs or _presses(timed.event)
        self._touched_ns = max(self._touched_ns, timed.at_ns)
        kept_ns = self._go_back(timed.at_ns + _TOGETHER_NS)
        ticked = Ticked(self._beat.tick_at(timed.at_ns), timed.event)
        self._listener, tokens = self._listener.at(self.stream.cursor).hear(ticked)
        self.stream.write(tokens, is_own=False)
        self._give_way(timed.at_ns, kept_ns)
        return kept_ns if self._handed_ns > kept_ns else None

    def plan(self, moment: Moment) -> Sequence[str]:
        """As ``Part.plan``."""
        if self._is_closed:
            return ()
        now_ns = moment.now_ns
        is_closing = now_ns > self._until_ns
        if is_closing and (not self._trail[-1].sounding or now_ns > self._until_ns + _CLOSING_NS):
            self.retract(now_ns)
            return ()
        self._catch_up(now_ns)
        mine = np.zeros(128, np.bool_) if is_closing else self._mine(now_ns)
        for _ in range(_TOKENS_A_CALL):
            self._is_behind = self._now_ns <= now_ns + moment.ahead.horizon_ns
            if not self._is_behind:
                break
            self._write(mine)
        if not self._is_behind and not self._is_key_known:
            self._update_key(now_ns)
            self._is_key_known = True
        while len(self._trail) > 1 and self._trail[1].at_ns <= now_ns - _LATEST_NS:
            self._trail.popleft()
        return ()

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """As ``Part.hand_over``."""
        self._handed_ns = max(self._handed_ns, until_ns)
        self._lasting = frozenset()
        events = []
        while self._planned and self._planned[0].at_ns <= until_ns:
            events.append(self._planned.popleft())
        return tuple(events)

    def pending(self) -> tuple[Timed, ...]:
        """As ``Part.pending``."""
        return tuple(self._planned)

    def retract(self, after_ns: int) -> None:
        """As ``Part.retract``; nothing is planned afterwards."""
        self._go_back(after_ns)
        self._planned.clear()
        self._lasting = frozenset()
        self._is_closed, self._is_behind = True, False

    def follow(self, transport: TransportState, moment: Moment, *, is_same_run: bool) -> bool:
        """As ``Part.follow``: the hands have their own time; a clock that stops ends the music."""
        if is_same_run or transport.is_running:
            return False
        self.retract(moment.now_ns)
        return True

    def due_ns(self, ahead: LookAhead) -> int:
        """As ``Part.due_ns``."""
        if self._is_behind or self._is_closed:
            return 0
        due_ns = min(self._now_ns - ahead.horizon_ns, self._until_ns)
        return min(due_ns, self._planned[0].at_ns - ahead.commit_ns) if self._planned else due_ns

    def ending(self, now_ns: int) -> TurnEvent | None:
        """As ``Part.ending``."""
        return TurnEvent.SILENCE if self._is_closed else None

    def apply_settings(self, style: PlaybackStyle, shift: int, candidates: int) -> None:
        """As ``Part.apply_settings``."""
        self._style = style.shifted(shift, None)
        self._sounds_at = np.array([self._style.pitch(pitch) for pitch in _PITCHES])  # [128], by the model's pitch

    @property
    def _until_ns(self) -> int:
        """From when on nothing of ours begins, if the player does no more."""
        return self._touched_ns + (_HELD_NS if self._listener.pitches else self._patience_ns)

    # the stream

    @property
    def _now_ns(self) -> int:
        """Where the stream is."""
        return self._beat.ns_at(self.stream.cursor.tick)

    def _write(self, mine: PitchSet) -> None:
        """Draw the next token."""
        theirs = self._listener.pitches
        others = self._codec.of_others(self.stream.cursor, mine, theirs, is_pedal_theirs=self._is_pedal_theirs)
        point = self._trail[-1]
        for ticked in self.stream.imagine_beside(others, self._codec.waits):
            point = self._after(point, ticked)
        self._trail.append(replace(point, at_ns=self._now_ns, checkpoint=self.stream.checkpoint))

    def _catch_up(self, now_ns: int) -> None:
        """Tell what is late, and where the stream has stayed behind, that nothing has happened.

        What should have been handed over long ago is taken back.
        """
        if self._planned and self._planned[0].at_ns < now_ns - _LATEST_NS:
            self._go_back(self._handed_ns)
        late_tick = self._listener.late_tick
        is_behind = self._now_ns < now_ns - _LATEST_NS
        if late_tick is None and not is_behind:
            return
        tick = self._beat.tick_at(now_ns) if is_behind else late_tick or 0
        self._listener, tokens = self._listener.at(self.stream.cursor).wait(tick)
        self.stream.write(tokens, is_own=False)
        self._confirm(self._trail[-1])

    def _go_back(self, after_ns: int) -> int:
        """Take back what was planned after a moment; return the moment after which nothing is planned."""
        while len(self._trail) > 1 and self._trail[-1].at_ns > after_ns:
            self._trail.pop()
        point = self._trail[-1]
        self.stream.go(point.checkpoint)
        kept_ns = max(after_ns, point.at_ns) + 1  # the end of a note that begins at the last moment is kept, too
        self._planned = deque(timed for timed in self._planned if timed.at_ns <= kept_ns)
        pitches = {sound.pitch for sound in point.sounding.values() if sound.pitch is not None}
        self._lasting |= pitches | ({PEDAL} if point.is_pedal_down else set())
        return kept_ns

    def _confirm(self, point: _Point) -> None:
        """The stream is at a point that nothing takes back."""
        self._trail = deque([replace(point, at_ns=self._now_ns, checkpoint=self.stream.checkpoint)])

    def _give_way(self, at_ns: int, kept_ns: int) -> None:
        """End those of our notes whose keys the player has taken, and lift our pedal where the player has one.

        What we have begun up to ``kept_ns`` stays begun.
        """
        point, theirs = self._trail[-1], self._listener.pitches
        taken = [pitch for pitch, sound in point.sounding.items() if pitch in theirs or sound.pitch in theirs]
        for pitch in taken:
            point = self._end(point, pitch, max(at_ns, point.sounding[pitch].begun_ns + 1))
        self._planned = deque(sorted(self._planned, key=lambda timed: timed.at_ns))
        if point.is_pedal_down and self._is_pedal_theirs:
            self._planned.append(Timed(kept_ns, ControlChange(SUSTAIN_PEDAL, 0)))
            point = replace(point, is_pedal_down=False)
        self._confirm(point)

    # our events

    def _after(self, point: _Point, ticked: Ticked) -> _Point:
        """Plan an event of ours; what lasts after it."""
        at_ns, event = self._beat.ns_at(ticked.tick), ticked.event
        match event:
            case NoteOn(pitch, velocity):
                return self._begin(point, pitch, velocity, at_ns)
            case NoteOff(pitch):
                return self._end(point, pitch, at_ns)
            case ControlChange(_, value):
                self._planned.append(Timed(at_ns, event))
                return replace(point, is_pedal_down=value > 0)
        return point

    def _begin(self, point: _Point, pitch: int, velocity: int, at_ns: int) -> _Point:
        ours, most = self._style.pitch(pitch), self._style.most_voices
        voices = {sound.pitch for sound in point.sounding.values()} - {None}
        is_left_out = ours in self._listener.pitches or (bool(most) and ours not in voices and len(voices) >= most)
        if ours not in voices and not is_left_out:
            self._planned.append(Timed(at_ns, NoteOn(ours, self._style.loudness(velocity))))
        return replace(point, sounding={**point.sounding, pitch: _Sound(None if is_left_out else ours, at_ns)})

    def _end(self, point: _Point, pitch: int, at_ns: int) -> _Point:
        rest = {each: sound for each, sound in point.sounding.items() if each != pitch}
        ours = point.sounding[pitch].pitch if pitch in point.sounding else None
        if ours is not None and ours not in {sound.pitch for sound in rest.values()}:
            self._planned.append(Timed(at_ns, NoteOff(ours)))
        return replace(point, sounding=rest)

    def _mine(self, now_ns: int) -> PitchSet:
        """The model's pitches whose keys the player's hands leave free [128]."""
        recent = {pitch for at_ns, pitch in self._recent if now_ns - at_ns < _MEMORY_NS}
        mine: PitchSet = free_keys(recent | self._listener.pitches)[self._sounds_at]
        return mine


def free_keys(pitches: Collection[int]) -> PitchSet:
    """The pitches [128] for somebody who plays along with hands that play these: below one hand, or between two.

    A low hand alone is accompanied from above. Nothing is left out of three semitones around a hand, and nothing is
    free around two hands that are far apart.
    """
    free: PitchSet = np.zeros(128, np.bool_)
    keys = sorted(pitches)
    if not keys:
        return ~free
    gaps = [(above - below, below, above) for below, above in pairwise(keys)]
    widest = max(gaps, default=(0, 0, 0))
    if widest[0] >= _TWO_HANDS:
        free[widest[1] + _DISTANCE : widest[2] - _DISTANCE + 1] = True
    elif sum(keys) < _LOW * len(keys):
        free[keys[-1] + _DISTANCE :] = True
    else:
        free[: max(0, keys[0] - _DISTANCE + 1)] = True
    return free


def _presses(event: Event) -> bool:
    return isinstance(event, ControlChange) and event.number == SUSTAIN_PEDAL and event.value >= HALF_PEDAL


def _counts(event: Event) -> bool:
    """Do the tokens of a performance hold it?"""
    is_control = isinstance(event, ControlChange) and (event.number == SUSTAIN_PEDAL or event.number >= ALL_SOUND_OFF)
    return is_control or isinstance(event, NoteOn | NoteOff)
