"""The loop of every training: what it counts as done, what it keeps, and who writes."""

import json
import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from export.jsb16.settings import Training as Benchmark
from export.processes import Processes
from export.recipes import Training
from export.training_loop import Learner, Progress, count, epochs, learn, learning_rate
from tests.support.scales_in_four import SETTINGS

TRAINING = Training(epochs=4, patience=2, learning_rate=0.1, averaging=0)


def make_learner(training: Training = TRAINING, processes: Processes | None = None) -> Learner[Progress]:
    torch.manual_seed(0)
    network = nn.Linear(2, 1)
    optimiser = torch.optim.SGD(network.parameters())
    return Learner(network, deepcopy(network), optimiser, Progress(), training, processes or Processes())


def losses(learner: Learner[Progress], updates: int = 3) -> Iterator[Tensor]:
    for _ in range(updates):
        yield (learner.network(torch.ones(1, 2)) - 5).square().mean()


def run(learner: Learner[Progress], folder: Path, validations: Mapping[int, float]) -> list[int]:
    """Train with these validations, by epoch; the epochs that were trained."""
    trained = []
    for epoch in epochs(learner, folder, {}, None):
        trained.append(epoch)
        figures = {"train_nats": learn(learner, losses(learner), 3)}
        count(learner, figures | ({"valid_nats": validations[epoch]} if epoch in validations else {}))
    return trained


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_each_loss_is_of_the_network_that_the_one_before_it_has_changed() -> None:
    learner, seen = make_learner(), list[float]()

    def heard() -> Iterator[Tensor]:
        for loss in losses(learner):
            seen.append(loss.item())
            yield loss

    mean = learn(learner, heard(), 3)

    assert seen[0] > seen[1] > seen[2]
    assert mean == pytest.approx(sum(seen) / 3)
    assert learner.progress == Progress(updates=3)


def test_epochs_without_a_better_validation_end_it(tmp_path: Path) -> None:
    learner = make_learner()

    trained = run(learner, tmp_path, {0: 2.0, 1: 2.0, 2: math.nan, 3: 1.0})

    assert trained == [0, 1, 2]
    assert (learner.progress.best_epoch, learner.progress.best_nats) == (1, 2.0)


def test_an_epoch_that_is_not_validated_is_no_better(tmp_path: Path) -> None:
    learner = make_learner(TRAINING.model_copy(update={"patience": 9}))

    run(learner, tmp_path, {1: 2.0, 3: 3.0})

    assert (learner.progress.best_epoch, learner.progress.best_nats) == (2, 2.0)
    assert ["valid_nats" in line for line in log(tmp_path)] == [False, True, False, True]


def test_an_epoch_that_was_stopped_in_its_middle_is_trained_again(tmp_path: Path) -> None:
    stopped = make_learner()
    for epoch in epochs(stopped, tmp_path, {}, None):
        learn(stopped, losses(stopped), 3)
        if epoch == 1:
            break
        count(stopped, {"valid_nats": 2.0})

    trained = run(make_learner(), tmp_path, {1: 3.0})

    assert trained == [1, 2]
    assert [line["epoch"] for line in log(tmp_path)] == [1, 2, 3]


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    learner = make_learner(TRAINING.model_copy(update={"patience": 1}), Processes(1, 1))

    run(learner, tmp_path, {0: 2.0, 1: 3.0})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("training", [TRAINING, SETTINGS.training], ids=["recipe", "benchmark"])
def test_the_learning_rate_warms_up_and_then_falls_to_a_hundredth(training: Training | Benchmark) -> None:
    training = training.model_copy(update={"epochs": 3, "warm_up_epochs": 1, "learning_rate": 1.0})

    rates = [learning_rate(training, updates, 2) for updates in range(7)]

    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.855, 0.505, 0.155, 0.01], abs=1e-3)


def test_a_learning_rate_can_stay_the_same_after_its_warm_up_however_long_the_training() -> None:
    short, long = (
        Training(epochs=epochs, warm_up_epochs=0.5, learning_rate=1.0, schedule="warm-up") for epochs in (1, 50)
    )

    assert [learning_rate(short, updates, 4) for updates in range(4)] == [0.5, 1.0, 1.0, 1.0]
    assert [learning_rate(long, updates, 4) for updates in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_a_learning_rate_can_stay_the_same() -> None:
    training = Training(epochs=10, warm_up_epochs=1, learning_rate=1.0, schedule="constant")

    assert [learning_rate(training, updates, 10) for updates in (0, 54, 100)] == [1.0, 1.0, 1.0]
