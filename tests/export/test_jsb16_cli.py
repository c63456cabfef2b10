"""The benchmark's command line, from a data file to a model that plays."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from export.jsb16 import data
from export.jsb16.__main__ import app, main
from export.jsb16.settings import Distillation, Settings
from export.jsb16.ship import make_card
from export.jsb16.streaming import Streaming
from export.jsb16.train import restore_best
from livegen.model.bundle import load_bundle
from tests.support.scales_in_four import CHORALES, SETTINGS, pitches_of

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def chorales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chorales.json"
    parts = {part: [pitches_of(piece) for piece in getattr(CHORALES, part)] for part in data.PARTS}
    path.write_text(json.dumps(parts))
    return path


def written(settings: Settings, config: Path) -> Path:
    """The settings as a file."""
    lines = []
    for section, values in settings.model_dump(exclude_none=True).items():
        lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    config.write_text("\n".join(lines))
    return config


@pytest.fixture(scope="module")
def run(chorales: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    config = written(SETTINGS, folder / "small.toml")
    done = RUNNER.invoke(
        app, ["train", "--data", str(chorales), "--config", str(config), "--run", str(folder)], catch_exceptions=False
    )
    assert done.output.splitlines()[-1].startswith("best epoch 4: ")
    return folder


def figures(*arguments: str) -> dict[str, dict[str, float]]:
    done = RUNNER.invoke(app, [*arguments, "--json"], catch_exceptions=False)
    read: dict[str, dict[str, float]] = json.loads(done.stdout)
    return read


def test_a_run_is_measured_plain_and_mixed(chorales: Path, run: Path) -> None:
    found = figures("evaluate", "--data", str(chorales), "--run", str(run), "--part", "valid")

    assert list(found) == ["part", "pieces", "networks", "parameters", "plain", "calibrated", "mixed"]
    assert (found["part"], found["pieces"]) == ("valid", 2)
    assert [found[way]["keys"] for way in ("plain", "calibrated", "mixed")] == [1, 1, 7]
    for way in ("plain", "mixed"):
        assert found[way]["frame"] == pytest.approx(found[way]["soprano"] + found[way]["below"])


def test_the_sopranos_of_the_test_part_are_harmonised(
    chorales: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEGEN_JSB16", str(chorales))

    found = figures("harmonise", "--run", str(run), "--beam", "2")

    assert list(found) == ["part", "pieces", "greedy", "beam of 2"]
    assert all(0 <= found[way][error] <= 1 for way in ("greedy", "beam of 2") for error in ("token", "frame"))
    assert found["beam of 2"]["log_probability"] >= found["greedy"]["log_probability"]


def test_the_figures_can_be_read_by_people(chorales: Path, run: Path) -> None:
    done = RUNNER.invoke(app, ["evaluate", "--data", str(chorales), "--run", str(run)], catch_exceptions=False)

    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        *("part", "pieces", "networks", "parameters", "plain", "calibrated", "mixed")
    ]


def test_a_run_becomes_a_model_that_plays(chorales: Path, run: Path) -> None:
    model = run / "small.onnx"

    done = RUNNER.invoke(
        app, ["onnx", "--data", str(chorales), "--run", str(run), "--to", str(model)], catch_exceptions=False
    )

    bundle = load_bundle(str(model))
    logits, _ = bundle.stepper.step(np.array([[60, 38, 19]]), bundle.stepper.initial())
    assert "verified; valid_nats_per_frame" in done.output
    assert 0.8 <= bundle.card.metrics["calibration"] <= 1.6
    assert (bundle.card.name, bundle.codec.name, logits.shape) == ("jsb16", "voices", (1, 3, 61))
    assert not model.with_suffix(".partial").exists()


def test_a_run_teaches_another(chorales: Path, run: Path, tmp_path: Path) -> None:
    distillation = Distillation(
        from_teacher=True, temperature=1.1, keys=(0, 1), labels=0.1, drawn=2, drawn_per_epoch=1, given_soprano=0.5
    )
    config = written(SETTINGS.model_copy(update={"distillation": distillation}), tmp_path / "student.toml")
    options = ("--data", str(chorales), "--config", str(config), "--teacher", str(run), "--run", str(tmp_path))

    taught = RUNNER.invoke(app, ["distil", *options], catch_exceptions=False)

    assert taught.output.splitlines()[-1].startswith("best epoch 4: ")
    settings, network, progress = restore_best(tmp_path)
    card = make_card(Streaming(network, 8), progress, settings, 1.1)
    assert card.command == "python -m export.jsb16 distil && python -m export.jsb16 onnx"


def test_what_is_foreseeable_is_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["jsb16", "evaluate", "--data", "nowhere.json", "--run", str(run)])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "nowhere.json: no such file; it is Jsb16thSeparated.json of czhuang/JSB-Chorales-dataset"
    ]
