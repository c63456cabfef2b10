"""A train of pulses as it was meant: its line, and which arrivals bear it out.

A pulse far from where it was expected is put aside until those after it show what it was: late; or all are further on
than counted, for one was lost, or doubled; or the tempo is new.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, sqrt

from livegen.clock import NS_PER_MS
from livegen.sync.pulse_regression import FASTEST_NS, LONGEST, SLOWEST_NS, PulseRegression, fit_pulses

_GATE = 4.5  # standard deviations from where it was expected, and a pulse is put aside
_WIDE_GATE = 6.0  # the same where that is less than half a pulse, and a ramp is likelier than a pulse lost or doubled
_ASIDE = 3  # pulses put aside show a new tempo
_ASIDE_FOR_SLIP = 6  # ... that one was lost or doubled: with a strong jitter, fewer could be a new tempo, too
_ASIDE_FOR_SHIFT = 4  # ... that the train has shifted
_STEADY = 2  # times as far off as they differ among themselves, and pulses have shifted; else the tempo is new
_DRIFT = 2.5  # standard deviations from even, and the tempo is new, too
_NEARLY, _LEAST_SLIP = 0.85, 0.3  # of a pulse: shifted by so much further, one was lost; so much back, one was doubled
_ESTABLISHED = 12  # pulses: before them a train has no line that another tempo could be told from
_MOST_ASIDE = 8  # ... and are a new beginning in any case
_MOST_DOUBLED, _MOST_LOST = 3, 12
_FIRST_GUESS_NS = 500 * NS_PER_MS / 24


@dataclass(frozen=True, slots=True)
class _Miscount:
    """So many pulses more have been than were counted (below 0: fewer), and the train stands that much later."""

    slip: int
    by_ns: int


class PulseTracker:
    """Follows one train. Owner: whoever hears it. About 60 µs a pulse.

    ``may_shift``: its time may jump, and the train go on from there at its old tempo.
    """

    def __init__(self, *, may_shift: bool = False) -> None:
        self.may_shift = may_shift
        self._arrivals: deque[int] = deque(maxlen=LONGEST)  # the newest first; without those put aside
        self._aside: list[int] = []  # the oldest first
        self._jitter = Jitter()
        self._may_begin_anew = False
        self._regression = PulseRegression(0, _FIRST_GUESS_NS, 0)  # as of the last pulse not put aside

    @property
    def at_ns(self) -> int:
        """Where the newest pulse belongs."""
        return self._expected_ns(len(self._aside))

    @property
    def next_ns(self) -> int:
        """Where the next one is expected."""
        return self._expected_ns(len(self._aside) + 1)

    @property
    def period_ns(self) -> float:
        """From one pulse to the next."""
        return self._regression.period_ns

    def let_begin_anew(self) -> None:
        """If the next pulse is not where it is expected, a new train begins with it, as at a start."""
        if self._aside:
            self._put_back(0)
        self._may_begin_anew = True

    def begin_anew(self) -> None:
        """With the next pulse a new train begins, as after a silence; the tempo holds until there is a second one."""
        self._arrivals.clear()
        self._aside.clear()
        self._jitter.pause()

    def hear(self, at_ns: int) -> int:
        """Take in a pulse; by how many the train has gone on: 1, or what makes up for pulses lost or doubled."""
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
        """Say what the pulses put aside are, if that can be said: by how many the train was miscounted meanwhile."""
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
        """Has the train's time jumped? Then all but the first are as much further on, and at the old tempo."""
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
        """Does the line go on as it was, with pulses lost or doubled? None for a new tempo.

        All but the first, which may be the double itself, must lie on the old line about as well as on any.
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
        """How far the pulses put aside, but for the first, are from where they were expected."""
        return [at_ns - self._expected_ns(ahead) for ahead, at_ns in enumerate(self._aside[1:], 2)]

    def _move(self, by_ns: int) -> None:
        self._arrivals = deque((at_ns + by_ns for at_ns in self._arrivals), maxlen=LONGEST)
        self._regression = replace(self._regression, at_ns=self._regression.at_ns + by_ns)

    def _put_back(self, slip: int) -> None:
        """Go on with what was aside, ``slip`` pulses further on than counted; what is missing is imagined."""
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
    """Of the line through them, one after the other; its variance is theirs divided by the second number."""
    m = len(values)
    steepness = m * (m * m - 1) / 12
    return sum((number - (m - 1) / 2) * value for number, value in enumerate(values)) / steepness, steepness


_WINDOW = 48  # second differences
_SHARE = 0.93
_PER_NS = 1.812 * sqrt(6)  # what so large a share of them does not exceed, for a normal jitter of 1 ns
_LEAST_NS = 0.1 * NS_PER_MS
_AT_FIRST_NS, _AT_FIRST = 2 * NS_PER_MS, 3


class Jitter:
    """How large the jitter is, by second differences of arrivals, to which a tempo, even a changing one, is nothing.

    What all but a few do not exceed: those few are a new tempo, or a pulse that was lost. A mean of all would take them
    in, and a median is 0 where a cable delivers in steps of its own.
    """

    def __init__(self) -> None:
        self._arrivals: deque[int] = deque(maxlen=3)
        self._found: deque[float] = deque([_AT_FIRST_NS * _PER_NS] * _AT_FIRST)
        self._sorted = list(self._found)

    @property
    def deviation_ns(self) -> float:
        """Its standard deviation, were it normal."""
        return max(self._sorted[int(_SHARE * len(self._sorted))] / _PER_NS, _LEAST_NS)

    def pause(self) -> None:
        """The next arrival does not follow from those before."""
        self._arrivals.clear()

    def hear(self, at_ns: int) -> None:
        """Take in an arrival."""
        self._arrivals.append(at_ns)
        if len(self._arrivals) < 3:
            return
        if len(self._found) == _WINDOW:
            del self._sorted[bisect_left(self._sorted, self._found.popleft())]
        first, middle, last = self._arrivals
        found = abs(last - 2 * middle + first)
        self._found.append(found)
        insort(self._sorted, found)
