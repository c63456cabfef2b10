"""The benchmark's figures: probabilities that add up, also of a mixture."""

import numpy as np
import pytest
import torch

from export.jsb16 import evaluate
from export.jsb16.data import PITCHES, SOPRANO, VOICES
from export.jsb16.harmonise import transposed
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import canonical, make_network, per_voice
from tests.support.scales_in_four import CHORALES, SETTINGS, some_network

WIDE = evaluate.Hearing(shifts=(-30, 0, 7), sharpness=0.3, temperature=1.2)


@pytest.fixture(scope="module")
def network() -> ChoraleNetwork:
    return some_network()


def test_in_one_key_the_figures_are_the_training_s(network: ChoraleNetwork) -> None:
    nats = evaluate.nats_per_frame([network], evaluate.batches(CHORALES.valid))

    voices = per_voice(network, CHORALES.valid)
    assert nats.frame == pytest.approx(voices.sum().item(), abs=1e-4)
    assert nats.soprano == pytest.approx(voices[SOPRANO].item(), abs=1e-4)
    assert nats.below == pytest.approx(voices[1:].sum().item(), abs=1e-4)


def test_a_piece_weighs_by_its_frames_whatever_it_is_batched_with(network: ChoraleNetwork) -> None:
    long, short = CHORALES.valid
    alone = [evaluate.nats_per_frame([network], [[piece]], WIDE).frame * len(piece) for piece in (long, short)]

    together = evaluate.nats_per_frame([network], [[short, long]], WIDE)

    assert together.frame * (len(long) + len(short)) == pytest.approx(sum(alone), abs=1e-3)


def test_a_mixture_of_keys_is_a_distribution_over_the_next_soprano(network: ChoraleNetwork) -> None:
    every = np.repeat(CHORALES.test[0][None, :6], PITCHES, 0)
    every[:, -1, SOPRANO] = np.arange(PITCHES)
    with torch.no_grad():
        each = evaluate.hearings([network], torch.from_numpy(every), WIDE)

    soprano, _ = evaluate.mixed(each.double(), WIDE.sharpness)

    total = soprano[:, -1].exp().sum().item()
    assert 0.5 < total <= 1 + 1e-6  # what a key cannot reach is lost, never counted twice


def test_the_voices_of_a_mixture_add_up_to_its_soprano(network: ChoraleNetwork) -> None:
    three = torch.randn(3, 2, 5, VOICES).log_softmax(0)

    soprano, frame = evaluate.mixed(three, 0.5)

    past = 0.5 * (three.sum(-1).cumsum(2) - three.sum(-1))
    shares = past.softmax(0)
    assert torch.allclose(soprano.exp(), (shares * three[..., SOPRANO].exp()).sum(0), atol=1e-6)
    assert torch.allclose(frame.exp(), (shares * three.sum(-1).exp()).sum(0), atol=1e-6)


def test_a_mixture_begins_evenly_and_then_trusts_what_foretold_best() -> None:
    good, bad = torch.full((1, 3, VOICES), -0.1), torch.full((1, 3, VOICES), -5.0)

    _, frame = evaluate.mixed(torch.stack([good, bad]), 1.0)

    assert frame[0, 0].exp().item() == pytest.approx((np.exp(-0.4) + np.exp(-20)) / 2)
    assert frame[0, 2].item() == pytest.approx(-0.4, abs=1e-3)


def test_a_mixture_does_not_look_ahead(network: ChoraleNetwork) -> None:
    piece = torch.from_numpy(CHORALES.valid[0])[None]
    other = piece.clone()
    other[:, 12:] += 1

    with torch.no_grad():
        before, after = (evaluate.mixed(evaluate.hearings([network], x, WIDE), 0.3)[1] for x in (piece, other))

    assert torch.equal(before[:, :12], after[:, :12])


def test_a_key_hears_the_transposed_piece(network: ChoraleNetwork) -> None:
    piece = torch.from_numpy(CHORALES.valid[0])[None]
    moved = transposed(piece, torch.tensor(2))

    with torch.no_grad():
        heard = evaluate.hearings([network], piece, evaluate.Hearing(shifts=(2,)))[0]
        directly = network(moved, moved, canonical(moved)).log_softmax(-1).gather(-1, moved[..., None])[..., 0]

    torch.testing.assert_close(heard, directly)


def test_a_network_beside_itself_is_itself(network: ChoraleNetwork) -> None:
    alone, twice = (evaluate.nats_per_frame([network] * count, [CHORALES.valid], WIDE).frame for count in (1, 2))

    assert twice == pytest.approx(alone, abs=1e-5)


def test_a_mixture_costs_little_more_than_the_best_in_it(network: ChoraleNetwork) -> None:
    torch.manual_seed(1)
    other = make_network(SETTINGS)
    hearing = evaluate.Hearing(sharpness=1.0)
    piece = [[CHORALES.valid[0]]]

    one, another, both = (
        evaluate.nats_per_frame(networks, piece, hearing).frame for networks in ([network], [other], [network, other])
    )

    assert both <= min(one, another) + np.log(2) / len(CHORALES.valid[0]) + 1e-6


def test_what_is_foretold_of_the_voices_is_what_the_mixture_says_of_the_frame(network: ChoraleNetwork) -> None:
    piece = torch.from_numpy(CHORALES.valid[0])[None]
    with torch.no_grad():
        soprano, frame = evaluate.mixed(evaluate.hearings([network], piece, WIDE).double(), WIDE.sharpness)

    every = evaluate.foretold([network], piece, WIDE)

    came = every.gather(-1, piece[..., None])[..., 0].double()
    torch.testing.assert_close(came[..., SOPRANO], soprano, atol=1e-5, rtol=0)
    torch.testing.assert_close(came.sum(-1), frame, atol=1e-5, rtol=0)
    total = every.exp().sum(-1)
    assert ((total > 0.5) & (total < 1 + 1e-5)).all()  # what a key cannot reach is lost


def test_a_calibration_is_the_temperature_that_foretells_best(network: ChoraleNetwork) -> None:
    best = evaluate.calibration(network, CHORALES.valid)

    def nats(temperature: float) -> float:
        hearing = evaluate.Hearing(temperature=temperature)
        return evaluate.nats_per_frame([network], evaluate.batches(CHORALES.valid), hearing).frame

    assert best == min(evaluate.TEMPERATURES, key=nats)
