"""A picture of a sweep: what came out, against each setting that was tried."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from export.sweep import Trial


def draw(title: str, trials: Sequence[Trial], path: Path) -> None:
    """One panel a setting, one dot a trial; the best one is filled."""
    names = list(trials[0].settings)
    figure = Figure(figsize=(3.2 * len(names) + 0.8, 3.4), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        values = [trial.settings[name] for trial in trials]
        if not all(isinstance(value, int | float) for value in values):
            values = [str(value) for value in values]
        nats = [trial.nats for trial in trials]
        axis.plot(values, nats, "o", markerfacecolor="none", color="#3b6ea5")
        axis.plot(values[:1], nats[:1], "o", color="#c0392b")
        axis.set_xlabel(name)
        axis.grid(alpha=0.3)
        if place == 0:
            axis.set_ylabel("nats per token of the validation")
    figure.savefig(path, dpi=120)
