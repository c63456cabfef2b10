"""Where the pulses of a clock would fall if they were not late or early: a line through their arrivals.

A straight line is fitted by least squares through the latest 4, 6, 9 … 192 arrivals, a parabola through some of
these, and of all of them the steadiest is believed that does not contradict one that looks back less far: the
intersection of confidence intervals (Goldenshluger and Nemirovski, Math. Methods of Statistics 6, 1997; Katkovnik,
IEEE Trans. Signal Processing 47, 1999). So a steady clock is averaged over eight beats, a ramp over few pulses.
The end of a line through m points has variance 2(2m-1)/(m(m+1)), as in a growing-memory filter (Brookner, Tracking
and Kalman Filtering Made Easy, 1998, chapter 7). Sums are integers and begin anew with each pulse.

How large the jitter is, second differences of the arrivals tell, by their median. A pulse far from where it was
expected is put aside until the next ones show what it was: late, lost, doubled, or a new tempo.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, sqrt

from livegen.clock import NS_PER_MS

LONGEST = 192  # pulses a line goes through: eight beats
_FASTEST_NS, _SLOWEST_NS = 5 * NS_PER_MS, 500 * NS_PER_MS  # a pulse: 500 to 5 beats a minute
_FIRST_GUESS_NS = 500 * NS_PER_MS // 24
_TRUST = 2.0  # half a confidence interval, in standard deviations
_GATE = 4.5  # a pulse further away than so many standard deviations is put aside
_ASIDE, _ASIDE_FOR_SLIP, _MOST_ASIDE = 3, 6, 8
_MOST_LOST = 12
_JITTERS = 48  # second differences that tell the jitter
_NS_PER_MEDIAN = 0.6745 * sqrt(6)  # median of |second difference| for a jitter of 1 ns, were it normal
_LEAST_JITTER_NS = 0.1 * NS_PER_MS
_JITTER_AT_FIRST_NS = 2.0 * NS_PER_MS
_AT_FIRST = 6


@dataclass(frozen=True, slots=True)
class _Fit:
    """A polynomial through the latest ``pulses`` arrivals, and the variance of its end for a jitter of 1."""

    pulses: int
    is_curved: bool
    variance: float

    def end_and_period(self, sums: "_Sums") -> tuple[float, float]:
        """How long before the newest arrival the line ends, and its slope there, both in nanoseconds."""
        m = self.pulses
        s0, s1 = sums.first[m - 1], m * sums.first[m - 1] - sums.second[m - 1]
        early = (2 * (2 * m - 1) * s0 - 6 * s1) / (m * (m + 1))
        period = (12 * s1 - 6 * (m - 1) * s0) / (m * (m * m - 1))
        if self.is_curved:
            b = sums.second[m - 1]
            s2 = m * m * s0 - 2 * m * b + 2 * sums.third[m - 1] - b
            bend = (6 * s2 - 6 * (m - 1) * s1 + (m - 1) * (m - 2) * s0) * 30 / (m * (m * m - 1) * (m * m - 4))
            early += bend * (m - 1) * (m - 2) / 6
            period -= bend * (m - 1)
        return early, period


@dataclass(frozen=True, slots=True)
class _Sums:
    """Repeated sums of how long ago the pulses came, the newest first: from them come all moments of any length."""

    first: Sequence[int]
    second: Sequence[int]
    third: Sequence[int]


def _line(pulses: int) -> _Fit:
    return _Fit(pulses, False, 2 * (2 * pulses - 1) / (pulses * (pulses + 1)))  # noqa: FBT003


def _curve(m: int) -> _Fit:
    return _Fit(m, True, 3 * (3 * m * m - 3 * m + 2) / (m * (m + 1) * (m + 2)))  # noqa: FBT003


_FITS = sorted(
    [*map(_line, (6, 9, 13, 18, 26, 38, 54, 76, 108, 150, LONGEST)), *map(_curve, (18, 26, 38, 54, 76))],
    key=lambda fit: -fit.variance,
)


class PulseLine:
    """Follows one train of pulses. Owner: whoever hears them. About 30 µs a pulse."""

    def __init__(self) -> None:
        self._arrivals: deque[int] = deque(maxlen=LONGEST)  # the newest first; those put aside are not among them
        self._aside: list[int] = []
        self._raw: deque[int] = deque(maxlen=3)
        self._jitters: deque[float] = deque([_JITTER_AT_FIRST_NS * _NS_PER_MEDIAN] * _AT_FIRST)
        self._sorted_jitters = list(self._jitters)
        self._may_move = False
        self._pulses = 0.0  # as many as a line goes through whose end is as sure as ours
        self.at_ns = 0  # where the newest pulse should have been
        self.period_ns = float(_FIRST_GUESS_NS)

    def let_move(self) -> None:
        """The next pulse may begin the line anew, as at a start; if it does not, the line goes on."""
        if self._aside:
            self._take(0, self._gate_ns(len(self._aside)))
        self._may_move = True

    def forget(self) -> None:
        """The next pulse begins the line anew, as after a silence; with two, the tempo is new too."""
        self._arrivals.clear()
        self._aside.clear()
        self._raw.clear()

    def hear(self, at_ns: int) -> int:
        """Take in a pulse; by how many pulses the train has gone on: 1, but for pulses found lost or doubled."""
        self._tell_jitter(at_ns)
        expected = self.at_ns + self.period_ns
        is_near = bool(self._arrivals) and abs(at_ns - expected) <= self._gate_ns(1)
        if not self._arrivals or (self._may_move and not is_near):
            self._restart([at_ns])
            return 1
        self._may_move = False
        if is_near and not self._aside:
            self._arrivals.appendleft(at_ns)
            self._fit()
            return 1
        self._aside.append(at_ns)
        self.at_ns = round(expected)
        return 1 + self._resolve()

    def _resolve(self) -> int:
        """Find out what the pulses put aside were; by how many pulses the train was miscounted meanwhile."""
        count = len(self._aside)
        gate = self._gate_ns(count)
        off = [at_ns - self.at_ns + (count - 1 - i) * self.period_ns for i, at_ns in enumerate(self._aside)]
        if abs(off[-1]) <= gate:
            return self._take(0, gate)
        if count < _ASIDE:
            return 0
        slip = self._slip(off)
        if slip:
            return self._take(slip, gate) if count >= _ASIDE_FOR_SLIP else 0
        first, middle, last = self._aside[-_ASIDE:]
        is_even = abs(last - 2 * middle + first) <= _GATE * sqrt(6) * self.jitter_ns
        if is_even and _FASTEST_NS <= (last - first) / 2 <= _SLOWEST_NS:
            self._restart(self._aside[-_ASIDE:])
        elif count >= _MOST_ASIDE:
            self._restart(self._aside)
        return 0

    def _slip(self, off: Sequence[float]) -> int:
        """How many pulses were lost (or, below 0, doubled) when the line goes on as it was; 0 for a new tempo.

        All but the first, which may be the double itself, must lie about as well on the old line as on any.
        """
        slips = {round(ns / self.period_ns) for ns in off[1:]}
        slip = slips.pop()
        if slips or not -_ASIDE <= slip <= _MOST_LOST:
            return 0
        rest = [ns - slip * self.period_ns for ns in off[1:]]
        m = len(rest)
        mean, middle = sum(rest) / m, (m - 1) / 2
        slope = sum((i - middle) * ns for i, ns in enumerate(rest)) * 12 / (m * (m * m - 1))
        better = m * mean * mean + slope * slope * m * (m * m - 1) / 12  # by so much any line is
        worst = sum(ns * ns for ns in rest)
        spread = self._gate_ns(len(off)) / _GATE
        return slip if better <= 9 * spread**2 and worst <= 4 * m * spread**2 else 0

    def _take(self, slip: int, near: float) -> int:
        """Put back what was aside, ``slip`` pulses later than counted; what is missing or far off is imagined."""
        count = len(self._aside)
        for number in range(1, count + slip + 1):
            expected = round(self.at_ns + (number - count) * self.period_ns)
            at_ns = self._aside[number - slip - 1] if number > slip else expected
            self._arrivals.appendleft(at_ns if abs(at_ns - expected) <= near else expected)
        self._aside.clear()
        self._fit()
        return slip

    def _restart(self, arrivals: Sequence[int]) -> None:
        """Forget the line and begin a new one."""
        self._arrivals.clear()
        self._arrivals.extendleft(arrivals)
        self._aside = []
        self._may_move = False
        self._fit()

    def _fit(self) -> None:
        newest, count = self._arrivals[0], len(self._arrivals)
        self.at_ns = newest
        if count == 1:
            self._pulses = 1.0
            return
        first = list(accumulate(newest - at_ns for at_ns in self._arrivals))
        second = list(accumulate(first))
        sums = _Sums(first, second, list(accumulate(second)))
        fits = [fit for fit in _FITS if fit.pulses <= count] or [_line(count)]
        jitter_ns = self.jitter_ns
        low, high = -inf, inf
        early, period = 0.0, self.period_ns
        for fit in fits:
            found, slope = fit.end_and_period(sums)
            half = _TRUST * jitter_ns * sqrt(fit.variance)
            if found - half > high or found + half < low:
                continue
            low, high = max(low, found - half), min(high, found + half)
            early, period, self._pulses = found, slope, 4 / fit.variance
        self.at_ns = newest - round(early)
        self.period_ns = min(max(period, _FASTEST_NS), _SLOWEST_NS)

    def _gate_ns(self, ahead: int) -> float:
        """How far from its expected moment the pulse may be that is so many after the last one of the line."""
        m = self._pulses
        if m < 2:
            return inf
        spread = 1 / m + (ahead + (m - 1) / 2) ** 2 * 12 / (m * (m * m - 1))
        return _GATE * self.jitter_ns * sqrt(1 + spread)

    @property
    def jitter_ns(self) -> float:
        """The standard deviation of arrivals, were it normal."""
        return max(self._sorted_jitters[len(self._sorted_jitters) // 2] / _NS_PER_MEDIAN, _LEAST_JITTER_NS)

    def _tell_jitter(self, at_ns: int) -> None:
        self._raw.append(at_ns)
        if len(self._raw) < 3:
            return
        if len(self._jitters) == _JITTERS:
            oldest = self._jitters.popleft()
            del self._sorted_jitters[bisect_left(self._sorted_jitters, oldest)]
        found = abs(self._raw[0] - 2 * self._raw[1] + self._raw[2])
        self._jitters.append(found)
        insort(self._sorted_jitters, found)
