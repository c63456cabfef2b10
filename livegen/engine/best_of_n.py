"""A few ways to go on from one place, stepped side by side; the likeliest of them is taken.

Sampling a few candidates and keeping the one the model finds likeliest is best-of-n (Stiennon et al., Learning to
Summarize from Human Feedback, 2020, with the model itself as the judge). One call of the network serves all ways.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from livegen.codecs.codec import C, Codec
from livegen.codecs.vocabulary import Mask
from livegen.engine.checkpoint import Checkpoint
from livegen.events import Ticked
from livegen.model.stepper import Logits, Stepper

Ask = Callable[[Checkpoint[C]], Mask | None]  # the tokens that may come next; None where a way ends
Draw = Callable[[Logits, Mask, Checkpoint[C]], int]


@dataclass(frozen=True, slots=True)
class Candidate(Generic[C]):
    """One way: where it leads, what it settled on the way, and its log-probability in nats."""

    checkpoint: Checkpoint[C]
    events: tuple[Ticked, ...] = ()
    nats: float = 0.0


def likeliest(
    stepper: Stepper, codec: Codec[C], checkpoint: Checkpoint[C], ask: Ask[C], draw: Draw[C], count: int
) -> Candidate[C]:
    """The likeliest of ``count`` ways that ``draw`` takes from ``checkpoint`` until ``ask`` ends them."""
    candidates, done = [Candidate(checkpoint)], list[Candidate[C]]()
    while candidates:
        open_candidates: list[tuple[Candidate[C], Mask]] = []
        for candidate in candidates:
            settled, mask = _settled(codec, candidate, ask)
            if mask is None:
                done.append(settled)
            else:
                open_candidates.append((settled, mask))
        is_first = len(candidates) == 1 and not done
        candidates = _branched(stepper, codec, open_candidates, draw, count if is_first else 1)
    return max(done, key=lambda candidate: candidate.nats)


def _settled(codec: Codec[C], candidate: Candidate[C], ask: Ask[C]) -> tuple[Candidate[C], Mask | None]:
    """The way up to its next choice, and what may be chosen there."""
    checkpoint, events = candidate.checkpoint, candidate.events
    while (mask := ask(checkpoint)) is not None and np.count_nonzero(mask) == 1:
        checkpoint, more = checkpoint.after(codec, int(mask.argmax()))
        events += more
    return Candidate(checkpoint, events, candidate.nats), mask


def _branched(
    stepper: Stepper, codec: Codec[C], candidates: list[tuple[Candidate[C], Mask]], draw: Draw[C], count: int
) -> list[Candidate[C]]:
    """Each way a token further; a single one in ``count`` ways, each of them once."""
    branched: dict[tuple[int, int, int], Candidate[C]] = {}  # (tokens fed, row, token)
    for length in sorted({len(candidate.checkpoint.unfed) for candidate, _ in candidates}):
        same = [(candidate, mask) for candidate, mask in candidates if len(candidate.checkpoint.unfed) == length]
        tokens = np.array([candidate.checkpoint.unfed for candidate, _ in same], np.int64)
        state = {
            name: np.concatenate([candidate.checkpoint.state[name] for candidate, _ in same])
            for name in same[0][0].checkpoint.state
        }
        logits, after = stepper.step(tokens, state)
        for row, (candidate, mask) in enumerate(same):
            fed = replace(
                candidate.checkpoint, state={name: part[row : row + 1] for name, part in after.items()}, unfed=()
            )
            nats = _log_softmax(logits[row, -1], mask)
            for _ in range(count):
                token = draw(logits[row, -1], mask, fed)
                if (length, row, token) not in branched:
                    checkpoint, events = fed.after(codec, token)
                    branched[length, row, token] = Candidate(
                        checkpoint, candidate.events + events, candidate.nats + float(nats[token])
                    )
    return list(branched.values())


def _log_softmax(logits: Logits, mask: Mask) -> Logits:
    """Among the tokens that may come."""
    top = logits[mask].max()
    total: Logits = logits - top - np.log(np.exp(logits[mask] - top).sum())
    return total
