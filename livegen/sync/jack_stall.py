"""Follows pulses through a MIDI server that may stall, and decides whether their sender stalls with the server.

When a machine stalls, JACK's periods stop for a while, and are not made up for. A DAW that plays by these periods
sends its next pulse later by as much; a sender outside the server, such as a drum machine, does not. The pulses after
a stall decide between the two: one candidate goes on in the server's time, another in real time, and the candidate
whose pulses arrive where they were expected is chosen.
"""

from collections import deque
from copy import deepcopy
from statistics import median_low

from livegen.clock import NS_PER_MS
from livegen.sync.pulse_tracker import PulseTracker

_STALL_NS = 4 * NS_PER_MS  # a shorter stall may be a late thread
_LATEST = 5  # pulses, of which one or two may have been late
_FEWEST, _MOST = 3, 12  # pulses after which the choice may and must be made
_CLEARLY = 3  # times the error


class JackStall:
    """Follows one train of pulses, as ``PulseTracker`` does. Owner: the caller of ``hear``."""

    def __init__(self) -> None:
        self._believed = _Candidate(is_inside=False)
        self._other: _Candidate | None = None  # from a stall until the choice is made
        self._stalled_ns: int | None = None  # at the latest pulse
        self._is_served = False

    @property
    def at_ns(self) -> int:
        """The estimated moment of the newest pulse."""
        return self._believed.tracker.at_ns + self._believed.shift_ns

    @property
    def period_ns(self) -> float:
        """The time from one pulse to the next."""
        return self._believed.tracker.period_ns

    def let_begin_anew(self) -> None:
        """Allow the next pulse, if it is not where it is expected, to begin a new train, as at a start."""
        self._believed.tracker.let_begin_anew()
        self._other = None

    def begin_anew(self) -> None:
        """Begin a new train with the next pulse, as after a silence; the tempo holds until the second pulse."""
        self._believed.tracker.begin_anew()
        self._other = None
        self._stalled_ns = None

    def hear(self, at_ns: int, stalled_ns: int) -> int:
        """Take a pulse; return how many the train advances: 1, corrected for lost or doubled pulses."""
        if stalled_ns and self._stalled_ns is None and not self._is_served:
            self._is_served, self._believed = True, _Candidate(is_inside=True)  # likelier, until the first stall shows
        grown_ns = 0 if self._stalled_ns is None else stalled_ns - self._stalled_ns
        self._stalled_ns = stalled_ns
        if abs(grown_ns) > _STALL_NS:
            if self._other is None:
                self._other = self._believed.twin()
                self._believed.begin_trial()
            self._believed.stand_still(at_ns)
            self._other.stand_still(at_ns)
        gone_on = self._believed.hear(at_ns, grown_ns)
        if self._other:
            self._other.hear(at_ns, grown_ns)
            gone_on += self._choose(self._believed, self._other)
        return gone_on

    def _choose(self, believed: "_Candidate", other: "_Candidate") -> int:
        """Choose the other candidate if its error is smaller; return how many pulses further on it is."""
        better, worse = sorted((believed, other), key=lambda candidate: candidate.off_ns)
        is_clear = worse.off_ns > _CLEARLY * better.off_ns
        if better.pulses < _FEWEST or not (is_clear or better.pulses >= _MOST):
            return 0
        self._other = None
        if not is_clear or better is believed:
            return 0
        self._believed = other
        return other.gone_on - believed.gone_on


class _Candidate:
    """A train in the server's time (``is_inside``) or in real time; both count from the stall on."""

    def __init__(self, *, is_inside: bool) -> None:
        self.tracker = PulseTracker(may_shift=is_inside)
        self._is_inside = is_inside
        self._offset_ns = 0  # from the train's time to real time
        self._offsets: deque[int] = deque([0], maxlen=_LATEST)
        self._still_until_ns = 0
        self.begin_trial()

    @property
    def shift_ns(self) -> int:
        """The difference from the train's time to real time: the median of the latest pulses."""
        return median_low(self._offsets)

    def begin_trial(self) -> None:
        """From now on, sum the errors of pulses, and count the pulses by which the train advances."""
        self.off_ns, self.gone_on, self.pulses = 0.0, 0, 0

    def twin(self) -> "_Candidate":
        """A candidate of the other kind, which goes on from here."""
        other = deepcopy(self)
        other._is_inside = other.tracker.may_shift = not self._is_inside
        other._offsets = deque([self._offset_ns], maxlen=_LATEST)
        other.begin_trial()
        return other

    def stand_still(self, until_ns: int) -> None:
        """The server has stalled: forget what was known of its time."""
        if self._is_inside:
            self._offsets.clear()
        self._still_until_ns = until_ns
        self.pulses = 0

    def hear(self, at_ns: int, grown_ns: int) -> int:
        """Take a pulse before which the server stalled for ``grown_ns``; return how many pulses the train advances."""
        if self._is_inside:
            self._offset_ns += grown_ns
            self._offsets.append(self._offset_ns)
        own_ns = at_ns - self._offset_ns
        if not self._was_held_up(at_ns):
            self.off_ns += min(abs(self.tracker.next_ns - own_ns), self.tracker.period_ns / 2)
        gone_on = self.tracker.hear(own_ns)
        self.pulses += 1
        self.gone_on += gone_on
        return gone_on

    def _was_held_up(self, at_ns: int) -> bool:
        """The pulse was sent during the stall, and arrived at its end."""
        still_ns = self._still_until_ns
        return not self._is_inside and self.tracker.next_ns + self._offset_ns <= still_ns >= at_ns - _STALL_NS
