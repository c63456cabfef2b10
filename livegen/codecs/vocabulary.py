"""One table from token to text, read in both directions."""

from collections.abc import Sequence


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
