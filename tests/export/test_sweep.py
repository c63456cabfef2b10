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
from export.sweep import OutOfTime, Trial
from export.sweep_picture import draw
from export.sweep_plan import SWEEPS, Halving, Interval, Marked, Sweep, Value, load, points, recipe_of, rungs
from livegen.errors import SettingsError

ROOT = Path(__file__).parents[2]
HIDDEN, RATES = [16, 32, 64], [1e-3, 2e-3]
GRID = Sweep(
    name="small", recipe="tiny", search="grid", space={"network.hidden": HIDDEN, "training.learning_rate": RATES}
)
HALVING = GRID.model_copy(
    update={"search": "halving", "halving": Halving(first_epochs=1, factor=2, last_epochs=4), "seed": 3}
)
EVERY = sorted((hidden, rate) for hidden in HIDDEN for rate in RATES)


def by_size(recipe: Recipe, folder: Path, epochs: int) -> float:
    """In place of a training."""
    return recipe.network.hidden * recipe.training.learning_rate


def tried(name: Sweep, folder: Path) -> list[tuple[Value, ...]]:
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


def with_checkpoints(recipe: Recipe, folder: Path, epochs: int) -> float:
    """In place of a training that goes on from its checkpoint; it logs the epochs that it trains."""
    folder.mkdir(exist_ok=True)
    last = folder / "last"
    done = int(last.read_text()) if last.exists() else 0
    with (folder.parent / "trained").open("a") as log:
        print(recipe.network.hidden, recipe.training.learning_rate, done, epochs, file=log)
    last.write_text(str(epochs))
    return by_size(recipe, folder, epochs) / epochs


def trained(folder: Path) -> list[tuple[float, ...]]:
    """(hidden, learning rate, epochs at the begin, epochs at the end) of each training, in order of size."""
    return sorted(tuple(map(float, line.split())) for line in (folder / "trained").read_text().splitlines())


def test_the_best_of_each_rung_go_on_from_their_checkpoints(tmp_path: Path) -> None:
    sweep.run(HALVING, tmp_path, with_checkpoints)

    assert trained(tmp_path) == sorted(
        [
            *((*point, 0.0, 1.0) for point in EVERY),
            *((*point, 1.0, 2.0) for point in [(16, 1e-3), (16, 2e-3), (32, 1e-3)]),
            (16, 1e-3, 2.0, 4.0),
        ]
    )
    first = sweep.results(HALVING, tmp_path)[:4]
    assert [(trial.epochs, round(trial.nats, 6)) for trial in first] == [(4, 0.004), (2, 0.008), (2, 0.016), (2, 0.016)]


def test_the_points_of_a_halving_are_trained_as_if_to_the_last_rung(tmp_path: Path) -> None:
    assert recipe_of(HALVING, {"network.hidden": 16}).training.epochs == 4


def test_the_order_of_a_halving_is_drawn_and_stays(tmp_path: Path) -> None:
    other = HALVING.model_copy(update={"seed": 4})

    assert points(HALVING) == points(HALVING)
    assert points(HALVING) != points(GRID)
    assert points(HALVING) != points(other)
    assert [sorted(map(str, points(plan))) for plan in (HALVING, other)] == [sorted(map(str, points(GRID)))] * 2


def test_the_published_grid_has_four_rungs() -> None:
    plan = load(SWEEPS / "bach.toml")

    assert [(rung.points, rung.epochs, rung.further) for rung in rungs(plan)] == [
        (864, 1, 1), (288, 3, 2), (96, 9, 6), (32, 27, 18)
    ]  # fmt: skip
    assert sweep.progress(plan, [Trial({}, 0.5, 1), Trial({}, 0.4, 9)]) == (7, 864 + 576 + 576 + 576)


def test_the_last_rung_is_never_longer_than_it_is_told() -> None:
    plan = HALVING.model_copy(update={"halving": Halving(first_epochs=2, factor=3, last_epochs=7)})

    assert [(rung.points, rung.epochs, rung.further) for rung in rungs(plan)] == [(6, 2, 2), (2, 6, 4), (1, 7, 1)]


def test_checkpoints_of_points_that_cannot_go_on_are_deleted_at_once(tmp_path: Path) -> None:
    kept = list[int]()

    sweep.run(HALVING, tmp_path, with_checkpoints, lambda trial: kept.append(len(list(tmp_path.glob("*/last")))))

    assert kept == [1, 2, 3, 3, 3, 3, 3, 2, 1, 1]  # six points, of which three go on; of these one
    assert trained(tmp_path)[0][:2] == (16, 1e-3)


