"""From a model file back to its network in torch, proved to be the same: the way that ``to_onnx`` went, backwards.

A file says nothing of the network's shape in words: the names and sizes of its weights do, and what the graph does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

from export.evaluate import OnnxPredictor
from export.networks.network import Dropout, Network
from export.networks.recurrent import Recurrent
from export.networks.recurrent import Sizes as RecurrentSizes
from export.networks.rereading import Rereading
from export.networks.rereading import Sizes as RereadingSizes
from export.networks.timed_lstm import Sizes as TimedSizes
from export.networks.timed_lstm import TimedLstm, timing_of
from export.networks.windowed_lstm import Sizes as WindowedSizes
from export.networks.windowed_lstm import WindowedLstm
from export.train import TorchPredictor
from export.verify import verify
from livegen.codecs.codec import Codec
from livegen.errors import ModelError
from livegen.model.bundle import load_bundle
from livegen.model.card import Card
from livegen.shipped import shipped_models

_HALF = ".half"  # ``to_onnx.store_as_half``
_MADE_UP = "val_"  # the beginning of names that the exporter gives
_UNBIASED = "onsets.weight"  # the one matrix after which no bias is added
_RECURRENT = ("LSTM", "GRU", "RNN")

Weights = dict[str, NDArray[np.float32]]  # by their names in the network


@dataclass(frozen=True, slots=True)
class Restored:
    """A model file as what it was made from."""

    card: Card
    codec: Codec[Any]
    network: Network  # ready to be used, its weights as the file holds them


@dataclass(frozen=True, slots=True)
class _Graph:
    """What a file says of its network."""

    weights: Weights
    cell: str  # of its recurrent layers: "lstm", "gru", "rnn"
    vocab: int


def from_onnx(path: Path, dropout: Dropout) -> Restored:
    """The network in a model file; ModelError where it is none of ours, or where it would compute anything else."""
    bundle, predictor = load_bundle(str(path)), OnnxPredictor(path)
    card, codec = bundle.card, bundle.codec
    model = onnx.load(str(path), load_external_data=False)
    try:
        graph = _read(model, len(codec.vocabulary))
        network = _make(graph, card, codec, predictor, dropout)
        _fill(network, graph)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path.name}: its weights cannot be read back, for its graph was not made by livegen's own training "
            f"({type(error).__name__}: {error}); models whose weights can be: {', '.join(shipped_models())}"
        ) from None
    for part in card.state:
        if part.values is not None:
            network.initial[part.name] = nn.Parameter(torch.tensor(part.values).reshape(part.shape))
    verify(path, TorchPredictor(network.eval()))
    return Restored(card, codec, network)


def _read(model: ModelProto, vocab: int) -> _Graph:
    graph = model.graph
    found = {each.name.removesuffix(_HALF): numpy_helper.to_array(each) for each in graph.initializer}
    weights = {name: array.astype(np.float32) for name, array in found.items() if _is_weight(name, array)}
    kinds = {node.op_type for node in graph.node if node.op_type in _RECURRENT}
    if len(kinds) != 1:
        raise ValueError(f"its recurrent layers are {sorted(kinds)}")
    sums = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
    for node in graph.node:  # a matrix of a dense layer stands transposed under another name, before its bias is added
        if node.op_type == "MatMul" and node.input[1].startswith(_MADE_UP) and node.input[1] in weights:
            added = sums[node.output[0]].input if node.output[0] in sums else ()
            bias = next((name for name in added if name in weights), _UNBIASED)
            weights[bias.replace(".bias", ".weight")] = weights.pop(node.input[1]).T
    return _Graph(weights, kinds.pop().lower(), vocab)


def _is_weight(name: str, array: NDArray[Any]) -> bool:
    """Numbers that were learnt; a number alone, or a row under a name of the exporter's, is a constant of the graph."""
    return array.dtype.kind == "f" and array.ndim > (1 if name.startswith(_MADE_UP) else 0)


