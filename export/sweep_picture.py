"""A picture of a sweep: what came out, against each setting that was tried."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from export.sweep import Trial
from export.sweep_plan import Marked, Value

FEW = 12  # values of a setting: each has a place of its own


def draw(title: str, trials: Sequence[Trial], path: Path, marked: Marked | None = None) -> None:
    """One panel a setting, one dot a trial, one colour a rung, its medians joined; the best is red, the marked a star.

    ``trials`` are in order, the best first.
    """
    names = list(trials[0].settings)
    figure = Figure(figsize=(3.2 * len(names) + 0.8, 4.2), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        _panel(axis, name, trials, marked.settings if marked else {})
        axis.set_xlabel(name.replace(" and ", "\nand "))
    axes[0].set_ylabel("nats per token of the validation")
    axes[0].set_yscale("log")
    for ticks in (axes[0].yaxis.set_major_formatter, axes[0].yaxis.set_minor_formatter):
        ticks(ScalarFormatter())
    handles, labels = axes[0].get_legend_handles_labels()
    if marked and any(trial.settings == marked.settings for trial in trials):
        handles.append(axes[0].plot([], [], "*", color="black", markersize=11)[0])
        labels.append(marked.name)
    if labels:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path, dpi=120)


def _panel(axis: Any, name: str, trials: Sequence[Trial], marked: Mapping[str, Value]) -> None:
    place = _places(axis, [trial.settings[name] for trial in trials])
    rungs = sorted({trial.epochs for trial in trials})
    for index, epochs in enumerate(rungs):
        own = [trial for trial in trials if trial.epochs == epochs]
        colour = "#3b6ea5" if len(rungs) == 1 else colormaps["viridis_r"](0.15 + 0.85 * index / len(rungs))
        nats: dict[float, list[float]] = {}
        for trial in own:
            nats.setdefault(place(trial.settings[name]), []).append(trial.nats)
        label = f"until epoch {epochs}: {len(own)}" if epochs else None
        dots = [(at, each) for at, values in nats.items() for each in values]
        axis.plot(*zip(*dots, strict=True), "o", markersize=4, markerfacecolor="none", color=colour, label=label)
        if epochs:
            axis.plot(sorted(nats), [np.median(nats[at]) for at in sorted(nats)], "-", color=colour)
        stars = [trial.nats for trial in own if trial.settings == marked]
        axis.plot([place(marked[name])] * len(stars) if stars else [], stars, "*", color="black", markersize=11)
    axis.plot(place(trials[0].settings[name]), trials[0].nats, "o", color="#c0392b")
    axis.grid(alpha=0.3)


def _places(axis: Any, values: Sequence[Value]) -> Any:
    """Where a value stands: a few of them side by side, many numbers as they are."""
    distinct = list[Value]()
    for value in values:
        if value not in distinct:
            distinct.append(value)
    distinct.sort(key=lambda value: (isinstance(value, str), value))
    if len(distinct) > FEW and not any(isinstance(value, str | list) for value in distinct):
        return float
    axis.set_xticks(range(len(distinct)), [str(value).strip("[]") for value in distinct])
    return distinct.index
