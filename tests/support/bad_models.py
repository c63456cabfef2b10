"""Model files that may not play, each by a builder: how it is called, and a part of the line that refuses it."""

import gzip
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, TensorProto, helper, numpy_helper

from livegen.model.bundle import load_bundle
from livegen.model.checksum import with_checksum
from livegen.model.files import LARGEST_BYTES
from livegen.shipped import shipped_models

BACH = shipped_models()["bach"]
TRUNCATIONS = 20


@dataclass(frozen=True, slots=True)
class BadModel:
    """``build`` makes the file in a folder and returns what a person would write as its name."""

    name: str
    build: Callable[[Path], str]
    refusal: str  # a part of the line


def bad_models() -> list[BadModel]:
    """All of them."""
    return [
        BadModel("a name that leads up", lambda _: "../models/bach", "not a model file"),
        BadModel("a path that leads up", _leading_up, "the path contains '..'"),
        BadModel("no model at all", lambda _: "/etc/passwd", "not a model file"),
        BadModel("a name with a zero in it", lambda _: "bach\0.onnx", "unknown model"),
        BadModel("a symbolic link", _linked, "a symbolic link"),
        BadModel("a folder", _folder, "not a regular file"),
        BadModel("a pipe", _pipe, "not a regular file"),
        BadModel("weights in another file", _external, "in another file"),
        BadModel("weights in a file of the system", _far_external, "in another file"),
        BadModel("a foreign operator", _foreign_operator, "needs the operator 'evil.corp.Conv'"),
        BadModel("a hidden foreign operator", _hidden_operator, "needs the operator 'evil.corp.Spy'"),
        BadModel("operators of its own", _own_operator, "defines operators of its own"),
        BadModel("another contract", _carded(lambda meta, _: meta.update({"livegen.contract": "99"})), "contract '99'"),
        BadModel("no card", _carded(lambda meta, _: meta.pop("livegen.card")), "without a 'livegen.card'"),
        BadModel("too many logits", _carded(_with_codec("high", 87)), "logits for a vocabulary of"),
        BadModel("a boundless vocabulary", _carded(_with_codec("high", 10**12)), "chorale"),
        BadModel("a boundless state", _carded(_with_state), "its state takes"),
        BadModel("a state that grows", _growing, "after a step"),
        BadModel("huge", _huge, "larger than"),
        BadModel(
            "one weight that is no number", _not_finite(np.nan), "its weights 'embedding.weight.half' are not finite"
        ),
        BadModel("one infinite weight", _not_finite(np.inf), "its weights 'embedding.weight.half' are not finite"),
        BadModel("a weight that is too large for a token", _overflowing, "its logits are not finite"),
        BadModel("a flipped bit under a checksum", _flipped, "its checksum"),
        BadModel("the card of another model under a checksum", _recarded_under_checksum, "its checksum"),
        BadModel("two cards", _twice(b"livegen.card"), "has 'livegen.card' twice"),
        BadModel("an unknown key of ours", _carded(lambda meta, _: meta.update({"livegen.sha257": "0"})), "sha257"),
        BadModel("weights of a huge declared shape", _declared_huge, "bytes; the shape [1000000, 1000000"),
        BadModel("a file of onnxruntime's own format", _ort_format, "in onnxruntime's own format"),
        BadModel("a safetensors file", _bytes(_safetensors()), "a safetensors file"),
        BadModel("a zip archive", _bytes(_zip()), "a zip archive"),
        BadModel("a gzip file", _bytes(gzip.compress(BACH.read_bytes())), "a gzip file"),
        BadModel(
            "a text", _bytes(b"<!DOCTYPE html>\n<html lang='en'>\r\n\t404</html>\n"), "not an ONNX model but text"
        ),
        BadModel("nothing", _bytes(b""), ""),
        BadModel("a slow step", lambda folder: _looping(folder, 300_000), "a step takes"),
        BadModel("a step without end", lambda folder: _looping(folder, 2**62), "may run forever"),
        BadModel("a step that takes all memory", _greedy, "needs more memory"),
        BadModel("random bytes", _random_bytes, "not a whole ONNX model"),
        *(BadModel(f"truncated {n}", _truncated(n), "") for n in range(TRUNCATIONS)),
    ]


def save(model: ModelProto, folder: Path) -> str:
    """The path of a file with this model."""
    path = folder / "bad.onnx"
    onnx.save(model, path)
    return str(path)


