"""Recurrent layers, in one direction or both, over a window of tokens that is read anew for every token.

A network that reads backwards too cannot carry h and c: its state is its window. Where fewer tokens were heard than
the window holds, the rest on the left is padding (n-grams: every prefix of the window is a sample of its own).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.networks.network import NO_DROPOUT, Dropout, Network, State, gates, layer


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a network."""

    vocab: int
    embedding: int  # numbers per token
    window: int  # tokens, the newest included
    hidden: int  # cells per layer and direction
    layers: int = 1
    cell: str = "lstm"  # or "gru", or "rnn": with tanh
    bidirectional: bool = False


class Rereading(Network):
    """Dropout leaves out other numbers at every moment, as the first descriptions have it."""

    def __init__(self, sizes: Sizes, dropout: Dropout = NO_DROPOUT) -> None:
        super().__init__()
        self.sizes, self.dropout, self.vocab = sizes, dropout, sizes.vocab
        self.embedding = nn.Embedding(sizes.vocab + 1, sizes.embedding)  # the last row: padding
        both = sizes.bidirectional
        self.cells = nn.ModuleList(layer(sizes.cell, width, sizes.hidden, bidirectional=both) for width in self._ins())
        self.output = nn.Linear(self._out(), sizes.vocab)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Network.forward``."""
        heard = torch.cat([state["window"], tokens], dim=1)  # [batch, window - 1 + time]
        size, time = self.sizes.window, tokens.shape[1]
        windows = torch.stack([heard[:, at : at + time] for at in range(size)])  # [window, batch, time]
        logits = self._read(windows.flatten(1)).reshape(-1, time, self.vocab)  # [batch, time, vocab]
        return logits.float(), {"window": heard[:, heard.shape[1] - size + 1 :]}

    def last(self, tokens: Tensor) -> Tensor:
        """As ``Network.last``, reading one window only."""
        padding = tokens.new_full((len(tokens), max(0, self.sizes.window - tokens.shape[1])), self.vocab)
        window = torch.cat([padding, tokens], dim=1)[:, -self.sizes.window :]
        return self._read(window.transpose(0, 1)).float()

    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """As ``Network.state_parts``: the tokens just heard."""
        return {"window": ((self.sizes.window - 1,), self.vocab)}

    def matrices(self) -> tuple[tuple[int, int], ...]:
        """As ``Network.matrices``: those of every layer once for each token of the window."""
        hidden, rows = self.sizes.hidden, gates(self.sizes.cell) * self.sizes.hidden
        once = [(rows, width) for inside in self._ins() for width in (inside, hidden)]
        return *once * (self.sizes.window * (1 + self.sizes.bidirectional)), (self.vocab, self._out())

    def _read(self, windows: Tensor) -> Tensor:
        """Logits [rows, vocab] after windows [window, rows]."""
        x = self._drop(self.embedding(windows), self.dropout.features)  # [window, rows, embedding]
        for index, cell in enumerate(self.cells, 1):
            x, _ = cell(x)
            x = self._drop(x, self.dropout.between if index < self.sizes.layers else 0.0)
        ends = x[-1]  # [rows, hidden]
        if self.sizes.bidirectional:
            ends = torch.cat([x[-1, :, : self.sizes.hidden], x[0, :, self.sizes.hidden :]], dim=1)
        logits: Tensor = self.output(self._drop(ends, self.dropout.output))
        return logits

    def _ins(self) -> list[int]:
        return [self.sizes.embedding, *[self._out()] * (self.sizes.layers - 1)]

    def _out(self) -> int:
        return self.sizes.hidden * (1 + self.sizes.bidirectional)

    def _drop(self, x: Tensor, share: float) -> Tensor:
        return torch.nn.functional.dropout(x, share, self.training) if share else x
