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

from livegen.errors import SettingsError


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
    tensors |= _averages(trainee)
    for index, parts in trainee.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": part for name, part in parts.items()}
    _write(folder / "last.safetensors", tensors, metadata)


def save_best(folder: Path, trainee: Trainee, metadata: dict[str, str], *, halves: bool) -> None:
    """Write ``best.safetensors``, the averaged network alone, in half precision or as it is."""
    averages = _averages(trainee)
    kept = {name: weight.half() for name, weight in averages.items()} if halves else averages
    _write(folder / "best.safetensors", kept, metadata)


def metadata(path: Path) -> dict[str, str]:
    """The text of a checkpoint; empty where there is none."""
    if not path.exists():
        return {}
    with _opened(path) as kept:
        return dict(kept.metadata())


def best(folder: Path, command: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The text of ``best.safetensors``, and the averaged weights; ``command`` would write it."""
    path = folder / "best.safetensors"
    if not path.exists():
        raise SettingsError(f"{path}: no such checkpoint; run `{command}` first")
    with _opened(path) as kept:
        return dict(kept.metadata()), _named(kept, "averaged.")


def restore(trainee: Trainee, path: Path) -> dict[str, str]:
    """Put everything back to where ``save_last`` found it; the text that it wrote."""
    with _opened(path) as kept:
        network, averaged, optimiser = (_named(kept, prefix) for prefix in ("network.", "averaged.", "optimiser."))
        text = dict(kept.metadata())
    trainee.network.load_state_dict(network)
    trainee.averaged.load_state_dict(averaged)
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in optimiser.items():
        index, _, part = name.partition(".")
        states.setdefault(int(index), {})[part] = tensor
    groups = trainee.optimiser.state_dict()["param_groups"]
    trainee.optimiser.load_state_dict({"state": states, "param_groups": groups})
    return text


def log(folder: Path, line: Mapping[str, float]) -> None:
    """Add a line to ``metrics.jsonl``."""
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as metrics:
        metrics.write(json.dumps({name: round(value, 5) for name, value in line.items()}) + "\n")


def _averages(trainee: Trainee) -> dict[str, Tensor]:
    return {f"averaged.{name}": weight for name, weight in trainee.averaged.state_dict().items()}


def _opened(path: Path) -> AbstractContextManager[Any]:
    kept: AbstractContextManager[Any] = safe_open(path, "pt")
    return kept


def _named(kept: Any, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): kept.get_tensor(name) for name in kept.keys() if name.startswith(prefix)}  # noqa: SIM118 (no mapping)


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """In one move, so that a kill leaves the old file or the new one."""
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial, metadata)
    partial.replace(path)
