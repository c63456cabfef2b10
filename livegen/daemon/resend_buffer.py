"""Keeps what was played since the last long silence, to resend it to a new engine."""

from collections import deque

from livegen.clock import NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed

_SILENCE_NS = 4 * NS_PER_S  # after it, earlier events are dropped
_LONGEST_NS = 120 * NS_PER_S
_MOST_EVENTS = 4_096
_STALE_NS = 60 * NS_PER_S  # nobody waits longer for an answer
_REST_NS = NS_PER_S // 2  # an answer without notes for so long is over


class ResendBuffer:
    """Heard events, oldest first. Owner: the event router's thread."""

    def __init__(self) -> None:
        self._events: deque[Timed] = deque(maxlen=_MOST_EVENTS)
        self._held: set[tuple[int, int]] = set()

    def remember(self, timed: Timed) -> None:
        """Add a played event; after a long silence, drop what was played before it."""
        if self._events and not self._held and timed.at_ns - self._events[-1].at_ns >= _SILENCE_NS:
            self._events.clear()
        match timed.event:
            case NoteOn(pitch, _, channel):
                self._held.add((channel, pitch))
            case NoteOff(pitch, channel):
                self._held.discard((channel, pitch))
        self._events.append(timed)
        while timed.at_ns - self._events[0].at_ns > _LONGEST_NS:
            self._events.popleft()

    def forget(self) -> None:
        """Drop all events."""
        self._events.clear()

    def events(self) -> tuple[Timed, ...]:
        """All events to resend to an engine."""
        return tuple(self._events)

    def is_stale(self, at_ns: int) -> bool:
        """The last event is too old to need an answer."""
        return bool(self._events) and at_ns - self._events[-1].at_ns > _STALE_NS

    @property
    def is_held(self) -> bool:
        """A key is down. Any thread."""
        return bool(self._held)

    def is_answered(self, planned_ns: int, lost_ns: int) -> bool:
        """The answer, whose last event was due at ``planned_ns``, was over when its engine was lost."""
        return bool(self._events) and self._events[-1].at_ns < planned_ns < lost_ns - _REST_NS
