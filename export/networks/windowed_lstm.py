"""A stacked LSTM that sees the last tokens and the place in the bar; one forward serves training and export.

The state is explicit, as the contract wants it: the tokens just heard, a count of frames, and h and c of each layer.
A convolution over the last tokens, beside the recurrence, shows the network the same voice a frame earlier. A network
that copies also says of each of the last tokens how much likelier it is to come again: a pointer (Merity and others,
Pointer Sentinel Mixture Models, 2017), added to the logits. Without it piano-lstm strikes a note again at once four
times as often as people do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.networks.network import NO_DROPOUT, Dropout, Network, State, locked, pointed_at


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a network."""

    vocab: int
    embedding: int  # numbers per token
    window: int  # tokens the convolution sees, the newest included
    features: int  # numbers the convolution makes of them
    hidden: int  # cells per layer
    layers: int
    head: int = 0  # numbers between the layers and a large vocabulary; 0: none
    bar: int = 0  # steps of the counter that make a bar; 0: no counter
    beat_token: int = -1  # the token that moves the counter
    copies: bool = False  # it points at the last tokens


class WindowedLstm(Network):
    """Convolution over the last tokens, position in the bar if it has one, LSTM layers, logits.

    Dropout leaves out the same numbers all along a chunk (Gal and Ghahramani, 2016).
    """

    def __init__(self, sizes: Sizes, dropout: Dropout = NO_DROPOUT) -> None:
        super().__init__()
        self.sizes, self.dropout, self.vocab = sizes, dropout, sizes.vocab
        self.embedding = nn.Embedding(sizes.vocab + 1, sizes.embedding)  # the last row: nothing heard yet
        self.window = nn.Conv1d(sizes.embedding, sizes.features, sizes.window)
        self.position = nn.Embedding(sizes.bar, sizes.features) if sizes.bar else None
        widths = _input_widths(sizes)
        self.lstms = nn.ModuleList(nn.LSTM(width, sizes.hidden) for width in widths)
        wide = sizes.features + sizes.hidden * sizes.layers
        self.head = nn.Linear(wide, sizes.head) if sizes.head else None
        self.output = nn.Linear(sizes.head or wide, sizes.vocab)
        self.pointer = nn.Linear(wide, sizes.window) if sizes.copies else None
        if self.position:
            nn.init.normal_(self.position.weight, std=0.1)
        if self.pointer:
            nn.init.zeros_(self.pointer.weight)
            nn.init.zeros_(self.pointer.bias)
        nn.init.normal_(self.embedding.weight, std=0.5)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Network.forward``."""
        heard = torch.cat([state["window"], tokens], dim=1)  # [batch, window - 1 + time]
        near = self.window(self.embedding(heard).transpose(1, 2)).permute(2, 0, 1)  # [time, batch, features]
        after = {"window": heard[:, 1 - self.sizes.window :]}
        if self.position:
            beat = state["beat"] + torch.cumsum((tokens == self.sizes.beat_token).long(), dim=1)  # [batch, time]
            near = near + self.position(beat.transpose(0, 1) % self.sizes.bar)  # [time, batch, features]
            after["beat"] = beat[:, -1:]
        levels = [locked(torch.relu(near), self.dropout.features, is_on=self.training)]
        for layer, lstm in enumerate(self.lstms, 1):
            start = state[f"h{layer}"].unsqueeze(0), state[f"c{layer}"].unsqueeze(0)  # [1, batch, hidden]
            x, (h, c) = lstm(levels[-1], start)  # x: [time, batch, hidden]
            after |= {f"h{layer}": h.squeeze(0).float(), f"c{layer}": c.squeeze(0).float()}
            share = self.dropout.output if layer == self.sizes.layers else self.dropout.between
            levels.append(locked(x, share, is_on=self.training))
        x = torch.cat(levels, dim=2)
        logits = self.output(self.head(x) if self.head else x).transpose(0, 1).float()  # [batch, time, vocab]
        if self.pointer:
            odds = self.pointer(x).transpose(0, 1).float()  # of the last tokens, from the oldest [batch, time, window]
            logits = pointed_at(heard.unfold(1, self.sizes.window, 1), odds, logits)
        return logits, after

    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """As ``Network.state_parts``: the tokens just heard, the beats so far, h and c of each layer."""
        parts: dict[str, tuple[tuple[int, ...], int | float]] = {"window": ((self.sizes.window - 1,), self.vocab)}
        if self.position:
            parts["beat"] = ((1,), 0)
        for layer in range(1, self.sizes.layers + 1):
            parts |= {f"h{layer}": ((self.sizes.hidden,), 0.0), f"c{layer}": ((self.sizes.hidden,), 0.0)}
        return parts

    def matrices(self) -> tuple[tuple[int, int], ...]:
        """As ``Network.matrices``."""
        sizes = self.sizes
        layers = [(4 * sizes.hidden, width) for inside in _input_widths(sizes) for width in (inside, sizes.hidden)]
        first = (sizes.features, sizes.embedding * sizes.window)
        small = [(each.out_features, each.in_features) for each in (self.head, self.pointer) if each]
        return first, *layers, *small, (sizes.vocab, self.output.in_features)


def _input_widths(sizes: Sizes) -> list[int]:
    """How many numbers go into each LSTM layer from below."""
    return [sizes.features, *[sizes.hidden] * (sizes.layers - 1)]
