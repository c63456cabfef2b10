"""The thread for those who look on: they see every event, off its path."""

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
_MOST_WAITING = 2**15  # a quarter of an hour of dense music: a disk that hangs for longer costs some

EventMonitor = Callable[[Who, Timed], None]


class Monitor:
    """Counts, records and shows. Owner of the recorder: its thread, of the lowest real-time priority.

    A disk that hangs holds up that thread, and nobody else: notes are counted by those who tell of them, what waits is
    bounded, and a gap is recorded for what was left out.
    """

    def __init__(self, recorder: Recorder | None, observe: EventMonitor | None, *, is_realtime: bool = False) -> None:
        self._recorder = recorder
        self._observe = observe
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[tuple[Who, Timed] | Record | None] = SimpleQueue()
        self._is_left_out = False  # something, since the last that was taken
        self._asked_ns: int | None = None  # when the player's last note came, until a note of ours has left
        self.notes: dict[Who, int] = {"player": 0, "machine": 0}
        self.reaction = LatencyHistogram()

    def heard(self, timed: Timed) -> None:
        """The player played this. Any thread; returns at once."""
        self._count("player", timed)

    def sent(self, timed: Timed) -> None:
        """The machine played this. Any thread; returns at once."""
        self._count("machine", timed)

    def tap(self, kind: Kind, content: bytes) -> None:
        """This happened between us and the engine, now. Any thread; returns at once."""
        if self._recorder:
            self._take(Record(now_ns(), kind, content))

    def run(self) -> None:
        """The thread's body, until ``stop``; what was told before is still seen."""
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
        """How much has not been seen yet."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Let ``run`` return."""
        self._queue.put(None)

    def work_off(self) -> None:
        """See what waits, without waiting for more: in place of ``run`` where there are no threads."""
        with suppress(Empty):
            while (seen := self._queue.get_nowait()) is not None:
                self._see(seen)
        if self._recorder:
            self._recorder.save(now_ns())

    def _count(self, who: Who, timed: Timed) -> None:
        if isinstance(timed.event, NoteOn):
            self.notes[who] += 1  # one thread for each
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
        if self._observe:
            self._observe(who, timed)

    def _compare(self, who: Who, at_ns: int) -> None:
        """How soon after a note of the player did one of ours follow? What comes later than 50 ms is no reaction."""
        if who == "player":
            self._asked_ns = at_ns
        elif self._asked_ns is not None:
            if 0 < at_ns - self._asked_ns < _REACTION_NS:
                self.reaction.add(at_ns - self._asked_ns)
            self._asked_ns = None