def test_a_halving_that_ran_out_of_time_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    sweep.run(HALVING, whole, with_checkpoints)

    def stop(recipe: Recipe, folder: Path, epochs: int) -> float:
        if folder.exists():
            raise OutOfTime  # in the second rung
        return with_checkpoints(recipe, folder, epochs)

    with pytest.raises(OutOfTime):
        sweep.run(HALVING, stopped, stop)
    sweep.run(HALVING, stopped, with_checkpoints)

    assert trained(stopped) == trained(whole)
    assert sweep.results(HALVING, stopped) == sweep.results(HALVING, whole)


def test_a_training_that_ran_away_comes_last(tmp_path: Path) -> None:
    def run_away(recipe: Recipe, folder: Path, epochs: int) -> float:
        return float("inf") if recipe.network.hidden == 16 else by_size(recipe, folder, epochs)

    sweep.run(HALVING, tmp_path, run_away)

    assert [trial.settings["network.hidden"] for trial in sweep.results(HALVING, tmp_path)][:2] == [32, 32]


def test_a_marked_point_has_a_rank_at_each_rung_that_it_reached(tmp_path: Path) -> None:
    sweep.run(HALVING, tmp_path, by_size)
    trials = sweep.results(HALVING, tmp_path)

    second, worst, unknown = (
        {"network.hidden": h, "training.learning_rate": r} for h, r in [(16, 2e-3), (64, 2e-3), (8, 1)]
    )
    assert sweep.ranks(trials, second) == {1: (2, 6), 2: (2, 3)}
    assert sweep.ranks(trials, worst) == {1: (6, 6)}
    assert sweep.ranks(trials, unknown) == {}


def test_a_marked_point_goes_on_beside_the_best(tmp_path: Path) -> None:
    worst: dict[str, Value] = {"network.hidden": 64, "training.learning_rate": 2e-3}
    plan = HALVING.model_copy(update={"marked": Marked(name="published", settings=worst)})

    sweep.run(plan, tmp_path, with_checkpoints)

    trials = sweep.results(plan, tmp_path)
    assert points(plan)[0] == worst  # it is tried first
    assert sweep.ranks(trials, worst) == {1: (6, 6), 2: (4, 4), 4: (2, 2)}
    assert (64, 2e-3, 2.0, 4.0) in trained(tmp_path)
    assert sweep.progress(plan, trials) == (6 + 4 + 2 * 2, 6 + 4 + 2 * 2)


def test_what_a_plan_no_longer_has_is_no_result(tmp_path: Path) -> None:
    sweep.run(GRID, tmp_path, by_size)
    smaller = GRID.model_copy(update={"space": {"network.hidden": [32, 64], "training.learning_rate": RATES}})

    assert tried(smaller, tmp_path) == [point for point in EVERY if point[0] != 16]


CHILD = """
import sys, time
from pathlib import Path
from export import sweep
from tests.export import test_sweep

def slow(recipe, folder, epochs):
    with (Path(sys.argv[2]) / "begun").open("a") as log:
        print(folder.name, epochs, file=log)
    time.sleep(float(sys.argv[3]))
    return test_sweep.by_size(recipe, folder, epochs)

sweep.run(getattr(test_sweep, sys.argv[1]), Path(sys.argv[2]), slow)
"""


def start(folder: Path, slowness_s: float, plan: str = "GRID") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, plan, str(folder), str(slowness_s)], cwd=ROOT)


def begun(folder: Path) -> list[str]:
    path = folder / "begun"
    return path.read_text().splitlines() if path.exists() else []


