"""From silence to sound and back, in so many seconds of the monotonic clock."""

from livegen.clock import NS_PER_S


class Fade:
    """A level from 0 to 1 that goes where it is told, steadily, wherever it stands. Owner: one thread."""

    def __init__(self, at_ns: int, *, is_up: bool) -> None:
        self.level = 1.0 if is_up else 0.0
        self._at_ns = at_ns

    def move(self, at_ns: int, whole_s: float, *, is_up: bool) -> float:
        """The level now, on the way up or down; the whole way takes ``whole_s``."""
        passed_s, self._at_ns = (at_ns - self._at_ns) / NS_PER_S, at_ns
        step = passed_s / whole_s if whole_s > 0 else 1.0
        self.level = min(self.level + step, 1.0) if is_up else max(self.level - step, 0.0)
        return self.level
