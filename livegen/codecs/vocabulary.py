"""The table of tokens and their texts, in both directions."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]  # [vocab], True where a token is allowed
Tokens = NDArray[np.int64]  # [tokens], a piece of music
PitchSet = NDArray[np.bool_]  # [128], True where a pitch may sound


class Vocabulary:
    """An immutable, ordered table of token texts; a token is its index in the table."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._tokens = {text: token for token, text in enumerate(self.texts)}
        if len(self._tokens) != len(self.texts):
            raise ValueError("a vocabulary holds each text once")

    def __len__(self) -> int:
        return len(self.texts)

    def token(self, text: str) -> int:
        """The token of ``text``; KeyError when it is not in the table."""
        return self._tokens[text]

    def text(self, token: int) -> str:
        """The text of ``token``."""
        return self.texts[token]

    def only(self, token: int) -> Mask:
        """A mask of this token alone."""
        mask = np.zeros(len(self.texts), np.bool_)
        mask[token] = True
        return mask


_MOST_KEPT = 64


class PitchTable:
    """The pitches that each token begins, for a vocabulary where they do not depend on the cursor."""

    def __init__(self, pitches: Iterable[Iterable[int]]) -> None:
        rows = [tuple(begun) for begun in pitches]
        self._begins: NDArray[np.bool_] = np.zeros((128, len(rows)), np.bool_)
        for token, begun in enumerate(rows):
            self._begins[list(begun), token] = True
        self._kept: dict[bytes, Mask] = {}

    def disallowed(self, allowed: PitchSet) -> Mask:
        """Tokens [vocab] that begin a pitch that is not ``allowed`` [128]."""
        key = allowed.tobytes()
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = np.logical_or.reduce(self._begins[~allowed], axis=0)
        return self._kept[key]
