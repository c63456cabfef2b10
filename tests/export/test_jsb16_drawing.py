"""Pieces drawn from the benchmark's network: as likely as it says, and to a given soprano where there is one."""

import numpy as np
import pytest
import torch

from export.jsb16.data import PITCHES, SOPRANO, START, VOICES
from export.jsb16.drawing import drawn
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import canonical
from tests.support.scales_in_four import CHORALES, some_network

MODELS = CHORALES.train[:3]


@pytest.fixture(scope="module")
def network() -> ChoraleNetwork:
    return some_network()


def test_a_piece_is_as_long_as_its_model_and_keeps_a_given_soprano(network: ChoraleNetwork) -> None:
    torch.manual_seed(0)

    pieces = drawn(network, MODELS, [True, False, True])

    assert [piece.shape for piece in pieces] == [model.shape for model in MODELS]
    kept = [np.array_equal(piece[:, SOPRANO], model[:, SOPRANO]) for piece, model in zip(pieces, MODELS, strict=True)]
    assert kept == [True, False, True]
    assert not any(np.array_equal(piece[:, 1:], model[:, 1:]) for piece, model in zip(pieces, MODELS, strict=True))


def test_the_seed_is_torch_s(network: ChoraleNetwork) -> None:
    pieces = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        pieces.append(drawn(network, MODELS[:1], [False])[0])

    assert np.array_equal(pieces[0], pieces[1])
    assert not np.array_equal(pieces[0], pieces[2])


def test_at_no_temperature_every_voice_is_the_likeliest(network: ChoraleNetwork) -> None:
    piece = torch.from_numpy(drawn(network, MODELS[:1], [False], temperature=1e-6)[0])[None]

    with torch.no_grad():
        likeliest = network(piece, piece, canonical(piece)).argmax(-1)

    assert torch.equal(piece, likeliest)


def test_pitches_come_as_often_as_the_network_says(network: ChoraleNetwork) -> None:
    torch.manual_seed(0)
    count, alto = 4000, 1
    model = np.full((1, VOICES), 20)

    frames = np.concatenate(drawn(network, [model] * count, [True] * count))

    start = torch.full((1, VOICES), START)
    with torch.no_grad():
        context, _ = network.step(start, network.begin(1, 1))
        for bass in np.unique(frames[:, 3])[:3]:
            seen = frames[frames[:, 3] == bass]
            frame = torch.tensor([[20, 0, 0, int(bass)]])
            said = network.voices(context, frame, canonical(frame))[0, alto].softmax(-1).numpy()
            often = np.bincount(seen[:, alto], minlength=PITCHES) / len(seen)
            assert np.abs(often - said).max() < 5 / np.sqrt(len(seen)) * 0.5
