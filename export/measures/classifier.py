"""A judge that is asked which excerpts people wrote, which a model: the stand-in for a listening test.

It counts short sequences of events (one to three, transposed alike) and how long an excerpt repeats itself, and learns
a logistic regression. It is asked only about pieces and continuations of which it has learned nothing (five-fold
cross-validation by piece). 0.5 means that it cannot tell; as many excerpts are shown of either kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from export.measures.copies import codes, pieces
from export.measures.loops import runs
from export.measures.music import Event

EXCERPT = 64  # events
BUCKETS = 1024  # that the sequences are counted in
LONGEST = 3  # events in a sequence
FOLDS = 5
DRAWS = 5  # of excerpts, where there are more than are shown; the accuracy is their mean
PULL = 3e-2  # towards weights of nothing
MOST = 400  # excerpts of either kind

Features = NDArray[np.float32]  # [excerpts, features]
Labels = NDArray[np.int64]  # [excerpts]
Excerpt = tuple[int, Sequence[Event]]  # and the number of its stretch


@dataclass(frozen=True, slots=True)
class Judgement:
    """The share of ``excerpts`` excerpts, half of either kind, that were told aright."""

    accuracy: float
    excerpts: int

    @property
    def error(self) -> float:
        """The standard error of the accuracy."""
        return sqrt(self.accuracy * (1 - self.accuracy) / self.excerpts)


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression: which of two kinds an excerpt is of, 0 or 1."""

    mean: NDArray[np.float32]  # [features], of what it has learnt from
    spread: NDArray[np.float32]  # [features], the standard deviation there, and 1
    weights: NDArray[np.float32]  # [features + 1], of standardised features, the bias last

    def is_second(self, inputs: Features) -> NDArray[np.bool_]:
        """Which excerpts it takes for those of kind 1; [excerpts]."""
        found: NDArray[np.bool_] = (inputs - self.mean) / self.spread @ self.weights[:-1] + self.weights[-1] > 0
        return found


def judge(some: Sequence[Sequence[Event]], others: Sequence[Sequence[Event]], opening: int) -> Judgement | None:
    """Cross-validated accuracy in telling excerpts of some from those of others; None where either are too few.

    The stretches lack the ``opening`` events of the piece that they begin in, as a continuation does; where another
    piece begins in a stretch, these are left out as well.
    """
    kinds = [cut(stretches, opening) for stretches in (some, others)]
    if min(len({group for group, _ in kind}) for kind in kinds) < FOLDS:
        return None
    count = min(*map(len, kinds), MOST)
    right = [_ask(kinds, count, seed) for seed in range(DRAWS)]
    return Judgement(float(np.mean(right)), 2 * count)


def features(excerpt: Sequence[Event]) -> NDArray[np.float32]:
    """Roots of the counts of an excerpt's sequences, and the length of its longest run; [features]."""
    counts = np.zeros(BUCKETS + 1, np.float32)
    shapes, steps, _ = codes(excerpt)
    line = [hash((int(shape), int(step))) for shape, step in zip(shapes[1:], steps[1:], strict=True)]
    for length in range(1, LONGEST + 1):
        for begin in range(len(line) - length + 1):
            counts[hash(tuple(line[begin : begin + length])) % BUCKETS] += 1
    counts[BUCKETS] = runs([excerpt])[0]
    roots: NDArray[np.float32] = np.sqrt(counts)
    return roots


def cut(stretches: Sequence[Sequence[Event]], opening: int) -> list[Excerpt]:
    """Excerpts without marks, none of them over the end of a piece; ``opening`` as for ``judge``."""
    return [
        (group, events[begin : begin + EXCERPT])
        for group, stretch in enumerate(stretches)
        for place, events in enumerate(pieces(stretch))
        for begin in range(opening if place else 0, len(events) - EXCERPT + 1, EXCERPT)
    ]


def learn(inputs: Features, labels: Labels) -> Regression:
    """The same excerpts in the same order give the same regression."""
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1
    known = torch.from_numpy((inputs - mean) / spread)
    return Regression(mean, spread, _fitted(known, torch.from_numpy(labels).float()))


def _ask(kinds: Sequence[Sequence[Excerpt]], count: int, seed: int) -> NDArray[np.bool_]:
    """Which of ``count`` excerpts of each kind, drawn by this seed, were told aright."""
    random = np.random.default_rng(seed)
    chosen = [kind[place] for kind in kinds for place in random.permutation(len(kind))[:count]]
    inputs = np.stack([features(events) for _, events in chosen])
    return _cross_validated(inputs, np.repeat(np.arange(2), count), np.array([group % FOLDS for group, _ in chosen]))


def _cross_validated(inputs: Features, labels: Labels, folds: Labels) -> NDArray[np.bool_]:
    """Which excerpts were told aright, each by a regression that has not seen its piece."""
    right = np.zeros(len(labels), np.bool_)
    for fold in np.unique(folds):
        asked = folds == fold
        right[asked] = learn(inputs[~asked], labels[~asked]).is_second(inputs[asked]) == labels[asked]
    return right


def _fitted(inputs: torch.Tensor, labels: torch.Tensor) -> NDArray[np.float32]:
    """Weights of a logistic regression, the bias last."""
    weights = torch.zeros(inputs.shape[1] + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = inputs @ weights[:-1] + weights[-1]
        found = (
            torch.nn.functional.binary_cross_entropy_with_logits(logits, labels) + PULL * weights[:-1].square().sum()
        )
        found.backward()  # type: ignore[no-untyped-call]  # torch says nothing of its type
        return found

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # nor of this one
    learned: NDArray[np.float32] = weights.detach().numpy()
    return learned