def _leading_up(folder: Path) -> str:
    (folder / "inner").mkdir(exist_ok=True)
    (folder / "good.onnx").write_bytes(BACH.read_bytes())
    return f"{folder}/inner/../good.onnx"


def _linked(folder: Path) -> str:
    (folder / "bad.onnx").symlink_to(BACH)
    return str(folder / "bad.onnx")


def _folder(folder: Path) -> str:
    (folder / "bad.onnx").mkdir()
    return str(folder / "bad.onnx")


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "bad.onnx")
    return str(folder / "bad.onnx")


def _external(folder: Path) -> str:
    path = folder / "bad.onnx"
    onnx.save(onnx.load(BACH), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return str(path)


def _far_external(folder: Path) -> str:
    model = onnx.load(BACH)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return save(model, folder)


def _foreign_operator(folder: Path) -> str:
    model = onnx.load(BACH)
    next(node for node in model.graph.node if node.op_type == "Conv").domain = "evil.corp"
    model.opset_import.append(helper.make_opsetid("evil.corp", 1))
    return save(model, folder)


def _hidden_operator(folder: Path) -> str:
    """In a branch that is never taken."""
    model = onnx.load(BACH)
    out = helper.make_tensor_value_info("never", TensorProto.FLOAT, None)
    spy = helper.make_graph([helper.make_node("Spy", [], ["never"], domain="evil.corp")], "spy", [], [out])
    zero = helper.make_graph([_constant("zero", np.float32(0))], "zero", [], [_info("zero", [])])
    _shake(
        model,
        [
            _constant("is", np.bool_(0)),
            helper.make_node("If", ["is"], ["shaken"], then_branch=spy, else_branch=zero),
        ],
    )
    return save(model, folder)


def _own_operator(folder: Path) -> str:
    model = onnx.load(BACH)
    identity = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("own", "Copy", ["x"], ["y"], [identity], [helper.make_opsetid("", 20)]))
    return save(model, folder)


def _carded(change: Callable[[dict[str, str], dict[str, Any]], Any]) -> Callable[[Path], str]:
    return lambda folder: recarded(folder, change)


def recarded(folder: Path, change: Callable[[dict[str, str], dict[str, Any]], Any]) -> str:
    """A copy of the shipped model whose metadata and card were changed."""
    model = onnx.load(BACH)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    card = json.loads(metadata["livegen.card"])
    change(metadata, card)
    if "livegen.card" in metadata:
        metadata["livegen.card"] = json.dumps(card)
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    return save(model, folder)


def _with_codec(parameter: str, value: int) -> Callable[[dict[str, str], dict[str, Any]], None]:
    return lambda _, card: card["codec"]["parameters"].update({parameter: value})


def _with_state(_: dict[str, str], card: dict[str, Any]) -> None:
    card["state"][-1]["shape"] = [10**6, 10**6]


def _growing(folder: Path) -> str:
    """Its state is longer after a step than the graph says."""
    model = onnx.load(BACH)
    output = next(out for out in model.graph.output if out.name.endswith(".next"))
    name = output.name
    for node in model.graph.node:
        node.output[:] = [f"{out}.own" if out == name else out for out in node.output]
    model.graph.node.append(helper.make_node("Concat", [f"{name}.own", f"{name}.own"], [name], axis=1))
    return save(model, folder)


def _huge(folder: Path) -> str:
    path = folder / "bad.onnx"
    path.write_bytes(BACH.read_bytes())
    os.truncate(path, LARGEST_BYTES + 1)
    return str(path)


def _not_finite(what: float) -> Callable[[Path], str]:
    """The row of one token only."""

    def build(folder: Path) -> str:
        model = onnx.load(BACH)
        tensor = _embedding(model)
        weights = numpy_helper.to_array(tensor).copy()
        weights[77] = what
        tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
        return save(model, folder)

    return build


def _embedding(model: ModelProto) -> TensorProto:
    gather = next(node for node in model.graph.node if node.op_type == "Gather")
    sources = {gather.input[0], *(n.input[0] for n in model.graph.node if gather.input[0] in n.output)}
    return next(tensor for tensor in model.graph.initializer if tensor.name in sources)


