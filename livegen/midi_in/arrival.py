"""When messages arrived, rebuilt from the times between them: polling for them adds no jitter."""

from livegen.clock import NS_PER_S

_DRIFT = 15  # the two clocks differ by less than one part in 2 to the power of this
_EXCLUSIVE = 0xF0


class ArrivalClock:
    """The arrivals at one input. Owner: the thread that polls it.

    The MIDI system tells how long after the one before it each message arrived, by a clock of its own. The smallest
    difference lately seen between that clock and ours is that of a message that was taken as soon as it arrived.
    """

    def __init__(self) -> None:
        self._sum_ns = 0  # the system's clock, from the first message on
        self._ahead_ns: int | None = None  # our clock minus the system's

    def arrived_ns(self, first_byte: int, after_s: float, since_ns: int, now_ns: int) -> int:
        """When a message arrived, ``after_s`` after the one before it; it was taken at ``now_ns``, not by ``since_ns``.

        Of a system exclusive message that came in several parts, only the last part's time is told: it begins anew.
        """
        after_ns = round(after_s * NS_PER_S)
        self._sum_ns += after_ns
        ahead_ns = now_ns - self._sum_ns
        if self._ahead_ns is not None and first_byte != _EXCLUSIVE:
            ahead_ns = min(ahead_ns, self._ahead_ns + (after_ns >> _DRIFT))
        self._ahead_ns = ahead_ns
        return min(max(self._sum_ns + ahead_ns, since_ns), now_ns)
