"""Small pieces in four voices, and a small network, to test the benchmark with."""

import numpy as np
import torch

from export.jsb16.data import LOWEST, Chorales, Frames
from export.jsb16.network import ChoraleNetwork
from export.jsb16.settings import Dropout, Hiding, Settings, Shape, Training
from export.jsb16.train import make_network

torch.set_num_threads(1)  # networks this small are slower on several
SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12])


def piece(tonic: int, length: int) -> Frames:
    """Scales in parallel up and down, each step held for two frames."""
    steps = np.resize(np.concatenate([SCALE, SCALE[::-1]]), (length + 1) // 2).repeat(2)[:length]
    return tonic + steps[:, None] + np.array([36, 28, 24, 12])


def pitches_of(frames: Frames) -> list[list[int]]:
    """Tokens as MIDI pitches, -1 for silence: as a data file has them."""
    pitches: list[list[int]] = np.where(frames == 0, -1, frames + LOWEST - 1).tolist()
    return pitches


CHORALES = Chorales(
    train=[piece(tonic, 12 + tonic) for tonic in range(6)],
    valid=[piece(2, 20), piece(3, 9)],
    test=[piece(4, 11)],
)

SETTINGS = Settings(
    network=Shape(embedding=6, interval=4, features=12, hidden=16, layers=2, attention=2, key=4, voice=8),
    dropout=Dropout(features=0.1, between=0.1, output=0.1, voice=0.1, weights=0.1),
    hiding=Hiding(below_soprano=0.2, any_voices=0.2, soprano_first=0.2, any_order=0.2),
    training=Training(
        epochs=4,
        batch=3,
        learning_rate=2e-2,
        warm_up_epochs=1,
        weight_decay=0.01,
        clip=1.0,
        averaging=0.8,
        valid_every=2,
        bf16=True,
    ),
)


def some_network(noise: float = 0.2) -> ChoraleNetwork:
    """Untrained, and with no two weights alike."""
    torch.manual_seed(0)
    made = make_network(SETTINGS).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * noise)
    return made
