"""The events that wait for one output."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from livegen.events import Event, NoteOn, Timed
from livegen.midi_out.ledger import changes
from livegen.midi_out.scheduler import Scheduler
from livegen.midi_out.sender import AttachedOutput, Message, MidiSender, Output, message_of
from livegen.routing import VoiceAllocator

_KNOWN = 1024  # events of late, whose routed events are kept at hand
Prepared = Sequence[tuple[Timed, Sequence[Message]]]  # events, each as written and as its messages


class OutputQueue:
    """The events that wait for one output. Without an output they are played unheard. Owner: the player's lock."""

    def __init__(self, attached: AttachedOutput, sender: MidiSender) -> None:
        self._attached = attached
        self._sender = sender
        self._route = attached.route
        self._offset_ns = attached.route.offset_ns
        self._scheduler = Scheduler()
        self._allocator = VoiceAllocator(attached.route)
        self._is_fixed = len(attached.route.channels) < 2  # an event's channels do not depend on what sounds
        self._routed = lru_cache(_KNOWN)(self._allocator.sent) if self._is_fixed else self._allocator.sent

    def add(self, events: Sequence[Timed]) -> None:
        """Add events, in any order."""
        if len(self._route.channels) > 1:
            events = sorted(events, key=_highest_first)
        self._scheduler.add(self._moved(events))
        if self._is_fixed:  # then all that can be known of an event is found now, and not at its moment
            for messages in self.prepare(events):
                changes(message for _, message in messages[1])

    @property
    def output(self) -> Output | None:
        """The output; None where the music is unheard."""
        return self._attached.output

    @property
    def waiting(self) -> int:
        """How many events wait for their moment."""
        return len(self._scheduler)

    def next_ns(self) -> int | None:
        """The moment at which the next event is sent; None when none waits."""
        return self._scheduler.next_ns()

    def due(self, now_ns: int) -> list[Timed]:
        """Remove and return all events to be sent by ``now_ns``, each with the moment of its sending."""
        return self._scheduler.due(now_ns)

    def clear(self) -> None:
        """Forget all events except those of the clock."""
        self._scheduler.clear()

    def retract(self, after_ns: int, now_ns: int, kept: Collection[int] = ()) -> None:
        """Forget events due after ``after_ns``, and end the notes that would hang, except notes of ``kept`` pitches."""
        endings = self._sender.written_endings(self._attached)
        self._scheduler.retract(after_ns + self._offset_ns, now_ns, endings, kept)

    def note_offs(self) -> list[Event]:
        """All events that silence the output, as written."""
        return self._sender.written_silence(self._attached)

    def prepare(self, due: Iterable[Timed]) -> Prepared:
        """Route events, given as written, for ``send``."""
        return [(timed, [message_of(sent) for sent in self._routed(timed.event)]) for timed in due]

    def send(self, prepared: Prepared) -> int:
        """Send prepared events together to this queue's output, now; return when they had left."""
        return self._sender.send(self._attached, _messages(prepared), written=[timed.event for timed, _ in prepared])

    def look_up(self, prepared: Prepared) -> None:
        """Look at what sending them needs, and change nothing."""
        self._sender.look_up(self._attached, _messages(prepared))

    def as_written(self, timed: Timed) -> Timed:
        """A due event with its moment as written."""
        return replace(timed, at_ns=timed.at_ns - self._offset_ns) if self._offset_ns else timed

    def _moved(self, events: Sequence[Timed]) -> Iterable[Timed]:
        if not self._offset_ns:
            return events
        return (replace(timed, at_ns=timed.at_ns + self._offset_ns) for timed in events)


def _highest_first(timed: Timed) -> tuple[int, int]:
    return timed.at_ns, -timed.event.pitch if isinstance(timed.event, NoteOn) else 0


def _messages(prepared: Prepared) -> list[Message]:
    return [message for _, routed in prepared for message in routed]
