"""Where messages leave: one at a time, each note written down for as long as it may sound."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, Event, NoteOff, NoteOn, from_bytes, to_bytes
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.limiter import OutputLimiter
from livegen.midi_out.sounding import PEDALS, SoundingNotes
from livegen.routing import OutputRoute

_LOOP_NS = 30 * NS_PER_MS
_REMEMBERED = 128  # messages, no notes, passed on lately


class OnNote(Protocol):
    """Who is told of each note-on that leaves; ``is_passed``: it was passed on."""

    def __call__(self, note: NoteOn, at_ns: int, *, is_passed: bool) -> None: ...


class Output(Protocol):
    """Where bytes leave."""

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AttachedOutput:
    """An output, what it makes of what it is sent, and what sounds there. ``output`` is None: the music is unheard."""

    output: Output | None
    route: OutputRoute
    sounding: SoundingNotes = field(default_factory=SoundingNotes)

    def send(self, event: Event) -> None:
        """Send an event as it is, whatever sounds."""
        if self.output:
            self.output.send(to_bytes(event))


class MidiSender:
    """The outputs and the ledger under one lock, which is held for a message and never while waiting. Any thread.

    The ledger has what really left: channel and pitch as the outputs got them, once for each that did.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sending = threading.Lock()
        self._attached: Sequence[AttachedOutput] = ()
        self._returned: Sequence[AttachedOutput] = ()  # since one went: what is owed is owed to them
        self._passed: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED)
        self.limiter = OutputLimiter()
        self.on_note: OnNote | None = None  # set before anything is sent

    def attach(self, outputs: Sequence[tuple[Output, OutputRoute]]) -> Sequence[AttachedOutput]:
        """From now on these, too; nothing sounds there."""
        with self._sending:
            added = [AttachedOutput(output, route) for output, route in outputs]
            self._attached, self._returned = (*self._attached, *added), (*self._returned, *added)
            return added

    def detach(self, outputs: Collection[Output], *, are_there: bool = False) -> int:
        """These no more; what sounds there is ended when they are back: how many notes hang until then.

        Where they ``are_there`` no note hangs: each ends now, and again when they are back, should that not arrive.
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

    def confirm_delivery(self) -> None:
        """The outputs are there; to be called whenever that has been seen."""
        with self._sending:
            self._ledger.confirm_delivery()

    def send(self, attached: AttachedOutput, events: Sequence[Event], *, written: Event | None = None) -> None:
        """Send these now, as they are; ``written`` is what they were before they were routed."""
        with self._sending:
            if written is not None:
                attached.sounding.wrote(written, self._clock())
            for event in events if attached.output else ():
                self._send(attached, event, to_bytes(event), is_passed=False)

    def written_endings(self, attached: AttachedOutput) -> Sequence[Event]:
        """What ends the notes and pedals that were written for this output, as written."""
        with self._sending:
            return attached.sounding.written_endings()

    def written_silence(self, attached: AttachedOutput) -> list[Event]:
        """All it takes for what was written for this output to be silent, as written."""
        with self._sending:
            return attached.sounding.written_silence()

    def pass_on(self, message: bytes, channel: int | None = None) -> None:
        """Send a whole channel message to every output, as each likes it, on ``channel`` if one is given."""
        with self._sending:
            if self._goes_round(message, channel):
                return
            for attached in self._attached:
                if passed := attached.route.passed(message, channel):
                    self._send(attached, from_bytes(passed), passed, is_passed=True)

    def control(self, number: int, value: int) -> None:
        """Set a controller at every output, on the channels that it plays on."""
        with self._sending:
            for attached in self._attached:
                for channel in dict.fromkeys(attached.route.channels or (0,)):
                    event = ControlChange(number, value, channel)
                    self._send(attached, event, to_bytes(event), is_passed=False)

    def end_overlong(self) -> int:
        """End what has sounded for longer than the caps allow, and everything where nothing may; how many that was.

        A safety net, to be called a few times a second: it counts on nobody who began the notes.
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
        """Send what is owed to every output that has come since; False when nothing is, or nobody has."""
        with self._sending:
            pending_offs = self._ledger.pending_offs() if self._returned else ()
            for attached in self._returned:
                for event in pending_offs:
                    attached.send(event)
            return bool(pending_offs)

    def clear_pending(self) -> None:
        """Owe nothing any more."""
        with self._sending:
            self._ledger.clear_pending()

    def _send(self, attached: AttachedOutput, event: Event | None, message: bytes, *, is_passed: bool) -> None:
        assert attached.output
        if event is None or attached.sounding.is_stray(event):  # it ends nothing that this output was sent
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

    def _goes_round(self, message: bytes, channel: int | None) -> bool:
        """Is it no note, and the very message that was passed on a moment ago? A cable from out to in does that.

        The end of a pedal that is down is never taken for that: it would stay down for ever.
        """
        if message[0] & 0xF0 in (0x80, 0x90):
            return False
        now_ns = self._clock()
        if not self._lets_go(message, channel) and any(
            known == message and now_ns - at_ns < _LOOP_NS for at_ns, known in self._passed
        ):
            return True
        self._passed.append((now_ns, message))
        return False

    def _lets_go(self, message: bytes, channel: int | None) -> bool:
        """Does it end a pedal that is down at an output?"""
        if message[0] & 0xF0 != 0xB0 or message[1] not in PEDALS or message[2] >= 64:
            return False
        return any(
            attached.sounding.is_down(message[1], passed[0] & 0x0F)
            for attached in self._attached
            if (passed := attached.route.passed(message, channel))
        )
