"""Which pitches a token begins: what may not sound is struck out by it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.codec import Mask, PitchSet

_MOST_KEPT = 64


class PitchTable:
    """The pitches of each token of a vocabulary whose tokens always begin the same ones."""

    def __init__(self, pitches: Iterable[Iterable[int]]) -> None:
        rows = [tuple(begun) for begun in pitches]
        self._begins: NDArray[np.bool_] = np.zeros((128, len(rows)), np.bool_)
        for token, begun in enumerate(rows):
            self._begins[list(begun), token] = True
        self._kept: dict[bytes, Mask] = {}

    def beyond(self, allowed: PitchSet) -> Mask:
        """Tokens [vocab] that begin a pitch which is not ``allowed`` [128]."""
        key = allowed.tobytes()
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = np.logical_or.reduce(self._begins[~allowed], axis=0)
        return self._kept[key]
