"""Tracks a train of pulses: its fitted line, and which arrivals belong to it.

A pulse far from its expected moment is set aside until later pulses show the cause: it was late; or a pulse was lost
or doubled, so that the count is wrong; or the tempo is new.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, sqrt

from livegen.clock import NS_PER_MS
from livegen.sync.pulse_regression import FASTEST_NS, LONGEST, SLOWEST_NS, PulseRegression, fit_pulses

_GATE = 4.5  # standard deviations: a pulse further from its expected moment is set aside
_WIDE_GATE = 6.0  # the same where it is less than half a pulse: a tempo ramp is likelier than a lost or doubled pulse
_ASIDE = 3  # pulses set aside show a new tempo
_ASIDE_FOR_SLIP = 6  # ... a lost or doubled pulse: with strong jitter, fewer could also be a new tempo
_ASIDE_FOR_SHIFT = 4  # ... a shift of the train
_STEADY = 2  # the train has shifted where the mean error exceeds so many times the errors' range; else the tempo is new
_DRIFT = 2.5  # standard deviations of the errors' slope: above, the tempo is new
_NEARLY, _LEAST_SLIP = 0.85, 0.3  # of a pulse: shifts that are a lost pulse (later), a doubled one (earlier)
_ESTABLISHED = 12  # pulses: with fewer, another tempo cannot be distinguished
_MOST_ASIDE = 8  # ... are always a new train
_MOST_DOUBLED, _MOST_LOST = 3, 12
_FIRST_GUESS_NS = 500 * NS_PER_MS / 24


@dataclass(frozen=True, slots=True)
class _Miscount:
    """``slip`` more pulses were sent than counted (below 0: fewer), and the train is later by ``by_ns``."""

    slip: int
    by_ns: int


class PulseTracker:
    """Follows one train. Owner: the caller of ``hear``. About 60 µs per pulse.

    ``may_shift``: the train's time may jump, and the train may then go on at its old tempo.
    """

    def __init__(self, *, may_shift: bool = False) -> None:
        self.may_shift = may_shift
        self._arrivals: deque[int] = deque(maxlen=LONGEST)  # the newest first, without those set aside
        self._aside: list[int] = []  # the oldest first
        self._jitter = Jitter()
        self._may_begin_anew = False
        self._regression = PulseRegression(0, _FIRST_GUESS_NS, 0)  # as of the last pulse not set aside

    @property
    def at_ns(self) -> int:
        """The estimated moment of the newest pulse."""
        return self._expected_ns(len(self._aside))

    @property
    def next_ns(self) -> int:
        """The expected moment of the next pulse."""
        return self._expected_ns(len(self._aside) + 1)

    @property
    def period_ns(self) -> float:
        """The time from one pulse to the next."""
        return self._regression.period_ns

    def let_begin_anew(self) -> None:
        """Allow the next pulse, if it is not where it is expected, to begin a new train, as at a start."""
        if self._aside:
            self._put_back(0)
        self._may_begin_anew = True

    def begin_anew(self) -> None:
        """Begin a new train with the next pulse, as after a silence; the tempo holds until the second pulse."""
        self._arrivals.clear()
        self._aside.clear()
        self._jitter.pause()

    def hear(self, at_ns: int) -> int:
        """Take a pulse; return how many the train advances: 1, corrected for lost or doubled pulses."""
        self._jitter.hear(at_ns)
        is_near = bool(self._arrivals) and self._is_near(at_ns, len(self._aside) + 1)
        if not self._arrivals or (self._may_begin_anew and not is_near):
            self._begin([at_ns])
            return 1
        self._may_begin_anew = False
        self._aside.append(at_ns)
        slip = 0
        if is_near:
            self._put_back(0)
        elif len(self._aside) >= _ASIDE:
            slip = self._explain()
        return 1 + slip

    def _explain(self) -> int:
        """Explain the pulses set aside, if possible; return by how many pulses the train was miscounted."""
        if len(self._arrivals) >= _ESTABLISHED:
            for explain, fewest in ((self._shift, _ASIDE_FOR_SHIFT), (self._slip, _ASIDE_FOR_SLIP)):
                found = explain()
                if found and len(self._aside) < fewest:
                    return 0
                if found:
                    self._move(found.by_ns)
                    self._put_back(found.slip)
                    return found.slip
        first, middle, last = self._aside[-_ASIDE:]
        is_even = abs(last - 2 * middle + first) <= _GATE * sqrt(6) * self._jitter.deviation_ns
        if is_even and FASTEST_NS <= (last - first) / 2 <= SLOWEST_NS:
            self._begin(self._aside[-_ASIDE:])
        elif len(self._aside) >= _MOST_ASIDE:
            self._begin(self._aside)
        return 0

    def _shift(self) -> "_Miscount | None":
        """The miscount if the train's time has jumped: all pulses but the first are equally off, at the old tempo."""
        off = self._off()
        mean_ns = sum(off) / len(off)
        if not self.may_shift or abs(mean_ns) < _STEADY * (max(off) - min(off)):
            return None
        slope, steepness = _slope(off)
        if slope * slope * steepness > (_DRIFT * self._jitter.deviation_ns) ** 2:
            return None
        share = mean_ns / self.period_ns
        slip = 0 if -_LEAST_SLIP < share < 0 else floor(share + 1 - _NEARLY)
        return _Miscount(slip, round(mean_ns - slip * self.period_ns))

    def _slip(self) -> "_Miscount | None":
        """The miscount if the line continues, with pulses lost or doubled; None for a new tempo.

        All pulses but the first, which may be the doubled one, must fit the old line about as well as any other line.
        """
        off = self._off()
        slip, *others = {round(ns / self.period_ns) for ns in off}
        if others or not slip or not -_MOST_DOUBLED <= slip <= _MOST_LOST:
            return None
        rest = [ns - slip * self.period_ns for ns in off]
        m, mean = len(rest), sum(rest) / len(rest)
        slope, steepness = _slope(rest)
        variance = (self._regression.spread(len(self._aside)) * self._jitter.deviation_ns) ** 2
        is_on_old_line = sum(ns * ns for ns in rest) <= 4 * m * variance
        is_as_good_as_any = m * mean * mean + slope * slope * steepness <= 9 * variance
        return _Miscount(slip, 0) if is_on_old_line and is_as_good_as_any else None

    def _off(self) -> list[int]:
        """The errors of the pulses set aside, without the first: arrival minus expected moment."""
        return [at_ns - self._expected_ns(ahead) for ahead, at_ns in enumerate(self._aside[1:], 2)]

    def _move(self, by_ns: int) -> None:
        self._arrivals = deque((at_ns + by_ns for at_ns in self._arrivals), maxlen=LONGEST)
        self._regression = replace(self._regression, at_ns=self._regression.at_ns + by_ns)

    def _put_back(self, slip: int) -> None:
        """Continue with the pulses set aside, moved by ``slip``; missing pulses are filled in where expected."""
        for ahead in range(1, len(self._aside) + slip + 1):
            expected_ns = self._expected_ns(ahead)
            at_ns = self._aside[ahead - slip - 1] if ahead > slip else expected_ns
            self._arrivals.appendleft(at_ns if self._is_near(at_ns, ahead) else expected_ns)
        self._go_on()

    def _begin(self, arrivals: Sequence[int]) -> None:
        self._arrivals.clear()
        self._arrivals.extendleft(arrivals)
        self._may_begin_anew = False
        self._go_on()

    def _go_on(self) -> None:
        self._aside = []
        if len(self._arrivals) > 1:
            self._regression = fit_pulses(self._arrivals, self._jitter.deviation_ns)
        else:
            self._regression = PulseRegression(self._arrivals[0], self.period_ns, 1)

    def _expected_ns(self, ahead: int) -> int:
        return self._regression.at_ns + round(ahead * self._regression.period_ns)

    def _is_near(self, at_ns: int, ahead: int) -> bool:
        deviation_ns = self._regression.spread(ahead) * self._jitter.deviation_ns
        gate_ns = max(_GATE * deviation_ns, min(_WIDE_GATE * deviation_ns, self.period_ns / 2))
        return abs(at_ns - self._expected_ns(ahead)) <= gate_ns


