"""One heap of what is to come, and its clock."""

import heapq
from collections.abc import Callable


class Alarm:
    """Something that is done at a moment, which may be changed until then."""

    __slots__ = ("_agenda", "at_ns", "ring")

    def __init__(self, agenda: "Agenda", ring: Callable[[], None]) -> None:
        self._agenda = agenda
        self.ring = ring
        self.at_ns: int | None = None

    def set(self, at_ns: int | None) -> None:
        """Ring then, and only then; None is never."""
        if at_ns != self.at_ns:
            self.at_ns = at_ns
            if at_ns is not None:
                self._agenda.push(at_ns, self)

    def set_by(self, at_ns: int) -> None:
        """Ring then at the latest."""
        if self.at_ns is None or at_ns < self.at_ns:
            self.set(at_ns)


class Agenda:
    """Everything in the order of its moments; what has the same one, in the order it was entered."""

    def __init__(self, start_ns: int) -> None:
        self.begun_ns = start_ns
        self.moment_ns = start_ns  # of the event that is happening
        self.spent_ns = 0  # that a process has computed for since then
        self.events = 0
        self.jumped_ns = 0
        self._heap: list[tuple[int, int, Alarm]] = []
        self._entered = 0

    @property
    def lived_ns(self) -> int:
        """How much time has passed in which things were done."""
        return self.moment_ns - self.begun_ns - self.jumped_ns

    def now_ns(self) -> int:
        """What every clock in the simulation shows."""
        return self.moment_ns + self.spent_ns

    def push(self, at_ns: int, alarm: Alarm) -> None:
        """Enter an alarm."""
        self._entered += 1
        heapq.heappush(self._heap, (at_ns, self._entered, alarm))

    def once(self, at_ns: int, act: Callable[[], None]) -> None:
        """Do that then."""
        Alarm(self, act).set(at_ns)

    def jump(self, by_ns: int) -> None:
        """Time passes in which nothing at all is done."""
        self.moment_ns += by_ns
        self.jumped_ns += by_ns

    def next(self, end_ns: int) -> Alarm | None:
        """The next alarm up to ``end_ns``, at its moment; None when there is none."""
        heap = self._heap
        while heap and heap[0][0] <= end_ns:
            at_ns, _, alarm = heapq.heappop(heap)
            if alarm.at_ns == at_ns:
                alarm.at_ns = None
                if at_ns > self.moment_ns:
                    self.moment_ns = at_ns
                self.events += 1
                return alarm
        self.moment_ns = max(self.moment_ns, end_ns)
        return None
