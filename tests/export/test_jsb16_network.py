"""The benchmark's network: causal, the same in one go as frame by frame, blind to what is hidden."""

import pytest
import torch
from torch import Tensor

from export.jsb16.data import HIDDEN, PITCHES, SOPRANO, START, TOKENS, VOICES
from export.jsb16.network import ChoraleNetwork, held_lengths
from export.jsb16.settings import Dropout, Shape
from export.jsb16.train import canonical

SHAPE = Shape(embedding=6, interval=4, features=10, hidden=12, layers=2, attention=2, key=5, voice=8)
SHARES = Dropout(features=0.3, between=0.3, output=0.3, voice=0.3, weights=0.3)
LENGTH = 21


def make(shape: Shape = SHAPE) -> ChoraleNetwork:
    """A network none of whose weights is nothing."""
    torch.manual_seed(0)
    network = ChoraleNetwork(shape, SHARES).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return network


@pytest.fixture
def frames() -> Tensor:
    torch.manual_seed(1)
    steps = torch.randint(20, 50, (2, LENGTH, VOICES))
    return torch.where(torch.rand(steps.shape) < 0.1, 0, steps).repeat_interleave(2, 1)[:, :LENGTH]


def whole_pass(network: ChoraleNetwork, frames: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = network(frames, frames, canonical(frames))
    return logits


def streamed(network: ChoraleNetwork, frames: Tensor) -> Tensor:
    """The same, frame by frame."""
    state, shown, logits = network.begin(len(frames), LENGTH), torch.full_like(frames[:, 0], START), []
    with torch.no_grad():
        for frame in frames.unbind(1):
            context, state = network.step(shown, state)
            logits.append(network.voices(context, frame, canonical(frame)))
            shown = frame
    return torch.stack(logits, 1)


@pytest.mark.parametrize("span", [1024, 8, 1])
def test_streaming_equals_the_whole_piece(frames: Tensor, span: int) -> None:
    network = make(SHAPE.model_copy(update={"span": span}))

    torch.testing.assert_close(streamed(network, frames), whole_pass(network, frames), atol=1e-5, rtol=0)


def test_what_is_to_come_changes_nothing_before_it(frames: Tensor) -> None:
    network, other = make(), frames.clone()
    other[:, 9:] = (other[:, 9:] + 7) % PITCHES

    logits, after = whole_pass(network, frames), whole_pass(network, other)

    assert torch.equal(logits[:, :9], after[:, :9])
    assert not torch.equal(logits[:, 10], after[:, 10])


def test_a_voice_sees_only_the_voices_that_are_known(frames: Tensor) -> None:
    network, other = make(), frames.clone()
    alto = 1
    other[:, -1, alto] += 1

    logits, after = whole_pass(network, frames)[:, -1], whole_pass(network, other)[:, -1]

    assert [torch.equal(logits[:, voice], after[:, voice]) for voice in range(VOICES)] == [True, True, False, True]


def test_a_hidden_voice_is_not_heard(frames: Tensor) -> None:
    network, hidden, other = make(), frames.clone(), frames.clone()
    other[:, :, 3] = 20
    hidden[..., 3] = HIDDEN
    below = torch.zeros(*frames.shape, VOICES, dtype=torch.bool)

    with torch.no_grad():
        logits, after = network(frames, hidden, below), network(other, hidden, below)

    assert torch.equal(logits, after)


def test_batches_do_not_mix(frames: Tensor) -> None:
    network = make()

    torch.testing.assert_close(whole_pass(network, frames)[1:], whole_pass(network, frames[1:]), atol=1e-5, rtol=0)


def test_states_of_some_rows_go_on_alone(frames: Tensor) -> None:
    network = make()
    with torch.no_grad():
        _, state = network.step(frames[:, 0], network.begin(2, 4))
        both, _ = network.step(frames[:, 1], state)
        second, _ = network.step(frames[1:, 1], state.select(torch.tensor([1])))

    torch.testing.assert_close(second.reading, both.reading[1:], atol=1e-5, rtol=0)


def test_dropout_forgets_the_same_for_a_whole_piece_and_only_while_training() -> None:
    network, silence = make(), torch.zeros(1, 3, VOICES, dtype=torch.long)

    network.train()
    features = network.contexts(silence).reading

    assert torch.equal((features == 0).all(1), (features == 0).any(1))
    assert torch.equal(whole_pass(network.eval(), silence), whole_pass(network, silence))


def test_a_token_that_comes_again_is_held() -> None:
    frames = torch.tensor([[5, 5], [5, 6], [5, 6], [7, 6]])

    assert held_lengths(frames[None])[0].tolist() == [[1, 1], [2, 1], [3, 2], [1, 3]]


def test_every_token_has_an_embedding_and_each_pitch_that_of_its_class() -> None:
    network = make()
    with torch.no_grad():
        network.pitches.token.zero_()

    embedded = network.pitches(torch.arange(TOKENS))

    assert torch.equal(embedded[1], embedded[13])
    assert torch.equal(embedded[0], embedded[HIDDEN])
    assert len(embedded.unique(dim=0)) == 13


def test_the_soprano_sees_no_voice_of_its_own_frame(frames: Tensor) -> None:
    assert canonical(frames)[0, 0].tolist() == [
        [False, False, False, False],
        [True, False, False, True],
        [True, True, False, True],
        [True, False, False, False],
    ]
    assert not canonical(frames)[..., SOPRANO, :].any()
