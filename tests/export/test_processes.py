"""Training with several processes: the same as with one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.processes import Processes
from livegen.errors import SettingsError
from tests.export.test_piano import write_midi

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from export import corpora, recipes, train

base = Path(sys.argv[1])
corpora.CACHE = base / "cache"
recipe = recipes.load(recipes.find("folder-tiny"))
training = recipe.training.model_copy(update={"epochs": 2, "forgetting": 0.0, "bf16": False, "streams": 4})
network = recipe.network.model_copy(update={"hidden": 16, "features": 16, "head": 0})
recipe = recipe.model_copy(update={"training": training, "network": network})
train.train(recipe, base / sys.argv[2], base / "music")
"""


def test_the_rows_of_a_batch_are_shared() -> None:
    batch = np.arange(12).reshape(4, 3)

    parts = [Processes(rank, 2).own(batch)[:, 0].tolist() for rank in (0, 1)]

    assert parts == [[0, 6], [3, 9]]


def test_a_batch_that_cannot_be_shared_alike_is_refused() -> None:
    with pytest.raises(SettingsError, match="a batch of 3 cannot be shared by 2 processes alike"):
        Processes(0, 2).own(np.zeros((3, 2), np.int64))


def test_two_processes_come_to_the_same_validation_as_one(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    for first in range(40, 52):
        write_midi(tmp_path / "music" / f"{first}.mid", range(first, first + 30))
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    for name, launcher in (("one", []), ("two", several)):
        command = [sys.executable, *launcher, str(tmp_path / "script.py"), str(tmp_path), name]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)

    one, two = (
        [json.loads(line)["valid_nats"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == 2
    assert one == pytest.approx(two, abs=1e-4)
