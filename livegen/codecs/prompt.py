"""A prompt whose tokens are all known."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from livegen.codecs.codec import Codec, Cursor
from livegen.codecs.vocabulary import Mask


class TellingCursor(Cursor, Protocol):
    """A cursor that also counts the tokens of a prompt."""

    @property
    def is_inside(self) -> bool:
        """A piece has begun."""

    @property
    def told(self) -> int:
        """How many tokens of the prompt have been fed."""


T = TypeVar("T", bound=TellingCursor)


class TokenPrompt(Generic[T]):
    """A fixed sequence of tokens; the cursor counts them in ``told``, from 0 after ``begin``."""

    def __init__(self, codec: Codec[T], tokens: Sequence[int], begin: Callable[[T], T]) -> None:
        self._codec = codec
        self._tokens = tokens
        self._begin = begin

    def begin(self, cursor: T) -> T:
        """As ``Prompt.begin``."""
        return self._begin(cursor)

    def mask(self, cursor: T) -> Mask | None:
        """The next token of the prompt, after a start mark if no piece has begun; None after the last."""
        if not cursor.is_inside:
            return self._codec.mask(cursor)
        if cursor.told >= len(self._tokens):
            return None
        mask: Mask = np.arange(len(self._codec.vocabulary)) == self._tokens[cursor.told]
        return mask
