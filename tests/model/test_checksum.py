"""A flipped bit is found by the checksum in a model file; what was made before there was one still plays."""

import random
import shutil
from pathlib import Path

import pytest

import livegen.model.validation
from livegen.errors import ModelError
from livegen.model.bundle import load_bundle, open_bundle
from livegen.model.checksum import check_metadata, has_checksum, with_checksum
from livegen.model.onnx_structure import check_structure
from livegen.model.validation import validate_model
from livegen.shipped import SHIPPED
from tests.support.bad_models import BACH, bad_models


def test_a_model_with_a_checksum_plays_and_so_does_one_without(tmp_path: Path) -> None:
    (tmp_path / "with.onnx").write_bytes(with_checksum(BACH.read_bytes()))
    (tmp_path / "without.onnx").write_bytes(BACH.read_bytes() + bytes((0x08, 0x0A)))  # its version once more

    loaded = [load_bundle(str(tmp_path / name)) for name in ("with.onnx", "without.onnx")]

    assert [bundle.card for bundle in loaded] == [load_bundle("bach").card] * 2


def test_every_flipped_bit_is_found_in_all_that_plays_and_in_the_checksum_itself() -> None:
    whole = with_checksum(BACH.read_bytes())
    chance = random.Random(1)
    places = [*(chance.randrange(BACH.stat().st_size) for _ in range(30)), *range(len(whole) - 64, len(whole))]
    missed = []
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << chance.randrange(8)
        try:
            check_structure("flipped.onnx", bytes(content))
            missed.append(place)
        except ModelError:
            pass

    assert missed == []


def test_a_checksum_is_there_once_and_says_so() -> None:
    whole = with_checksum(BACH.read_bytes())

    check_metadata("bach.onnx", whole)

    assert (has_checksum(BACH.read_bytes()), has_checksum(whole)) == (False, True)
    with pytest.raises(ModelError, match="twice"):
        check_metadata("bach.onnx", with_checksum(whole))


def test_a_shipped_model_that_was_damaged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setattr(livegen.model.validation, "SHIPPED", folder)
    content = bytearray(BACH.read_bytes())
    content[len(content) // 2] ^= 1  # the lowest bit of a weight: it would play

    with pytest.raises(ModelError, match=r"bach.onnx: is not what came with livegen; .*install livegen again"):
        validate_model(str(folder / "bach.onnx"), bytes(content))
    validate_model(str(folder / "bach.onnx"), with_checksum(BACH.read_bytes()))  # exported anew


def test_the_format_is_not_guessed_from_the_content(tmp_path: Path) -> None:
    path = next(bad for bad in bad_models() if "own format" in bad.name).build(tmp_path)

    with pytest.raises(ModelError, match="not a whole ONNX model"):
        open_bundle(path, Path(path).read_bytes())
