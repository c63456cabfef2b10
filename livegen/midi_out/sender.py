"""Where messages leave: one at a time, each note written down for as long as it may sound."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, Event, NoteOn, from_bytes, to_bytes
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.limiter import NoteAges, OutputLimiter
from livegen.routing import OutputRoute

_LOOP_NS = 30 * NS_PER_MS
_REMEMBERED = 128  # messages, no notes, passed on lately
_PEDALS = range(64, 70)  # controllers that are on or off


class OnNote(Protocol):
    """Who is told of each note-on that leaves; ``is_passed``: it was passed on."""

    def __call__(self, note: NoteOn, at_ns: int, *, is_passed: bool) -> None: ...


class Output(Protocol):
    """Where bytes leave."""

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        ...


class MidiSender:
    """The outputs and the ledger under one lock, which is held for a message and never while waiting. Any thread.

    The ledger has what really left: channel and pitch as the outputs got them, once for each that did.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sending = threading.Lock()
        self._outputs: Sequence[tuple[Output, OutputRoute]] = ()
        self._passed: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED)
        self._pressed: set[tuple[int, int]] = set()  # (status, controller) of pedals passed on
        self._ages: NoteAges[Output] = NoteAges()
        self.limiter = OutputLimiter()
        self.on_note: OnNote | None = None  # set before anything is sent

    def attach(self, outputs: Sequence[tuple[Output, OutputRoute]]) -> None:
        """From now on these."""
        with self._sending:
            self._outputs = outputs

    def detach(self) -> int:
        """No output any more; what sounds is owed. How many notes that is."""
        with self._sending:
            self._outputs = ()
            self._ages.forget()
            hanging = len(self._ledger.sounding())
            self._ledger.mark_pending_off()
            return hanging

    def confirm_delivery(self) -> None:
        """The outputs are there; to be called whenever that has been seen."""
        with self._sending:
            self._ledger.confirm_delivery()

    def send(self, output: Output, events: Sequence[Event], *, is_stray: bool = False) -> None:
        """Send these now, as they are; what is stray ends nothing that this output was sent."""
        for event in events:
            with self._sending:
                if is_stray:
                    output.send(to_bytes(event))
                else:
                    self._send(output, event, to_bytes(event), is_passed=False)

    def pass_on(self, message: bytes, channel: int | None = None) -> None:
        """Send a whole channel message to every output, as each likes it, on ``channel`` if one is given."""
        with self._sending:
            if self._goes_round(message):
                return
            for output, route in self._outputs:
                if passed := route.passed(message, channel):
                    self._send(output, from_bytes(passed), passed, is_passed=True)

    def control(self, number: int, value: int) -> None:
        """Set a controller at every output, on the channels that it plays on."""
        with self._sending:
            for output, route in self._outputs:
                for channel in dict.fromkeys(route.channels or (0,)):
                    event = ControlChange(number, value, channel)
                    self._send(output, event, to_bytes(event), is_passed=False)

    def end_overlong(self) -> int:
        """End what has sounded for longer than the caps allow, and everything where nothing may; how many that was.

        A safety net, to be called a few times a second: it counts on nobody who began the notes.
        """
        with self._sending:
            if self.limiter.level and not self.limiter.longest_ns:
                return 0
            before_ns = self._clock() - (self.limiter.longest_ns if self.limiter.level else 0)
            overdue = list(self._ages.overdue(before_ns))
            for output, ending in overdue:
                self._send(output, ending, to_bytes(ending), is_passed=False)
            return len(overdue)

    def resend_pending(self) -> bool:
        """Send what is owed to every output; False when nothing is, or nobody is there."""
        with self._sending:
            pending_offs = self._ledger.pending_offs() if self._outputs else ()
            for output, _ in self._outputs:
                for event in pending_offs:
                    output.send(to_bytes(event))
            return bool(pending_offs)

    def clear_pending(self) -> None:
        """Owe nothing any more."""
        with self._sending:
            self._ledger.clear_pending()

    def _send(self, output: Output, event: Event | None, message: bytes, *, is_passed: bool) -> None:
        if event is not None:
            limited = self.limiter.limited(event)
            if limited is None:
                return
            if limited is not event:
                event, message = limited, to_bytes(limited)
            for ending in self._ledger.pending_before(event):
                for each, _ in self._outputs:
                    each.send(to_bytes(ending))
            self._ledger.leaves(event)
        if isinstance(event, NoteOn) and self.on_note:
            self.on_note(event, self._clock(), is_passed=is_passed)
        output.send(message)
        if event is not None:
            self._ledger.has_left(event)
            self._ages.left(output, event, self._clock())

    def _goes_round(self, message: bytes) -> bool:
        """Is it no note, and the very message that was passed on a moment ago? A cable from out to in does that.

        The end of a pedal that is down is never taken for that: it would stay down for ever.
        """
        if message[0] & 0xF0 in (0x80, 0x90):
            return False
        now_ns = self._clock()
        if not self._lets_go(message) and any(
            known == message and now_ns - at_ns < _LOOP_NS for at_ns, known in self._passed
        ):
            return True
        self._passed.append((now_ns, message))
        return False

    def _lets_go(self, message: bytes) -> bool:
        """Does it end a pedal that was passed on?"""
        if message[0] & 0xF0 != 0xB0 or message[1] not in _PEDALS:
            return False
        pedal, is_down = (message[0], message[1]), message[2] >= 64
        was_down = pedal in self._pressed
        self._pressed = self._pressed | {pedal} if is_down else self._pressed - {pedal}
        return was_down and not is_down
