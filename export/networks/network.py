"""What every network offers: one forward for training and export, with its state in and out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

State = dict[str, Tensor]
"""What a network remembers between calls, part by part, batch first."""


@dataclass(frozen=True, slots=True)
class Dropout:
    """Shares of numbers left out while training."""

    features: float = 0.0  # of what goes into the first layer
    between: float = 0.0  # layers
    output: float = 0.0  # of what goes into the last matrix


NO_DROPOUT = Dropout()


class Network(nn.Module, ABC):
    """Tokens in, logits out; ``forward`` takes and returns the state."""

    vocab: int
    dropout: Dropout

    def __init__(self) -> None:
        super().__init__()
        self.initial = nn.ParameterDict()  # a learned beginning, by the part of the state, without the batch

    @abstractmethod
    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits float32 [batch, time, vocab] after each of ``tokens`` int64 [batch, time], and the state after all."""

    @abstractmethod
    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """Shape without the batch, and what fills it before anything is heard, of each part of the state.

        Parts filled with an int are int64, the others float32.
        """

    @abstractmethod
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each matrix that one step multiplies a vector by."""

    def begin(self, batch: int) -> State:
        """The state before anything is heard."""
        device = next(self.parameters()).device
        parts = self.state_parts().items()
        blank = {name: torch.full((batch, *shape), fill, device=device) for name, (shape, fill) in parts}
        return {
            name: self.initial[name].expand_as(part) if name in self.initial else part for name, part in blank.items()
        }

    def last(self, tokens: Tensor) -> Tensor:
        """Logits [batch, vocab] after all of ``tokens`` [batch, time], from a blank state: many to one."""
        logits: Tensor = self(tokens, self.begin(len(tokens)))[0]
        return logits[:, -1]


def locked(x: Tensor, share: float, *, is_on: bool) -> Tensor:
    """Leave out the same numbers at every moment of the chunk (Gal and Ghahramani, 2016); x: [time, batch, width]."""
    if not is_on or not share:
        return x
    kept = torch.rand(1, *x.shape[1:], device=x.device) >= share
    return x * (kept / (1 - share))


def pointed_at(last: Tensor, odds: Tensor, logits: Tensor) -> Tensor:
    """The logits [batch, time, vocab], to which the odds of the tokens ``last`` are added, both [batch, time, n].

    The token ``vocab`` is none: nothing heard yet.
    """
    return pad(logits, (0, 1)).scatter_add(2, last, odds)[:, :, :-1]


def gates(cell: str) -> int:
    """Matrices side by side in one matrix of a cell."""
    return {"rnn": 1, "gru": 3, "lstm": 4}[cell]


def layer(cell: str, inputs: int, hidden: int, *, bidirectional: bool = False) -> nn.RNNBase:
    """One recurrent layer, time first."""
    kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell]
    made: nn.RNNBase = kind(inputs, hidden, bidirectional=bidirectional)
    return made
