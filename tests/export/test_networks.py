"""The network: causal, the same in one go as step by step, and forgetful only while training."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from export.networks import recurrent, rereading, timed_lstm
from export.networks.network import Dropout, Network
from export.networks.windowed_lstm import Sizes, WindowedLstm
from livegen.codecs import make_codec
from livegen.errors import SettingsError

SIZES = Sizes(vocab=11, embedding=5, window=4, features=7, hidden=8, layers=2, bar=3, beat_token=2)


TIMED = timed_lstm.Sizes(
    steps=(0, 0, 1, 3, 6, 60, 0, 0, 0, 0, 0),
    coarse=60,
    begins=(*[False] * 7, *[True] * 4),
    embedding=5,
    window=4,
    features=7,
    hidden=8,
    layers=2,
    onsets=4,
    bins=6,
    notes=3,
    heads=2,
    key=4,
)
DROPOUT = Dropout(features=0.5, between=0.5, output=0.5)
SHAPES = [
    SIZES,
    replace(SIZES, bar=0, beat_token=-1, head=6),
    replace(SIZES, copies=True),
    TIMED,
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
        case timed_lstm.Sizes():
            return with_odds(timed_lstm.TimedLstm(sizes, DROPOUT)).eval()
    return WindowedLstm(sizes, DROPOUT).eval()


def with_odds(network: timed_lstm.TimedLstm) -> timed_lstm.TimedLstm:
    """Its pointers say something, as those of a trained one do."""
    torch.nn.init.normal_(network.pointer.weight)
    torch.nn.init.normal_(network.memory.by_rank)
    return network


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
    weights.pop("memory.by_rank", None)  # numbers, not a matrix
    readings = every_kind.sizes.window if isinstance(every_kind, rereading.Rereading) else 1

    products = sum(rows * columns for rows, columns in every_kind.matrices())

    assert products == weights.pop("output.weight") + readings * sum(weights.values())


def timed() -> timed_lstm.TimedLstm:
    network = make(TIMED)
    assert isinstance(network, timed_lstm.TimedLstm)
    return network


NOTE, OTHER, STEP, THREE, SIX, SIXTY = 7, 8, 2, 3, 4, 5  # tokens of TIMED


@torch.no_grad()
def test_a_timed_network_is_told_how_long_ago_the_last_onsets_were() -> None:
    network = timed()
    blank = network.begin(1)

    _, one = network(torch.tensor([[NOTE, SIX, OTHER, STEP, OTHER, STEP, STEP]]), blank)
    _, more = network(torch.tensor([[THREE, NOTE, SIXTY, SIXTY]]), one)

    never = timed_lstm.LONG_AGO
    assert one["onsets"].tolist() == [[never, never, 9, 3]]  # the third note, a step after the second, is of its onset
    assert more["onsets"].tolist() == [[never, 132, 126, 120]]


@torch.no_grad()
def test_the_same_tokens_in_the_window_sound_otherwise_when_the_onset_was_longer_ago() -> None:
    network = timed()
    network.memory.value.weight.zero_()
    blank, waits = network.begin(1), torch.tensor([[STEP] * 4])

    near, _ = network(waits, {**blank, "onsets": torch.tensor([[90, 60, 30, 10]])})
    far, _ = network(waits, {**blank, "onsets": torch.tensor([[90, 60, 30, 20]])})

    assert not torch.allclose(near, far)


@torch.no_grad()
def test_the_pointer_at_times_raises_the_wait_after_which_the_last_time_has_passed_again() -> None:
    network = timed()
    network.pointer.weight.zero_()
    network.pointer.bias.zero_()
    silent, _ = network(torch.tensor([[NOTE, SIX, NOTE, THREE]]), network.begin(1))
    place = TIMED.window + TIMED.heads  # of the time from the newest onset to the one before
    network.pointer.bias[place] = 2.0

    pointed, _ = network(torch.tensor([[NOTE, SIX, NOTE, THREE]]), network.begin(1))

    raised = (pointed - silent)[0, -1]
    width = timed_lstm.EXACT + 6 * timed_lstm.EXACT_SHARE
    expected = torch.zeros(11)
    expected[THREE], expected[STEP], expected[SIX] = 2.0, max(0, 1 - 2 / width) * 2.0, max(0, 1 - 3 / width) * 2.0
    torch.testing.assert_close(raised, expected)


@torch.no_grad()
def test_the_memory_points_at_the_note_that_followed_the_same_reading() -> None:
    network = timed()
    network.pointer.weight.zero_()
    network.pointer.bias.zero_()
    tokens = torch.tensor([[NOTE, SIX, OTHER, SIX, NOTE, SIX, OTHER, SIX]])
    silent, _ = network(tokens, network.begin(1))
    network.pointer.bias[TIMED.window] = 1.0  # of the first head

    pointed, after = network(tokens, network.begin(1))

    raised = (pointed - silent)[0, -1]
    assert set(raised.nonzero().flatten().tolist()) == {NOTE, OTHER}
    assert 0 < raised[NOTE] + raised[OTHER] <= 1
    assert after["count"].tolist() == [[4]]
    assert after["notes"].tolist() == [
        [OTHER, OTHER, NOTE, tokens[0, -1]]
    ]  # the fourth note took the first one's place


@torch.no_grad()
def test_what_a_memory_has_no_room_for_is_forgotten() -> None:
    network = timed()
    _, full = network(torch.tensor([[NOTE, SIX] * 5]), network.begin(1))
    changed = {name: full[name].clone() for name in ("keys", "values")}
    for part in changed.values():
        part[:, :, 5 % TIMED.notes] += 1  # of the third note, the oldest one that is kept

    heard, _ = network(torch.tensor([[SIX]]), full)
    known, _ = network(torch.tensor([[SIX]]), {**full, **changed})
    before, _ = network(torch.tensor([[OTHER]]), full)
    forgotten, _ = network(torch.tensor([[OTHER]]), {**full, **changed})

    assert not torch.equal(heard, known)
    assert torch.equal(before, forgotten)


def test_a_codec_without_waits_has_no_timed_network() -> None:
    with pytest.raises(SettingsError, match="'notes' has none"):
        timed_lstm.timing_of(make_codec("notes", {"low": 48, "high": 83}))
