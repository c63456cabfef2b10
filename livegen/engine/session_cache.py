"""What both have played in this session, as tokens: what followed the last time that the same came before.

A cache beside the network (Kuhn and De Mori, 1990; Grave and others, Improving Neural Language Models with a Continuous
Cache, 2017): every place where the newest tokens have been played before votes for what came next, the more the longer
they agree and the newer the place; the votes are mixed into the network's probabilities, the more the longer the
longest agreement is. No weight of the network changes. Nothing is stored twice, and what is long ago fades.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import default_rng  # by name: numpy imports it when it is first used, and the engine can read no file
from numpy.typing import NDArray

from livegen.codecs.codec import Codec, Cursor
from livegen.codecs.vocabulary import Mask, Tokens
from livegen.model.stepper import Logits

CAPACITY = 32_768  # tokens, 360 kB: half an hour of a piano piece without a pause, an hour of tunes
_FORGOTTEN = CAPACITY // 8  # at once, when it is full: blocks from here and there ...
_BLOCK = 256  # ... of so many tokens, about fifteen seconds ...
_OLDER = CAPACITY * 3 // 4  # ... of the older tokens
LONGEST = 16  # tokens that have to agree at the most
_FAR_BACK = 4 * LONGEST  # tokens that are looked at to see how long a quotation is
_FADES = 1.5  # a quotation of our own longer than ``quote`` tokens is given up: the share falls by this factor a token
_MOST = 0.95  # of the probability
_OTHER_LENGTH = 0.1  # of the votes for a sound are for any length of it
_TINY = 1e-12
_FAINT = 9.0  # nats: a vote that is so much weaker than the strongest is not counted
_FEW = 8  # tokens: after so many new ones the agreement is brought forward, else it is counted anew


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted on the validation part of a corpus (docs/models.md): by how many tokens agree, from 0 to ``LONGEST``."""

    votes: NDArray[np.float64]  # nats of a vote
    shares: NDArray[np.float64]  # of the probability, by the longest agreement
    age: float  # a vote counts (1 + its age in tokens) to the power of minus this
    quote: int  # tokens of about two bars: a longer quotation fades
    lift: float  # of the shares, so that an answer takes up about as much as people's do; chosen on the validation, too
    own: float = 1.0  # how much of a vote what we played ourselves has, so that we develop and do not parrot ourselves


