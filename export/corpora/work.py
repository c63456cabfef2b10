"""What a corpus is made of: works as they are read, pieces as tokens, and the three parts that never meet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.codec import Codec
from livegen.codecs.vocabulary import Tokens

TEST_EVERY = 10
VALID_EVERY = 20  # of the rest

Report = Callable[[int, int], None]  # (done, all)
Side = str  # "train", "valid", "test", or "" for a work that is left out


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of music as it was read; works of one group never stand on both sides of a split."""

    name: str
    group: str
    content: Any  # what the corpus' ``encode`` takes
    part: str = ""  # of the corpus: what is not "" is only ever trained on


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music, written by a codec from its start mark to its end mark."""

    name: str
    tokens: NDArray[np.int64]  # [tokens]
    part: str = ""
    side: Side = ""


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what chooses the model, and what neither ever sees."""

    train: tuple[Piece, ...]
    valid: tuple[Piece, ...]
    test_tokens: NDArray[np.int64]
    test: tuple[Piece, ...]  # the whole pieces in it


def sides(works: Sequence[Work]) -> list[Side]:
    """Every tenth group tests, every twentieth of the rest validates; where there are fewer, the last ones do."""
    groups = list(dict.fromkeys(work.group for work in works if not work.part))
    test = set(groups[TEST_EVERY - 1 :: TEST_EVERY] or groups[-1:] if len(groups) > 2 else ())
    rest = [group for group in groups if group not in test]
    valid = set(rest[VALID_EVERY - 1 :: VALID_EVERY] or rest[-1:])
    if len(rest) == 1:
        valid = set()
    return ["test" if work.group in test else "valid" if work.group in valid else "train" for work in works]


def by_side(pieces: Sequence[Piece]) -> Split:
    """The split that the pieces' own sides say; a corpus too small to hold anything out is held against itself."""
    train, valid, test = (tuple(piece for piece in pieces if piece.side == side) for side in ("train", "valid", "test"))
    return Split(train, valid or train, concatenate(test or train), test or train)


def concatenate(pieces: Sequence[Piece]) -> NDArray[np.int64]:
    """One stream of all tokens, in order."""
    return np.concatenate([piece.tokens for piece in pieces])


@dataclass(frozen=True, slots=True)
class Source:
    """Where a corpus comes from, and how it is read, divided and written."""

    read: Callable[[Path, Report], Iterator[Work]]  # takes the folder of music
    encode: Callable[[Codec[Any], Any], Tokens]
    credit: str
    licence: str
    version: int = 1  # raise it when the way of reading changes, so that no old cache is taken for a new one
    folders: tuple[str, ...] = ()  # what it needs within the folder of music
    suffixes: tuple[str, ...] = ()  # of the files that it reads; none: of any
    fit: Mapping[str, Callable[[Sequence[Any]], Codec[Any]]] = field(default_factory=dict)  # by codec: from its music
    divide: Callable[[Sequence[Work]], Sequence[Side]] = sides
    split: Callable[[Sequence[Piece]], Split] = by_side
