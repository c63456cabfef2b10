"""Proof that a model file is what was trained and what the contract promises; the first broken promise is an error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from export.evaluate import OnnxPredictor
from export.scoring import Arrays, Predictor
from livegen.codecs import make_codec
from livegen.errors import ModelError
from livegen.model.card import CONTRACT, Card

TOLERANCE = 1e-4  # of any logit and any number of the state
BATCHES = (1, 3)
LENGTHS = (1, 7)
FED_BACK = 64  # steps
DTYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "int64": TensorProto.INT64}
DTYPES |= {"int32": TensorProto.INT32, "bool": TensorProto.BOOL}

Dims = list[str | int]  # a name is a free dimension


def verify(path: Path, trained: Predictor) -> Card:
    """Check everything; the card of the file, or ModelError about what is wrong."""
    model = _read(path)
    card = _check_card(path.name, model)
    _check_graph(path.name, model, card)
    predictor = OnnxPredictor(path)
    vocab = len(make_codec(card.codec.name, card.codec.parameters).vocabulary)
    for batch in BATCHES:
        for length in LENGTHS:
            _compare_pass(path.name, predictor, trained, _some_tokens(vocab, batch, length))
    _compare_fed_back(path.name, predictor, trained, "argmax", lambda logits: int(logits.argmax()))
    random = np.random.default_rng(0)
    _compare_fed_back(path.name, predictor, trained, "sampled", lambda logits: _sampled(logits, random))
    return card


def _read(path: Path) -> ModelProto:
    try:
        model = onnx.load(str(path), load_external_data=False)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; `python -m export onnx` makes it") from None
    except Exception as error:
        raise ModelError(f"{path}: cannot be read as ONNX: {error}") from error
    for weight in model.graph.initializer:
        if weight.data_location == TensorProto.EXTERNAL:
            raise ModelError(f"{path.name}: weight '{weight.name}' is external data; the file must hold all of it")
    onnx.checker.check_model(model, full_check=True)
    return model


def _check_card(where: str, model: ModelProto) -> Card:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    for key in ("livegen.contract", "livegen.card"):
        if key not in metadata:
            raise ModelError(f"{where}: metadata '{key}' is missing")
    if metadata["livegen.contract"] != CONTRACT:
        raise ModelError(f"{where}: contract is '{metadata['livegen.contract']}', not '{CONTRACT}'")
    return Card.from_json(metadata["livegen.card"], where)


def _check_graph(where: str, model: ModelProto, card: Card) -> None:
    """Names, types and dimensions of everything that goes in and comes out, against the card."""
    vocab = len(make_codec(card.codec.name, card.codec.parameters).vocabulary)
    inputs: dict[str, tuple[int, Dims]] = {"tokens": (TensorProto.INT64, ["batch", "time"])}
    outputs: dict[str, tuple[int, Dims]] = {"logits": (TensorProto.FLOAT, ["batch", "time", vocab])}
    for part in card.state:
        kind: tuple[int, Dims] = (DTYPES[part.dtype], ["batch", *part.shape])
        inputs[f"state.{part.name}"] = outputs[f"state.{part.name}.next"] = kind
    _compare_values(f"{where}: input", inputs, model.graph.input)
    _compare_values(f"{where}: output", outputs, model.graph.output)


def _compare_values(where: str, wanted: dict[str, tuple[int, Dims]], found: list[ValueInfoProto]) -> None:
    names = [value.name for value in found]
    if names != list(wanted):
        raise ModelError(f"{where}s are {names} in the graph but {list(wanted)} by the card")
    for value, (dtype, dims) in zip(found, wanted.values(), strict=True):
        tensor = value.type.tensor_type
        has: Dims = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        if has != dims:
            raise ModelError(f"{where} '{value.name}' is {has} in the graph but must be {dims}")
        if tensor.elem_type != dtype:
            kinds = [helper.tensor_dtype_to_string(kind) for kind in (tensor.elem_type, dtype)]
            raise ModelError(f"{where} '{value.name}' is {kinds[0]} in the graph but must be {kinds[1]}")


def _some_tokens(vocab: int, batch: int, length: int) -> NDArray[np.int64]:
    return np.random.default_rng([batch, length]).integers(0, vocab, (batch, length))


def _compare_pass(where: str, file: Predictor, trained: Predictor, tokens: NDArray[np.int64]) -> None:
    """The same tokens twice in a row, so that the state that was handed on counts too."""
    what = f"{where}: batch {tokens.shape[0]}, length {tokens.shape[1]}"
    ours, theirs = file.begin(len(tokens)), trained.begin(len(tokens))
    _compare_states(f"{what}, at the beginning", ours, theirs)
    for _ in range(2):
        logits, ours = file.step(tokens, ours)
        wanted, theirs = trained.step(tokens, theirs)
        _compare(f"{what}: logits", logits, wanted)
        _compare_states(what, ours, theirs)


def _compare_fed_back(
    where: str, file: Predictor, trained: Predictor, how: str, choose: Callable[[NDArray[np.float32]], int]
) -> None:
    """A token at a time, the choice of the file fed to both."""
    token, ours, theirs = 0, file.begin(1), trained.begin(1)
    for step in range(FED_BACK):
        tokens = np.array([[token]])
        logits, ours = file.step(tokens, ours)
        wanted, theirs = trained.step(tokens, theirs)
        _compare(f"{where}: step {step} of tokens fed back ({how}): logits", logits, wanted)
        token = choose(logits[0, 0])
    _compare_states(f"{where}: after {FED_BACK} tokens fed back ({how})", ours, theirs)


def _sampled(logits: NDArray[np.float32], random: np.random.Generator) -> int:
    return int((logits + random.gumbel(size=logits.shape)).argmax())


def _compare_states(what: str, ours: Arrays, theirs: Arrays) -> None:
    if list(ours) != list(theirs):
        raise ModelError(f"{what}: the state is {list(ours)} in the file but {list(theirs)} in the network")
    for name, part in ours.items():
        _compare(f"{what}: state '{name}'", part, theirs[name])


def _compare(what: str, ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> None:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise ModelError(
            f"{what} is {ours.dtype} {list(ours.shape)} in the file but {theirs.dtype} {list(theirs.shape)} in torch"
        )
    difference = float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{what} differs from torch by {difference:.2g}, more than {TOLERANCE:.0e}")
