"""The exporter: a small, lean graph that holds what the network is."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import ModelProto, TensorProto

from export.networks import recurrent, rereading
from export.networks.network import Network
from export.networks.windowed_lstm import Sizes, WindowedLstm
from export.to_onnx import rounded, state_parts, to_onnx

SIZES = Sizes(vocab=40, embedding=8, window=3, features=16, hidden=24, layers=2, bar=16, beat_token=2)


@pytest.fixture(scope="module")
def network() -> WindowedLstm:
    torch.manual_seed(0)
    return WindowedLstm(SIZES)


@pytest.fixture(scope="module")
def model(network: WindowedLstm) -> ModelProto:
    return to_onnx(rounded(network))


def test_rounding_leaves_the_network_itself_alone(network: WindowedLstm) -> None:
    before = network.output.weight.detach().clone()

    twin = rounded(network)

    assert torch.equal(network.output.weight, before)
    assert torch.equal(twin.output.weight, before.half().float())
    assert not torch.equal(twin.output.weight, before)


def test_large_weights_are_stored_in_half_of_their_size(model: ModelProto) -> None:
    kinds = {weight.data_type for weight in model.graph.initializer if np.prod(weight.dims) > 256}

    assert kinds == {TensorProto.FLOAT16}


def test_the_graph_has_one_node_per_layer_and_few_around_them(model: ModelProto) -> None:
    kinds = [node.op_type for node in model.graph.node]
    at_step_time = [node for node in model.graph.node if not node.input[0].endswith(".half")]

    assert kinds.count("LSTM") == SIZES.layers
    assert not {"Loop", "Scan", "If", "Shape", "Reshape"} & set(kinds)
    assert len(at_step_time) <= 20 + 7 * SIZES.layers


def test_a_network_that_copies_needs_few_more_nodes(model: ModelProto) -> None:
    copying = to_onnx(rounded(WindowedLstm(replace(SIZES, copies=True))))

    assert not {"Loop", "Scan", "If"} & {node.op_type for node in copying.graph.node}
    assert len(copying.graph.node) <= len(model.graph.node) + 16


def test_batch_and_time_are_free_and_nothing_else_is(model: ModelProto) -> None:
    dims = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }

    states = {"window": [2], "beat": [1]} | {name: [24] for name in ("h1", "c1", "h2", "c2")}
    assert dims == {"tokens": ["batch", "time"], "logits": ["batch", "time", 40]} | {
        name: ["batch", *shape] for part, shape in states.items() for name in (f"state.{part}", f"state.{part}.next")
    }


def test_the_card_s_state_begins_as_the_network_s(network: WindowedLstm) -> None:
    parts = {part.name: np.full((2, *part.shape), part.fill, part.dtype) for part in state_parts(network)}

    begin = {name: part.numpy() for name, part in network.begin(2).items()}
    assert list(parts) == list(begin)
    for name, part in parts.items():
        np.testing.assert_array_equal(part, begin[name], strict=True)


KINDS: dict[str, Network] = {
    "recurrent gru": recurrent.Recurrent(recurrent.Sizes(9, 4, 6, 2, "gru")),
    "recurrent rnn": recurrent.Recurrent(recurrent.Sizes(9, 4, 6, 2, "rnn")),
    "both directions": rereading.Rereading(rereading.Sizes(9, 4, 3, 6, 2, "lstm", bidirectional=True)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_same_in_the_file_at_any_batch_and_length(kind: str) -> None:
    network = rounded(KINDS[kind])

    session = onnxruntime.InferenceSession(to_onnx(network).SerializeToString())

    for batch, time in ((1, 1), (1, 5), (3, 1), (3, 5)):
        tokens, state = torch.randint(0, 9, (batch, time)), network.begin(batch)
        with torch.no_grad():
            logits, after = network(tokens, state)
        feed = {f"state.{name}": part.numpy() for name, part in state.items()}
        found = session.run(None, {"tokens": tokens.numpy(), **feed})
        for ours, theirs in zip(found, (logits, *after.values()), strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)
