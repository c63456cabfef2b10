"""The benchmark's training: it learns, and goes on where it was killed."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from export import training_loop
from export.jsb16 import settings, train
from export.jsb16.data import HIDDEN, SOPRANO, VOICES
from livegen.errors import SettingsError
from tests.support.scales_in_four import CHORALES, SETTINGS

CONFIG = Path(__file__).parents[2] / "configs" / "train" / "jsb16.toml"
HIDING = settings.Hiding(below_soprano=0, any_voices=0, soprano_first=0, any_order=0)


def stop_after(epochs: int) -> training_loop.Report:
    def report(done: int, whole: int, figures: Mapping[str, float]) -> None:
        if done == epochs:
            raise KeyboardInterrupt

    return report


def test_training_learns_what_repeats(tmp_path: Path) -> None:
    longer = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"epochs": 16})})

    progress = train.train(longer, CHORALES, tmp_path)

    assert progress.best_nats < 8.0  # knowing nothing costs four times log 60 = 16.4


def test_a_run_that_was_killed_goes_on_exactly_where_it_was(tmp_path: Path) -> None:
    train.train(SETTINGS, CHORALES, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train.train(SETTINGS, CHORALES, tmp_path / "killed", stop_after(3))
    train.train(SETTINGS, CHORALES, tmp_path / "killed")

    whole, killed = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(tensor, killed[name]) for name, tensor in whole.items())


def test_what_is_kept_is_the_best_epoch_on_the_validation(tmp_path: Path) -> None:
    progress = train.train(SETTINGS, CHORALES, tmp_path)

    restored, network, at_best = train.restore_best(tmp_path)

    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "valid_nats" in line] == [2, 4]
    assert (at_best.best_epoch, at_best.best_nats) == (progress.best_epoch, progress.best_nats)
    assert restored == SETTINGS
    assert train.per_voice(network, CHORALES.valid).sum().item() == pytest.approx(progress.best_nats, abs=1e-2)


def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    train.train(SETTINGS, CHORALES, tmp_path)
    other = SETTINGS.model_copy(update={"dropout": SETTINGS.dropout.model_copy(update={"voice": 0.5})})

    with pytest.raises(SettingsError, match=r"last\.safetensors: was trained with other settings"):
        train.train(other, CHORALES, tmp_path)


def test_a_run_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"best\.safetensors: no such checkpoint; run `python -m export\.jsb16"):
        train.restore_best(tmp_path)


def test_a_network_larger_than_the_benchmark_allows_is_refused() -> None:
    large = SETTINGS.model_copy(update={"network": SETTINGS.network.model_copy(update={"hidden": 1024})})

    with pytest.raises(SettingsError, match="the benchmark allows 10,000,000"):
        train.make_network(large)


def test_the_committed_run_is_one_that_the_benchmark_allows() -> None:
    network = train.make_network(settings.load(CONFIG))

    assert sum(weight.numel() for weight in network.parameters()) < 10_000_000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[network", "Expected"), ("[training]\nepochs = 0", "'network': it is missing")],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "jsb16.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=rf"jsb16\.toml: .*{complaint}"):
        settings.load(path)


def test_nothing_is_hidden_and_no_order_changed_unless_asked_for() -> None:
    frames = torch.randint(1, 60, (5, 70, VOICES))

    assert torch.equal(train.drawn_view(frames, HIDING), frames)
    assert torch.equal(train.drawn_order(frames, HIDING), train.canonical(frames))


def test_below_the_soprano_everything_can_be_hidden() -> None:
    frames = torch.randint(1, 60, (5, 70, VOICES))

    view = train.drawn_view(frames, HIDING.model_copy(update={"below_soprano": 1.0}))

    assert torch.equal(view[..., SOPRANO], frames[..., SOPRANO])
    assert (view[..., 1:] == HIDDEN).all()


def test_a_patchwork_hides_stretches_of_voices() -> None:
    frames = torch.randint(1, 60, (5, 70, VOICES))

    hidden = train.drawn_view(frames, HIDING.model_copy(update={"any_voices": 1.0})) == HIDDEN

    changes = (hidden[:, 1:] != hidden[:, :-1]).any(0).any(-1).nonzero().flatten().tolist()
    assert changes == [train.STRETCH - 1, 2 * train.STRETCH - 1]
    assert 0.2 < hidden.float().mean() < 0.8


@pytest.mark.parametrize("name", ["soprano_first", "any_order"])
def test_a_drawn_order_is_an_order(name: str) -> None:
    torch.manual_seed(0)
    frames = torch.randint(1, 60, (5, 70, VOICES))

    known = train.drawn_order(frames, HIDING.model_copy(update={name: 1.0}))

    assert (known.sum(-1).sort(-1).values == torch.arange(VOICES)).all()  # one sees none, one sees one, ...
    assert (known != known.transpose(-1, -2)).sum() == frames.numel() * (VOICES - 1)
    assert (known[..., SOPRANO, :].sum() == 0) == (name == "soprano_first")
    assert len(known.flatten(0, 1).flatten(1).unique(dim=0)) == {"soprano_first": 6, "any_order": 24}[name]
