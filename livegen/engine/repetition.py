"""The way out of a loop: music that repeats itself for longer than real music does is led on to something else.

An event is the tokens between two whole moments. A run is a number of events of which each equals the one ``period``
events before it; real music has runs too, so a model's card says how long the longest of its corpus are. At that
length the temperature rises and the token that would go on with the run is struck out; before it nothing is touched.
Once the run is broken its count begins again from nothing, and the sampler is as it was.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from livegen.codecs.vocabulary import Mask

PERIODS = 16  # events: the longest pattern whose repetition is noticed
_TEMPERATURE_FACTOR = 2.0  # times the temperature, on the way out


@dataclass(frozen=True, slots=True)
class RepetitionHistory:
    """What a stream has lately written, as far as the guard needs to know it."""

    events: tuple[tuple[int, ...], ...] = ()  # the last whole ones, at most PERIODS
    runs: tuple[int, ...] = (0,) * PERIODS  # how long each period has been repeated, in events
    tokens: tuple[int, ...] = ()  # of the event being written

    def after(self, token: int, *, is_whole: bool) -> "RepetitionHistory":
        """The trail after one more token, which may complete an event."""
        tokens = (*self.tokens, token)
        if not is_whole:
            return RepetitionHistory(self.events, self.runs, tokens)
        count = len(self.events)
        runs = tuple(
            run + 1 if period <= count and self.events[-period] == tokens else 0
            for period, run in enumerate(self.runs, 1)
        )
        return RepetitionHistory((*self.events, tokens)[-PERIODS:], runs)

    def next_of(self, period: int) -> int | None:
        """The token that would go on repeating this period; None when the event has already left it."""
        again = self.events[-period]
        written = len(self.tokens)
        return again[written] if again[:written] == self.tokens and written < len(again) else None


NO_HISTORY = RepetitionHistory()


@dataclass(frozen=True, slots=True)
class RepetitionGuard:
    """Watches for runs of more than ``longest_run`` events."""

    longest_run: int

    def temperature_factor(self, history: RepetitionHistory) -> float:
        """What to multiply the temperature by: 1 until a run is as long as it may be."""
        return _TEMPERATURE_FACTOR if max(history.runs) >= self.longest_run else 1.0

    def allowed(self, history: RepetitionHistory, mask: Mask) -> Mask:
        """``mask`` [vocab] without the tokens that would go on with too long a run, unless nothing else may come."""
        if max(history.runs) < self.longest_run:
            return mask
        periods = [period for period, run in enumerate(history.runs, 1) if run >= self.longest_run]
        struck = [token for token in map(history.next_of, periods) if token is not None]
        others = mask.copy()
        others[struck] = False
        return others if others.any() else mask


def longest_run(events: Sequence[Hashable], periods: int = PERIODS) -> int:
    """The longest run in ``events``, of any period up to ``periods``, in events."""
    numbers: dict[Hashable, int] = {}
    line = np.array([numbers.setdefault(event, len(numbers)) for event in events], np.int64)
    longest = 0
    for period in range(1, min(periods, len(line) - 1) + 1):
        breaks = np.flatnonzero(line[period:] != line[:-period])
        edges = np.concatenate([[-1], breaks, [len(line) - period]])
        longest = max(longest, int(np.diff(edges).max()) - 1)
    return longest
