"""A few ways to go on from one place, stepped side by side; the likeliest of them is taken.

Sampling a few candidates and keeping the one the model finds likeliest is best-of-n (Stiennon et al., Learning to
Summarize from Human Feedback, 2020, with the model itself as the judge). One call of the network serves all ways.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from livegen.codecs.codec import Codec, Mask
from livegen.engine.checkpoint import Place
from livegen.events import Ticked
from livegen.model.stepper import Logits, Stepper

Ask = Callable[[Place], Mask | None]  # the tokens that may come next; None where a way ends
Draw = Callable[[Logits, Mask, Place], int]


@dataclass(frozen=True, slots=True)
class Way:
    """One way: where it leads, what it settled on the way, and its log-probability in nats."""

    place: Place
    events: tuple[Ticked, ...] = ()
    nats: float = 0.0


def likeliest(stepper: Stepper, codec: Codec[Any], place: Place, ask: Ask, draw: Draw, count: int) -> Way:
    """The likeliest of ``count`` ways that ``draw`` takes from ``place`` until ``ask`` ends them."""
    ways, done = [Way(place)], list[Way]()
    while ways:
        open_ways: list[tuple[Way, Mask]] = []
        for way in ways:
            settled, mask = _settled(codec, way, ask)
            if mask is None:
                done.append(settled)
            else:
                open_ways.append((settled, mask))
        is_first = len(ways) == 1 and not done
        ways = _branched(stepper, codec, open_ways, draw, count if is_first else 1)
    return max(done, key=lambda way: way.nats)


def _settled(codec: Codec[Any], way: Way, ask: Ask) -> tuple[Way, Mask | None]:
    """The way up to its next choice, and what may be chosen there."""
    place, events = way.place, way.events
    while (mask := ask(place)) is not None and np.count_nonzero(mask) == 1:
        place, more = place.after(codec, int(mask.argmax()))
        events += more
    return Way(place, events, way.nats), mask


def _branched(stepper: Stepper, codec: Codec[Any], ways: list[tuple[Way, Mask]], draw: Draw, count: int) -> list[Way]:
    """Each way a token further; a single one in ``count`` ways, each of them once."""
    branched: dict[tuple[int, int, int], Way] = {}  # (tokens fed, row, token)
    for length in sorted({len(way.place.unfed) for way, _ in ways}):
        same = [(way, mask) for way, mask in ways if len(way.place.unfed) == length]
        tokens = np.array([way.place.unfed for way, _ in same], np.int64)
        state = {name: np.concatenate([way.place.state[name] for way, _ in same]) for name in same[0][0].place.state}
        logits, after = stepper.step(tokens, state)
        for row, (way, mask) in enumerate(same):
            fed = replace(way.place, state={name: part[row : row + 1] for name, part in after.items()}, unfed=())
            nats = _log_softmax(logits[row, -1], mask)
            for _ in range(count):
                token = draw(logits[row, -1], mask, fed)
                if (length, row, token) not in branched:
                    place, events = fed.after(codec, token)
                    branched[length, row, token] = Way(place, way.events + events, way.nats + float(nats[token]))
    return list(branched.values())


def _log_softmax(logits: Logits, mask: Mask) -> Logits:
    """Among the tokens that may come."""
    top = logits[mask].max()
    total: Logits = logits - top - np.log(np.exp(logits[mask] - top).sum())
    return total