def _overflowing(folder: Path) -> str:
    """Finite weights, of which the square of one token's is not."""
    model = onnx.load(BACH)
    weights = np.zeros(len(load_bundle("bach").codec.vocabulary), np.float32)
    weights[77] = 1e30
    nodes = [
        _constant("large", weights),
        helper.make_node("Gather", ["large", "tokens"], ["of_token"]),
        helper.make_node("Mul", ["of_token", "of_token"], ["squared"]),
        helper.make_node("ReduceSum", ["squared"], ["shaken"], keepdims=0),
    ]
    _shake(model, nodes)
    return save(model, folder)


def with_checksum_of_its_own(folder: Path) -> Path:
    """A good model with a checksum."""
    path = folder / "checked.onnx"
    path.write_bytes(with_checksum(BACH.read_bytes()))
    return path


def _flipped(folder: Path) -> str:
    """The lowest bit of one weight, which would still play."""
    path = with_checksum_of_its_own(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return str(path)


def _recarded_under_checksum(folder: Path) -> str:
    path = with_checksum_of_its_own(folder)
    path.write_bytes(path.read_bytes().replace(b"J. S. Bach", b"C. P. Bach"))
    return str(path)


def _twice(key: bytes) -> Callable[[Path], str]:
    def build(folder: Path) -> str:
        model = onnx.load(BACH)
        model.metadata_props.append(next(entry for entry in model.metadata_props if entry.key == key.decode()))
        return save(model, folder)

    return build


def _declared_huge(folder: Path) -> str:
    model = onnx.load(BACH)
    _embedding(model).dims[:] = [10**6, 10**6, 10**6]
    return save(model, folder)


def _ort_format(folder: Path) -> str:
    """A good model as a FlatBuffer, which onnxruntime would open by its signature."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(folder / "bad.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(str(BACH), options, providers=["CPUExecutionProvider"])
    return str(folder / "bad.onnx")


def _bytes(content: bytes) -> Callable[[Path], str]:
    def build(folder: Path) -> str:
        (folder / "bad.onnx").write_bytes(content)
        return str(folder / "bad.onnx")

    return build


def _safetensors() -> bytes:
    header = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + bytes(4)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.onnx", BACH.read_bytes())
    return buffer.getvalue()


def _looping(folder: Path, rounds: int) -> str:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["going"]),
            helper.make_node("Neg", ["before"], ["after"]),
        ],
        "body",
        [_info("round", [], TensorProto.INT64), _info("go", [], TensorProto.BOOL), _info("before", [])],
        [_info("going", [], TensorProto.BOOL), _info("after", [])],
    )
    model = onnx.load(BACH)
    nodes = [
        *_zero_of_tokens(),
        _constant("rounds", np.int64(rounds)),
        _constant("true", np.bool_(1)),
        helper.make_node("Loop", ["rounds", "true", "nothing"], ["shaken"], body=body),
    ]
    _shake(model, nodes)
    return save(model, folder)


def _greedy(folder: Path) -> str:
    """A thousand million zeros, added up."""
    model = onnx.load(BACH)
    nodes = [
        *_zero_of_tokens(),
        _constant("room", np.array([2**30], np.int64)),
        helper.make_node("Expand", ["nothing", "room"], ["much"]),
        helper.make_node("ReduceSum", ["much"], ["shaken"], keepdims=0),
    ]
    _shake(model, nodes)
    return save(model, folder)


def _random_bytes(folder: Path) -> str:
    path = folder / "bad.onnx"
    path.write_bytes(random.Random(5).randbytes(100_000))
    return str(path)


def _truncated(n: int) -> Callable[[Path], str]:
    def build(folder: Path) -> str:
        whole = BACH.read_bytes()
        path = folder / "bad.onnx"
        path.write_bytes(whole[: random.Random(n).randrange(len(whole))])
        return str(path)

    return build


def _shake(model: ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Put ``nodes`` into the graph, and add what they call "shaken", a scalar, to the logits."""
    for node in model.graph.node:
        node.output[:] = ["calm" if out == "logits" else out for out in node.output]
    model.graph.node.extend([*nodes, helper.make_node("Add", ["calm", "shaken"], ["logits"])])


def _zero_of_tokens() -> list[onnx.NodeProto]:
    """A zero called "nothing", which nobody can know before the tokens are there."""
    return [
        helper.make_node("Cast", ["tokens"], ["as_numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["as_numbers"], ["sum"], keepdims=0),
        helper.make_node("Sub", ["sum", "sum"], ["nothing"]),
    ]


def _constant(name: str, value: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value), name))


def _info(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
