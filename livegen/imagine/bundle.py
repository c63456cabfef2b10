"""A model file, opened and held against its card: what does not match is refused by name."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from livegen.codecs import make_codec
from livegen.codecs.codec import Codec
from livegen.errors import ModelError, did_you_mean
from livegen.imagine.card import CONTRACT, Card
from livegen.imagine.stepper import State, Stepper
from livegen.shipped import shipped_models

_LARGEST_BYTES = 512 * 2**20
_ORT_TYPES = {"float32": "tensor(float)"}  # the others are called as numpy calls them


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model ready to play."""

    card: Card
    stepper: Stepper
    codec: Codec[Any]
    sha256: str  # of its file, in hex


def find_model(name: str) -> Path:
    """The file of a shipped model's name or of a path; ModelError when there is none."""
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name).expanduser()
    if path.suffix == ".onnx" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise ModelError(f"{name}: no such file; give a shipped model's name or the path of an .onnx file")
    raise ModelError(f"unknown model '{name}'{did_you_mean(name, shipped)}")


def load_bundle(name: str) -> Bundle:
    """Open a model by name or path, check it against its card, and run it once; ModelError names what is wrong."""
    path = find_model(name)
    content = _read(path)
    session = _open(path, content)
    card = _read_card(path, session)
    codec = make_codec(card.codec.name, card.codec.parameters)
    _check_tensors(path, session, card)
    stepper = Stepper(session, _initial(card))
    _try_out(path, stepper, len(codec.vocabulary))
    return Bundle(card, stepper, codec, hashlib.sha256(content).hexdigest())


def _read(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_BYTES:
        raise ModelError(f"{path}: larger than {_LARGEST_BYTES >> 20} MB; that is no model for playing live")
    return path.read_bytes()


def _open(path: Path, content: bytes) -> ort.InferenceSession:
    """One thread, no spinning. The file is given as bytes, so it can point to no other file."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (the runtime raises classes of its own that share no other parent)
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ModelError(f"{path}: not a whole ONNX model ({reason})") from None


def _read_card(path: Path, session: ort.InferenceSession) -> Card:
    metadata = session.get_modelmeta().custom_metadata_map
    if "livegen.card" not in metadata:
        raise ModelError(f"{path}: an ONNX model, but not livegen's: it has no 'livegen.card'; export it with livegen")
    found = metadata.get("livegen.contract")
    if found != CONTRACT:
        raise ModelError(f"{path}: keeps contract '{found}', but this livegen plays contract '{CONTRACT}'")
    return Card.from_json(metadata["livegen.card"], str(path))


def _check_tensors(path: Path, session: ort.InferenceSession, card: Card) -> None:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    outputs = {tensor.name: tensor for tensor in session.get_outputs()}
    _check(path, "'tokens'", inputs, "tokens", "tensor(int64)", ("batch", "time"))
    _check(path, "'logits'", outputs, "logits", "tensor(float)", ("batch", "time", None))
    for state in card.state:
        kind, shape = _ORT_TYPES.get(state.dtype, f"tensor({state.dtype})"), ("batch", *state.shape)
        _check(path, f"state '{state.name}'", inputs, f"state.{state.name}", kind, shape)
        _check(path, f"state '{state.name}'", outputs, f"state.{state.name}.next", kind, shape)
    known = {"tokens", *(f"state.{state.name}" for state in card.state)}
    for name in inputs.keys() - known:
        raise ModelError(f"{path}: the graph wants '{name}', which its card does not know")


def _check(path: Path, what: str, tensors: Any, name: str, kind: str, shape: tuple[Any, ...]) -> None:
    """Hold a tensor against its type and shape; a word in ``shape`` is a symbolic dimension, None is any number."""
    if name not in tensors:
        raise ModelError(f"{path}: {what} is missing from the graph ('{name}')")
    tensor = tensors[name]
    if tensor.type != kind:
        raise ModelError(f"{path}: {what} is {tensor.type} in the graph but {kind} in the contract")
    fits = len(tensor.shape) == len(shape) and all(
        want is None or (isinstance(got, str) if isinstance(want, str) else got == want)
        for got, want in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        wanted, found = (", ".join(map(str, dims)) for dims in (shape, tensor.shape))
        raise ModelError(f"{path}: {what} is [{wanted}] in the card but [{found}] in the graph")


def _initial(card: Card) -> State:
    return {f"state.{part.name}": np.full((1, *part.shape), part.fill, np.dtype(part.dtype)) for part in card.state}


def _try_out(path: Path, stepper: Stepper, vocab: int) -> None:
    """A dry run over two tokens and over one."""
    state = stepper.initial()
    for tokens in ([[0, 1]], [[0]]):
        try:
            logits, state = stepper.step(np.array(tokens, np.int64), state)
        except Exception as error:  # noqa: BLE001 (the runtime raises classes of its own that share no other parent)
            raise ModelError(f"{path}: does not run: {str(error).splitlines()[0][:160]}") from None
        if logits.shape[-1] != vocab:
            raise ModelError(f"{path}: has {logits.shape[-1]} logits for a vocabulary of {vocab}")
        if not np.isfinite(logits).all():
            raise ModelError(f"{path}: its logits are not finite; the weights are damaged")
