"""The thread that plays: it waits for each event's moment and sends the event."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import Event, NoteOn, SongPosition, Timed, Transport
from livegen.latency import LatencyHistogram
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.scheduler import Scheduler
from livegen.midi_out.sender import AttachedOutput, MidiSender, Output
from livegen.realtime import PLAYING, raise_thread
from livegen.routing import OutputRoute, VoiceAllocator


class OutputQueue:
    """The events that wait for one output. Without an output they are played unheard. Owner: the player's lock."""

    def __init__(self, attached: AttachedOutput, sender: MidiSender) -> None:
        self._attached = attached
        self._sender = sender
        self._route = attached.route
        self._offset_ns = attached.route.offset_ns
        self._scheduler = Scheduler()
        self._allocator = VoiceAllocator(attached.route)

    def add(self, events: Sequence[Timed]) -> None:
        """Add events, in any order."""
        if len(self._route.channels) > 1:
            events = sorted(events, key=_highest_first)
        self._scheduler.add(self._moved(events))

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

    def send(self, event: Event) -> None:
        """Route an event, given as written, and send it to this queue's output now."""
        self._sender.send(self._attached, self._allocator.sent(event), written=event)

    def as_written(self, timed: Timed) -> Timed:
        """A due event with its moment as written."""
        return replace(timed, at_ns=timed.at_ns - self._offset_ns) if self._offset_ns else timed

    def _moved(self, events: Sequence[Timed]) -> Iterable[Timed]:
        if not self._offset_ns:
            return events
        return (replace(timed, at_ns=timed.at_ns + self._offset_ns) for timed in events)


def _highest_first(timed: Timed) -> tuple[int, int]:
    return timed.at_ns, -timed.event.pitch if isinstance(timed.event, NoteOn) else 0


LATE_NS = 10 * NS_PER_MS  # a note-on that is later is dropped: people would hear the delay
_AWAKE_NS = 150_000
_RESEND_NS = 5 * NS_PER_S  # how long a receiver may take to reconnect
_PLAIN = OutputRoute()


