"""Sweeps: every point once, whatever is killed and however many processes help."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from export import sweep
from export.recipes import Recipe
from export.sweep import Interval, Sweep
from export.sweep_picture import draw
from livegen.errors import SettingsError

ROOT = Path(__file__).parents[2]
HIDDEN, RATES = [16, 32, 64], [1e-3, 2e-3]
GRID = Sweep(
    name="small", recipe="tiny", search="grid", space={"network.hidden": HIDDEN, "training.learning_rate": RATES}
)
EVERY = sorted((hidden, rate) for hidden in HIDDEN for rate in RATES)


def by_size(recipe: Recipe, folder: Path) -> float:
    """In place of a training."""
    return recipe.network.hidden * recipe.training.learning_rate


def tried(name: Sweep, folder: Path) -> list[tuple[sweep.Value, ...]]:
    return sorted(tuple(trial.settings.values()) for trial in sweep.results(name, folder))


def test_a_sweep_that_has_not_begun_has_no_results(tmp_path: Path) -> None:
    assert sweep.results(GRID, tmp_path / "new") == []


def test_a_grid_tries_every_point_once(tmp_path: Path) -> None:
    sweep.run(GRID, tmp_path, by_size)

    best = sweep.results(GRID, tmp_path)[0]
    assert tried(GRID, tmp_path) == EVERY
    assert (best.settings, best.nats) == ({"network.hidden": 16, "training.learning_rate": 1e-3}, 0.016)


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_other_searches_try_as_many_as_they_are_told(tmp_path: Path, search: str) -> None:
    space = {"network.hidden": HIDDEN, "training.learning_rate": Interval(low=1e-4, high=1e-2, log=True)}
    other = GRID.model_copy(update={"search": search, "trials": 5, "space": space})

    sweep.run(other, tmp_path, by_size)

    rates = [float(rate) for _, rate in tried(other, tmp_path)]
    assert len(rates) == 5
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)


CHILD = """
import sys, time
from pathlib import Path
from export import sweep
from tests.export.test_sweep import GRID, by_size

def slow(recipe, folder):
    with (Path(sys.argv[1]) / "begun").open("a") as log:
        print(folder.name, file=log)
    time.sleep(float(sys.argv[2]))
    return by_size(recipe, folder)

sweep.run(GRID, Path(sys.argv[1]), slow)
"""


def start(folder: Path, slowness_s: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(slowness_s)], cwd=ROOT)


def begun(folder: Path) -> list[str]:
    path = folder / "begun"
    return path.read_text().split() if path.exists() else []


def test_a_killed_trial_is_taken_up_again_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    first = start(tmp_path, 60)
    deadline = time.monotonic() + 60
    while not begun(tmp_path) and time.monotonic() < deadline:
        os.sched_yield()
    first.send_signal(signal.SIGKILL)
    first.wait()

    both = [start(tmp_path, 0.05), start(tmp_path, 0.05)]
    codes = [process.wait(120) for process in both]

    assert codes == [0, 0]
    assert tried(GRID, tmp_path) == EVERY
    assert sorted(Counter(begun(tmp_path)).values()) == [1, 1, 1, 1, 1, 2]  # the killed one began twice


def test_a_setting_that_the_recipe_does_not_have_is_named() -> None:
    with pytest.raises(SettingsError, match=r"sweep 'small': recipe 'tiny' has no setting 'network\.heads'"):
        sweep.recipe_of(GRID, {"network.heads": 2})


def test_a_value_that_the_recipe_refuses_is_named() -> None:
    with pytest.raises(SettingsError, match="sweep 'small': 'layers': write a whole number, at most 8"):
        sweep.recipe_of(GRID, {"network.layers": 9})


@pytest.mark.parametrize("path", sorted(sweep.SWEEPS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_sweep_bears_the_name_of_its_file_and_fits_its_recipe(path: Path) -> None:
    shipped = sweep.load(path)

    recipe = sweep.recipe_of(shipped, {name: values[0] for name, values in shipped.space.items() if values})

    assert shipped.name == path.stem
    assert recipe.name == shipped.recipe


def test_a_picture_shows_every_setting(tmp_path: Path) -> None:
    sweep.run(GRID, tmp_path, by_size)

    draw("small", sweep.results(GRID, tmp_path), tmp_path / "sweep.png")

    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "journal.log").read_text().splitlines()[0])
