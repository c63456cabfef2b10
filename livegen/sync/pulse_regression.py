"""Fits a line through the arrivals of pulses: the moments at which they would arrive without jitter.

Straight lines are fitted by least squares through the latest 6, 9, 13 … 192 arrivals, parabolas through some of these.
The chosen fit has the lowest variance of those that agree with all fits of higher variance: the intersection of
confidence intervals (Goldenshluger and Nemirovski, Mathematical Methods of Statistics 6, 1997; Katkovnik, IEEE
Transactions on Signal Processing 47, 1999). So a steady clock is averaged over eight beats, a tempo ramp over fewer.
The end of a line through m points has variance 2(2m-1)/(m(m+1)), as in a growing-memory filter (Brookner, Tracking
and Kalman Filtering Made Easy, 1998, chapter 7). All sums are of integers, and are computed anew for each pulse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, sqrt

from livegen.clock import NS_PER_MS

LONGEST = 192  # pulses: eight beats
FASTEST_NS, SLOWEST_NS = 5 * NS_PER_MS, 500 * NS_PER_MS  # per pulse: 500 to 5 bpm
_TRUST = 2.2  # half a confidence interval, in standard deviations


@dataclass(frozen=True, slots=True)
class PulseRegression:
    """The newest pulse is estimated at ``at_ns``, and the next ``period_ns`` later.

    ``pulses``: the fit is as precise as a straight line through so many pulses.
    """

    at_ns: int
    period_ns: float
    pulses: float

    def spread(self, ahead: int) -> float:
        """The standard deviation of an arrival ``ahead`` pulses later from the line, for a jitter of 1."""
        m = self.pulses
        if m < 2:
            return inf
        return sqrt(1 + 1 / m + (ahead + (m - 1) / 2) ** 2 * 12 / (m * (m * m - 1)))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of the times from the latest pulses to the newest, weighted by the pulse number to the power 0, 1 and 2."""

    s0: int
    s1: int
    s2: int


class _Straight:
    """A straight line through the latest ``pulses`` arrivals; the standard deviation of its end, for a jitter of 1."""

    def __init__(self, pulses: int) -> None:
        self.pulses = pulses
        self.sureness = float(pulses)
        self.deviation = sqrt(2 * (2 * pulses - 1) / (pulses * (pulses + 1)))

    def end(self, sums: _Sums) -> tuple[float, float]:
        """How long before the newest arrival the line ends, and its slope there, in nanoseconds."""
        m = self.pulses
        early = (2 * (2 * m - 1) * sums.s0 - 6 * sums.s1) / (m * (m + 1))
        period = (12 * sums.s1 - 6 * (m - 1) * sums.s0) / (m * (m * m - 1))
        return early, period


class _Curved(_Straight):
    """A parabola."""

    def __init__(self, pulses: int) -> None:
        super().__init__(pulses)
        m = pulses
        self.sureness = m * 4 / 9  # in the limit
        self.deviation = sqrt(3 * (3 * m * m - 3 * m + 2) / (m * (m + 1) * (m + 2)))

    def end(self, sums: _Sums) -> tuple[float, float]:
        m = self.pulses
        early, period = super().end(sums)
        moment = 6 * sums.s2 - 6 * (m - 1) * sums.s1 + (m - 1) * (m - 2) * sums.s0
        bend = 30 * moment / (m * (m * m - 1) * (m * m - 4))
        return early + bend * (m - 1) * (m - 2) / 6, period - bend * (m - 1)


_CURVED = (18, 26, 38, 54, 76)
_STRAIGHT = (6, 9, 13, 18, 26, 38, 54, 76, 108, 150, LONGEST)
_FITS = sorted([*map(_Straight, _STRAIGHT), *map(_Curved, _CURVED)], key=lambda fit: -fit.deviation)


def fit_pulses(arrivals: Sequence[int], jitter_ns: float) -> PulseRegression:
    """The line through two to ``LONGEST`` arrivals, the newest first; ``jitter_ns`` is their standard deviation."""
    count, newest = len(arrivals), arrivals[0]
    first = list(accumulate(newest - at_ns for at_ns in arrivals))
    second = list(accumulate(first))
    third = list(accumulate(second))
    low, high = -inf, inf
    early, period, sureness = 0.0, 0.0, 0.0
    for fit in [fit for fit in _FITS if fit.pulses <= count] or [_Straight(count)]:
        found, slope = fit.end(_sums(fit.pulses, first, second, third))
        half = _TRUST * jitter_ns * fit.deviation
        if low <= found + half and found - half <= high:
            low, high = max(low, found - half), min(high, found + half)
            early, period, sureness = found, slope, fit.sureness
    return PulseRegression(newest - round(early), min(max(period, FASTEST_NS), SLOWEST_NS), sureness)


def _sums(pulses: int, first: Sequence[int], second: Sequence[int], third: Sequence[int]) -> _Sums:
    """The weighted sums from repeated sums, which weight each number by how often it is summed."""
    a, b, c = first[pulses - 1], second[pulses - 1], third[pulses - 1]
    return _Sums(a, pulses * a - b, pulses * pulses * a - (2 * pulses + 1) * b + 2 * c)
