"""Alto, tenor and bass to a soprano: no look-ahead, and a beam that is never the worse for it."""

import numpy as np
import pytest
import torch

from export.jsb16 import evaluate
from export.jsb16.data import HIDDEN, PITCHES, SOPRANO, START
from export.jsb16.harmonise import BeamSearch, harmonised, transposed, untransposed
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import per_voice
from tests.support.scales_in_four import CHORALES, some_network

SOPRANOS = [piece[:, SOPRANO] for piece in CHORALES.valid]


@pytest.fixture(scope="module")
def network() -> ChoraleNetwork:
    return some_network(0.3)


SEARCHES = [
    BeamSearch(),
    BeamSearch(trust=1.0),
    BeamSearch(trust=0.0, shifts=(-1, 0, 1)),
    BeamSearch(width=3, shifts=(-1, 1)),
]


@pytest.mark.parametrize("beam", SEARCHES)
def test_the_soprano_stays_and_the_others_are_pitches(network: ChoraleNetwork, beam: BeamSearch) -> None:
    found = harmonised(network, SOPRANOS, beam)

    assert [harmony.frames[:, SOPRANO].tolist() for harmony in found] == [soprano.tolist() for soprano in SOPRANOS]
    assert all(((harmony.frames >= 0) & (harmony.frames < PITCHES)).all() for harmony in found)


@pytest.mark.parametrize("beam", SEARCHES[:3])
def test_the_greedy_way_does_not_look_ahead(network: ChoraleNetwork, beam: BeamSearch) -> None:
    soprano = SOPRANOS[0]
    other = np.concatenate([soprano[:8], soprano[8:] + 3])

    before, after = harmonised(network, [soprano, other], beam)

    assert np.array_equal(before.frames[:8], after.frames[:8])
    assert not np.array_equal(before.frames[8:, 1:], after.frames[8:, 1:])


@pytest.mark.parametrize("trust", [0.25, 1.0])
def test_a_beam_is_never_less_likely_than_the_greedy_way(network: ChoraleNetwork, trust: float) -> None:
    greedy, beam = (harmonised(network, SOPRANOS, BeamSearch(width=width, trust=trust)) for width in (1, 5))

    assert all(wide.log_probability >= narrow.log_probability for wide, narrow in zip(beam, greedy, strict=True))
    assert any(wide.log_probability > narrow.log_probability for wide, narrow in zip(beam, greedy, strict=True))


@pytest.mark.parametrize("width", [1, 4])
def test_a_trusted_harmony_is_as_likely_as_the_network_says(network: ChoraleNetwork, width: int) -> None:
    found = harmonised(network, SOPRANOS[:1], BeamSearch(width=width, trust=1.0))[0]

    nats = per_voice(network, [found.frames])[1:].sum().item() * len(found.frames)
    assert found.log_probability == pytest.approx(-nats, abs=1e-3)


def test_a_piece_is_harmonised_the_same_beside_a_longer_one(network: ChoraleNetwork) -> None:
    alone = harmonised(network, SOPRANOS[1:], BeamSearch())[0]
    beside = harmonised(network, SOPRANOS, BeamSearch())[1]

    assert np.array_equal(alone.frames, beside.frames)
    assert alone.log_probability == pytest.approx(beside.log_probability, abs=1e-3)


def test_errors_count_the_three_voices_and_the_frames(network: ChoraleNetwork) -> None:
    piece = CHORALES.test[0]
    found = harmonised(network, [piece[:, SOPRANO]], BeamSearch())[0].frames

    errors = evaluate.harmonising(network, [[piece]], BeamSearch())

    assert errors.token == pytest.approx((found != piece)[:, 1:].mean())
    assert errors.frame == pytest.approx((found != piece)[:, 1:].any(axis=1).mean())


def test_only_pitches_are_transposed() -> None:
    tokens = torch.tensor([0, 20, HIDDEN, START])

    assert transposed(tokens, torch.tensor(3)).tolist() == [0, 23, HIDDEN, START]


def test_what_was_transposed_comes_back_to_its_token() -> None:
    log_probs = torch.arange(float(PITCHES)).expand(2, PITCHES)

    back = untransposed(log_probs, torch.tensor([2, -2]))

    assert back[:, 0].tolist() == [0, 0]  # silence has no key
    assert back[0, 1:].tolist() == [*range(3, PITCHES), -1e9, -1e9]
    assert back[1, 1:].tolist() == [-1e9, -1e9, *range(1, PITCHES - 2)]
