"""Verifying: a whole model passes, and every way of breaking it is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.networks import make_network
from export.networks.network import Network
from export.recipes import CONFIGS, load
from export.ship import make_card
from export.to_onnx import rounded, to_onnx, with_card
from export.train import Progress, TorchPredictor, Trained
from export.verify import verify
from livegen.codecs import make_codec
from livegen.errors import ModelError
from livegen.model.card import Card, CodecCard

RECIPE = load(CONFIGS / "tiny.toml")
CODEC = make_codec("chorale", {})


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return rounded(make_network(RECIPE, CODEC))


@pytest.fixture(scope="module")
def card(network: Network) -> Card:
    return make_card(Trained(RECIPE, CODEC, network, Progress(), ""))


@pytest.fixture(scope="module")
def model(network: Network, card: Card) -> ModelProto:
    return with_card(to_onnx(network), card)


def saved(folder: Path, model: ModelProto) -> Path:
    onnx.save(model, str(folder / "tiny.onnx"))
    return folder / "tiny.onnx"


def broken(model: ModelProto, breaking: Callable[[ModelProto], None]) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    breaking(copy)
    return copy


def shift_a_weight(model: ModelProto) -> None:
    weight = next(weight for weight in model.graph.initializer if weight.dims[-1:] == [122])
    moved = numpy_helper.to_array(weight).copy()
    moved.flat[7] += 0.05
    weight.CopyFrom(numpy_helper.from_array(moved, weight.name))


def forget_a_state(model: ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["lost" if name == "state.h1.next" else name for name in node.output]
    model.graph.node.append(helper.make_node("Identity", ["state.h1"], ["state.h1.next"]))


def freeze(name: str, axis: int) -> Callable[[ModelProto], None]:
    def breaking(model: ModelProto) -> None:
        values = {value.name: value for value in (*model.graph.input, *model.graph.output)}
        values[name].type.tensor_type.shape.dim[axis].dim_value = 1

    return breaking


def drop(key: str) -> Callable[[ModelProto], None]:
    def breaking(model: ModelProto) -> None:
        kept = [entry for entry in model.metadata_props if entry.key != key]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)

    return breaking


def another_contract(model: ModelProto) -> None:
    next(entry for entry in model.metadata_props if entry.key == "livegen.contract").value = "0"


def put_a_weight_outside(model: ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")


def carry_another_state(model: ModelProto) -> None:
    model.graph.input[1].name = "state.other"
    for node in model.graph.node:
        node.input[:] = ["state.other" if name == "state.window" else name for name in node.input]


def test_a_whole_model_passes_and_gives_its_card(
    tmp_path: Path, model: ModelProto, network: Network, card: Card
) -> None:
    assert verify(saved(tmp_path, model), TorchPredictor(network)) == card


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (shift_a_weight, r"batch 1, length 1: logits differs from torch by 0\.\d+, more than 1e-04"),
        (forget_a_state, r"batch 1, length 1: state 'h1' differs from torch"),
        (freeze("tokens", 0), r"input 'tokens' is \[1, 'time'\] in the graph but must be \['batch', 'time'\]"),
        (freeze("tokens", 1), r"input 'tokens' is \['batch', 1\]"),
        (freeze("logits", 1), r"output 'logits' is \['batch', 1, 122\]"),
        (freeze("state.c1", 0), r"input 'state.c1' is \[1, 64\]"),
        (freeze("state.c1.next", 0), r"output 'state.c1.next' is \[1, 64\]"),
        (drop("livegen.card"), "metadata 'livegen.card' is missing"),
        (drop("livegen.contract"), "metadata 'livegen.contract' is missing"),
        (another_contract, "contract is '0', not '1'"),
        (put_a_weight_outside, "is external data; the file must hold all of it"),
        (carry_another_state, r"inputs are \['tokens', 'state.other'"),
    ],
)
def test_a_broken_model_is_refused(
    tmp_path: Path, model: ModelProto, network: Network, breaking: Callable[[ModelProto], None], message: str
) -> None:
    path = saved(tmp_path, broken(model, breaking))

    with pytest.raises(ModelError, match=f"^tiny.onnx: {message}|^tiny.onnx: weight '.*' {message}"):
        verify(path, TorchPredictor(network))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (65,)}, r"input 'state.c1' is \['batch', 64\] in the graph but must be \['batch', 65\]"),
        ({"dtype": "int64"}, "input 'state.c1' is TensorProto.FLOAT in the graph but must be TensorProto.INT64"),
        ({"fill": 1.0}, "at the beginning: state 'c1' differs from torch by 1"),
    ],
)
def test_a_card_that_tells_another_state_is_refused(
    tmp_path: Path, model: ModelProto, network: Network, card: Card, change: dict[str, Any], message: str
) -> None:
    parts = [part.model_copy(update=change) if part.name == "c1" else part for part in card.state]
    path = saved(tmp_path, with_card(model, card.model_copy(update={"state": tuple(parts)})))

    with pytest.raises(ModelError, match=message):
        verify(path, TorchPredictor(network))


def test_a_card_that_tells_another_vocabulary_is_refused(
    tmp_path: Path, model: ModelProto, network: Network, card: Card
) -> None:
    wider = card.model_copy(update={"codec": CodecCard(name="chorale", parameters={"low": 29, "high": 88})})
    path = saved(tmp_path, with_card(model, wider))

    with pytest.raises(ModelError, match=r"output 'logits' is \['batch', 'time', 122\] in the graph but must be"):
        verify(path, TorchPredictor(network))


def test_a_file_that_is_not_there_or_no_model_is_refused(tmp_path: Path, network: Network) -> None:
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(np.random.default_rng(0).bytes(1000))

    with pytest.raises(ModelError, match="no such file"):
        verify(tmp_path / "none.onnx", TorchPredictor(network))
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        verify(rubbish, TorchPredictor(network))
