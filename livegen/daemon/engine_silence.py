"""For how long an engine has been silent although it could have spoken.

An engine that waits for a processor or a disk is late. An engine that has a processor, is stopped, or waits for
nothing of the kind, and says nothing, is dead. Only the second kind of silence is counted.
"""

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.ipc.process_times import Threads, ThreadTimes

_LONGEST_LOOK_NS = 150 * NS_PER_MS  # more has passed between two looks: the port process itself was kept waiting
_LOOK_S = 0.1
_CLOSE_LOOK_S = 0.02  # while it is silent
_LONGEST_NS = 120 * NS_PER_S  # silence for so long is too long, whatever the engine waits for
_LATE_NS = 3 * NS_PER_S  # notes that sound for so long after their engine's last word may have had an end


class EngineSilence:
    """Counts the silence of one engine after another. Owner: the supervisor's thread. Moments in ns."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, at_ns: int) -> None:
        """An engine begins."""
        self.since_ns = at_ns  # when the engine's loop last came round, as far as is known
        self._looked_ns = at_ns
        self._seen: Threads = {}
        self._counted_ns = self._waited_ns = 0

    def came_round(self, at_ns: int) -> None:
        """The engine's loop came round at that moment."""
        if at_ns > self.since_ns:
            self.since_ns, self._seen = at_ns, {}
            self._counted_ns = self._waited_ns = 0

    @property
    def wait_s(self) -> float:
        """How long to wait for a message until the next look."""
        return _CLOSE_LOOK_S if self._counted_ns else _LOOK_S

    def is_noticed(self, at_ns: int) -> bool:
        """Is the engine silent for longer than it is between two looks?"""
        return at_ns - self.since_ns >= _LOOK_S * NS_PER_S

    def count(self, at_ns: int, threads: Threads) -> None:
        """Count the time since the last look, without what the engine's threads have waited for."""
        passed_ns = min(at_ns - max(self._looked_ns, self.since_ns), _LONGEST_LOOK_NS)
        waited_ns = max((_waited_ns(passed_ns, self._seen.get(key), now) for key, now in threads.items()), default=0)
        waited_ns = min(max(waited_ns, 0), passed_ns)
        self._counted_ns += passed_ns - waited_ns
        self._waited_ns += waited_ns
        self._looked_ns, self._seen = at_ns, threads

    def is_too_long(self, bound_ns: int) -> bool:
        """Is the silence that counts longer than this, or all of it longer than two minutes?"""
        return self._counted_ns >= bound_ns or self._counted_ns + self._waited_ns >= _LONGEST_NS

    @property
    def is_late(self) -> bool:
        """Is the engine so late that notes sound which should have ended?"""
        return self._counted_ns + self._waited_ns >= _LATE_NS


def _waited_ns(passed_ns: int, before: ThreadTimes | None, now: ThreadTimes) -> int:
    """For how much of the time that has passed a thread waited for a processor or a disk."""
    if now.state == "D":
        return passed_ns
    before = before or ThreadTimes(now.ran_ns, now.waited_ns, now.state)
    if now.state == "R":  # a wait that is not over is not counted yet
        return passed_ns - (now.ran_ns - before.ran_ns)
    return min(now.waited_ns - before.waited_ns, passed_ns)
