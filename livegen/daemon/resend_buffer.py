"""Keeps what was played since the last long silence, to resend it to a new engine."""

from collections import deque

from livegen.clock import NS_PER_S
from livegen.events import PEDALS, ControlChange, NoteOff, NoteOn, Timed, is_beginning

_SILENCE_NS = 4 * NS_PER_S  # after it, earlier events are dropped
_LONGEST_NS = 120 * NS_PER_S
_MOST_EVENTS = 4_096
_STALE_NS = 60 * NS_PER_S  # nobody waits longer for an answer
_REST_NS = NS_PER_S // 2  # an answer without notes for so long is over

_Control = tuple[int, int]  # channel, number


class ResendBuffer:
    """Notes, and pedals where they change, oldest first. Owner: the event router's thread.

    Times are measured from note to note: a controller that never rests is no music.
    """

    def __init__(self) -> None:
        self._events: deque[Timed] = deque()
        self._pressed: dict[_Control, Timed] = {}  # the pedals that were down before the first of these events
        self._down: set[_Control] = set()  # the pedals that are down now
        self._held: set[tuple[int, int]] = set()
        self._note_ns = 0  # when a note last began or ended

    def remember(self, timed: Timed) -> None:
        """Add a played event; after a long silence, drop what was played before it."""
        match timed.event:
            case NoteOn() | NoteOff():
                self._remember_note(timed, timed.event)
            case ControlChange(number, _, channel) if number in PEDALS:
                is_down = is_beginning(timed.event)
                if is_down == ((channel, number) in self._down):
                    return  # a pedal that sends how far it is down
                self._down ^= {(channel, number)}
            case _:
                return
        self._events.append(timed)
        while timed.at_ns - self._events[0].at_ns > _LONGEST_NS or len(self._events) > _MOST_EVENTS:
            self._drop_first()

    def forget(self) -> None:
        """Drop all events; pedals stay down."""
        while self._events:
            self._drop_first()

    def events(self) -> tuple[Timed, ...]:
        """All events to resend to an engine."""
        return (*self._pressed.values(), *self._events)

    def is_stale(self, at_ns: int) -> bool:
        """The last note is too old to need an answer."""
        return bool(self._events) and at_ns - self._note_ns > _STALE_NS

    @property
    def is_held(self) -> bool:
        """A key is down. Any thread."""
        return bool(self._held)

    def is_answered(self, planned_ns: int, lost_ns: int) -> bool:
        """The answer, whose last event was due at ``planned_ns``, was over when its engine was lost."""
        return bool(self._events) and self._note_ns < planned_ns < lost_ns - _REST_NS

    def _remember_note(self, timed: Timed, note: NoteOn | NoteOff) -> None:
        if not self._held and timed.at_ns - self._note_ns >= _SILENCE_NS:
            self.forget()
        self._note_ns = timed.at_ns
        if isinstance(note, NoteOn):
            self._held.add((note.channel, note.pitch))
        else:
            self._held.discard((note.channel, note.pitch))

    def _drop_first(self) -> None:
        first = self._events.popleft()
        if isinstance(first.event, ControlChange):
            pedal = (first.event.channel, first.event.number)
            self._pressed.pop(pedal, None)
            if is_beginning(first.event):
                self._pressed[pedal] = first
