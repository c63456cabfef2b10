"""The thread that plays: it waits for each event's moment and sends the event."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import NoteOn, Timed
from livegen.latency import LatencyHistogram
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.output_queue import OutputQueue, Prepared
from livegen.midi_out.rehearsal import Rehearsal
from livegen.midi_out.scheduler import is_clock
from livegen.midi_out.sender import AttachedOutput, MidiSender, Output
from livegen.realtime import PLAYING, raise_thread
from livegen.routing import OutputRoute

LATE_NS = 10 * NS_PER_MS  # a note-on that is later is dropped: people would hear the delay
_AWAKE_NS = 350_000  # before a moment: waking up lasts 0.1 ms, on a busy machine 0.2
_TOGETHER = 16  # events at most: whoever else sends waits for them
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
        self._rehearsal = Rehearsal(clock)
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
                now_ns, endings = self._clock(), queue.note_offs()
                self._send(queue, queue.prepare([Timed(now_ns, event) for event in endings]))
                sounded = sounded or bool(endings)
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
            self._send_in_time(self._due(self._clock()))
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
        """Wait for that moment and send what is due then, or wait for a change.

        It wakes up 0.35 ms before, and earlier by a rehearsal: waking up takes up to 0.2 ms. The rest it waits busily.
        Meanwhile it holds the lock: nothing is retracted or added.
        """
        if next_ns is None:
            self._changed.wait()
            return
        left_ns = next_ns - self._clock()
        if left_ns > _AWAKE_NS + self._rehearsal.lasts_ns:
            self._changed.wait((left_ns - _AWAKE_NS - self._rehearsal.lasts_ns) / NS_PER_S)
            return
        parts = self._due(next_ns)
        self._rehearsal.rehearse(parts, left_ns)
        while self._clock() < next_ns:
            pass
        self._send_in_time(parts)

    def _unheard(self) -> tuple[OutputQueue, ...]:
        return (OutputQueue(AttachedOutput(None, _PLAIN), self.sender),)

    def _due(self, until_ns: int) -> list[tuple[OutputQueue, Prepared]]:
        """Remove what is due by then from the queues, and prepare it, in parts that are sent together."""
        parts = ((queue, due) for queue in self._queues for due in _together(queue.due(until_ns)))
        return [(queue, queue.prepare(due)) for queue, due in parts]

    def _send_in_time(self, parts: Iterable[tuple[OutputQueue, Prepared]]) -> None:
        for queue, prepared in parts:
            now_ns = self._clock()
            if now_ns - prepared[0][0].at_ns > LATE_NS:
                in_time = [each for each in prepared if not _is_too_late(queue, each[0], now_ns)]
                self.late_note_ons += len(prepared) - len(in_time)
                prepared = in_time
            sent_ns = self._send(queue, prepared)
            for timed, _ in prepared:
                self.latency.add(sent_ns - timed.at_ns)

    def _send(self, queue: OutputQueue, prepared: Prepared) -> int:
        sent_ns = queue.send(prepared)
        if queue is self._queues[0]:
            for timed, _ in prepared:
                if not is_clock(timed.event):
                    self._on_sent(queue.as_written(timed))
        return sent_ns


def _together(due: Sequence[Timed]) -> Iterator[Sequence[Timed]]:
    """Parts of what is due, each to be sent together: a pulse of the clock waits for no note."""
    for is_of_clock, found in groupby(due, lambda timed: is_clock(timed.event)):
        events = list(found)
        most = 1 if is_of_clock else _TOGETHER
        yield from (events[begin : begin + most] for begin in range(0, len(events), most))


def _is_too_late(queue: OutputQueue, timed: Timed, now_ns: int) -> bool:
    """The event is a note-on whose moment is long past, both as sent and as written."""
    if not isinstance(timed.event, NoteOn):
        return False
    written_ns = max(timed.at_ns, queue.as_written(timed).at_ns)
    return now_ns - written_ns > LATE_NS
