"""A search over branching streams of tokens: candidates are stepped in one batch, one call of the network for all.

It serves two searches: best-of-n samples a few candidates and keeps the one to which the model gives the highest
probability (Stiennon et al., Learning to Summarize from Human Feedback, 2020, with the model itself as the judge);
beam search (``tools/harmonise_file.py``) keeps the likeliest of all expansions of its candidates.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from livegen.codecs.codec import C, Codec
from livegen.codecs.vocabulary import Mask
from livegen.engine.checkpoint import Checkpoint
from livegen.events import Ticked
from livegen.model.stepper import Logits, Stepper

Ask = Callable[[Checkpoint[C]], Mask | None]  # the tokens that may come next; None where a candidate is complete
Draw = Callable[[Logits, Mask, Checkpoint[C]], int]


class InterruptedSearch(Exception):
    """Nobody waits for this search any more, and something else waits for its end."""


@dataclass(frozen=True, slots=True)
class Candidate(Generic[C]):
    """One continuation: the checkpoint after it, its tokens, the events they settled, its log-probability in nats."""

    checkpoint: Checkpoint[C]
    tokens: tuple[int, ...] = ()
    events: tuple[Ticked, ...] = ()
    nats: float = 0.0

    def after(self, codec: Codec[C], token: int, nats: float = 0.0) -> "Candidate[C]":
        """The candidate with one more token, of log-probability ``nats``."""
        checkpoint, events = self.checkpoint.after(codec, token)
        return Candidate(checkpoint, (*self.tokens, token), self.events + events, self.nats + nats)


@dataclass(frozen=True, slots=True)
class Branch(Generic[C]):
    """A candidate whose tokens are all fed, the logits [vocab] of its next token, and the mask [vocab] for it."""

    candidate: Candidate[C]
    logits: Logits
    mask: Mask


Advance = Callable[[Candidate[C]], tuple[Candidate[C], Mask | None]]  # to the next choice; None where it is complete
Expand = Callable[[Sequence[Branch[C]]], Iterable[Candidate[C]]]
Steps = Generator[None, None, list[Candidate[C]]]  # of a search: a pause after each


def search(
    stepper: Stepper,
    candidates: Iterable[Candidate[C]],
    advance: Advance[C],
    expand: Expand[C],
    most: int | None = None,
) -> list[Candidate[C]]:
    """The candidates, once all are complete; with ``most``, only that many of the likeliest are kept at each step."""
    steps = search_in_steps(stepper, candidates, advance, expand, most)
    while True:
        try:
            next(steps)
        except StopIteration as over:
            return list(over.value)


def search_in_steps(
    stepper: Stepper,
    candidates: Iterable[Candidate[C]],
    advance: Advance[C],
    expand: Expand[C],
    most: int | None = None,
) -> Steps[C]:
    """As ``search``, with a pause after each step of the network."""
    waiting, whole = list(candidates), list[Candidate[C]]()
    while waiting:
        choices: list[tuple[Candidate[C], Mask]] = []
        for candidate in waiting:
            advanced, mask = advance(candidate)
            if mask is None:
                whole.append(advanced)
            else:
                choices.append((advanced, mask))
        waiting = list(expand(_fed(stepper, choices))) if choices else []
        if most and waiting:
            waiting, whole = sorted((*whole, *waiting), key=lambda candidate: -candidate.nats)[:most], []
        yield
    return whole


def likeliest(
    stepper: Stepper, codec: Codec[C], checkpoint: Checkpoint[C], ask: Ask[C], draw: Draw[C], count: int
) -> Candidate[C]:
    """The likeliest of ``count`` candidates that ``draw`` samples from ``checkpoint`` until ``ask`` ends them."""

    def expand(branches: Sequence[Branch[C]]) -> Iterable[Candidate[C]]:
        """Add one token to each; the first choice is drawn ``count`` times, equal draws counting once."""
        nonlocal count
        expanded = []
        for branch in branches:
            nats = log_softmax(branch.logits, branch.mask)
            drawn = [draw(branch.logits, branch.mask, branch.candidate.checkpoint) for _ in range(count)]
            expanded += [branch.candidate.after(codec, token, float(nats[token])) for token in dict.fromkeys(drawn)]
        count = count if len(expanded) == 1 else 1
        return expanded

    whole = search(stepper, [Candidate(checkpoint)], to_next_choice(codec, ask), expand)
    return max(whole, key=lambda candidate: candidate.nats)


def to_next_choice(codec: Codec[C], ask: Ask[C]) -> Advance[C]:
    """Go on to the next choice: a token without alternative needs no step of the network of its own."""

    def advance(candidate: Candidate[C]) -> tuple[Candidate[C], Mask | None]:
        while (mask := ask(candidate.checkpoint)) is not None and np.count_nonzero(mask) == 1:
            candidate = candidate.after(codec, int(mask.argmax()))
        return candidate, mask

    return advance


def _fed(stepper: Stepper, choices: Sequence[tuple[Candidate[C], Mask]]) -> list[Branch[C]]:
    """Feed each candidate's tokens: one call of the network for all candidates with the same number of tokens."""
    branches = []
    for length in sorted({len(candidate.checkpoint.unfed) for candidate, _ in choices}):
        same = [(candidate, mask) for candidate, mask in choices if len(candidate.checkpoint.unfed) == length]
        points = [candidate.checkpoint for candidate, _ in same]
        tokens = np.array([point.unfed for point in points], np.int64)
        state = {name: np.concatenate([point.state[name] for point in points]) for name in points[0].state}
        logits, after = stepper.step(tokens, state)
        for row, (candidate, mask) in enumerate(same):
            own = {name: part[row : row + 1] for name, part in after.items()}
            fed = replace(candidate, checkpoint=replace(candidate.checkpoint, state=own, unfed=()))
            branches.append(Branch(fed, logits[row, -1], mask))
    return branches


def log_softmax(logits: Logits, mask: Mask) -> Logits:
    """Log-probabilities [vocab] among the tokens of ``mask`` only."""
    top = logits[mask].max()
    total: Logits = logits - top - np.log(np.exp(logits[mask] - top).sum())
    return total