def _slope(values: Sequence[float]) -> tuple[float, float]:
    """The slope of the line through equally spaced values; its variance is theirs divided by the second number."""
    m = len(values)
    steepness = m * (m * m - 1) / 12
    return sum((number - (m - 1) / 2) * value for number, value in enumerate(values)) / steepness, steepness


_WINDOW = 48  # second differences
_SHARE = 0.93
_PER_NS = 1.812 * sqrt(6)  # the quantile of that share, for normally distributed jitter of 1 ns
_LEAST_NS = 0.1 * NS_PER_MS
_AT_FIRST_NS, _AT_FIRST = 2 * NS_PER_MS, 3


class Jitter:
    """Estimates the jitter from second differences of arrivals, which a tempo, even a changing one, hardly affects.

    It uses a high quantile: the few larger differences come from a new tempo or a lost pulse. A mean would include
    these, and a median is 0 where a cable delivers in steps.
    """

    def __init__(self) -> None:
        self._arrivals: deque[int] = deque(maxlen=3)
        self._found: deque[float] = deque([_AT_FIRST_NS * _PER_NS] * _AT_FIRST)
        self._sorted = list(self._found)

    @property
    def deviation_ns(self) -> float:
        """The standard deviation, if the jitter is normally distributed."""
        return max(self._sorted[int(_SHARE * len(self._sorted))] / _PER_NS, _LEAST_NS)

    def pause(self) -> None:
        """The next arrival does not continue those before."""
        self._arrivals.clear()

    def hear(self, at_ns: int) -> None:
        """Take an arrival."""
        self._arrivals.append(at_ns)
        if len(self._arrivals) < 3:
            return
        if len(self._found) == _WINDOW:
            del self._sorted[bisect_left(self._sorted, self._found.popleft())]
        first, middle, last = self._arrivals
        found = abs(last - 2 * middle + first)
        self._found.append(found)
        insort(self._sorted, found)
