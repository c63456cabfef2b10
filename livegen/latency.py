"""How late events were sent: a histogram of fixed size."""

from array import array

_BUCKET_NS = 1_000
_BUCKETS = 50_000  # up to 50 ms; the last bucket also holds all above
_BLOCK = 250  # buckets that are also counted together, so that a percentile is fast while music plays


class LatencyHistogram:
    """Counts per microsecond of lateness. Owner: the playing thread; other threads may read at the end."""

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self._blocks = array("Q", bytes(8 * _BUCKETS // _BLOCK))
        self._total = 0
        self.max_ns = 0

    def add(self, late_ns: int) -> None:
        """Count one event that was sent ``late_ns`` after its moment (a negative value counts as 0)."""
        late_ns = max(late_ns, 0)
        bucket = min(late_ns // _BUCKET_NS, _BUCKETS - 1)
        self._counts[bucket] += 1
        self._blocks[bucket // _BLOCK] += 1
        self._total += 1
        self.max_ns = max(self.max_ns, late_ns)

    @property
    def count(self) -> int:
        """The number of counted events."""
        return self._total

    def percentile_ns(self, percent: float) -> int:
        """The lateness that ``percent`` of the events did not exceed, rounded up to 1 µs; 0 without events."""
        wanted = self._total * percent / 100
        seen = 0
        for block, in_block in enumerate(self._blocks):
            if in_block and seen + in_block >= wanted:
                for bucket in range(block * _BLOCK, (block + 1) * _BLOCK):
                    seen += self._counts[bucket]
                    if self._counts[bucket] and seen >= wanted:
                        return min((bucket + 1) * _BUCKET_NS, self.max_ns)
            seen += in_block
        return 0
