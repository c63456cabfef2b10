"""Sends messages one at a time, and keeps each note in the ledger while it may sound."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import Protocol

from livegen.events import ControlChange, Event, NoteOff, NoteOn, from_bytes, to_bytes
from livegen.midi_out.control_loop import ControlLoop
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.limiter import OutputLimiter
from livegen.midi_out.sounding import SoundingNotes
from livegen.routing import OutputRoute


class OnNote(Protocol):
    """Called for each note-on that is sent; ``is_passed``: the note was passed on from an input."""

    def __call__(self, note: NoteOn, at_ns: int, *, is_passed: bool) -> None: ...


class Output(Protocol):
    """An output for MIDI messages."""

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AttachedOutput:
    """An output, its route, and what sounds there. Where ``output`` is None, the music is unheard."""

    output: Output | None
    route: OutputRoute
    sounding: SoundingNotes = field(default_factory=SoundingNotes)

    def send(self, event: Event) -> None:
        """Send an event without limits, and without counting it."""
        if self.output:
            self.output.send(to_bytes(event))


class MidiSender:
    """The outputs and the ledger under one lock, which is held for one message and never while waiting. Any thread.

    The ledger holds what was sent: channel and pitch after routing, once for each output that was sent it.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sending = threading.Lock()
        self._attached: Sequence[AttachedOutput] = ()
        self._returned: Sequence[AttachedOutput] = ()  # since the last loss: they get the pending note-offs
        self._control_loop = ControlLoop()
        self.limiter = OutputLimiter()
        self.on_note: OnNote | None = None  # set before anything is sent

    def attach(self, outputs: Sequence[tuple[Output, OutputRoute]], *, repay: bool = False) -> Sequence[AttachedOutput]:
        """Add outputs, at which nothing sounds yet. Those that ``repay`` are not sent pending note-offs.

        They know who hears them, and send each what it is owed.
        """
        with self._sending:
            added = [AttachedOutput(output, route) for output, route in outputs]
            self._attached = *self._attached, *added
            self._returned = self._returned if repay else (*self._returned, *added)
            return added

    def detach(self, outputs: Collection[Output], *, are_there: bool = False) -> int:
        """Remove outputs; their note-offs are pending until they return. Return how many notes hang until then.

        Where they ``are_there`` no note hangs: each is ended now, and again when they return, in case that was lost.
        """
        with self._sending:
            gone = [attached for attached in self._attached if attached.output in outputs]
            if not gone:
                return 0
            self._attached, self._returned = [each for each in self._attached if each not in gone], ()
            endings = [(attached, ending) for attached in gone for ending in attached.sounding.sent_endings()]
            for attached, ending in endings if are_there else ():
                attached.send(ending)
            if self._attached:
                elsewhere = [ending for each in self._attached for ending in each.sounding.sent_endings()]
                self._ledger.mark_pending([ending for _, ending in endings], elsewhere)
            else:
                self._ledger.mark_pending_off()
            return 0 if are_there else sum(isinstance(ending, NoteOff) for _, ending in endings)

    def move_ledger(self, cells: bytearray | mmap) -> None:
        """Keep the ledger in these cells from now on, with what is in it."""
        with self._sending:
            self._ledger.move_to(cells)

    def confirm_delivery(self) -> None:
        """The outputs are there; to be called whenever that was checked."""
        with self._sending:
            self._ledger.confirm_delivery()

    def send(self, attached: AttachedOutput, events: Sequence[Event], *, written: Event | None = None) -> None:
        """Send these routed events now; ``written`` is the event before routing."""
        with self._sending:
            if written is not None:
                attached.sounding.wrote(written, self._clock())
            for event in events if attached.output else ():
                self._send(attached, event, to_bytes(event), is_passed=False)

    def written_endings(self, attached: AttachedOutput) -> Sequence[Event]:
        """The events that end the notes, pedals and bends that were written for this output, as written."""
        with self._sending:
            return attached.sounding.written_endings()

    def written_silence(self, attached: AttachedOutput) -> list[Event]:
        """All events that silence what was written for this output, as written."""
        with self._sending:
            return attached.sounding.written_silence()

    def pass_on(self, message: bytes, channel: int | None = None) -> None:
        """Send a whole channel message to every output by its route, on ``channel`` if one is given."""
        with self._sending:
            for each in self._unlooped(message, channel):
                for attached in self._attached:
                    if passed := attached.route.passed(each, channel):
                        self._send(attached, from_bytes(passed), passed, is_passed=True)

    def control(self, number: int, value: int) -> None:
        """Set a controller at every output, on the channels that the output uses."""
        with self._sending:
            for attached in self._attached:
                for channel in dict.fromkeys(attached.route.channels or (0,)):
                    event = ControlChange(number, value, channel)
                    self._send(attached, event, to_bytes(event), is_passed=False)

    def end_overlong(self) -> int:
        """End notes that exceed the longest duration, or all notes at a level of 0; return how many.

        A safety net, to be called a few times a second: it does not depend on what began the notes.
        """
        with self._sending:
            if self.limiter.level and not self.limiter.longest_ns:
                return 0
            before_ns = self._clock() - (self.limiter.longest_ns if self.limiter.level else 0)
            overdue = [(attached, e) for attached in self._attached for e in attached.sounding.overdue(before_ns)]
            for attached, ending in overdue:
                self._send(attached, ending, to_bytes(ending), is_passed=False)
            return len(overdue)

    def resend_pending(self) -> bool:
        """Send the pending note-offs to every output attached since the last loss; False when none is sent."""
        with self._sending:
            pending_offs = self._ledger.pending_offs() if self._returned else ()
            for attached in self._returned:
                for event in pending_offs:
                    attached.send(event)
            return bool(pending_offs)

    def clear_pending(self) -> None:
        """Nothing is pending any more."""
        with self._sending:
            if self._ledger.pending_offs():
                self._ledger.clear_pending()

    def _send(self, attached: AttachedOutput, event: Event | None, message: bytes, *, is_passed: bool) -> None:
        assert attached.output
        if event is None or attached.sounding.is_stray(event):  # it ends no note that this output was sent
            attached.output.send(message)
            return
        limited = self.limiter.limited(event)
        if limited is None:
            return
        if limited is not event:
            event, message = limited, to_bytes(limited)
        for ending in self._ledger.pending_before(event):
            for each in self._returned:
                each.send(ending)
        self._ledger.leaves(event)
        now_ns = self._clock()
        if isinstance(event, NoteOn) and self.on_note:
            self.on_note(event, now_ns, is_passed=is_passed)
        attached.output.send(message)
        self._ledger.has_left(event)
        attached.sounding.sent(event, now_ns)

    def _unlooped(self, message: bytes, channel: int | None) -> Sequence[bytes]:
        """The messages to pass on now: not one that has come round by a cable.

        The end of a pedal that is down, and of a bend, always passes: dropped, it would leave the pedal down for ever.
        """
        if message[0] & 0xF0 in (0x80, 0x90):
            return (message,)
        return self._control_loop.passed(message, self._clock(), is_needed=self._ends(message, channel))

    def _ends(self, message: bytes, channel: int | None) -> bool:
        """The message ends a pedal that is down, or a bend, at an output."""
        event = from_bytes(message)
        return any(
            attached.sounding.is_ended_by(moved)
            for attached in self._attached
            if event and (passed := attached.route.passed(message, channel)) and (moved := from_bytes(passed))
        )