def kill_in_a_trial(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not begun(folder) and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_trial_is_taken_up_again_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    kill_in_a_trial(start(tmp_path, 60), tmp_path)

    both = [start(tmp_path, 0.05), start(tmp_path, 0.05)]
    codes = [process.wait(120) for process in both]

    assert codes == [0, 0]
    assert tried(GRID, tmp_path) == EVERY
    assert sorted(Counter(begun(tmp_path)).values()) == [1, 1, 1, 1, 1, 2]  # the killed one began twice


def test_a_halving_of_two_processes_loses_and_doubles_nothing_when_one_is_killed(tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    sweep.run(HALVING, alone, by_size)
    shared.mkdir()
    kill_in_a_trial(start(shared, 60, "HALVING"), shared)

    both = [start(shared, 0.05, "HALVING"), start(shared, 0.05, "HALVING")]
    codes = [process.wait(120) for process in both]

    assert codes == [0, 0]
    assert sweep.results(HALVING, shared) == sweep.results(HALVING, alone)
    assert sorted(Counter(begun(shared)).values()) == [*[1] * 9, 2]  # six points, three, one


def test_a_trial_that_was_killed_before_it_had_an_owner_is_let_go(tmp_path: Path) -> None:
    sweep._study(GRID, tmp_path).ask()

    sweep.run(GRID, tmp_path, by_size)

    assert tried(GRID, tmp_path) == EVERY


def test_a_setting_that_the_recipe_does_not_have_is_named() -> None:
    with pytest.raises(SettingsError, match=r"sweep 'small': recipe 'tiny' has no setting 'network\.heads'"):
        recipe_of(GRID, {"network.heads": 2})


def test_a_value_that_the_recipe_refuses_is_named() -> None:
    with pytest.raises(SettingsError, match="sweep 'small': 'layers': write a whole number, at most 8"):
        recipe_of(GRID, {"network.layers": 9})


def test_a_setting_may_give_two_of_the_recipe_one_value() -> None:
    recipe = recipe_of(GRID, {"dropout.between and dropout.output": 0.25})

    assert (recipe.dropout.between, recipe.dropout.output, recipe.dropout.features) == (0.25, 0.25, 0.0)


def test_a_setting_may_give_each_of_two_its_own_value() -> None:
    recipe = recipe_of(GRID, {"training.chunk and training.streams": [128, 16]})

    assert (recipe.training.chunk, recipe.training.streams) == (128, 16)


def test_a_list_of_another_length_is_refused() -> None:
    names = "training.chunk and training.streams"
    with pytest.raises(SettingsError, match=f"'{names}': write one value, or a list of 2"):
        recipe_of(GRID, {names: [128, 16, 8]})


HEAD = 'name = "small"\nrecipe = "tiny"\nsearch = "halving"\n'
SPACE = '[space]\n"network.hidden" = [16, 32]\n'
RUNGS = "[halving]\nlast_epochs = 9\n"
WRONG = {  # the plan → what is said of it
    HEAD + SPACE: r"search 'halving' and the table \[halving\] go together",
    HEAD.replace("halving", "grid") + RUNGS + SPACE: r"search 'halving' and the table \[halving\] go together",
    HEAD + RUNGS.replace("9", "0") + SPACE: "'halving.last_epochs': write a whole number, at least 1",
    HEAD + RUNGS + "factor = 1\n" + SPACE: "'halving.factor': write a whole number, at least 2",
    HEAD + RUNGS + "first_epochs = 10\n" + SPACE: "'halving.last_epochs': write a whole number, at least first",
    HEAD + RUNGS + "last = 9\n" + SPACE: "'halving.last': there is no such key",
    HEAD + RUNGS + SPACE + '[fixed]\n"training.epochs" = 9\n': "'training.epochs': a halving says itself how long",
    HEAD + RUNGS + SPACE.replace("32", "16"): "'space.network.hidden': write each value once",
    HEAD + RUNGS + SPACE.replace("16, 32", ""): "'space.network.hidden': write each value once, and at least one",
    HEAD + RUNGS + '[space]\n"dropout.output" = { low = 0, high = 0.5 }\n': "'space.dropout.output': a grid is",
    HEAD.replace("halving", "tpe") + SPACE: "'trials' is missing",
    HEAD + RUNGS + '[marked]\nname = "x"\nsettings = { "network.hidden" = 17 }\n' + SPACE: "'marked.settings' is no",
    HEAD.replace("halving", "tpe") + 'trials = 2\n[marked]\nname = "x"\nsettings = {}\n' + SPACE: "'marked' is a point",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_wrong_plan_is_refused_with_its_file_and_its_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "small.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=rf"small\.toml: {WRONG[text]}"):
        load(path)


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_sweep_bears_the_name_of_its_file_and_fits_its_recipe(path: Path) -> None:
    shipped = load(path)

    recipe = recipe_of(shipped, {name: values[0] for name, values in shipped.space.items() if values})

    assert shipped.name == path.stem
    assert recipe.name == shipped.recipe


def test_a_picture_shows_every_setting(tmp_path: Path) -> None:
    sweep.run(GRID, tmp_path, by_size)

    draw("small", sweep.results(GRID, tmp_path), tmp_path / "sweep.png")

    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "journal.log").read_text().splitlines()[0])


def test_a_picture_shows_the_rungs_and_the_marked_point(tmp_path: Path) -> None:
    sweep.run(HALVING, tmp_path, by_size)
    trials = sweep.results(HALVING, tmp_path)

    draw("small", trials, tmp_path / "plain.png")
    draw("small", trials, tmp_path / "marked.png", Marked(name="published", settings=points(HALVING)[0]))

    plain, marked = ((tmp_path / name).read_bytes() for name in ("plain.png", "marked.png"))
    assert plain.startswith(b"\x89PNG")
    assert plain != marked
