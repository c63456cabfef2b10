"""The thread that counts, records and shows every event, off the path of a note."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import NoteOn, Timed, to_bytes
from livegen.latency import LatencyHistogram
from livegen.realtime import LOOKING_ON, raise_thread
from livegen.recording.format import Kind, Record
from livegen.recording.recorder import Recorder
from livegen.recording.tracks import KINDS, Who

_REACTION_NS = 50 * NS_PER_MS
_MOST_WAITING = 2**15  # events: a quarter of an hour of dense music; more are dropped while a disk hangs

EventMonitor = Callable[[Who, Timed], None]


class Monitor:
    """Counts, records and shows events. Owner of the recorder: its thread, of the lowest real-time priority.

    A disk that hangs blocks that thread only: the calling threads count the notes, the queue is bounded, and a gap is
    recorded for events that were dropped.
    """

    def __init__(self, recorder: Recorder | None, *observers: EventMonitor, is_realtime: bool = False) -> None:
        self._recorder = recorder
        self._observers = observers
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[tuple[Who, Timed] | Record | None] = SimpleQueue()
        self._is_left_out = False  # events were dropped since the last that was queued
        self._asked_ns: int | None = None  # when the player's last note was received, until we have sent one
        self.notes: dict[Who, int] = {"player": 0, "machine": 0}
        self.reaction = LatencyHistogram()

    def heard(self, timed: Timed) -> None:
        """The player played this event. Any thread; returns at once."""
        self._count("player", timed)

    def sent(self, timed: Timed) -> None:
        """livegen sent this event. Any thread; returns at once."""
        self._count("machine", timed)

    def tap(self, kind: Kind, content: bytes) -> None:
        """Record a start, an end or a frame of the engine, now. Any thread; returns at once."""
        if self._recorder:
            self._take(Record(now_ns(), kind, content))

    def run(self) -> None:
        """The thread's body, until ``stop``; events queued before ``stop`` are still handled."""
        if self._is_realtime:
            raise_thread(LOOKING_ON)
        try:
            while True:
                with suppress(Empty):
                    seen = self._queue.get(timeout=self._recorder.wait_s(now_ns()) if self._recorder else None)
                    if seen is None:
                        return
                    self._see(seen)
                if self._recorder:
                    self._recorder.save(now_ns())
        finally:
            if self._recorder:
                self._recorder.save(now_ns(), is_last=True)

    @property
    def waiting(self) -> int:
        """The length of the queue."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Make ``run`` return."""
        self._queue.put(None)

    def work_off(self) -> None:
        """Handle everything that waits: in place of ``run`` where there are no threads."""
        with suppress(Empty):
            while (seen := self._queue.get_nowait()) is not None:
                self._see(seen)
        if self._recorder:
            self._recorder.save(now_ns())

    def _count(self, who: Who, timed: Timed) -> None:
        if isinstance(timed.event, NoteOn):
            self.notes[who] += 1  # each key is written by one thread
        self._take((who, timed))

    def _take(self, seen: tuple[Who, Timed] | Record) -> None:
        if self._queue.qsize() >= _MOST_WAITING:
            self._is_left_out = True
            return
        if self._is_left_out:
            self._is_left_out = False
            self._queue.put(Record(now_ns(), Kind.GAP))
        self._queue.put(seen)

    def _see(self, seen: tuple[Who, Timed] | Record) -> None:
        if isinstance(seen, Record):
            record = seen
        else:
            who, timed = seen
            self._show(who, timed)
            record = Record(timed.at_ns, KINDS[who], to_bytes(timed.event))
        if self._recorder:
            self._recorder.record(record)

    def _show(self, who: Who, timed: Timed) -> None:
        if isinstance(timed.event, NoteOn):
            self._compare(who, timed.at_ns)
        for observe in self._observers:
            observe(who, timed)

    def _compare(self, who: Who, at_ns: int) -> None:
        """Measure the time from the player's note to the first of ours; later than 50 ms it is not a reaction."""
        if who == "player":
            self._asked_ns = at_ns
        elif self._asked_ns is not None:
            if 0 < at_ns - self._asked_ns < _REACTION_NS:
                self.reaction.add(at_ns - self._asked_ns)
            self._asked_ns = None