def _make(graph: _Graph, card: Card, codec: Codec[Any], predictor: OnnxPredictor, dropout: Dropout) -> Network:
    """A network of the graph's shape, untrained."""
    weights = graph.weights
    embedding = weights["embedding.weight"].shape[1]
    if "memory.by_rank" in weights:
        return TimedLstm(_timed(graph, card, codec), dropout)
    if "window.weight" in weights:
        return WindowedLstm(_windowed(graph, predictor), dropout)
    layers = sum(name.startswith("cells.") and name.endswith(".r") for name in weights)
    directions, _, hidden = weights["cells.0.r"].shape
    window = next((part.shape[0] + 1 for part in card.state if part.name == "window"), 0)
    if not window:
        return Recurrent(RecurrentSizes(graph.vocab, embedding, hidden, layers, graph.cell), dropout)
    sizes = RereadingSizes(graph.vocab, embedding, window, hidden, layers, graph.cell, bidirectional=directions == 2)
    return Rereading(sizes, dropout)


def _timed(graph: _Graph, card: Card, codec: Codec[Any]) -> TimedSizes:
    weights, parts = graph.weights, {part.name: part.shape for part in card.state}
    features, embedding, window = weights["window.weight"].shape
    onsets, (heads, places, key) = parts["onsets"][0], parts["keys"]
    return TimedSizes(
        **timing_of(codec),
        embedding=embedding,
        window=window,
        features=features,
        hidden=weights["lstms.0.r"].shape[2],
        layers=_layers(weights),
        onsets=onsets,
        bins=weights["onsets.weight"].shape[1] // onsets,
        notes=places - 1,
        heads=heads,
        key=key,
    )


def _layers(weights: Weights) -> int:
    return sum(name.startswith("lstms.") and name.endswith(".r") for name in weights)


def _windowed(graph: _Graph, predictor: OnnxPredictor) -> WindowedSizes:
    weights = graph.weights
    features, embedding, window = weights["window.weight"].shape
    return WindowedSizes(
        vocab=graph.vocab,
        embedding=embedding,
        window=window,
        features=features,
        hidden=weights["lstms.0.r"].shape[2],
        layers=_layers(weights),
        head=len(weights["head.bias"]) if "head.bias" in weights else 0,
        bar=len(weights["position.weight"]) if "position.weight" in weights else 0,
        beat_token=_beat_token(predictor, graph.vocab) if "position.weight" in weights else -1,
        copies="pointer.bias" in weights,
    )


def _beat_token(predictor: OnnxPredictor, vocab: int) -> int:
    """The token that moves the counter of the bar: each is tried."""
    _, after = predictor.step(np.arange(vocab)[:, None], predictor.begin(vocab))
    return int(np.asarray(after["beat"])[:, 0].argmax())


def _fill(network: Network, graph: _Graph) -> None:
    """Give the network its weights; every one must be there, in its shape, and none left over."""
    layers = {name: module for name, module in network.named_modules() if isinstance(module, nn.RNNBase)}
    state, constants = dict[str, Tensor](), dict(network.named_buffers())
    left = {name: weight for name, weight in graph.weights.items() if name not in constants}
    for name, layer in layers.items():
        w, r, b = (torch.from_numpy(left.pop(f"{name}.{part}").copy()) for part in "wrb")
        for direction, end in enumerate(("", "_reverse")[: len(w)]):
            first, second = b[direction].chunk(2)
            parts = {"weight_ih": w[direction], "weight_hh": r[direction], "bias_ih": first, "bias_hh": second}
            state |= {f"{name}.{part}_l0{end}": _reordered(weight, layer.mode) for part, weight in parts.items()}
    wanted = network.state_dict()
    state |= {name: torch.from_numpy(left.pop(name).copy()) for name in wanted if name not in state}
    if left:
        raise ValueError(f"no network of livegen's has a weight '{min(left)}'")
    network.load_state_dict(state)


def _reordered(weight: Tensor, mode: str) -> Tensor:
    """Gates in ONNX's order → torch's: of an LSTM i, o, f, g → i, f, g, o; of a GRU z, r, n → r, z, n."""
    order = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}.get(mode, (0,))
    parts = weight.chunk(len(order))
    return torch.cat([parts[gate] for gate in order])
