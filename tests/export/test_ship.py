"""Shipping: from a finished run to a file that the engine plays."""

from pathlib import Path

import numpy as np
import pytest

from export import corpora, ship, train
from export.evaluate import OnnxPredictor, evaluate
from export.recipes import CONFIGS, Defaults, Recipe, load
from livegen.errors import SettingsError
from livegen.model.bundle import load_bundle
from livegen.model.checksum import has_checksum
from tests.support.scales import stand_in

TINY = load(CONFIGS / "tiny.toml")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """One epoch on scales."""
    stand_in(monkeypatch, tmp_path / "cache")
    return TINY.model_copy(update={"training": TINY.training.model_copy(update={"epochs": 1})})


def test_a_shipped_file_tells_its_own_figures_and_plays(tmp_path: Path, recipe: Recipe) -> None:
    target = tmp_path / "models" / "small.onnx"
    progress = train.train(recipe, tmp_path / "run")

    corpus = corpora.load("bach-chorales", "chorale")
    steady = Defaults(temperature=0.7, timing_temperature=0.6)
    card = ship.ship(tmp_path / "run", target, corpus, lambda items, _: items, steady)

    figures = evaluate(OnnxPredictor(target), corpus)
    assert load_bundle(str(target)).card == card
    assert has_checksum(target.read_bytes())
    assert {name: card.metrics[name] for name in figures} == figures
    assert card.own_sampling.model_dump() == steady.model_dump()
    assert card.metrics["valid_nats"] == progress.best_nats
    assert (card.trained_on.corpus, card.trained_on.credit) == ("bach-chorales", "us")
    assert list(target.parent.iterdir()) == [target]


def test_without_a_run_the_old_file_stays(tmp_path: Path, recipe: Recipe) -> None:
    target = tmp_path / "small.onnx"
    target.write_bytes(b"old")

    with pytest.raises(SettingsError, match="no such checkpoint"):
        ship.ship(tmp_path / "run", target, corpora.load("bach-chorales", "chorale"), lambda items, _: items)

    assert target.read_bytes() == b"old"


def test_a_figure_that_was_never_reached_is_left_out_of_the_card() -> None:
    reached = ship.training_figures(train.Progress(best_epoch=3, wall_s=12.34, best_nats=0.4, bachbot_s=5.0))
    missed = ship.training_figures(train.Progress(best_epoch=3, wall_s=12.34, best_nats=0.4))

    assert reached == {"epochs": 3, "train_wall_s": 12.3, "valid_nats": 0.4, "wall_s_to_bachbot": 5.0}
    assert missed == {"epochs": 3, "train_wall_s": 12.3, "valid_nats": 0.4}
    assert np.isfinite(list(missed.values())).all()