def _weights(
    votes: tuple[float, ...], shares: tuple[float, ...], age: float, quote: int, lift: float, own: float = 1.0
) -> Weights:
    return Weights(np.array(votes), np.array(shares), age, quote, lift, own)


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
    own=0.3,
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
        self._tokens = np.zeros(CAPACITY, np.int16)
        self._own = np.zeros(CAPACITY, np.bool_)
        self._sounds = self._tokens if kin is None else np.zeros(CAPACITY, np.int16)
        self._kept = 0
        self._forgotten = 0
        self._whole_from = 0  # the position from which on nothing is forgotten
        self._agreeing = np.zeros(CAPACITY, np.int16)  # tokens up to each place that agree with the newest ones ...
        self._agreed = 0  # ... when so many were kept; 0: not known
        self._votes = np.exp(weights.votes)
        self._least = [int(np.argmax(weights.votes > most - _FAINT)) for most in weights.votes]  # of the agreement
        self._ages = ((1.0 + np.arange(CAPACITY)) ** -weights.age).astype(np.float32)

    @property
    def position(self) -> int:
        """How many tokens were played, those that are forgotten too."""
        return self._forgotten + self._kept

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        arrays = (self._tokens, self._own, self._sounds, self._agreeing, self._ages)
        return sum({id(array): array.nbytes for array in arrays}.values())

    def add(self, token: int, *, is_own: bool = False) -> None:
        """One more token was played; by us, if it ``is_own``."""
        if self._kept == CAPACITY:
            self._forget()
        self._tokens[self._kept], self._own[self._kept] = token, is_own
        if self._kin is not None:
            self._sounds[self._kept] = self._kin[token]
        self._kept += 1

    def extend(self, tokens: Sequence[int]) -> None:
        """As ``add`` for each of these tokens of our own."""
        for token in tokens:
            self.add(token, is_own=True)

    def go(self, position: int) -> None:
        """Take back all tokens after a position."""
        self._kept = max(0, min(self._kept, position - self._forgotten))
        if self._agreed > self._kept:
            self._agreed = 0

    def between(self, begin: int, end: int) -> tuple[int, ...]:
        """The tokens between two positions; () where some of them are forgotten."""
        if not self._whole_from <= begin <= end <= self.position:
            return ()
        return tuple(self._tokens[begin - self._forgotten : end - self._forgotten].tolist())

    def mixed(self, logits: Logits, mask: Mask, familiarity: float) -> Logits:
        """Log-odds [vocab]: the network's, with the votes mixed into the probabilities of the tokens of ``mask``.

        ``familiarity`` is a factor of the votes' share: 0 leaves the network alone, 1 takes up as much as people do.
        """
        if not familiarity:
            return logits
        places, agreeing, longest = self._places()
        if not len(places):
            return logits
        quoted = min(longest, self._own_count())
        share = self._weights.shares[min(longest, LONGEST)] / _FADES ** max(0, quoted - self._weights.quote)
        plain = self._votes[agreeing] * self._ages[self._kept - 1 - places]
        weights = np.where(self._own[places + 1], self._weights.own, 1.0) * plain
        votes = np.bincount(self._tokens[places + 1], weights, minlength=len(logits)) * mask
        if not votes.any():
            return logits
        share *= self._weights.lift * familiarity * weights.sum() / plain.sum()
        share = min(float(share), _MOST)
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

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int16], int]:
        """The earlier places of the newest sound that count, how many tokens up to each agree with the newest ones.

        Then the longest agreement. A sound of another length does not count, and does not end the agreement.
        """
        if self._kept < 2:
            return np.zeros(0, np.int64), self._agreeing[:0], 0
        if 0 < self._agreed < self._kept <= self._agreed + _FEW:
            for kept in range(self._agreed + 1, self._kept + 1):
                self._bring_forward(kept)
        elif self._agreed != self._kept:
            self._count_anew()
        self._agreed = self._kept
        agreeing = self._agreeing[: self._kept - 1]
        longest = int(agreeing.max())
        least = self._least[min(longest, LONGEST)]
        is_counted = agreeing >= least if least else self._sounds[: self._kept - 1] == self._sounds[self._kept - 1]
        places = np.flatnonzero(is_counted)
        return places, np.minimum(agreeing[places], LONGEST), min(longest, _FAR_BACK)

    def _bring_forward(self, kept: int) -> None:
        """The agreement with the first ``kept`` tokens, from that with one less."""
        earlier, newest, agreeing = slice(kept - 1), kept - 1, self._agreeing
        agreeing[1 : kept - 1] = agreeing[: max(0, kept - 2)]
        agreeing[0] = 0
        same = self._sounds[earlier] == self._sounds[newest]
        agreeing[earlier] += same if self._kin is None else self._tokens[earlier] == self._tokens[newest]
        agreeing[earlier] *= same

    def _count_anew(self) -> None:
        """The agreement at each place, of ``_FAR_BACK`` tokens at the most."""
        played, sounds = self._tokens[: self._kept], self._sounds[: self._kept]
        places = np.flatnonzero(sounds[:-1] == sounds[-1])
        found = (played[places] == played[-1]).astype(np.int16)
        alive = np.arange(len(places))
        for back in range(1, _FAR_BACK):
            alive = alive[places[alive] >= back]
            alive = alive[sounds[places[alive] - back] == sounds[-1 - back]]
            if not len(alive):
                break
            found[alive] += played[places[alive] - back] == played[-1 - back]
        self._agreeing[:] = 0
        self._agreeing[places] = found

    def _forget(self) -> None:
        """Blocks of the older tokens, drawn by chance: what is long ago fades, and does not end at once."""
        kept = np.ones(CAPACITY, np.bool_)
        blocks = default_rng(self._forgotten).choice(_OLDER // _BLOCK, _FORGOTTEN // _BLOCK, replace=False)
        for block in blocks:
            kept[block * _BLOCK : (block + 1) * _BLOCK] = False
        self._forgotten += _FORGOTTEN
        self._kept -= _FORGOTTEN
        self._whole_from = self._forgotten + (int(blocks.max()) + 1) * _BLOCK - _FORGOTTEN
        for played in (self._tokens, self._own, *([] if self._kin is None else [self._sounds])):
            played[: self._kept] = played[kept]
        self._agreed = 0


def cache_for(codec: Codec[Cursor]) -> SessionCache | None:
    """An empty cache; None for a codec of which it would save nothing."""
    weights = WEIGHTS.get(codec.name)
    return SessionCache(weights, codec.kin()) if weights else None
