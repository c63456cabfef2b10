"""What both have played in this session, as tokens: what followed the last time that the same came before.

A cache beside the network (Kuhn and De Mori, 1990; Grave and others, Improving Neural Language Models with a Continuous
Cache, 2017): every place where the newest tokens have been played before votes for what came next, the more the longer
they agree and the newer the place; the votes are mixed into the network's probabilities, the more the longer the
longest agreement is. No weight of the network changes. Nothing is stored twice, and the oldest is forgotten first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.codec import Codec, Cursor
from livegen.codecs.vocabulary import Mask, Tokens
from livegen.model.stepper import Logits

CAPACITY = 16_384  # tokens: 64 kB, more than an hour of playing
_FORGOTTEN = CAPACITY // 8  # at once, when it is full
LONGEST = 16  # tokens that have to agree at the most
_FAR_BACK = 4 * LONGEST  # tokens that are looked at to see how long a quotation is
_FADES = 1.5  # a quotation of our own longer than ``quote`` tokens is given up: the share falls by this factor a token
_MOST = 0.95  # of the probability
_OTHER_LENGTH = 0.1  # of the votes for a sound are for any length of it
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted on the validation part of a corpus (docs/models.md): by how many tokens agree, from 0 to ``LONGEST``."""

    votes: NDArray[np.float64]  # nats of a vote
    shares: NDArray[np.float64]  # of the probability, by the longest agreement
    age: float  # a vote counts (1 + its age in tokens) to the power of minus this
    quote: int  # tokens of about two bars: a longer quotation fades
    lift: float  # of the shares, so that an answer takes up about as much as people's do; chosen on the validation, too


def _weights(votes: tuple[float, ...], shares: tuple[float, ...], age: float, quote: int, lift: float) -> Weights:
    return Weights(np.array(votes), np.array(shares), age, quote, lift)


_CHARACTERS = _weights(
    (-8.3, -5.8, -2.4, -0.5, 1.0, 1.1, 2.2, 2.5, 3.3, 4.1, 5.1, 6.2, 6.3, 6.6, 7.0, 7.0, 7.0),
    (0, 0, 0.03, 0.08, 0.18, 0.22, 0.39, 0.46, 0.57, 0.58, 0.66, 0.67, 0.70, 0.73, 0.73, 0.8, 0.8),
    age=0.24,
    quote=24,
    lift=1.0,
)
_NOTES = _weights(
    (-8.7, -4.6, -2.1, -0.9, 0.6, 1.7, 2.6, 2.9, 4.1, 4.9, 5.3, 5.4, 5.7, 6.1, 6.1, 6.1, 7.0),
    (0.02, 0.11, 0.28, 0.38, 0.49, 0.63, 0.70, 0.80, 0.81, 0.81, 0.83, 0.86, 0.87, 0.87, 0.87, 0.9, 0.9),
    age=0.54,
    quote=12,
    lift=1.8,
)
WEIGHTS: Mapping[str, Weights] = {  # by codec
    "abc": _CHARACTERS,
    "note_duration": _NOTES,
    "notes": replace(_NOTES, lift=1.25),
}


