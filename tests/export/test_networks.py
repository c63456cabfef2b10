"""The network: causal, the same in one go as step by step, and forgetful only while training."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from export.networks import recurrent, rereading
from export.networks.network import Dropout, Network
from export.networks.windowed_lstm import Sizes, WindowedLstm

SIZES = Sizes(vocab=11, embedding=5, window=4, features=7, hidden=8, layers=2, bar=3, beat_token=2)


DROPOUT = Dropout(features=0.5, between=0.5, output=0.5)
SHAPES = [
    SIZES,
    replace(SIZES, bar=0, beat_token=-1, head=6),
    replace(SIZES, copies=True),
    *(recurrent.Sizes(vocab=11, embedding=5, hidden=8, layers=2, cell=cell) for cell in ("lstm", "gru", "rnn")),
    rereading.Sizes(vocab=11, embedding=5, window=4, hidden=8, layers=2, cell="gru"),
    rereading.Sizes(vocab=11, embedding=5, window=4, hidden=8, layers=2, bidirectional=True),
]


def make(sizes: Any) -> Network:
    torch.manual_seed(0)
    match sizes:
        case recurrent.Sizes():
            return recurrent.Recurrent(sizes, DROPOUT).eval()
        case rereading.Sizes():
            return rereading.Rereading(sizes, DROPOUT).eval()
    return WindowedLstm(sizes, DROPOUT).eval()


@pytest.fixture
def network() -> Network:
    return make(SIZES)


@pytest.fixture(params=SHAPES, ids=repr)
def every_kind(request: pytest.FixtureRequest) -> Network:
    return make(request.param)


def some_tokens(batch: int, time: int) -> torch.Tensor:
    return torch.randint(0, SIZES.vocab, (batch, time), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_network_that_copies_adds_the_odds_of_each_age_to_the_token_of_that_age() -> None:
    plain, copying = make(SIZES), make(replace(SIZES, copies=True))
    copying.load_state_dict(plain.state_dict(), strict=False)
    assert isinstance(copying, WindowedLstm)
    assert copying.pointer
    copying.pointer.bias.copy_(torch.tensor([0.1, 0.2, 0.4, 0.8]))  # from the oldest to the newest
    tokens = torch.tensor([[3, 5, 3]])  # before them nothing was heard

    (before, _), (after, _) = (each(tokens, each.begin(1)) for each in (plain, copying))

    expected = torch.zeros(1, 3, SIZES.vocab)
    expected[0, 0, 3] = 0.8
    expected[0, 1, 3], expected[0, 1, 5] = 0.4, 0.8
    expected[0, 2, 3], expected[0, 2, 5] = 0.8 + 0.2, 0.4
    torch.testing.assert_close(after - before, expected)


@torch.no_grad()
def test_one_go_and_step_by_step_give_the_same_logits_and_state(every_kind: Network) -> None:
    tokens = some_tokens(3, 10)
    state, steps = every_kind.begin(3), []

    logits, at_once = every_kind(tokens, every_kind.begin(3))
    for time in range(10):
        step, state = every_kind(tokens[:, time : time + 1], state)
        steps.append(step)

    torch.testing.assert_close(torch.cat(steps, dim=1), logits)
    torch.testing.assert_close(state, at_once)


@torch.no_grad()
def test_logits_never_know_a_later_token(every_kind: Network) -> None:
    tokens = some_tokens(1, 10)
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % SIZES.vocab

    logits, _ = every_kind(tokens, every_kind.begin(1))
    changed, _ = every_kind(other, every_kind.begin(1))

    assert torch.equal(logits[:, :6], changed[:, :6])
    assert not torch.equal(logits[:, 6], changed[:, 6])


@torch.no_grad()
def test_the_window_reaches_back_over_its_length_when_the_layers_forget(network: Network) -> None:
    before = some_tokens(1, 3)
    blank = network.begin(1)

    near, _ = network(before[:, -1:], {**blank, "window": before})
    far, _ = network(before[:, -1:], {**blank, "window": before.flip(1)})

    assert not torch.equal(near, far)


@torch.no_grad()
def test_the_beat_counts_frame_ends_and_its_place_in_the_bar_comes_round(network: Network) -> None:
    tokens, blank = torch.tensor([[2, 5, 2, 2]]), network.begin(1)

    _, after = network(tokens, blank)
    early, _ = network(tokens, {**blank, "beat": torch.tensor([[1]])})
    bar_later, _ = network(tokens, {**blank, "beat": torch.tensor([[1 + SIZES.bar]])})
    elsewhere, _ = network(tokens, {**blank, "beat": torch.tensor([[2]])})

    assert after["beat"].tolist() == [[3]]
    assert torch.equal(early, bar_later)
    assert not torch.equal(early, elsewhere)


@torch.no_grad()
def test_only_training_leaves_numbers_out(every_kind: Network) -> None:
    tokens = some_tokens(2, 4)

    again = [every_kind(tokens, every_kind.begin(2))[0] for _ in range(2)]
    every_kind.train()
    training = [every_kind(tokens, every_kind.begin(2))[0] for _ in range(2)]

    assert torch.equal(*again)
    assert not torch.equal(*training)


@torch.no_grad()
def test_many_to_one_is_the_last_of_many_to_many(every_kind: Network) -> None:
    tokens = some_tokens(3, 6)

    logits, _ = every_kind(tokens, every_kind.begin(3))

    torch.testing.assert_close(every_kind.last(tokens), logits[:, -1])


@torch.no_grad()
def test_a_short_window_is_padded_on_the_left() -> None:
    network = make(SHAPES[-1])
    tokens = some_tokens(2, 2)

    logits, _ = network(tokens, network.begin(2))

    torch.testing.assert_close(network.last(tokens), logits[:, -1])


def test_a_step_multiplies_by_every_large_weight(every_kind: Network) -> None:
    weights = {name: weight.numel() for name, weight in every_kind.named_parameters() if weight.dim() > 1}
    weights.pop("embedding.weight")
    weights.pop("position.weight", None)
    readings = every_kind.sizes.window if isinstance(every_kind, rereading.Rereading) else 1

    products = sum(rows * columns for rows, columns in every_kind.matrices())

    assert products == weights.pop("output.weight") + readings * sum(weights.values())
