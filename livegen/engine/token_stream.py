"""Generates a stream of tokens: holds the network's state, the codec's cursor, and the checkpoints to go back to.

A step costs the reading of the weights, and all tokens of one call read them once. So the settled tokens and the
codec's draft of the next ones are fed in one call, and the draft's logits are used as long as the drawn tokens agree
with it (speculative decoding, Leviathan et al., 2023, with the codec as the draft: probabilities stay exact).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Generic

import numpy as np

from livegen.codecs.chorale_frames import FramePrompt
from livegen.codecs.codec import C, Codec, PlayedCodec, Prompt
from livegen.codecs.vocabulary import Mask, PitchSet
from livegen.engine.best_of_n import (
    Branch,
    Candidate,
    InterruptedSearch,
    Steps,
    likeliest,
    log_softmax,
    search_in_steps,
    to_next_choice,
)
from livegen.engine.checkpoint import Checkpoint, beginning
from livegen.engine.repetition import RepetitionGuard
from livegen.engine.sampler import Sampler
from livegen.engine.session_cache import SessionCache
from livegen.events import NoteOn, Ticked
from livegen.model.stepper import Logits, State, Stepper

_MOST_TOKENS = 400  # of a continuation: one that does not get on is given up
_MOST_CHECKPOINTS = 512  # the look-ahead is sixteen beats at the most; each checkpoint keeps a state


@dataclass(frozen=True, slots=True)
class _Drafted:
    """One call of the network: ``tokens`` after ``state`` lead to ``after``; ``logits`` [len(tokens), vocab]."""

    state: State
    tokens: tuple[int, ...]
    logits: Logits
    after: State

    def covers(self, checkpoint: Checkpoint[C]) -> bool:
        """Are the logits that ``checkpoint`` needs among these?"""
        count = len(checkpoint.unfed)
        return (
            0 < count <= len(self.tokens) and self.state is checkpoint.state and self.tokens[:count] == checkpoint.unfed
        )


class TokenStream(Generic[C]):
    """Owner of a stream of tokens."""

    def __init__(
        self,
        stepper: Stepper,
        codec: Codec[C],
        sampler: Sampler,
        *,
        repetition: RepetitionGuard | None = None,
        cache: SessionCache | None = None,
        avoids_errors: bool = True,
    ) -> None:
        self._stepper = stepper
        self._codec = codec
        self._sampler = sampler
        self._repetition = repetition
        self._cache = cache
        self._familiarity = 0.0
        self._avoids_errors = avoids_errors
        self._waits = codec.waits if isinstance(codec, PlayedCodec) else None
        self._checkpoint = beginning(
            codec,
            stepper.initial(),
            is_guarded=repetition is not None,
            remembered=cache.position if cache else 0,
        )
        self._checkpoints: deque[Checkpoint[C]] = deque([self._checkpoint], maxlen=_MOST_CHECKPOINTS)
        self._drafted: _Drafted | None = None
        self._bias: Logits = np.zeros(len(codec.vocabulary), np.float32)
        self._allowed: PitchSet | None = None

    @property
    def cursor(self) -> C:
        """The codec's cursor after the last token."""
        return self._checkpoint.cursor

    @property
    def codec_name(self) -> str:
        """The name of the codec of its tokens."""
        return self._codec.name

    def set_bias(self, odds: Logits, pitches: PitchSet | None) -> None:
        """From now on add these log-odds [vocab] to the logits, and begin only these ``pitches`` [128].

        Another begins where no other token is allowed; None allows all.
        """
        self._bias, self._allowed = odds, pitches

    def set_familiarity(self, familiarity: float) -> None:
        """From now on what the session remembers counts so much; without a cache, nothing."""
        self._familiarity = familiarity

    def may_begin(self, pitch: int) -> bool:
        """Is this pitch allowed?"""
        return self._allowed is None or (0 <= pitch < len(self._allowed) and bool(self._allowed[pitch]))

    def begin(self, prompt: Prompt[C]) -> None:
        """Get ready to be primed with ``prompt``."""
        self._checkpoint = replace(self._checkpoint, cursor=prompt.begin(self._checkpoint.cursor))

    def prime(self, prompt: Prompt[C], most_tokens: int) -> bool:
        """Feed up to ``most_tokens`` of the prompt, drawing what it leaves open; True when the stream is primed."""
        for _ in range(most_tokens):
            mask = prompt.mask(self._checkpoint.cursor)
            if mask is None:
                return True
            self._advance(mask, is_own=False)
        return prompt.mask(self._checkpoint.cursor) is None

    def imagine(self, unwanted: Mask | None = None) -> tuple[Ticked, ...]:
        """Generate tokens until the cursor's tick moves on or the piece ends; return the events that they settled.

        Until a note begins, no token that is ``unwanted`` comes, as far as there are others.
        """
        events: list[Ticked] = []
        begin = self._checkpoint.cursor.tick
        while True:
            mask = self._sound(self._codec.mask(self._checkpoint.cursor), self._checkpoint)
            settled = self._advance(mask if unwanted is None else _without(mask, unwanted))
            if any(isinstance(ticked.event, NoteOn) for ticked in settled):
                unwanted = None
            events += settled
            if self._checkpoint.cursor.tick != begin or self._checkpoint.cursor.is_piece_end:
                return tuple(events)

    def imagine_beside(self, others: Mask, waits: Mask) -> tuple[Ticked, ...]:
        """Draw the next event or wait; of what is in ``others``, somebody else decides, so that time goes on instead.

        This is the thinning of a point process (Lewis and Shedler, 1979): what is left has its own probability.
        """
        logits, begin = self._logits(), self._checkpoint
        mask = self._sound(self._codec.mask(begin.cursor), begin)
        token = self._draw(logits, mask, begin, self._sampler)
        if not others[token]:
            events = self._take(token)
            if events or self.cursor.is_whole:
                return events
            logits_of_keys = self._logits()
            keys = self._sound(self._codec.mask(self.cursor), self._checkpoint)
            token = self._draw(logits_of_keys, keys, self._checkpoint, self._sampler)
            if not others[token]:
                return self._take(token)
            self.go(begin)
        return self._take(self._draw(logits, mask & waits, begin, self._sampler))

    def futures(self, count: int, until: int) -> Steps[C]:
        """So many continuations up to a tick, or to the end of the piece; all are stepped in one call of the network.

        The stream itself stays where it is. A continuation's tokens count as their own in the session's cache.
        """
        begin, codec = self._checkpoint, self._codec
        sampler = self._sampler.branch(begin.cursor.tick, count)
        most = begin.remembered + _MOST_TOKENS

        def ask(at: Checkpoint[C]) -> Mask | None:
            is_over = at.cursor.tick >= until or at.cursor.is_piece_end or at.remembered >= most
            return None if is_over else self._sound(codec.mask(at.cursor), at)

        def expand(branches: Sequence[Branch[C]]) -> Iterable[Candidate[C]]:
            return [self._drawn(branch, begin, sampler) for branch in branches]

        starts = [Candidate(begin)] * count
        return search_in_steps(self._stepper, starts, to_next_choice(codec, ask), expand)

    def phrase_ends(self, tokens: Iterable[int]) -> list[int]:
        """The ticks at which these next tokens end phrases or the piece."""
        cursor, ends = self.cursor, list[int]()
        for token in tokens:
            cursor, _ = self._codec.step(cursor, token)
            if cursor.is_whole and (cursor.is_phrase_end or cursor.is_piece_end):
                ends.append(cursor.tick)
        return ends

    def write(self, tokens: Iterable[int], until: float = inf, *, is_own: bool = True) -> tuple[Ticked, ...]:
        """Go on with these tokens, which the grammar must allow, up to a tick; return the events that they settled.

        Unless they are our own, somebody else has played them.
        Of an iterator no more is taken than is written; at least one token is.
        """
        events: list[Ticked] = []
        for token in tokens:
            events += self._take(token, is_own=is_own)
            if self.cursor.is_whole and self.cursor.tick >= until:
                break
        return tuple(events)

    def may_write(self, tokens: Iterable[int]) -> bool:
        """Do the grammar and the allowed pitches let these tokens come next?"""
        cursor = self.cursor
        for token in tokens:
            if not self._codec.mask(cursor)[token]:
                return False
            if self._allowed is not None and self._codec.disallowed(cursor, self._allowed)[token]:
                return False
            cursor, _ = self._codec.step(cursor, token)
        return True

    def tokens_between(self, begin: int, end: int) -> tuple[int, ...]:
        """The session's tokens between two of its positions; () where they are forgotten, or nothing is remembered."""
        return self._cache.between(begin, end) if self._cache else ()

    def draw_chance(self) -> float:
        """A number from 0 to 1, from the stream's seed."""
        return self._sampler.draw_chance()

    @property
    def checkpoint(self) -> Checkpoint[C]:
        """The present position, for ``go`` to come back to."""
        return self._checkpoint

    def harmonise_frame(
        self,
        prompt: FramePrompt[C],
        candidates: int,
        checkpoint: Checkpoint[C] | None = None,
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> Candidate[C]:
        """The likeliest of ``candidates`` samples of a frame with the prompt's notes, from ``checkpoint`` or from here.

        The same checkpoint and prompt give the same frame, whatever was computed before. InterruptedSearch as soon as
        it ``is_interrupted``; it may be tried again.
        """
        checkpoint = checkpoint or self._checkpoint
        sampler = self._sampler.branch(checkpoint.cursor.tick, *prompt.numbers())

        def ask(at: Checkpoint[C]) -> Mask | None:
            if is_interrupted():
                raise InterruptedSearch
            mask = prompt.mask(at.cursor)
            return mask if mask is None or np.count_nonzero(mask) == 1 else self._sound(mask, at)

        def draw(logits: Logits, mask: Mask, at: Checkpoint[C]) -> int:
            return self._draw(logits, mask, at, sampler)

        return likeliest(self._stepper, self._codec, checkpoint, ask, draw, candidates)

    def go(self, checkpoint: Checkpoint[C]) -> None:
        """Continue from ``checkpoint``: one that ``harmonise_frame`` found, or an earlier one of this stream."""
        self._checkpoint = checkpoint
        self._take_back()

    def feed_settled(self) -> None:
        """Feed all but the last of the unfed tokens, while there is time for it."""
        checkpoint = self._checkpoint
        if len(checkpoint.unfed) > 1:
            _, after = self._stepper.step(np.array([checkpoint.unfed[:-1]], np.int64), checkpoint.state)
            self._checkpoint = replace(checkpoint, state=after, unfed=checkpoint.unfed[-1:])
            if self._checkpoints[-1] is checkpoint:
                self._checkpoints[-1] = self._checkpoint

    def retract(self, tick: int) -> None:
        """Go back to the latest checkpoint that is not after ``tick``."""
        while len(self._checkpoints) > 1 and self._checkpoints[-1].cursor.tick > tick:
            self._checkpoints.pop()
        self._checkpoint = self._checkpoints[-1]
        self._take_back()

    def _take_back(self) -> None:
        if self._cache:
            self._cache.go(self._checkpoint.remembered)

    def _sound(self, mask: Mask, checkpoint: Checkpoint[C]) -> Mask:
        """``mask`` without loops, disallowed pitches and voice-leading errors, each as far as any token is left."""
        if self._repetition and checkpoint.history:
            mask = self._repetition.allowed(checkpoint.history, mask)
        if self._allowed is not None:
            mask = _without(mask, self._codec.disallowed(checkpoint.cursor, self._allowed))
        voice_leading_errors = self._codec.voice_leading_errors(checkpoint.cursor) if self._avoids_errors else None
        return mask if voice_leading_errors is None else _without(mask, voice_leading_errors)

    def _advance(self, mask: Mask, *, is_own: bool = True) -> tuple[Ticked, ...]:
        is_settled = np.count_nonzero(mask) == 1
        token = int(mask.argmax()) if is_settled else self._draw(self._logits(), mask, self._checkpoint, self._sampler)
        return self._take(token, is_own=is_own)

    def _take(self, token: int, *, is_own: bool = True) -> tuple[Ticked, ...]:
        self._checkpoint, events = self._checkpoint.after(self._codec, token)
        if self._cache:
            self._cache.add(token, is_own=is_own)
        if self._checkpoint.cursor.is_whole:
            self._checkpoints.append(self._checkpoint)
        return events

    def _drawn(self, branch: Branch[C], begin: Checkpoint[C], sampler: Sampler) -> Candidate[C]:
        """One more token of a continuation that began at ``begin``, and what it costs."""
        if self._cache:
            self._cache.extend(branch.candidate.tokens)
        odds = self._odds(branch.logits, branch.mask)
        if self._cache:
            self._cache.go(begin.remembered)
        token = self._choose(odds, branch.mask, branch.candidate.checkpoint, sampler)
        return branch.candidate.after(self._codec, token, float(log_softmax(odds, branch.mask)[token]))

    def _draw(self, logits: Logits, mask: Mask, checkpoint: Checkpoint[C], sampler: Sampler) -> int:
        return self._choose(self._odds(logits, mask), mask, checkpoint, sampler)

    def _odds(self, logits: Logits, mask: Mask) -> Logits:
        """With the settings' leanings and the session's cache."""
        odds = logits + self._bias
        return self._cache.mixed(odds, mask, self._familiarity) if self._cache else odds

    def _choose(self, odds: Logits, mask: Mask, checkpoint: Checkpoint[C], sampler: Sampler) -> int:
        temperature_factor = (
            self._repetition.temperature_factor(checkpoint.history) if self._repetition and checkpoint.history else 1.0
        )
        return sampler.choose(odds, mask, temperature_factor, self._waits)

    def _logits(self) -> Logits:
        """Logits [vocab] of the next token; when all of the draft was drawn, the state after it is kept."""
        drafted = self._drafted
        if drafted is None or not drafted.covers(self._checkpoint):
            drafted = self._drafted = self._run_ahead()
        newest: Logits = drafted.logits[len(self._checkpoint.unfed) - 1]
        if len(self._checkpoint.unfed) == len(drafted.tokens):
            self._checkpoint = replace(self._checkpoint, state=drafted.after, unfed=())
        return newest

    def _run_ahead(self) -> _Drafted:
        checkpoint = self._checkpoint
        tokens = (*checkpoint.unfed, *self._codec.draft_tokens(checkpoint.cursor))
        logits, after = self._stepper.step(np.array([tokens], np.int64), checkpoint.state)
        return _Drafted(checkpoint.state, tokens, logits[0], after)


def _without(mask: Mask, struck: Mask) -> Mask:
    """``mask`` without the ``struck`` tokens, unless no other is allowed."""
    others = mask & ~struck
    return others if others.any() else mask
