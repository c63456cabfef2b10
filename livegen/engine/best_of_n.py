"""A search over branching streams of tokens: candidates are stepped side by side, one call of the network for all.

Two searches are made of it: best-of-n samples a few candidates and keeps the one that the model finds likeliest
(Stiennon et al., Learning to Summarize from Human Feedback, 2020, with the model itself as the judge); a beam
(``tools/harmonise_file.py``) keeps the likeliest of all that come out of its candidates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from livegen.codecs.codec import C, Codec
from livegen.codecs.vocabulary import Mask
from livegen.engine.checkpoint import Checkpoint
from livegen.events import Ticked
from livegen.model.stepper import Logits, Stepper

Ask = Callable[[Checkpoint[C]], Mask | None]  # the tokens that may come next; None where a candidate is whole
Draw = Callable[[Logits, Mask, Checkpoint[C]], int]


@dataclass(frozen=True, slots=True)
class Candidate(Generic[C]):
    """One way to go on: where it leads, its tokens, what they settled, and its log-probability in nats."""

    checkpoint: Checkpoint[C]
    tokens: tuple[int, ...] = ()
    events: tuple[Ticked, ...] = ()
    nats: float = 0.0

    def after(self, codec: Codec[C], token: int, nats: float = 0.0) -> "Candidate[C]":
        """One more token, of this log-probability."""
        checkpoint, events = self.checkpoint.after(codec, token)
        return Candidate(checkpoint, (*self.tokens, token), self.events + events, self.nats + nats)


@dataclass(frozen=True, slots=True)
class Branch(Generic[C]):
    """A candidate whose tokens have all been fed, the logits [vocab] of the next, and the tokens that may be it."""

    candidate: Candidate[C]
    logits: Logits
    mask: Mask


Advance = Callable[[Candidate[C]], tuple[Candidate[C], Mask | None]]  # to the next choice; None where it is whole
Expand = Callable[[Sequence[Branch[C]]], Iterable[Candidate[C]]]


def search(
    stepper: Stepper,
    candidates: Iterable[Candidate[C]],
    advance: Advance[C],
    expand: Expand[C],
    most: int | None = None,
) -> list[Candidate[C]]:
    """The candidates that are whole, once all are; with ``most``, no more of the likeliest than that go on."""
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
    return whole


def likeliest(
    stepper: Stepper, codec: Codec[C], checkpoint: Checkpoint[C], ask: Ask[C], draw: Draw[C], count: int
) -> Candidate[C]:
    """The likeliest of ``count`` ways that ``draw`` takes from ``checkpoint`` until ``ask`` ends them."""

    def advance(candidate: Candidate[C]) -> tuple[Candidate[C], Mask | None]:
        """Up to its next choice: what is settled costs no step of the network of its own."""
        while (mask := ask(candidate.checkpoint)) is not None and np.count_nonzero(mask) == 1:
            candidate = candidate.after(codec, int(mask.argmax()))
        return candidate, mask

    def expand(branches: Sequence[Branch[C]]) -> Iterable[Candidate[C]]:
        """A token further; the first choice in ``count`` ways, each of them once."""
        nonlocal count
        expanded = []
        for branch in branches:
            nats = _log_softmax(branch.logits, branch.mask)
            drawn = [draw(branch.logits, branch.mask, branch.candidate.checkpoint) for _ in range(count)]
            expanded += [branch.candidate.after(codec, token, float(nats[token])) for token in dict.fromkeys(drawn)]
        count = count if len(expanded) == 1 else 1
        return expanded

    whole = search(stepper, [Candidate(checkpoint)], advance, expand)
    return max(whole, key=lambda candidate: candidate.nats)


def _fed(stepper: Stepper, choices: Sequence[tuple[Candidate[C], Mask]]) -> list[Branch[C]]:
    """Each candidate with all its tokens fed: one call of the network for those that have equally many."""
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


def _log_softmax(logits: Logits, mask: Mask) -> Logits:
    """Among the tokens that may come."""
    top = logits[mask].max()
    total: Logits = logits - top - np.log(np.exp(logits[mask] - top).sum())
    return total
