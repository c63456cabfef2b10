"""Runs and caches belong to the content of the music and to the recipe, whatever a folder is called."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from export import __main__ as command
from export import corpora, recipes, ship, train
from export.recipes import Recipe
from livegen.errors import SettingsError, TargetError
from tests.export.test_piano import write_midi


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(recipes, "RUNS", tmp_path / "runs")
    text = (recipes.CONFIGS / "folder-tiny.toml").read_text().replace("epochs = 8", "epochs = 2")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "folder-tiny.toml").write_text(text)
    monkeypatch.setattr(recipes, "CONFIGS", tmp_path / "recipes")


def music(folder: Path, lowest: int = 40) -> Path:
    folder.mkdir(parents=True)
    for first in range(lowest, lowest + 6):
        write_midi(folder / f"{first - lowest}.mid", range(first, first + 20))
    return folder


def run_of(folder: Path, recipe: Recipe | None = None) -> Path:
    found = recipe or recipes.of_folder(folder, is_tiny=True)
    return recipes.run_folder(found, corpora.load(found.corpus, found.codec, folder).digest)


def test_the_same_music_goes_on_in_its_run_wherever_it_lies(tmp_path: Path) -> None:
    first = run_of(music(tmp_path / "here" / "midi"))
    (tmp_path / "here").rename(tmp_path / "there")
    (tmp_path / "there" / "midi" / "notes.txt").write_text("no music")

    assert run_of(tmp_path / "there" / "midi") == first
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_folders_of_one_name_have_runs_of_their_own(tmp_path: Path) -> None:
    assert run_of(music(tmp_path / "a" / "midi")) != run_of(music(tmp_path / "b" / "midi", lowest=41))


@pytest.mark.parametrize("change", ["changed in place", "added", "removed"])
def test_other_files_are_another_training(tmp_path: Path, change: str) -> None:
    folder = music(tmp_path / "midi")
    before = run_of(folder)
    match change:
        case "changed in place":  # as long as before
            write_midi(folder / "3.mid", range(30, 50))
        case "added":
            write_midi(folder / "9.mid", range(30, 50))
        case _:
            (folder / "3.mid").unlink()

    assert run_of(folder) != before


def test_another_recipe_is_another_training(tmp_path: Path) -> None:
    folder = music(tmp_path / "midi")
    recipe = recipes.of_folder(folder, is_tiny=True)
    longer = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 9})})

    assert run_of(folder, longer) != run_of(folder, recipe)


def test_another_version_of_a_reader_does_not_take_the_old_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = music(tmp_path / "midi")
    before = corpora.cache_path("folder", "note_duration", folder)
    monkeypatch.setattr(corpora.metadata, "version", lambda name: "0")

    assert corpora.cache_path("folder", "note_duration", folder) != before


def test_a_run_neither_goes_on_nor_ships_with_other_music(tmp_path: Path) -> None:
    first, other = music(tmp_path / "a" / "midi"), music(tmp_path / "b" / "midi", lowest=44)
    recipe = recipes.of_folder(first, is_tiny=True)
    train.train(recipe, tmp_path / "run", first)

    with pytest.raises(SettingsError, match="was trained on other music"):
        train.train(recipe, tmp_path / "run", other)
    corpus = corpora.load("folder", recipe.codec, other)
    with pytest.raises(SettingsError, match="was trained on other music"):
        ship.ship(tmp_path / "run", tmp_path / "b.onnx", corpus, lambda items, _: items)
    assert not (tmp_path / "b.onnx").exists()


def test_a_killed_training_of_a_folder_goes_on_and_another_folder_of_its_name_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = music(tmp_path / "a" / "midi"), music(tmp_path / "b" / "midi", lowest=44)

    def kill(done: int, whole: int, figures: Mapping[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(recipes.of_folder(first, is_tiny=True), run_of(first), first, kill)

    counts = []
    for folder in (first, first, other):
        command.train(str(folder), tiny=True, to=tmp_path / f"{folder.parent.name}.onnx")
        counts.append(capsys.readouterr().err.count("epoch "))

    assert counts == [1, 0, 2]
    assert (tmp_path / "a.onnx").read_bytes() != (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("name", ["model.bin", "none/model.onnx", "folder.onnx"])
def test_where_the_model_cannot_be_written_nothing_is_trained(tmp_path: Path, name: str) -> None:
    folder = music(tmp_path / "midi")
    (tmp_path / "folder.onnx").mkdir()

    with pytest.raises(TargetError):
        command.train(str(folder), tiny=True, to=tmp_path / name)
    assert not (tmp_path / "runs").exists()
