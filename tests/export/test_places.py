"""The training code in a wheel: it has its recipes with it, and keeps its runs in the state folder."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from export import places

ROOT = Path(__file__).parents[2]


def test_in_a_clone_all_of_it_stays_in_the_clone() -> None:
    assert (places.CONFIGS, places.RUNS, places.CACHE) == (ROOT / "configs", ROOT / "runs", ROOT / ".cache")
    assert not places.IS_PACKED


def test_a_wheel_carries_the_training_code_and_its_recipes() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert wheel["packages"] == ["livegen", "export"]
    assert wheel["force-include"] == {"configs": "export/configs"}


def test_installed_it_finds_its_recipes_and_writes_nothing_beside_itself(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    for name in ("livegen", "export"):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("models", "__pycache__"))
    shutil.copytree(ROOT / "configs", site / "export" / "configs")
    program = (
        "import json; from export import corpora, recipes, ship, sweep_plan; "
        "folder = recipes.of_folder(recipes.Path('a'), is_tiny=True); "
        "print(json.dumps([str(each) for each in (recipes.CONFIGS, recipes.RUNS, corpora.CACHE, "
        "sweep_plan.SWEEPS, ship.commit(), folder.name)]))"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"PYTHONPATH": str(site), "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    configs, runs, cache, sweeps, commit, name = json.loads(done.stdout)
    state = tmp_path / "state" / "livegen" / "training"
    assert (configs, sweeps) == (str(site / "export/configs/train"), str(site / "export/configs/sweep"))
    assert (runs, cache) == (str(state / "runs"), str(state / "cache"))
    assert commit.startswith("livegen ")
    assert name == "a"
