"""What both have played in this session, as tokens: what followed the last time that the same came before.

A cache beside the network (Kuhn and De Mori, 1990; Grave and others, Improving Neural Language Models with a Continuous
Cache, 2017): every place where the newest tokens have been played before votes for what came next, the more the longer
they agree and the newer the place; the votes are mixed into the network's probabilities, the more the longer the
longest agreement is. No weight of the network changes. Nothing is stored twice, and what is long ago fades.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import NamedTuple

import numpy as np
from numpy.random import default_rng  # by name: numpy imports it when it is first used, and the engine can read no file
from numpy.typing import NDArray

from livegen.codecs.codec import Codec, Cursor, PlayedCodec
from livegen.codecs.vocabulary import Mask, Tokens
from livegen.model.stepper import Logits

CAPACITY = 32_768  # tokens, 360 kB: half an hour of a piano piece without a pause, an hour of tunes
_FORGOTTEN = CAPACITY // 8  # at once, when it is full: blocks from here and there ...
_BLOCK = 256  # ... of so many tokens, about fifteen seconds ...
_OLDER = CAPACITY * 3 // 4  # ... of the older tokens
LONGEST = 16  # tokens that have to agree at the most
_FAR_BACK = 4 * LONGEST  # tokens that are counted to see how long a quotation is ...
_FARTHEST = 4 * _FAR_BACK  # ... of so many that are looked at: those of another length are not counted
_FADES = 1.5  # a quotation of our own longer than ``quote`` tokens is given up: the share falls by this factor a token
_MOST = 0.95  # of the probability
_OTHER_LENGTH = 0.1  # of the votes for a sound are for any length of it
_TINY = 1e-12
_LEAST = float(np.finfo(np.float64).tiny)
_LOWEST = -700.0  # log-odds below the highest: in 64 bits these odds are more than 0
_FEW = 8  # tokens: after so many new ones the agreement is brought forward, else it is counted anew
_SILENCE = -1  # no sound
_CHORD = 4  # steps: notes that begin sooner after each other are one onset
_NO_KEY = -1
_WANTED = 200.0  # so much likelier is a note for which all votes of the line are; chosen on the validation
_MOST_ONSETS = 4_096  # of the newest ones, waits counted, that can be taken back
_FAINT = 9.0  # nats: a vote that is so much weaker than the strongest is not counted


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
    lift=1.3,
)
_NOTES = _weights(
    (-8.7, -4.6, -2.1, -0.9, 0.6, 1.7, 2.6, 2.9, 4.1, 4.9, 5.3, 5.4, 5.7, 6.1, 6.1, 6.1, 7.0),
    (0.02, 0.11, 0.28, 0.38, 0.49, 0.63, 0.70, 0.80, 0.81, 0.81, 0.83, 0.86, 0.87, 0.87, 0.87, 0.9, 0.9),
    age=0.54,
    quote=12,
    lift=2.35,
    own=0.3,
)
_PLAYED = replace(  # four tokens a note
    _NOTES,
    shares=np.array((0, 0, 0, 0.02, 0.2, 0.36, 0.48, 0.62, 0.66, 0.69, 0.72, 0.73, 0.75, 0.78, 0.80, 0.82, 0.88)),
    lift=1.6,
    quote=48,
)
_LINE = replace(  # of performances, of the line of their highest notes
    _NOTES, shares=np.array((0, 0.16, 0.64, *[_MOST] * 14)), lift=1.0, own=0.0, quote=16
)
WEIGHTS: Mapping[str, Weights] = {  # by codec
    "abc": _CHARACTERS,
    "note_duration": _NOTES,
    "notes": replace(_NOTES, lift=1.25),
    "performance": _PLAYED,
}


class SessionCache:
    """Owner of the tokens of a session. A position in it is a count of tokens since the session began.

    A place is where a token is kept; nothing is kept at place 0.
    """

    def __init__(self, weights: Weights, vocab: int, kin: Tokens | None = None) -> None:
        """``kin`` [vocab]: tokens with the same number differ in their length only; None where none do."""
        self._weights = weights
        self._vocab = vocab
        self._kin = None if kin is None else np.unique(kin, return_inverse=True)[1]  # numbered without gaps
        self._played = np.zeros(CAPACITY + 1, np.uint16)  # twice the token, and one more if it is our own
        self._sounds = np.full(CAPACITY + 1, _SILENCE, np.int16)
        self._after: defaultdict[int, array[int]] = defaultdict(lambda: array("H"))  # the places after each sound
        self._end = 1  # the place of the next token
        self._forgotten = 0
        self._whole_from = 0  # the position from which on nothing is forgotten
        self._carried = np.zeros(CAPACITY + 2, np.uint8)  # [place + 1]: how many tokens before the place agree ...
        self._agreed = 0  # ... with those before this one; 0: not known
        agreeing = np.minimum(np.arange(_FAR_BACK + 1), LONGEST)
        self._votes = np.exp(weights.votes)[agreeing]
        self._least = [int(np.argmax(weights.votes > most - _FAINT)) for most in weights.votes[agreeing]]
        self._shares: list[float] = (weights.lift * weights.shares)[agreeing].tolist()
        self._say = np.array([1, weights.own])
        self._ages = (np.arange(CAPACITY + 2.0, 1, -1) ** -weights.age).astype(np.float32)  # the oldest first

    @property
    def position(self) -> int:
        """How many tokens were played, those that are forgotten too."""
        return self._forgotten + self._end - 1

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        arrays = (self._played, self._sounds, self._carried, self._ages)
        index = sum(getsizeof(sound) + getsizeof(places) for sound, places in self._after.items())
        kin = 0 if self._kin is None else self._kin.nbytes
        return sum(each.nbytes for each in arrays) + kin + getsizeof(self._after) + index

    def add(self, token: int, *, is_own: bool = False) -> None:
        """One more token was played; by us, if it ``is_own``."""
        if self._end == len(self._played):
            self._forget()
        self._after[self._sounds.item(self._end - 1)].append(self._end)
        self._played[self._end] = 2 * token + is_own
        self._sounds[self._end] = token if self._kin is None else self._kin[token]
        self._end += 1

    def extend(self, tokens: Sequence[int]) -> None:
        """As ``add`` for each of these tokens of our own."""
        for token in tokens:
            self.add(token, is_own=True)

    def go(self, position: int) -> None:
        """Take back all tokens after a position."""
        end = max(1, min(self._end, position - self._forgotten + 1))
        for sound in self._sounds[end - 1 : self._end - 1].tolist():
            self._after[sound].pop()
        self._end = end
        if self._agreed > end:
            self._agreed = 0

    def between(self, begin: int, end: int) -> tuple[int, ...]:
        """The tokens between two positions; () where some of them are forgotten."""
        if not self._whole_from <= begin <= end <= self.position:
            return ()
        first = 1 - self._forgotten
        return tuple((self._played[first + begin : first + end] >> 1).tolist())

    def mixed(self, logits: Logits, mask: Mask, familiarity: float) -> Logits:
        """Log-odds [vocab]: the network's, with the votes mixed into the probabilities of the tokens of ``mask``.

        ``familiarity`` is a factor of the votes' share: 0 leaves the network alone, 1 takes up as much as people do.
        """
        found = self.votes(familiarity) if familiarity else None
        if found is None:
            return logits
        votes, share = found
        allowed = votes.dot(mask)
        if not allowed:
            return logits
        own = np.exp(np.maximum(logits - logits.max(), _LOWEST), dtype=np.float64)
        votes *= share / (1 - share) * own.dot(mask) / allowed
        if self._kin is not None:
            votes = self._in_any_length(votes, own, mask)
        votes += own
        return np.asarray(np.log(votes), np.float32)

    def votes(self, familiarity: float) -> tuple[NDArray[np.float64], float] | None:
        """The votes for each token to come [vocab], and their share of the probability; None without any."""
        after, agreeing, longest = self._counted()
        if not len(after):
            return None
        weights = self._votes.take(agreeing) * self._ages[-self._end :].take(after)
        said = np.bincount(self._played.take(after), weights, minlength=2 * self._vocab).reshape(-1, 2)
        votes = said.dot(self._say)  # of what people said, and of what we said
        share = self._share(longest) * familiarity
        if self._weights.own < 1:
            share *= np.add.reduce(votes) / np.add.reduce(weights)
        return votes, min(share, _MOST)

    def _in_any_length(self, votes: NDArray[np.float64], own: NDArray[np.float64], mask: Mask) -> NDArray[np.float64]:
        """The votes; of those for each sound a part is divided among its lengths as the network divides them."""
        assert self._kin is not None
        wanted, offered = (np.bincount(self._kin, each * mask) for each in (votes, own))
        found: NDArray[np.float64] = own * (_OTHER_LENGTH * wanted / np.maximum(offered, _TINY)).take(self._kin)
        found += (1 - _OTHER_LENGTH) * votes
        return found

    def _share(self, longest: int) -> float:
        """The votes' share of the probability; less where we quote ourselves for long."""
        share = self._shares[longest]
        if longest > self._weights.quote:
            is_own = self._played[self._end - longest : self._end][::-1] & 1
            quoted = longest if is_own.all() else int(is_own.argmin())
            share /= _FADES ** max(0, quoted - self._weights.quote)
        return share

    def _counted(self) -> tuple[NDArray[np.int64], NDArray[np.uint8], int]:
        """The places after the newest sound that count, how many tokens before each agree with the newest ones.

        Then the longest agreement. A sound of another length does not count, and does not end the agreement.
        """
        is_near = 0 < self._agreed < self._end <= self._agreed + _FEW
        for end in range(self._agreed + 1 if is_near else self._end, self._end + 1):
            after, agreeing = self._agreement(end)
        if not len(after):
            return after, agreeing, 0
        longest = agreeing.item(agreeing.argmax())
        least = self._least[longest]
        if least > 1 or (least and self._kin is not None):  # one agrees, unless its length is another
            counted = (agreeing >= least).nonzero()[0]
            after, agreeing = after.take(counted), agreeing.take(counted)
        return after, agreeing, longest

    def _agreement(self, end: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The places after the sound before ``end``, and how many tokens before each agree with the ones before it."""
        after = np.array(self._after[self._sounds.item(end - 1)], np.int64)
        if self._agreed == end - 1:
            agreeing = self._carried.take(after)
            agreeing += 1 if self._kin is None else self._is_same(after - 1, end - 1)
            np.minimum(agreeing, _FAR_BACK, out=agreeing)
        else:
            agreeing = self._counted_anew(after, end)
        self._carried.fill(0)
        self._carried[1:][after] = agreeing
        self._agreed = end
        return after, agreeing

    def _counted_anew(self, after: NDArray[np.int64], end: int) -> NDArray[np.uint8]:
        """The agreement before each of these places, up to ``_FAR_BACK``."""
        agreeing = self._is_same(after - 1, end - 1).astype(np.uint8)
        alive = np.arange(len(after))
        for back in range(2, _FARTHEST + 1):
            places = after.take(alive) - back
            is_alive = (self._sounds.take(places) == self._sounds[end - back]) & (agreeing.take(alive) < _FAR_BACK)
            alive, places = alive[is_alive], places[is_alive]
            if not len(alive):
                break
            agreeing[alive] += self._is_same(places, end - back)
        return agreeing

    def _is_same(self, places: NDArray[np.int64], place: int) -> NDArray[np.bool_]:
        """Is the token at each of these places the one at ``place``?"""
        found: NDArray[np.bool_] = self._played.take(places) >> 1 == self._played[place] >> 1
        return found

    def _forget(self) -> None:
        """Blocks of the older tokens, drawn by chance: what is long ago fades, and does not end at once."""
        kept = np.ones(CAPACITY + 1, np.bool_)
        blocks = default_rng(self._forgotten).choice(_OLDER // _BLOCK, _FORGOTTEN // _BLOCK, replace=False)
        for block in blocks:
            kept[1 + block * _BLOCK : 1 + (block + 1) * _BLOCK] = False
        self._forgotten += _FORGOTTEN
        self._end -= _FORGOTTEN
        self._whole_from = self._forgotten + (int(blocks.max()) + 1) * _BLOCK - _FORGOTTEN
        for played in (self._played, self._sounds):
            played[: self._end] = played[kept]
        after = np.cumsum(kept, dtype=np.uint16)  # the new place after each old one
        for places in self._after.values():
            before = np.array(places, np.int64) - 1
            places[:] = array("H", after[before[kept[before]]].tobytes())
        self._agreed = 0


class _Onset(NamedTuple):
    """The newest onset of a performance. Keys are counted from the lowest one."""

    position: int = 0  # of the cache, after the token that made it so
    steps: int = _CHORD  # since its newest note
    top: int = _NO_KEY  # its highest key ...
    is_own: bool = False  # ... and who played that
    before: int = _NO_KEY  # the highest key of the onset before it
    line: int = 0  # the position of the line's cache, to which an onset comes when it is over

    @property
    def is_over(self) -> bool:
        """The next note is of another onset."""
        return self.steps >= _CHORD


class PlayedCache(SessionCache):
    """As ``SessionCache``, of performances: it also knows how the line of the highest notes went on, in any key.

    Between two notes of a line lie chords, loudness, key-ups, pedal and waits, which nobody plays twice alike. So the
    line has a cache of its own, of the intervals from each onset's highest note to that of the next; notes that come
    again are left out, as ``skyline.intervals`` does. It makes the note likelier that follows in the line, where the
    network thinks it possible: the odds are multiplied, not mixed. How likely it is that a note begins stays as it was.
    """

    def __init__(self, weights: Weights, of_line: Weights, codec: PlayedCodec[Cursor]) -> None:
        super().__init__(weights, len(codec.begins), codec.kin())
        first, count = int(codec.begins.argmax()), int(codec.begins.sum())
        self._notes = slice(first, first + count)
        self._steps: list[int] = codec.steps.tolist()
        self._range = count - 1  # semitones: the widest interval
        self._line = SessionCache(of_line, 2 * count - 1)
        self._onsets: deque[_Onset] = deque([_Onset()], maxlen=_MOST_ONSETS)  # the newest last

    @property
    def nbytes(self) -> int:
        """As ``SessionCache.nbytes``."""
        return super().nbytes + self._line.nbytes

    def add(self, token: int, *, is_own: bool = False) -> None:
        """As ``SessionCache.add``."""
        super().add(token, is_own=is_own)
        newest, key = self._onsets[-1], token - self._notes.start
        if 0 <= key <= self._range:
            self._onsets.append(self._struck(newest, key, is_own=is_own))
        elif steps := self._steps[token]:
            self._onsets.append(self._waited(newest, newest.steps + steps))

    def go(self, position: int) -> None:
        """As ``SessionCache.go``."""
        super().go(position)
        while len(self._onsets) > 1 and self._onsets[-1].position > position:
            self._onsets.pop()
        self._line.go(self._onsets[-1].line)

    def mixed(self, logits: Logits, mask: Mask, familiarity: float) -> Logits:
        """As ``SessionCache.mixed``."""
        odds, newest = super().mixed(logits, mask, familiarity), self._onsets[-1]
        base = newest.top if newest.is_over else newest.before
        found = self._line.votes(familiarity) if familiarity and base != _NO_KEY else None
        if found is None:
            return odds
        lowest = self._range - base  # the interval down to the lowest note
        votes, share = found[0][lowest : lowest + self._range + 1] * mask[self._notes], found[1]
        if not newest.is_over:
            votes[: newest.top + 1] = 0  # of a chord, the highest note is of the line
        said, notes = np.add.reduce(votes), odds[self._notes]
        if not said:
            return odds
        own = np.exp(np.maximum(notes - notes.max(), _LOWEST), dtype=np.float64) * mask[self._notes]
        wanted = own * (1 + _WANTED * share * votes / said)
        wanted *= np.add.reduce(own) / np.add.reduce(wanted)
        mixed = odds.copy()
        mixed[self._notes] = np.log(np.maximum(wanted, _LEAST)) + notes.max()
        return mixed

    def _struck(self, newest: _Onset, key: int, *, is_own: bool) -> _Onset:
        """The newest onset with one more note, or the next one."""
        if newest.is_over:
            return _Onset(self.position, 0, key, is_own, newest.top, newest.line)
        if key < newest.top:
            return newest._replace(position=self.position, steps=0)
        return newest._replace(position=self.position, steps=0, top=key, is_own=is_own)

    def _waited(self, newest: _Onset, steps: int) -> _Onset:
        """The newest onset so many steps after its newest note; when it is over, the line goes on to its top."""
        if steps >= _CHORD and not newest.is_over and newest.before not in (_NO_KEY, newest.top):
            self._line.add(newest.top - newest.before + self._range, is_own=newest.is_own)
        return newest._replace(position=self.position, steps=steps, line=self._line.position)


def cache_for(codec: Codec[Cursor]) -> SessionCache | None:
    """An empty cache; None for a codec of which it would save nothing."""
    weights = WEIGHTS.get(codec.name)
    if not weights:
        return None
    if isinstance(codec, PlayedCodec):
        return PlayedCache(weights, _LINE, codec)
    return SessionCache(weights, len(codec.vocabulary), codec.kin())
