"""One stream of music being imagined: the state, the cursor, and the way back.

A step costs the reading of the weights, and tokens in one call read them once. So the tokens that are settled,
and those that the codec guesses to follow, are fed together, and what is then drawn token by token is kept while it
agrees with the guess (speculative decoding, Leviathan et al., 2023, with the codec as the draft: the odds stay exact).
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from livegen.codecs.chorale_frames import FramePrompt
from livegen.codecs.codec import Codec, Mask, PitchSet, Prompt
from livegen.engine.best_of_n import Way, likeliest
from livegen.engine.checkpoint import Place, beginning
from livegen.engine.repetition import Guard
from livegen.engine.sampler import Sampler
from livegen.events import Ticked
from livegen.model.stepper import Logits, State, Stepper

_MOST_CHECKPOINTS = 512  # a look-ahead has sixteen beats at the most; each keeps a state


@dataclass(frozen=True, slots=True)
class _Foresight:
    """One call of the network: ``tokens`` after ``state`` lead to ``after``; ``logits`` [len(tokens), vocab]."""

    state: State
    tokens: tuple[int, ...]
    logits: Logits
    after: State

    def covers(self, place: Place) -> bool:
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
        self._place = beginning(codec, stepper.initial(), is_guarded=guard is not None)
        self._checkpoints: deque[Place] = deque([self._place], maxlen=_MOST_CHECKPOINTS)
        self._foresight: _Foresight | None = None
        self._leaning: Logits = np.zeros(len(codec.vocabulary), np.float32)
        self._allowed: PitchSet | None = None

    @property
    def cursor(self) -> Any:
        """Where the stream has got to."""
        return self._place.cursor

    def lean(self, odds: Logits) -> None:
        """From now on add these log-odds [vocab] to every token's own."""
        self._leaning = odds

    def allow(self, pitches: PitchSet | None) -> None:
        """From now on choose nothing that begins another pitch, unless nothing else may come; None allows all."""
        self._allowed = pitches

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
        """Imagine on until something is whole, or the piece has ended; return the events that this settled."""
        events: list[Ticked] = []
        begin = self._place.cursor.tick
        while True:
            cursor = self._place.cursor
            mask = self._codec.ending(cursor) if is_ending else self._codec.mask(cursor)
            events += self._advance(self._sound(mask, self._place))
            if self._place.cursor.tick != begin or self._place.cursor.is_piece_end:
                return tuple(events)

    @property
    def place(self) -> Place:
        """Where the stream has got to, with all that it takes to come back."""
        return self._place

    def voice(self, prompt: FramePrompt, futures: int, place: Place | None = None) -> Way:
        """The likeliest of ``futures`` ways to write all that a prompt asks for, from ``place`` or from where it is.

        The same place and prompt find the same way, whatever else was tried before.
        """
        place = place or self._place
        sampler = self._sampler.branch(place.cursor.tick, *prompt.numbers())

        def ask(at: Place) -> Mask | None:
            mask = prompt.mask(at.cursor)
            return mask if mask is None or np.count_nonzero(mask) == 1 else self._sound(mask, at)

        def draw(logits: Logits, mask: Mask, at: Place) -> int:
            return self._draw(logits, mask, at, sampler)

        return likeliest(self._stepper, self._codec, place, ask, draw, futures)

    def go(self, place: Place) -> None:
        """Be there from now on: on a way that ``voice`` found, or back where the stream has been."""
        self._place = place

    def settle(self) -> None:
        """Feed all but the last of what is settled and not yet in the state, while there is time for it."""
        place = self._place
        if len(place.unfed) > 1:
            _, after = self._stepper.step(np.array([place.unfed[:-1]], np.int64), place.state)
            self._place = Place(place.cursor, after, place.unfed[-1:], place.trail)
            if self._checkpoints[-1] is place:
                self._checkpoints[-1] = self._place

    def retract(self, tick: int) -> None:
        """Go back to the last whole moment that decides nothing after ``tick``."""
        while len(self._checkpoints) > 1 and self._checkpoints[-1].cursor.tick > tick:
            self._checkpoints.pop()
        self._place = self._checkpoints[-1]

    def _sound(self, mask: Mask, place: Place) -> Mask:
        """``mask`` without the way on in a loop, pitches that may not sound, and faults, as far as that leaves any."""
        if self._guard and place.trail:
            mask = self._guard.allowed(place.trail, mask)
        if self._allowed is not None:
            mask = _without(mask, self._codec.beyond(place.cursor, self._allowed))
        faults = self._codec.faults(place.cursor) if self._strikes_faults else None
        return mask if faults is None else _without(mask, faults)

    def _advance(self, mask: Mask) -> tuple[Ticked, ...]:
        is_settled = np.count_nonzero(mask) == 1
        token = int(mask.argmax()) if is_settled else self._draw(self._logits(), mask, self._place, self._sampler)
        self._place, events = self._place.after(self._codec, token)
        if self._place.cursor.is_whole:
            self._checkpoints.append(self._place)
        return events

    def _draw(self, logits: Logits, mask: Mask, place: Place, sampler: Sampler) -> int:
        warmth = self._guard.warmth(place.trail) if self._guard and place.trail else 1.0
        return sampler.choose(logits + self._leaning, mask, warmth)

    def _logits(self) -> Logits:
        """Logits [vocab] of the next token; once all that was foreseen has come true, it goes into the state."""
        foresight = self._foresight
        if foresight is None or not foresight.covers(self._place):
            foresight = self._foresight = self._foresee()
        newest: Logits = foresight.logits[len(self._place.unfed) - 1]
        if len(self._place.unfed) == len(foresight.tokens):
            self._place = Place(self._place.cursor, foresight.after, (), self._place.trail)
        return newest

    def _foresee(self) -> _Foresight:
        place = self._place
        tokens = (*place.unfed, *self._codec.guess(place.cursor))
        logits, after = self._stepper.step(np.array([tokens], np.int64), place.state)
        return _Foresight(place.state, tokens, logits[0], after)


def _without(mask: Mask, struck: Mask) -> Mask:
    """``mask`` without these tokens, unless nothing else may come."""
    others = mask & ~struck
    return others if others.any() else mask
