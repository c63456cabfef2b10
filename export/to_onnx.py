"""From a trained network to the one file of the model contract."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.networks.network import Network
from livegen.model.card import CONTRACT, Card, StatePart

SMALL = 256  # numbers; what is smaller stays float32


def rounded(network: Network) -> Network:
    """A copy, ready to be used, whose weights are what float16 can hold: what the file will hold."""
    twin = copy.deepcopy(network).eval().cpu()
    with torch.no_grad():
        for weight in twin.parameters():
            weight.copy_(weight.half().float())
    return twin


def state_parts(network: Network) -> tuple[StatePart, ...]:
    """The card's table of the network's state."""
    learned = {name: tuple(part.detach().flatten().tolist()) for name, part in network.initial.items()}
    return tuple(
        StatePart(
            name=name,
            shape=shape,
            fill=fill,
            dtype="int64" if isinstance(fill, int) else "float32",
            values=learned.get(name),
        )
        for name, (shape, fill) in network.state_parts().items()
    )


def to_onnx(network: Network) -> ModelProto:
    """The network as one self-contained graph, its weights in float16; give it a ``rounded`` one."""
    twin = _with_nodes(network)
    tokens, state = torch.zeros(2, 3, dtype=torch.int64), network.begin(2)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    with quiet():
        program = torch.onnx.export(
            twin,
            (tokens,),
            kwargs={"state": state},
            dynamo=True,
            input_names=["tokens", *(f"state.{name}" for name in state)],
            output_names=["logits", *(f"state.{name}.next" for name in state)],
            dynamic_shapes={"tokens": {0: batch, 1: time}, "state": {name: {0: batch} for name in state}},
            external_data=False,
            verbose=False,
        )
        assert program is not None
    model = program.model_proto
    store_as_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def with_card(model: ModelProto, card: Card) -> ModelProto:
    """A copy of the model that carries the card."""
    carded = ModelProto()
    carded.CopyFrom(model)
    helper.set_model_props(carded, {"livegen.contract": CONTRACT, "livegen.card": card.to_json()})
    return carded


@contextmanager
def quiet() -> Iterator[None]:
    """What the exporter says about its own inside is for its makers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _with_nodes(network: Network) -> Network:
    """A copy whose recurrent layers are each exactly one node."""
    twin = copy.deepcopy(network).eval()
    layers = [name for name, module in twin.named_modules() if isinstance(module, nn.RNNBase)]
    for name in layers:
        owner, _, place = name.rpartition(".")
        setattr(twin.get_submodule(owner), place, _Node(network.get_submodule(name)))
    return twin


class _Node(nn.Module):
    """Stands in for a recurrent layer while exporting.

    Torch 2.13 traces its own layers at the length of the example, which may freeze the time axis.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, nn.RNNBase)
        self.kind, self.hidden = layer.mode.removesuffix("_TANH"), layer.hidden_size
        self.directions = 1 + layer.bidirectional
        weights = [_reordered(weight.detach(), self.kind) for weight in layer.parameters()]
        each = [weights[first : first + 4] for first in range(0, len(weights), 4)]
        self.w = nn.Parameter(torch.stack([ways[0] for ways in each]))  # [directions, gates * hidden, inputs]
        self.r = nn.Parameter(torch.stack([ways[1] for ways in each]))
        self.b = nn.Parameter(torch.stack([torch.cat(ways[2:]) for ways in each]))  # [directions, 2 * gates * hidden]

    def forward(self, x: Tensor, start: tuple[Tensor, Tensor] | Tensor | None = None) -> tuple[Tensor, Any]:
        """As the layer; x: [time, batch, inputs]."""
        time, batch, _ = x.shape
        starts = () if start is None else start if isinstance(start, tuple) else (start,)
        kept = 2 if self.kind == "LSTM" else 1
        attributes: dict[str, Any] = {"hidden_size": self.hidden}
        if self.directions == 2:
            attributes["direction"] = "bidirectional"
        if self.kind == "GRU":
            attributes["linear_before_reset"] = 1  # as torch has it
        every, *last = torch.onnx.ops.symbolic_multi_out(
            self.kind,
            (x, self.w, self.r, self.b, None, *starts),
            attributes,
            dtypes=(torch.float32,) * (1 + kept),
            shapes=((time, self.directions, batch, self.hidden), *[(self.directions, batch, self.hidden)] * kept),
            version=20,
        )
        joined = every.squeeze(1) if self.directions == 1 else every.transpose(1, 2).flatten(2)
        return joined, tuple(last) if kept == 2 else last[0]


def _reordered(weight: Tensor, kind: str) -> Tensor:
    """Gates in torch's order → ONNX's: of an LSTM i, f, g, o → i, o, f, g; of a GRU r, z, n → z, r, n."""
    order = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}[kind]
    parts = weight.chunk(len(order))
    return torch.cat([parts[gate] for gate in order])


def store_as_half(model: ModelProto) -> None:
    """Store large weights in float16, each with a Cast that the runtime folds when it loads."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < SMALL:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
