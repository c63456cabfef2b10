"""Model files: what does not keep the contract is refused by name."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from livegen.errors import ModelError
from livegen.model.bundle import load_bundle
from tests.support.bad_models import BACH, recarded


def test_shipped_models_load_by_name_and_by_path() -> None:
    assert load_bundle("bach").card == load_bundle(str(BACH)).card


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"^unknown model 'bahc'; did you mean 'bach'\?$"):
        load_bundle("bahc")


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: no such file"):
        load_bundle(str(tmp_path / "none.onnx"))


@pytest.mark.parametrize("length", [0, 100, 100_000])
def test_a_truncated_file_is_no_model(tmp_path: Path, length: int) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(BACH.read_bytes()[:length])

    with pytest.raises(ModelError, match=r"short\.onnx: not a whole ONNX model|no 'livegen\.card'"):
        load_bundle(str(path))


def test_a_foreign_model_is_told_from_ours(tmp_path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "foreign", [x], [y])
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)

    with pytest.raises(ModelError, match=r"an ONNX model without a 'livegen.card'"):
        load_bundle(str(path))


def test_another_contract_is_refused(tmp_path: Path) -> None:
    path = recarded(tmp_path, lambda metadata, card: metadata.update({"livegen.contract": "99"}))

    with pytest.raises(ModelError, match=r"made for contract '99', but this livegen plays contract '1'"):
        load_bundle(path)


def test_a_state_that_disagrees_with_its_card_is_named_with_both_shapes(tmp_path: Path) -> None:
    def shrink(metadata: dict[str, str], card: dict[str, Any]) -> None:
        card["state"][-1]["shape"][-1] -= 1

    with pytest.raises(ModelError, match=r"state '\w+' is \[batch, .*\] in the card but \[batch, .*\] in the graph"):
        load_bundle(recarded(tmp_path, shrink))


def test_a_state_that_the_card_forgets_is_named(tmp_path: Path) -> None:
    def forget(metadata: dict[str, str], card: dict[str, Any]) -> None:
        card["state"].pop()

    with pytest.raises(ModelError, match=r"the graph has an input 'state\.\w+' that is not in its card"):
        load_bundle(recarded(tmp_path, forget))


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(tmp_path: Path) -> None:
    def widen(metadata: dict[str, str], card: dict[str, Any]) -> None:
        card["codec"]["parameters"]["high"] += 1

    with pytest.raises(ModelError, match=r"logits for a vocabulary of"):
        load_bundle(recarded(tmp_path, widen))


def test_an_unknown_codec_is_answered_with_the_nearest(tmp_path: Path) -> None:
    def misspell(metadata: dict[str, str], card: dict[str, Any]) -> None:
        card["codec"]["name"] = "chorals"

    with pytest.raises(ModelError, match=r"unknown codec 'chorals'; did you mean 'chorale'\?"):
        load_bundle(recarded(tmp_path, misspell))
