"""Breaks loops: detects music that repeats itself for longer than real music does, and prevents the next repetition.

An event is the tokens from one complete time step to the next; of a performance, whose time steps never come again
exactly, it is a note that begins, whatever its time and loudness. A run is a number of events that each equal the one
``period`` events before; real music has runs too, so a model's card gives the longest run of its corpus. At that
length the temperature rises and the token that would continue the run is masked; shorter runs change nothing.
Once the run is broken, its count begins again at 0, and the sampler is as before.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from livegen.codecs.codec import C, Codec, PlayedCodec
from livegen.codecs.vocabulary import Mask

PERIODS = 16  # events: the longest pattern whose repetition is detected
_TEMPERATURE_FACTOR = 2.0  # times the temperature, while a run is too long


@dataclass(frozen=True, slots=True)
class RepetitionHistory:
    """The recent events of a stream, as far as the guard needs them."""

    events: tuple[tuple[int, ...], ...] = ()  # the last complete ones, at most PERIODS
    runs: tuple[int, ...] = (0,) * PERIODS  # how long each period has been repeated, in events
    tokens: tuple[int, ...] = ()  # of the event being written
    # tokens that are events each, while no others count; None: all count
    notes: frozenset[int] | None = None

    def after(self, token: int, *, is_whole: bool) -> "RepetitionHistory":
        """The history after one more token, which may complete an event."""
        if self.notes is not None:
            if token not in self.notes:
                return self
            is_whole = True
        tokens = (*self.tokens, token)
        if not is_whole:
            return RepetitionHistory(self.events, self.runs, tokens)
        count = len(self.events)
        runs = tuple(
            run + 1 if period <= count and self.events[-period] == tokens else 0
            for period, run in enumerate(self.runs, 1)
        )
        return RepetitionHistory((*self.events, tokens)[-PERIODS:], runs, notes=self.notes)

    def next_of(self, period: int) -> int | None:
        """The token that would continue the repetition of this period; None when the event already differs."""
        again = self.events[-period]
        written = len(self.tokens)
        return again[written] if again[:written] == self.tokens and written < len(again) else None


def no_history(codec: Codec[C]) -> RepetitionHistory:
    """The history of a stream of this codec's tokens before the first one."""
    if isinstance(codec, PlayedCodec):
        return RepetitionHistory(notes=frozenset(np.flatnonzero(codec.begins).tolist()))
    return RepetitionHistory()


@dataclass(frozen=True, slots=True)
class RepetitionGuard:
    """Detects runs of ``longest_run`` events or more."""

    longest_run: int

    def temperature_factor(self, history: RepetitionHistory) -> float:
        """What to multiply the temperature by: 1 while all runs are shorter than ``longest_run``."""
        return _TEMPERATURE_FACTOR if max(history.runs) >= self.longest_run else 1.0

    def allowed(self, history: RepetitionHistory, mask: Mask) -> Mask:
        """``mask`` [vocab] without the tokens that would continue too long a run, unless no other is allowed."""
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
