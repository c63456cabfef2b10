"""Opens a model file and checks it against its card; a mismatch is refused by name."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from livegen.codecs import make_codec
from livegen.codecs.codec import Codec, Cursor
from livegen.errors import ModelError
from livegen.model.card import CONTRACT, Card, StatePart
from livegen.model.files import find_model, read_model
from livegen.model.stepper import State, Stepper
from livegen.model.validation import validate_model

ort.disable_telemetry_events()
_ORT_TYPES = {"float32": "tensor(float)"}  # onnxruntime's other type names are numpy's


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model ready to play."""

    card: Card
    stepper: Stepper
    codec: Codec[Cursor]
    sha256: str  # of its file, in hex


def load_bundle(name: str) -> Bundle:
    """Validate a model, then open it, by name or path; ModelError says what is wrong."""
    path = find_model(name)
    content = read_model(path)
    validate_model(str(path), content)
    return open_warm(str(path), content)


def open_warm(where: str, content: bytes) -> Bundle:
    """Open the ``content`` of a validated file, and take a step: the first is the slowest."""
    bundle = open_bundle(where, content)
    bundle.stepper.step(np.zeros((1, 1), np.int64), bundle.stepper.initial())
    return bundle


def open_bundle(where: str, content: bytes) -> Bundle:
    """Open the ``content`` of a model file and check it against its card; ModelError as in ``load_bundle``."""
    session = _open(where, content)
    card = _read_card(where, session)
    codec = _make_codec(where, card)
    _check_tensors(where, session, card)
    stepper = Stepper(session, _initial(where, card))
    return Bundle(card, stepper, codec, hashlib.sha256(content).hexdigest())


def _open(where: str, content: bytes) -> ort.InferenceSession:
    """A session with one thread, without spinning. The model is given as bytes, so it cannot refer to other files."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # else it is guessed from the content
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (the runtime raises classes of its own that share no other parent)
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ModelError(f"{where}: not a whole ONNX model ({reason})") from None


def _read_card(where: str, session: ort.InferenceSession) -> Card:
    metadata = session.get_modelmeta().custom_metadata_map
    if "livegen.card" not in metadata:
        raise ModelError(f"{where}: an ONNX model without a 'livegen.card'; export it with python -m export onnx")
    found = metadata.get("livegen.contract")
    if found != CONTRACT:
        raise ModelError(f"{where}: made for contract '{found}', but this livegen plays contract '{CONTRACT}'")
    return Card.from_json(metadata["livegen.card"], where)


def _make_codec(where: str, card: Card) -> Codec[Cursor]:
    try:
        return make_codec(card.codec.name, card.codec.parameters)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _check_tensors(where: str, session: ort.InferenceSession, card: Card) -> None:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    outputs = {tensor.name: tensor for tensor in session.get_outputs()}
    _check(where, "'tokens'", inputs, "tokens", "tensor(int64)", ("batch", "time"))
    _check(where, "'logits'", outputs, "logits", "tensor(float)", ("batch", "time", None))
    for state in card.state:
        kind, shape = _ORT_TYPES.get(state.dtype, f"tensor({state.dtype})"), ("batch", *state.shape)
        _check(where, f"state '{state.name}'", inputs, f"state.{state.name}", kind, shape)
        _check(where, f"state '{state.name}'", outputs, f"state.{state.name}.next", kind, shape)
    known = {"tokens", *(f"state.{state.name}" for state in card.state)}
    for name in inputs.keys() - known:
        raise ModelError(f"{where}: the graph has an input '{name}' that is not in its card")


def _check(where: str, what: str, tensors: Any, name: str, kind: str, shape: tuple[Any, ...]) -> None:
    """Check a tensor's type and shape; a word in ``shape`` is a symbolic dimension, None is any number."""
    if name not in tensors:
        raise ModelError(f"{where}: {what} is missing from the graph ('{name}')")
    tensor = tensors[name]
    if tensor.type != kind:
        raise ModelError(f"{where}: {what} is {tensor.type} in the graph but {kind} in the contract")
    fits = len(tensor.shape) == len(shape) and all(
        want is None or (isinstance(got, str) if isinstance(want, str) else got == want)
        for got, want in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        wanted, found = (", ".join(map(str, dims)) for dims in (shape, tensor.shape))
        raise ModelError(f"{where}: {what} is [{wanted}] in the card but [{found}] in the graph")


def _initial(where: str, card: Card) -> State:
    try:
        return {f"state.{part.name}": initial(part, 1) for part in card.state}
    except OverflowError:
        raise ModelError(f"{where}: the 'fill' of a state in its card is too large for the state's type") from None


def initial(part: StatePart, batch: int) -> NDArray[np.generic]:
    """What is in a part of the state before the first token: [batch, *shape], by the card."""
    filled = np.full((batch, *part.shape), part.fill, np.dtype(part.dtype))
    if part.values is not None:
        filled[:] = np.reshape(part.values, part.shape)
    return filled
