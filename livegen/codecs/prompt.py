"""What was heard, told token by token."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from livegen.codecs.codec import Codec
from livegen.codecs.vocabulary import Mask


class TokenPrompt:
    """Tokens that are all known; the cursor counts them in ``told``, from 0 where ``begin`` leaves it."""

    def __init__(self, codec: Codec[Any], tokens: Sequence[int], begin: Callable[[Any], Any]) -> None:
        self._codec = codec
        self._tokens = tokens
        self._begin = begin

    def begin(self, cursor: Any) -> Any:
        """As ``Prompt.begin``."""
        return self._begin(cursor)

    def mask(self, cursor: Any) -> Mask | None:
        """The token that was heard next, a piece being begun first where there is none; None after the last."""
        if not cursor.is_inside:
            return self._codec.mask(cursor)
        if cursor.told >= len(self._tokens):
            return None
        mask: Mask = np.arange(len(self._codec.vocabulary)) == self._tokens[cursor.told]
        return mask
