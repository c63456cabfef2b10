"""The thread that plays: it waits for each event's moment, keeps the ledger, sends."""

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import Event, NoteOn, Timed, to_bytes
from livegen.play.lateness import Lateness
from livegen.play.ledger import Ledger
from livegen.play.priority import PLAYING, raise_thread
from livegen.play.scheduler import Scheduler

LATE_NS = 10 * NS_PER_MS  # a note-on later than this counts as late: people hear it
_AWAKE_NS = 150_000
_REPAY_NS = 5 * NS_PER_S  # how long a receiver may take to come back


class Output(Protocol):
    """Where bytes leave."""

    def send(self, message: bytes) -> None:
        """Send one MIDI message now."""
        ...


class Player:
    """Plays what it is handed, and never leaves a note hanging. Every method may be called by any thread.

    One lock guards scheduler, ledger and output together: a note is either still waiting or written down.
    """

    def __init__(
        self,
        ledger: Ledger,
        on_sent: Callable[[Timed], None],
        *,
        is_realtime: bool = False,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        self._ledger = ledger
        self._on_sent = on_sent
        self._is_realtime = is_realtime
        self._clock = clock
        self._scheduler = Scheduler()
        self._changed = threading.Condition()
        self._output: Output | None = None
        self._repay_until_ns = 0
        self._is_stopping = False
        self.lateness = Lateness()
        self.late_note_ons = 0
        self.hanging = 0  # notes that sounded when their output went away
        self.level = 0  # of SCHED_FIFO, as granted

    def play(self, events: Iterable[Timed]) -> None:
        """Send each at its moment."""
        with self._changed:
            self._scheduler.add(events)
            self._changed.notify()

    def retract(self, after_ns: int, kept: Collection[int] = ()) -> None:
        """Forget what is due after that moment and end what would then hang, but for these pitches."""
        with self._changed:
            endings: list[Event] = [*self._ledger.sounding(), *self._ledger.pedals()]
            self._scheduler.retract(after_ns, self._clock(), endings, kept)
            self._changed.notify()

    def end_all(self) -> None:
        """Be silent now: forget everything, and end every note by the ledger."""
        with self._changed:
            self._scheduler.clear()
            now_ns = self._clock()
            for event in self._ledger.endings():
                self._send(Timed(now_ns, event))

    def attach(self, output: Output) -> None:
        """Play to ``output`` from now on; first of all what is owed, for as long as a receiver may be away."""
        with self._changed:
            self._output = output
            self._repay_until_ns = self._clock() + _REPAY_NS
        self.repay()

    def detach(self) -> None:
        """The output is gone: forget everything, and owe the endings of what sounds."""
        with self._changed:
            self._scheduler.clear()
            self.hanging += len(self._ledger.sounding())
            self._ledger.owe()
            self._output = None

    def repay(self) -> bool:
        """Send the note-offs that are owed, again; to be called a few times a second while there are any."""
        with self._changed:
            owed = self._ledger.owed()
            if not owed or self._output is None:
                return False
            for event in owed:
                self._output.send(to_bytes(event))
            if self._clock() > self._repay_until_ns:
                self._ledger.settle()
            return True

    def send_due(self) -> int | None:
        """Send what is due now; the moment of the next event, None when nothing waits."""
        with self._changed:
            for timed in self._scheduler.due(self._clock()):
                self._send(timed)
                late_ns = self._clock() - timed.at_ns
                self.lateness.add(late_ns)
                self.late_note_ons += late_ns > LATE_NS and isinstance(timed.event, NoteOn)
            return self._scheduler.next_ns()

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        self.level = raise_thread(PLAYING) if self._is_realtime else 0
        with self._changed:
            while not self._is_stopping:
                self._wait_until(self.send_due())

    def stop(self) -> None:
        """Let ``run`` return."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()

    def _wait_until(self, next_ns: int | None) -> None:
        """Wait for that moment, or for a change; the last bit awake, for waking up takes about so long."""
        if next_ns is None:
            self._changed.wait()
            return
        wait_ns = next_ns - self._clock() - _AWAKE_NS
        if wait_ns > 0:
            self._changed.wait(wait_ns / NS_PER_S)
        else:
            while self._clock() < next_ns:
                pass

    def _send(self, timed: Timed) -> None:
        event = timed.event
        self._ledger.leaves(event)
        if self._output is not None:
            self._output.send(to_bytes(event))
        self._ledger.has_left(event)
        self._on_sent(timed)
