"""The loop of every training: epoch by epoch, from the last checkpoint on.

A training brings the data of an epoch, the loss of a batch and the validation::

    for epoch in epochs(learner, folder, text, report):
        nats = learn(learner, losses, per_epoch)
        count(learner, {"train_nats": nats, "valid_nats": valid})
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from export import checkpoints
from export.processes import Processes

Report = Callable[[int, int, Mapping[str, float]], None]  # (epochs done, epochs, figures of the last)


class Pace(Protocol):
    """What the loop reads of a training's settings."""

    @property
    def epochs(self) -> int: ...
    @property
    def patience(self) -> float: ...  # epochs without a better validation
    @property
    def learning_rate(self) -> float: ...
    @property
    def schedule(self) -> str: ...  # "cosine", "constant" or "warm-up"
    @property
    def warm_up_epochs(self) -> float: ...
    @property
    def clip(self) -> float: ...  # norm of the gradient
    @property
    def averaging(self) -> float: ...  # of the weights, per update


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come; travels in the checkpoint."""

    epoch: int = 0  # epochs done
    updates: int = 0
    wall_s: float = 0.0  # spent training, over all resumes
    best_nats: float = math.inf  # of the validation
    best_epoch: int = 0


P = TypeVar("P", bound=Progress)


@dataclass(slots=True)
class Learner(Generic[P]):
    """The one owner of all that changes while training."""

    network: nn.Module
    averaged: nn.Module  # the average of the network's weights
    optimiser: torch.optim.Optimizer
    progress: P
    pace: Pace
    processes: Processes = field(default_factory=Processes)
    begun: float = 0.0  # of the epoch under way, by the performance counter
    figures: dict[str, float] = field(default_factory=dict)  # of the last epoch that was counted


def epochs(
    learner: Learner[Any], folder: Path, text: Mapping[str, str], report: Report | None, *, halves: bool = False
) -> Iterator[int]:
    """The epochs still to come after ``last.safetensors``; each is saved, logged and reported when it is over.

    ``text`` goes into the checkpoints; ``halves`` writes ``best.safetensors`` in half precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (last := folder / "last.safetensors").exists():
        progress = json.loads(checkpoints.restore(learner, last)["progress"])
        learner.progress = replace(learner.progress, **progress)
    while learner.progress.epoch < min(learner.pace.epochs, learner.progress.best_epoch + learner.pace.patience):
        learner.begun = time.perf_counter()
        yield learner.progress.epoch
        if learner.processes.is_first:
            done = learner.progress
            metadata = {**text, "progress": json.dumps(asdict(done))}
            checkpoints.save_last(folder, learner, metadata)
            if done.best_epoch == done.epoch:
                checkpoints.save_best(folder, learner, metadata, halves=halves)
            checkpoints.log(folder, {"epoch": done.epoch, "wall_s": done.wall_s, **learner.figures})
            if report:
                report(done.epoch, learner.pace.epochs, learner.figures)


def learn(learner: Learner[Any], losses: Iterable[Tensor], per_epoch: int) -> float:
    """One pass, an update after each loss of the ``per_epoch``; their mean. A loss is asked for when its turn comes."""
    network, pace, updates = learner.network, learner.pace, learner.progress.updates
    network.train()
    seen = []
    for loss in losses:
        for group in learner.optimiser.param_groups:
            group["lr"] = learning_rate(pace, updates, per_epoch)
        learner.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        learner.processes.average_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), pace.clip)
        learner.optimiser.step()
        checkpoints.average(learner.averaged.state_dict(), network, pace.averaging, updates)
        seen.append(loss.detach())
        updates += 1
    learner.progress = replace(learner.progress, updates=updates)
    return torch.stack(seen).mean().item()


def learning_rate(pace: Pace, updates: int, per_epoch: int) -> float:
    """A straight warm-up, then a cosine down to a hundredth or always the same; or always the same from the first."""
    if pace.schedule == "constant":
        return pace.learning_rate
    warm_up = max(1.0, pace.warm_up_epochs * per_epoch)
    risen = pace.learning_rate * min(1.0, (updates + 1) / warm_up)
    if pace.schedule == "warm-up":
        return risen
    progress = (updates - warm_up) / max(1.0, pace.epochs * per_epoch - warm_up)
    return risen * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress)))))


def count(learner: Learner[Any], figures: Mapping[str, float]) -> None:
    """Move the progress on by an epoch, the best so far if its ``valid_nats`` are; its time ends here."""
    done, epoch_s = learner.progress, time.perf_counter() - learner.begun
    learner.figures = {**figures, "epoch_s": epoch_s}
    done = replace(done, epoch=done.epoch + 1, wall_s=done.wall_s + epoch_s)
    if figures.get("valid_nats", math.inf) < done.best_nats:
        done = replace(done, best_nats=figures["valid_nats"], best_epoch=done.epoch)
    learner.progress = done