class SessionCache:
    """Owner of the tokens of a session. A position in it is a count of tokens since the session began."""

    def __init__(self, weights: Weights, kin: Tokens | None = None) -> None:
        """``kin`` [vocab]: tokens with the same number differ in their length only; None where none do."""
        self._weights = weights
        self._kin = kin
        self._tokens = np.zeros(CAPACITY, np.int32)
        self._own = np.zeros(CAPACITY, np.bool_)
        self._kept = 0
        self._forgotten = 0

    @property
    def position(self) -> int:
        """How many tokens were played, those that are forgotten too."""
        return self._forgotten + self._kept

    def add(self, token: int, *, is_own: bool = False) -> None:
        """One more token was played; by us, if it ``is_own``."""
        if self._kept == CAPACITY:
            self._kept -= _FORGOTTEN
            self._forgotten += _FORGOTTEN
            for played in (self._tokens, self._own):
                played[: self._kept] = played[_FORGOTTEN:]
        self._tokens[self._kept], self._own[self._kept] = token, is_own
        self._kept += 1

    def extend(self, tokens: Sequence[int]) -> None:
        """As ``add`` for each of these tokens of our own."""
        for token in tokens:
            self.add(token, is_own=True)

    def go(self, position: int) -> None:
        """Take back all tokens after a position."""
        self._kept = max(0, min(self._kept, position - self._forgotten))

    def between(self, begin: int, end: int) -> tuple[int, ...]:
        """The tokens between two positions; () where some of them are forgotten."""
        if not self._forgotten <= begin <= end <= self.position:
            return ()
        return tuple(self._tokens[begin - self._forgotten : end - self._forgotten].tolist())

    def mixed(self, logits: Logits, mask: Mask, familiarity: float) -> Logits:
        """Log-odds [vocab]: the network's, with the votes mixed into the probabilities of the tokens of ``mask``.

        ``familiarity`` is a factor of the votes' share: 0 leaves the network alone, 1 takes up as much as people do.
        """
        if not familiarity:
            return logits
        places, agreeing = self._agreeing()
        if not len(places):
            return logits
        longest = int(agreeing.max())
        quoted = min(longest, self._own_count())
        share = self._weights.shares[min(longest, LONGEST)] / _FADES ** max(0, quoted - self._weights.quote)
        weights = self._weights.votes[np.minimum(agreeing, LONGEST)]
        weights = np.exp(weights - weights.max()) * (self._kept - places) ** -self._weights.age
        votes = np.bincount(self._tokens[places + 1], weights, minlength=len(logits)) * mask
        if not votes.any():
            return logits
        share = min(float(share) * self._weights.lift * familiarity, _MOST)
        own = np.where(mask, np.exp(logits - logits[mask].max(), dtype=np.float64), 0)
        own, votes = own / own.sum(), votes / votes.sum()
        if self._kin is not None:
            votes = (1 - _OTHER_LENGTH) * votes + _OTHER_LENGTH * self._in_any_length(votes, own)
        mix = (1 - share) * own + share * votes
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(mix), np.float32)

    def _in_any_length(self, votes: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
        """The votes for each sound, divided among its lengths as the network divides them."""
        assert self._kin is not None
        wanted, offered = (np.bincount(self._kin, each, minlength=len(own)) for each in (votes, own))
        found: NDArray[np.float64] = own * (wanted / np.maximum(offered, _TINY))[self._kin]
        return found

    def _own_count(self) -> int:
        """How many of the newest tokens are our own."""
        newest = self._own[max(0, self._kept - _FAR_BACK) : self._kept][::-1]
        return int(newest.argmin()) if not newest.all() else len(newest)

    def _agreeing(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The earlier places of the newest sound, each with how many tokens up to it agree with the newest ones.

        A sound of another length does not count, and does not end the agreement.
        """
        played = self._tokens[: self._kept]
        if self._kept < 2:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        sounds = played if self._kin is None else self._kin[played]
        places = np.flatnonzero(sounds[:-1] == sounds[-1])
        agreeing = (played[places] == played[-1]).astype(np.int64)
        alive = np.arange(len(places))
        for back in range(1, _FAR_BACK):
            alive = alive[places[alive] >= back]
            alive = alive[sounds[places[alive] - back] == sounds[-1 - back]]
            if not len(alive):
                break
            agreeing[alive] += played[places[alive] - back] == played[-1 - back]
        return places, agreeing


def cache_for(codec: Codec[Cursor]) -> SessionCache | None:
    """An empty cache; None for a codec of which it would save nothing."""
    weights = WEIGHTS.get(codec.name)
    return SessionCache(weights, codec.kin()) if weights else None
