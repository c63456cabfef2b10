"""One stream of music being imagined: the state, the cursor, and the way back."""

from collections import deque
from dataclasses import dataclass
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


class Continuation:
    """Owner of a stream of tokens. Settled tokens are fed in one call when a choice needs their logits."""

    def __init__(self, stepper: Stepper, codec: Codec[Any], sampler: Sampler) -> None:
        self._stepper = stepper
        self._codec = codec
        self._sampler = sampler
        self._place = _Place(codec.begin(), stepper.initial())
        self._checkpoints: deque[_Place] = deque([self._place], maxlen=_MOST_CHECKPOINTS)

    @property
    def cursor(self) -> Any:
        """Where the stream has got to."""
        return self._place.cursor

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
        allowed = np.flatnonzero(mask)
        token = int(allowed[0]) if len(allowed) == 1 else self._sampler.choose(self._logits(), mask)
        place = self._place
        cursor, events = self._codec.step(place.cursor, token)
        self._place = _Place(cursor, place.state, (*place.unfed, token))
        if cursor.is_whole:
            self._checkpoints.append(self._place)
        return events

    def _logits(self) -> Logits:
        """Logits [vocab] of the next token; the unfed tokens go into the state."""
        tokens = np.array([self._place.unfed], np.int64)  # [1, time]
        logits, state = self._stepper.step(tokens, self._place.state)
        self._place = _Place(self._place.cursor, state)
        newest: Logits = logits[0, -1]
        return newest
