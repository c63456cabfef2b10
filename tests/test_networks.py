"""The network: causal, the same in one go as step by step, and forgetful only while training."""

import pytest
import torch

from export.networks import Dropout, Sizes, StackedLstm

SIZES = Sizes(vocab=11, embedding=5, window=4, features=7, hidden=8, layers=2, bar=3, beat_token=2)


@pytest.fixture
def network() -> StackedLstm:
    torch.manual_seed(0)
    return StackedLstm(SIZES, Dropout(features=0.5, between=0.5, output=0.5)).eval()


def some_tokens(batch: int, time: int) -> torch.Tensor:
    return torch.randint(0, SIZES.vocab, (batch, time), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_one_go_and_step_by_step_give_the_same_logits_and_state(network: StackedLstm) -> None:
    tokens = some_tokens(3, 10)
    state, steps = network.begin(3), []

    logits, at_once = network(tokens, network.begin(3))
    for time in range(10):
        step, state = network(tokens[:, time : time + 1], state)
        steps.append(step)

    torch.testing.assert_close(torch.cat(steps, dim=1), logits)
    torch.testing.assert_close(state, at_once)


@torch.no_grad()
def test_logits_never_know_a_later_token(network: StackedLstm) -> None:
    tokens = some_tokens(1, 10)
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % SIZES.vocab

    logits, _ = network(tokens, network.begin(1))
    changed, _ = network(other, network.begin(1))

    assert torch.equal(logits[:, :6], changed[:, :6])
    assert not torch.equal(logits[:, 6], changed[:, 6])


@torch.no_grad()
def test_the_window_reaches_back_over_its_length_when_the_layers_forget(network: StackedLstm) -> None:
    before = some_tokens(1, 3)
    blank = network.begin(1)

    near, _ = network(before[:, -1:], {**blank, "window": before})
    far, _ = network(before[:, -1:], {**blank, "window": before.flip(1)})

    assert not torch.equal(near, far)


@torch.no_grad()
def test_the_beat_counts_frame_ends_and_its_place_in_the_bar_comes_round(network: StackedLstm) -> None:
    tokens, blank = torch.tensor([[2, 5, 2, 2]]), network.begin(1)

    _, after = network(tokens, blank)
    early, _ = network(tokens, {**blank, "beat": torch.tensor([[1]])})
    bar_later, _ = network(tokens, {**blank, "beat": torch.tensor([[1 + SIZES.bar]])})
    elsewhere, _ = network(tokens, {**blank, "beat": torch.tensor([[2]])})

    assert after["beat"].tolist() == [[3]]
    assert torch.equal(early, bar_later)
    assert not torch.equal(early, elsewhere)


@torch.no_grad()
def test_only_training_leaves_numbers_out(network: StackedLstm) -> None:
    tokens = some_tokens(2, 4)

    again = [network(tokens, network.begin(2))[0] for _ in range(2)]
    network.train()
    training = [network(tokens, network.begin(2))[0] for _ in range(2)]

    assert torch.equal(*again)
    assert not torch.equal(*training)


def test_a_step_multiplies_by_every_large_weight(network: StackedLstm) -> None:
    weights = {name: weight for name, weight in network.named_parameters() if weight.dim() > 1}
    looked_up = weights.pop("embedding.weight").numel() + weights.pop("position.weight").numel()

    products = sum(rows * columns for rows, columns in network.matrices())

    assert products == sum(weight.numel() for weight in weights.values())
    assert looked_up > 0
