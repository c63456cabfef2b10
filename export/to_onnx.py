"""From a trained network to the one file of the model contract."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.networks import StackedLstm
from livegen.imagine.card import CONTRACT, Card, StatePart

SMALL = 256  # numbers; what is smaller stays float32


def rounded(network: StackedLstm) -> StackedLstm:
    """A copy, ready to be used, whose weights are what float16 can hold: what the file will hold."""
    twin = copy.deepcopy(network).eval().cpu()
    with torch.no_grad():
        for weight in twin.parameters():
            weight.copy_(weight.half().float())
    return twin


def state_parts(network: StackedLstm) -> tuple[StatePart, ...]:
    """The card's table of the network's state."""
    return tuple(
        StatePart(name=name, shape=shape, fill=fill, dtype="int64" if isinstance(fill, int) else "float32")
        for name, (shape, fill) in network.state_parts().items()
    )


def to_onnx(network: StackedLstm) -> ModelProto:
    """The network as one self-contained graph, its weights in float16; give it a ``rounded`` one."""
    twin = copy.deepcopy(network).eval()
    twin.lstms = nn.ModuleList(_LstmNode(lstm) for lstm in network.lstms)
    tokens, state = torch.zeros(2, 3, dtype=torch.int64), network.begin(2)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    with _quiet():
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
    _store_as_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def with_card(model: ModelProto, card: Card) -> ModelProto:
    """A copy of the model that carries the card."""
    carded = ModelProto()
    carded.CopyFrom(model)
    helper.set_model_props(carded, {"livegen.contract": CONTRACT, "livegen.card": card.to_json()})
    return carded


@contextmanager
def _quiet() -> Iterator[None]:
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


class _LstmNode(nn.Module):
    """Stands in for an LSTM layer while exporting, as exactly one node.

    Torch 2.13 traces its own LSTM at the length of the example, which may freeze the time axis.
    """

    def __init__(self, lstm: nn.Module) -> None:
        super().__init__()
        weights = [_reordered(weight.detach()) for weight in lstm.parameters()]
        self.w, self.r = (nn.Parameter(weight[None]) for weight in weights[:2])  # [1, 4 * hidden, inputs]
        self.hidden = self.r.shape[2]
        self.b = nn.Parameter(torch.cat(weights[2:])[None])  # [1, 8 * hidden]

    def forward(self, x: Tensor, start: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As ``nn.LSTM``; x: [time, batch, inputs]."""
        time, batch, _ = x.shape
        all_h, h, c = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (x, self.w, self.r, self.b, None, *start),
            {"hidden_size": self.hidden},
            dtypes=(torch.float32,) * 3,
            shapes=((time, 1, batch, self.hidden), *[(1, batch, self.hidden)] * 2),
            version=20,
        )
        return all_h.squeeze(1), (h, c)


def _reordered(weight: Tensor) -> Tensor:
    """Gates in torch's order (input, forget, cell, output) → ONNX's (input, output, forget, cell)."""
    i, f, g, o = weight.chunk(4)
    return torch.cat([i, o, f, g])


def _store_as_half(model: ModelProto) -> None:
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
