"""One stream of music being imagined: the state, the cursor, and the way back.

A step costs the reading of the weights, and tokens in one call read them once. So the tokens that are settled,
and those that the codec guesses to follow, are fed together, and what is then drawn token by token is kept while it
agrees with the guess (speculative decoding, Leviathan et al., 2023, with the codec as the draft: the odds stay exact).
"""

from collections import deque
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np

from livegen.codecs.codec import Codec, Mask, Prompt
from livegen.events import Ticked
from livegen.imagine.guard import NO_TRAIL, Guard, Trail
from livegen.imagine.sampler import Sampler
from livegen.imagine.stepper import Logits, State, Stepper

_MOST_CHECKPOINTS = 4096


@dataclass(frozen=True, slots=True)
class _Place:
    """All that the next token depends on: ``unfed`` tokens are settled but not yet in the state."""

    cursor: Any
    state: State
    unfed: tuple[int, ...] = ()
    trail: Trail = NO_TRAIL


@dataclass(frozen=True, slots=True)
class _Foresight:
    """One call of the network: ``tokens`` after ``state`` lead to ``after``; ``logits`` [len(tokens), vocab]."""

    state: State
    tokens: tuple[int, ...]
    logits: Logits
    after: State

    def covers(self, place: _Place) -> bool:
        """The logits that ``place`` needs are among these."""
        count = len(place.unfed)
        return 0 < count <= len(self.tokens) and self.state is place.state and self.tokens[:count] == place.unfed


class Continuation:
    """Owner of a stream of tokens."""

    def __init__(
        self,
        stepper: Stepper,
        codec: Codec[Any],
        sampler: Sampler,
        *,
        guard: Guard | None = None,
        strikes_faults: bool = True,
    ) -> None:
        self._stepper = stepper
        self._codec = codec
        self._sampler = sampler
        self._guard = guard
        self._strikes_faults = strikes_faults
        self._place = _Place(codec.begin(), stepper.initial())
        self._checkpoints: deque[_Place] = deque([self._place], maxlen=_MOST_CHECKPOINTS)
        self._foresight: _Foresight | None = None
        self._warmth = 1.0  # times the temperature
        self._leaning: Logits = np.zeros(len(codec.vocabulary), np.float32)

    @property
    def cursor(self) -> Any:
        """Where the stream has got to."""
        return self._place.cursor

    def lean(self, tokens: Mask, odds: float) -> None:
        """From now on make ``tokens`` [vocab] likelier or unlikelier by this factor; the others are left alone."""
        self._leaning = np.where(tokens, np.float32(log(odds)), np.float32(0))

    def begin(self, prompt: Prompt[Any]) -> None:
        """Make ready to tell of what was heard."""
        self._place = replace(self._place, cursor=prompt.begin(self._place.cursor))

    def tell(self, prompt: Prompt[Any], most_tokens: int) -> bool:
        """Feed up to ``most_tokens`` of what was heard, choosing what it leaves open; True when all is told."""
        for _ in range(most_tokens):
            mask = prompt.mask(self._place.cursor)
            if mask is None:
                return True
            self._advance(mask)
        return prompt.mask(self._place.cursor) is None

    def imagine(self, *, is_ending: bool = False) -> tuple[Ticked, ...]:
        """Imagine on until something is whole; return the events that this settled."""
        events: list[Ticked] = []
        begin = self._place.cursor.tick
        while self._place.cursor.tick == begin:
            cursor = self._place.cursor
            mask = self._codec.ending(cursor) if is_ending else self._codec.mask(cursor)
            if self._guard:
                mask = self._guard.allowed(self._place.trail, mask)
                self._warmth = self._guard.warmth(self._place.trail)
            events += self._advance(self._without_faults(mask))
        self._warmth = 1.0
        return tuple(events)

    def retract(self, tick: int) -> None:
        """Go back to the last whole moment that decides nothing after ``tick``."""
        while len(self._checkpoints) > 1 and self._checkpoints[-1].cursor.tick > tick:
            self._checkpoints.pop()
        self._place = self._checkpoints[-1]

    def _without_faults(self, mask: Mask) -> Mask:
        faults = self._codec.faults(self._place.cursor) if self._strikes_faults else None
        if faults is None:
            return mask
        better = mask & ~faults
        return better if better.any() else mask

    def _advance(self, mask: Mask) -> tuple[Ticked, ...]:
        is_settled = np.count_nonzero(mask) == 1
        token = int(mask.argmax()) if is_settled else self._choose(mask)
        place = self._place
        cursor, events = self._codec.step(place.cursor, token)
        trail = place.trail.after(token, is_whole=cursor.is_whole) if self._guard else place.trail
        self._place = _Place(cursor, place.state, (*place.unfed, token), trail)
        if cursor.is_whole:
            self._checkpoints.append(self._place)
        return events

    def _choose(self, mask: Mask) -> int:
        return self._sampler.choose(self._logits() + self._leaning, mask, self._warmth)

    def _logits(self) -> Logits:
        """Logits [vocab] of the next token; once all that was foreseen has come true, it goes into the state."""
        foresight = self._foresight
        if foresight is None or not foresight.covers(self._place):
            foresight = self._foresight = self._foresee()
        newest: Logits = foresight.logits[len(self._place.unfed) - 1]
        if len(self._place.unfed) == len(foresight.tokens):
            self._place = _Place(self._place.cursor, foresight.after, (), self._place.trail)
        return newest

    def _foresee(self) -> _Foresight:
        place = self._place
        tokens = (*place.unfed, *self._codec.guess(place.cursor))
        logits, after = self._stepper.step(np.array([tokens], np.int64), place.state)
        return _Foresight(place.state, tokens, logits[0], after)
