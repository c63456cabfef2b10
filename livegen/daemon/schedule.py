"""Opens and closes by the opening hours, and plays solo while no visitor plays."""

import time
from collections.abc import Callable
from typing import Protocol

from livegen.clock import NS_PER_S
from livegen.midi_out.limiter import VOLUME
from livegen.midi_out.sender import MidiSender
from livegen.opening_hours import parse_hours
from livegen.settings import Installation, Settings


class Fade:
    """A level from 0 to 1 that moves at constant speed, up or down. Owner: one thread."""

    def __init__(self, at_ns: int, *, is_up: bool) -> None:
        self.level = 1.0 if is_up else 0.0
        self._at_ns = at_ns

    def move(self, at_ns: int, whole_s: float, *, is_up: bool) -> float:
        """Move the level up or down, and return it; from 0 to 1 takes ``whole_s``."""
        passed_s, self._at_ns = (at_ns - self._at_ns) / NS_PER_S, at_ns
        step = passed_s / whole_s if whole_s > 0 else 1.0
        self.level = min(self.level + step, 1.0) if is_up else max(self.level - step, 0.0)
        return self.level


_AGAIN_NS = 2 * NS_PER_S  # between resends of the volume: a synthesizer may have been switched on meanwhile

LocalTime = Callable[[], time.struct_time]


class VenueControl(Protocol):
    """What the schedule needs of the event router."""

    visited_ns: int | None  # when a visitor last began a note; None: not yet

    def start_idle_play(self, visited_ns: int | None) -> None:
        """Play solo from now on, unless somebody has played since that visit."""

    def shut(self) -> None:
        """Silence everything, and pass no notes to the engine."""

    def reopen(self) -> None:
        """Undo ``shut``."""


class OpeningSchedule:
    """Owner of the fade. Main thread. ``local_time`` is the wall clock, which may be set at any moment."""

    def __init__(
        self, venue: VenueControl, sender: MidiSender, say: Callable[[str], None], local_time: LocalTime
    ) -> None:
        self._venue = venue
        self._sender = sender
        self._say = say
        self._local_time = local_time
        self._fade: Fade | None = None
        self._is_shut = False
        self._volume: tuple[int, int] | None = None  # sent last: its value, and when
        self.is_open = True  # by the hours

    def poll(self, settings: Settings, at_ns: int) -> None:
        """Update opening, limits and solo; to be called a few times a second."""
        ours = settings.installation
        self.is_open = self._is_open(ours)
        self._fade = self._fade or Fade(at_ns, is_up=self.is_open)
        level = self._fade.move(at_ns, ours.fade_s, is_up=self.is_open)
        self._set_limits(ours, level, at_ns)
        if self._is_shut != (level == 0):
            self._is_shut = level == 0
            self._say("closed by the opening hours" if self._is_shut else "open again")
            (self._venue.shut if self._is_shut else self._venue.reopen)()
        if self.is_open and settings.play.role != "solo" and self._is_alone(ours, at_ns):
            self._venue.start_idle_play(self._venue.visited_ns)
        self._sender.end_overlong()

    def _is_open(self, ours: Installation) -> bool:
        if not ours.hours:
            return True
        now = self._local_time()
        return any(parse_hours(text).contains(now.tm_wday, now.tm_hour * 60 + now.tm_min) for text in ours.hours)

    def _is_alone(self, ours: Installation, at_ns: int) -> bool:
        visited_ns = self._venue.visited_ns
        return ours.attract_s > 0 and (visited_ns is None or at_ns - visited_ns >= ours.attract_s * NS_PER_S)

    def _set_limits(self, ours: Installation, level: float, at_ns: int) -> None:
        limiter = self._sender.limiter
        limiter.velocity, limiter.volume = ours.loudest, ours.most_volume
        limiter.longest_ns = round(ours.longest_note_s * NS_PER_S)
        if ours.fade_by == "velocity" or not ours.hours:
            limiter.level = level
            return
        limiter.level = 1.0 if level else 0.0
        value = round(ours.most_volume * level)
        if self._volume is None or value != self._volume[0] or at_ns - self._volume[1] >= _AGAIN_NS:
            self._volume = value, at_ns
            self._sender.control(VOLUME, value)
