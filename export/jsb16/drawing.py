"""Pieces drawn from a network: a voice after the other, each pitch by chance, as likely as the network says."""

from collections.abc import Sequence

import torch
from torch import Tensor

from export.jsb16.data import SOPRANO, START, VOICES, Frames, padded
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import ORDER, canonical


@torch.no_grad()
def drawn(
    network: ChoraleNetwork, models: Sequence[Frames], given: Sequence[bool], temperature: float = 1.0
) -> list[Frames]:
    """For each of ``models`` a new piece that is as long; where ``given`` is true, to the same soprano.

    The chance is torch's own: seed it.
    """
    whole, _ = padded(models)
    old = torch.from_numpy(whole)
    is_given = torch.zeros(len(models), VOICES, dtype=torch.bool)
    is_given[:, SOPRANO] = torch.tensor(given)
    network.eval()
    shown, state = old.new_full((len(models), VOICES), START), network.begin(len(models), old.shape[1])
    frames = []
    for model in old.unbind(1):
        context, state = network.step(shown, state)
        shown = torch.where(is_given, model, 0)
        for voice in ORDER:
            logits = network.voices(context, shown, canonical(shown))[:, voice] / temperature
            shown[:, voice] = torch.where(is_given[:, voice], shown[:, voice], _chosen(logits))
        frames.append(shown)
    new = torch.stack(frames, 1).numpy()
    return [piece[: len(model)] for piece, model in zip(new, models, strict=True)]


def _chosen(logits: Tensor) -> Tensor:
    """A pitch for each row, by chance."""
    return logits.softmax(-1).multinomial(1)[:, 0]
