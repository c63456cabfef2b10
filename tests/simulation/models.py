"""Small real networks: a step costs microseconds, and everything around the step is as it always is."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from livegen.codecs import make_codec
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.card import CONTRACT, Card, CodecCard, SamplingDefaults, StatePart, TrainedOn

_CODECS: dict[str, dict[str, Any]] = {"notes": {"low": 36, "high": 84}, "chorale": {"low": 36, "high": 84}}


@cache
def small_bundle(codec: str) -> Bundle:
    """A network that knows which token likes to follow which, and counts what it has read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"small-{codec}.onnx"
        onnx.save(_model(codec), path)
        return load_bundle(str(path))


def _model(codec: str) -> onnx.ModelProto:
    parameters = _CODECS[codec]
    vocab = len(make_codec(codec, parameters).vocabulary)
    table = np.random.default_rng(1).normal(0, 1, (vocab, vocab)).astype(np.float32)
    apart = np.abs(np.subtract.outer(np.arange(vocab), np.arange(vocab)))
    table -= 0.15 * apart.astype(np.float32)
    if codec == "notes":
        table[2:, 1] = -2  # the end comes now and then
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["logits"], axis=0),
        helper.make_node("Add", ["state.count", "one"], ["state.count.next"]),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "time"]),
        helper.make_tensor_value_info("state.count", TensorProto.FLOAT, ["batch", 1]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "time", vocab]),
        helper.make_tensor_value_info("state.count.next", TensorProto.FLOAT, ["batch", 1]),
    ]
    weights = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.ones(1, np.float32), "one")]
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    card = Card(
        name=f"small-{codec}",
        title="for the simulator",
        codec=CodecCard(name=codec, parameters=parameters),
        state=(StatePart(name="count", shape=(1,), dtype="float32", fill=0.0),),
        matrices=(),
        trained_on=TrainedOn(corpus="none", credit="nobody", licence="none"),
        command="tests/simulation/models.py",
        commit="none",
        sampling=SamplingDefaults(temperature=1, top_p=1),
        longest_run=16,
    )
    helper.set_model_props(model, {"livegen.contract": CONTRACT, "livegen.card": card.to_json()})
    return model
