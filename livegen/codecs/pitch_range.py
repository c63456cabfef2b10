"""What codecs of a range of pitches share."""

from collections.abc import Mapping
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from livegen.codecs.codec import C
from livegen.codecs.vocabulary import Mask, PitchSet, PitchTable, Tokens, Vocabulary
from livegen.music.key import octave_fold

_IN_WORDS = {1: "an octave", 2: "two octaves"}


class PitchRangeCodec(Generic[C]):
    """Pitches ``low`` to ``high``, both included, at least so many octaves. A codec overrides what differs."""

    vocabulary: Vocabulary
    _pitches: PitchTable

    def __init__(self, low: int, high: int, octaves: int) -> None:
        if not 0 <= low <= high - 12 * octaves + 1 <= 128 - 12 * octaves:
            least = _IN_WORDS[octaves]
            raise ValueError(f"the range of pitches is {low}-{high}; it must be at least {least} within 0-127")
        self.low, self.high = low, high

    def parameters(self) -> Mapping[str, Any]:
        """As ``Codec.parameters``."""
        return {"low": self.low, "high": self.high}

    def fold(self, pitch: int) -> int:
        """The nearest pitch of the same name within the codec's range."""
        return octave_fold(pitch, self.low, self.high)

    def voice_leading_errors(self, cursor: C) -> Mask | None:
        """None: the tokens show no voices."""
        return None

    def disallowed(self, cursor: C, allowed: PitchSet) -> Mask:
        """Tokens with a pitch that is not allowed."""
        return self._pitches.disallowed(allowed)

    def density_weights(self) -> NDArray[np.float32]:
        """All 0: the tokens do not say when a note begins."""
        return np.zeros(len(self.vocabulary), np.float32)

    def kin(self) -> Tokens | None:
        """None: a token has no length of its own."""
        return None

    def draft_tokens(self, cursor: C) -> tuple[int, ...]:
        """No draft."""
        return ()
