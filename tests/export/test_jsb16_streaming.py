"""The benchmark's network as a model that plays: the same token by token, and forgetful beyond its ring."""

import pytest
import torch

from export.jsb16 import evaluate
from export.jsb16.network import ChoraleNetwork
from export.jsb16.ship import nats_per_frame, stream
from export.jsb16.streaming import CODEC, Streaming
from export.jsb16.train import ORDER, make_network
from export.train import TorchPredictor
from livegen.events import Note
from tests.support.scales_in_four import CHORALES, SETTINGS, some_network

PIECE = CHORALES.valid[0]


@pytest.fixture(scope="module")
def network() -> ChoraleNetwork:
    return some_network()


@pytest.mark.parametrize("span", [64, 7])
def test_token_by_token_the_figures_are_those_of_whole_pieces(network: ChoraleNetwork, span: int) -> None:
    streaming = TorchPredictor(Streaming(network, span))

    nats = nats_per_frame(streaming, CHORALES.valid)

    remembered = make_network(
        SETTINGS.model_copy(update={"network": SETTINGS.network.model_copy(update={"span": span})})
    )
    remembered.load_state_dict(network.state_dict())
    whole = evaluate.nats_per_frame([remembered], evaluate.batches(CHORALES.valid))
    assert nats == pytest.approx(whole.frame, abs=1e-4)


def test_a_temperature_lies_in_the_weights(network: ChoraleNetwork) -> None:
    nats = nats_per_frame(TorchPredictor(Streaming(network, 64, 1.3)), CHORALES.valid)

    hearing = evaluate.Hearing(temperature=1.3)
    whole = evaluate.nats_per_frame([network], evaluate.batches(CHORALES.valid), hearing)
    assert nats == pytest.approx(whole.frame, abs=1e-4)


def test_a_start_forgets_what_came_before(network: ChoraleNetwork) -> None:
    streaming, tokens = Streaming(network, 8), torch.from_numpy(stream(PIECE))[None]

    with torch.no_grad():
        fresh, _ = streaming(tokens, streaming.begin(1))
        _, state = streaming(tokens[:, :-2], streaming.begin(1))  # broken off within a frame
        again, _ = streaming(tokens, state)

    torch.testing.assert_close(again, fresh, atol=1e-5, rtol=0)


def test_pieces_side_by_side_may_stand_at_different_voices(network: ChoraleNetwork) -> None:
    streaming, tokens = Streaming(network, 8), torch.from_numpy(stream(PIECE))
    late = torch.cat([tokens[:3], tokens])[: len(tokens)]  # a false start

    with torch.no_grad():
        both, _ = streaming(torch.stack([tokens, late]), streaming.begin(2))

    torch.testing.assert_close(both[1, 3:], both[0, :-3], atol=1e-5, rtol=0)


def test_a_state_is_never_changed_so_an_old_one_is_a_way_back(network: ChoraleNetwork) -> None:
    streaming, tokens = Streaming(network, 8), torch.from_numpy(stream(PIECE))[None]
    with torch.no_grad():
        _, before = streaming(tokens[:, :50], streaming.begin(1))
        kept = {name: part.clone() for name, part in before.items()}

        streaming(tokens[:, 50:], before)

    assert all(torch.equal(part, kept[name]) for name, part in before.items())


def test_the_codec_reads_the_benchmark_s_tokens_as_the_pitches_they_are() -> None:
    notes = CODEC.decode(stream(PIECE[:3]))

    tonic = 2 + 30 - 1
    ticks = CODEC.grid_ticks
    assert notes == sorted(
        [Note(0, tonic + voice, 2 * ticks) for voice in (12, 24, 28, 36)]
        + [Note(2 * ticks, tonic + voice + 2, ticks) for voice in (12, 24, 28, 36)]
    )
    assert ORDER == (0, 3, 1, 2)  # soprano, bass, alto, tenor: as the codec writes them
