"""Embedding, recurrent layers, dense: the char-RNN (Karpathy, 2015), its state carried from token to token."""

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
    hidden: int  # cells per layer
    layers: int
    cell: str = "lstm"  # or "gru", or "rnn": with tanh


class Recurrent(Network):
    """Dropout leaves out other numbers at every moment, as the first descriptions have it."""

    def __init__(self, sizes: Sizes, dropout: Dropout = NO_DROPOUT) -> None:
        super().__init__()
        self.sizes, self.dropout, self.vocab = sizes, dropout, sizes.vocab
        self.embedding = nn.Embedding(sizes.vocab, sizes.embedding)
        self.cells = nn.ModuleList(layer(sizes.cell, width, sizes.hidden) for width in self._widths())
        self.output = nn.Linear(sizes.hidden, sizes.vocab)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Network.forward``."""
        x = self._drop(self.embedding(tokens).transpose(0, 1), self.dropout.features)  # [time, batch, embedding]
        after: State = {}
        for index, cell in enumerate(self.cells, 1):
            x, kept = cell(x, self._start(state, index))
            parts = kept if self.sizes.cell == "lstm" else (kept,)
            after |= {f"{name}{index}": part.squeeze(0).float() for name, part in zip("hc", parts, strict=False)}
            is_top = index == self.sizes.layers
            x = self._drop(x, self.dropout.output if is_top else self.dropout.between)
        return self.output(x).transpose(0, 1).float(), after

    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """As ``Network.state_parts``: h, and of an LSTM c, of each layer."""
        names = "hc" if self.sizes.cell == "lstm" else "h"
        layers = range(1, self.sizes.layers + 1)
        return {f"{name}{index}": ((self.sizes.hidden,), 0.0) for index in layers for name in names}

    def matrices(self) -> tuple[tuple[int, int], ...]:
        """As ``Network.matrices``."""
        hidden, rows = self.sizes.hidden, gates(self.sizes.cell) * self.sizes.hidden
        return *((rows, width) for inside in self._widths() for width in (inside, hidden)), (self.vocab, hidden)

    def _widths(self) -> list[int]:
        return [self.sizes.embedding, *[self.sizes.hidden] * (self.sizes.layers - 1)]

    def _start(self, state: State, index: int) -> Tensor | tuple[Tensor, Tensor]:
        h = state[f"h{index}"].unsqueeze(0)  # [1, batch, hidden]
        return (h, state[f"c{index}"].unsqueeze(0)) if self.sizes.cell == "lstm" else h

    def _drop(self, x: Tensor, share: float) -> Tensor:
        return torch.nn.functional.dropout(x, share, self.training) if share else x