class Player:
    """Plays the events it is given, and leaves no note hanging. Every method may be called by any thread.

    One lock guards the waiting events of all outputs; the sender has another lock.
    """

    def __init__(
        self,
        ledger: Ledger,
        on_sent: Callable[[Timed], None],
        *,
        is_realtime: bool = False,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        self._on_sent = on_sent
        self._is_realtime = is_realtime
        self._clock = clock
        self._changed = threading.Condition()
        self._resend_until_ns = 0
        self._is_complete = True
        self._is_stopping = False
        self.sender = MidiSender(ledger, clock)
        self._queues = self._unheard()  # one for each output; ``on_sent`` gets the events of the first
        self.latency = LatencyHistogram()
        self.late_note_ons = 0
        self.hanging = 0  # notes that sounded when their output disappeared
        self.rounds = 0  # passes of the thread's loop: at least one after each change
        self.level = 0  # of SCHED_FIFO, as granted

    def play(self, events: Iterable[Timed]) -> None:
        """Schedule each event for its moment."""
        events = tuple(events)
        with self._changed:
            for queue in self._queues:
                queue.add(events)
            self._changed.notify()

    def retract(self, after_ns: int, kept: Collection[int] = ()) -> None:
        """Forget events due after ``after_ns``, and end the notes that would hang, except notes of ``kept`` pitches."""
        with self._changed:
            for queue in self._queues:
                queue.retract(after_ns, self._clock(), kept)
            self._changed.notify()

    def end_all(self) -> bool:
        """Forget all waiting events, and end every note that was written; True when anything sounded."""
        sounded = False
        with self._changed:
            for queue in self._queues:
                queue.clear()
                for event in queue.note_offs():
                    sounded = True
                    self._send(queue, Timed(self._clock(), event))
        return sounded

    def attach(self, *outputs: Output) -> None:
        """Play to these outputs too, with no routing; see ``attach_routed``."""
        self.attach_routed([(output, _PLAIN) for output in outputs])

    def attach_routed(self, outputs: Sequence[tuple[Output, OutputRoute]], *, repay: bool = False) -> None:
        """Play to these outputs too. The pending note-offs are sent first, for as long as a receiver may be away.

        Not to outputs that ``repay``: they send each receiver what it is owed.
        """
        with self._changed:
            heard = (queue for queue in self._queues if queue.output)
            added = (OutputQueue(attached, self.sender) for attached in self.sender.attach(outputs, repay=repay))
            self._queues = (*heard, *added)
            self._resend_until_ns = self._clock() + _RESEND_NS
        self.resend_pending()

    def detach(self, *outputs: Output, are_there: bool = False) -> None:
        """Stop playing to these outputs, and forget what waits for them; the other outputs play on.

        Where they ``are_there``, what sounds ends now. Where they are gone, its note-offs are pending until then.
        """
        with self._changed:
            self.hanging += self.sender.detach(outputs, are_there=are_there)
            self._queues = tuple(queue for queue in self._queues if queue.output not in outputs) or self._unheard()

    def resend_pending(self) -> bool:
        """Send the pending note-offs again; True while there are any. To be called a few times a second."""
        is_over = self._clock() > self._resend_until_ns
        if is_over and not self._is_complete:
            return False  # kept for the output that is away
        is_owing = self.sender.resend_pending()
        if is_over:
            self.sender.clear_pending()
        return is_owing

    def see(self, *, is_whole: bool, is_awaited: bool = False) -> None:
        """Note what is connected. ``is_whole``: every attached output is there; ``is_awaited``: others are missing.

        Pending note-offs are kept until all outputs are there.
        """
        if is_whole:
            self.sender.confirm_delivery()
        is_complete = is_whole and not is_awaited
        if is_complete and not self._is_complete:
            self._resend_until_ns = self._clock() + _RESEND_NS
        self._is_complete = is_complete

    def send_due(self) -> int | None:
        """Send what is due now; return the moment of the next event, None when none waits."""
        with self._changed:
            for queue in self._queues:
                for timed in queue.due(self._clock()):
                    written_ns = max(timed.at_ns, queue.as_written(timed).at_ns)  # late only after both
                    if isinstance(timed.event, NoteOn) and self._clock() - written_ns > LATE_NS:
                        self.late_note_ons += 1
                        continue
                    self._send(queue, timed)
                    self.latency.add(self._clock() - timed.at_ns)
            return min((next_ns for queue in self._queues if (next_ns := queue.next_ns()) is not None), default=None)

    @property
    def waiting(self) -> int:
        """How many events wait for their moment."""
        with self._changed:
            return sum(queue.waiting for queue in self._queues)

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        self.level = raise_thread(PLAYING) if self._is_realtime else 0
        with self._changed:
            while not self._is_stopping:
                self.rounds += 1
                self._wait_until(self.send_due())

    def stop(self) -> None:
        """Let ``run`` return."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()

    def _wait_until(self, next_ns: int | None) -> None:
        """Wait for that moment or for a change; the last 0.15 ms busily, because waking up takes about as long."""
        if next_ns is None:
            self._changed.wait()
            return
        wait_ns = next_ns - self._clock() - _AWAKE_NS
        if wait_ns > 0:
            self._changed.wait(wait_ns / NS_PER_S)
        else:
            while self._clock() < next_ns:
                pass

    def _unheard(self) -> tuple[OutputQueue, ...]:
        return (OutputQueue(AttachedOutput(None, _PLAIN), self.sender),)

    def _send(self, queue: OutputQueue, timed: Timed) -> None:
        queue.send(timed.event)
        if queue is self._queues[0] and not isinstance(timed.event, Transport | SongPosition):
            self._on_sent(queue.as_written(timed))
