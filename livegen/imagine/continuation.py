"""One stream of music being imagined: the state, the cursor, and the way back.

A step costs the reading of the weights, and tokens in one call read them once. So the tokens that are settled,
and those that the codec guesses to follow, are fed together, and what is then drawn token by token is kept while it
agrees with the guess (speculative decoding, Leviathan et al., 2023, with the codec as the draft: the odds stay exact).
"""

from collections import deque
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from livegen.codecs.codec import Codec, Mask, Prompt
from livegen.events import Ticked
from livegen.imagine.sampler import Sampler
from livegen.imagine.stepper import Logits, State, Stepper

_MOST_CHECKPOINTS = 4096


@dataclass(frozen=True, slots=True)
class _Place:
    """All that the next token depends on: ``unfed`` tokens are settled but not yet in the state."""

    cursor: Any
    state: State
    unfed: tuple[int, ...] = ()


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

    def __init__(self, stepper: Stepper, codec: Codec[Any], sampler: Sampler) -> None:
        self._stepper = stepper
        self._codec = codec
        self._sampler = sampler
        self._place = _Place(codec.begin(), stepper.initial())
        self._checkpoints: deque[_Place] = deque([self._place], maxlen=_MOST_CHECKPOINTS)
        self._foresight: _Foresight | None = None
        self._leaning: Logits = np.zeros(len(codec.vocabulary), np.float32)

    @property
    def cursor(self) -> Any:
        """Where the stream has got to."""
        return self._place.cursor

    def lean(self, tokens: Mask, odds: float) -> None:
        """From now on make ``tokens`` [vocab] likelier or unlikelier by this factor; the others are left alone."""
        self._leaning = np.where(tokens, np.float32(log(odds)), np.float32(0))

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
            events += self._advance(self._codec.ending(cursor) if is_ending else self._codec.mask(cursor))
        return tuple(events)

    def retract(self, tick: int) -> None:
        """Go back to the last whole moment that decides nothing after ``tick``."""
        while len(self._checkpoints) > 1 and self._checkpoints[-1].cursor.tick > tick:
            self._checkpoints.pop()
        self._place = self._checkpoints[-1]

    def _advance(self, mask: Mask) -> tuple[Ticked, ...]:
        is_settled = np.count_nonzero(mask) == 1
        token = int(mask.argmax()) if is_settled else self._sampler.choose(self._logits() + self._leaning, mask)
        place = self._place
        cursor, events = self._codec.step(place.cursor, token)
        self._place = _Place(cursor, place.state, (*place.unfed, token))
        if cursor.is_whole:
            self._checkpoints.append(self._place)
        return events

    def _logits(self) -> Logits:
        """Logits [vocab] of the next token; once all that was foreseen has come true, it goes into the state."""
        foresight = self._foresight
        if foresight is None or not foresight.covers(self._place):
            foresight = self._foresight = self._foresee()
        newest: Logits = foresight.logits[len(self._place.unfed) - 1]
        if len(self._place.unfed) == len(foresight.tokens):
            self._place = _Place(self._place.cursor, foresight.after)
        return newest

    def _foresee(self) -> _Foresight:
        place = self._place
        tokens = (*place.unfed, *self._codec.guess(place.cursor))
        logits, after = self._stepper.step(np.array([tokens], np.int64), place.state)
        return _Foresight(place.state, tokens, logits[0], after)
