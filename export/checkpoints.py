"""Checkpoints of a training: the network, the average of its weights and the optimiser, with text beside them."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class Trainee(Protocol):
    """What changes while training."""

    network: Any
    averaged: Any  # the average of the network's weights
    optimiser: torch.optim.Optimizer


def average(averages: Mapping[str, Tensor], network: nn.Module, decay: float, updates: int) -> None:
    """Move the average of the weights on by one update; at first it follows faster."""
    share = 1 - min(decay, (1 + updates) / (10 + updates))
    for name, weight in network.state_dict().items():
        averages[name].lerp_(weight, share)


def save_last(folder: Path, trainee: Trainee, metadata: dict[str, str]) -> None:
    """Write ``last.safetensors``, from which a training goes on exactly."""
    tensors = {f"network.{name}": weight for name, weight in trainee.network.state_dict().items()}
    tensors |= averages_of(trainee)
    for index, parts in trainee.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": part for name, part in parts.items()}
    _write(folder / "last.safetensors", tensors, metadata)


def save_best(folder: Path, averages: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write ``best.safetensors``, the averaged network alone."""
    _write(folder / "best.safetensors", averages, metadata)


def averages_of(trainee: Trainee) -> dict[str, Tensor]:
    """The averaged weights as a checkpoint names them."""
    return {f"averaged.{name}": weight for name, weight in trainee.averaged.state_dict().items()}


def opened(path: Path) -> AbstractContextManager[Any]:
    """A checkpoint, to read from; ``metadata()`` is its text."""
    kept: AbstractContextManager[Any] = safe_open(path, "pt")
    return kept


def restore(trainee: Trainee, kept: Any) -> None:
    """Put everything back to where ``save_last`` found it."""
    trainee.network.load_state_dict(named(kept, "network."))
    trainee.averaged.load_state_dict(named(kept, "averaged."))
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in named(kept, "optimiser.").items():
        index, _, part = name.partition(".")
        states.setdefault(int(index), {})[part] = tensor
    groups = trainee.optimiser.state_dict()["param_groups"]
    trainee.optimiser.load_state_dict({"state": states, "param_groups": groups})


def named(kept: Any, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): kept.get_tensor(name) for name in kept.keys() if name.startswith(prefix)}  # noqa: SIM118 (no mapping)


def log(folder: Path, line: Mapping[str, float]) -> None:
    """Add a line to ``metrics.jsonl``."""
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as metrics:
        metrics.write(json.dumps({name: round(value, 5) for name, value in line.items()}) + "\n")


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """In one move, so that a kill leaves the old file or the new one."""
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial, metadata)
    partial.replace(path)
