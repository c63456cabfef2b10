"""A model's figures as one picture, people's beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from export.measures.overlap import Overlap
from export.measures.report import Report
from livegen.events import TICKS_PER_QUARTER

MODEL, PEOPLE, BARE = "#d55e00", "#0072b2", "#e8b88f"  # told apart by colour-blind eyes (Okabe and Ito, 2008)
PITCH_CLASSES = ("C", "C#", "D", "E♭", "E", "F", "F#", "G", "A♭", "A", "B♭", "B")
MOST_LENGTHS = 10


def draw(report: Report, path: Path) -> None:
    """Save the picture of a report as a PNG."""
    figure = Figure(figsize=(13, 7), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12))
    axes = figure.subplots(2, 3)
    figure.suptitle(f"{report.model}: {_summary(report)}", fontsize=13)
    _draw_nats(axes[0, 0], report.nats)
    _draw_loops(axes[0, 1], report)
    _draw_copies(axes[0, 2], report)
    _draw_histogram(axes[1, 0], report.pitch_classes, "pitch classes", dict(enumerate(PITCH_CLASSES)))
    _draw_lengths(axes[1, 1], report.lengths)
    _draw_judgement(axes[1, 2], report)
    for axis in axes.flat:
        axis.title.set_fontsize(11)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _summary(report: Report) -> str:
    plan = report.plan
    manner = f"temperature {report.temperature:g}, top-p {report.top_p:g}"
    return f"{plan.count} continuations of {plan.events} events ({manner}) beside music it never saw"


def _draw_nats(axis: Any, nats: Mapping[str, float]) -> None:
    axis.set_title("held-out music (less is better)")
    bars = axis.barh([name.replace("_", " ") for name in nats], list(nats.values()), color=MODEL)
    axis.bar_label(bars, fmt="%.3f", padding=3)
    axis.invert_yaxis()
    axis.margins(x=0.2)


def _draw_loops(axis: Any, report: Report) -> None:
    found = (report.loops_unguarded, report.loops_guarded, report.loops_human)
    axis.set_title(f"loops: runs of more than {report.loops_guarded.limit} events")
    bars = axis.bar(
        ["guard off", "guard on", "people"], [100 * each.share for each in found], color=(BARE, MODEL, PEOPLE)
    )
    axis.bar_label(bars, [f"{100 * each.share:.1f} % of {each.count}" for each in found], padding=3)
    axis.set_ylabel("% of stretches")
    axis.set_ylim(0, max(5.0, *(120 * each.share for each in found)))


def _draw_copies(axis: Any, report: Report) -> None:
    axis.set_title("copies of the training part, in any key")
    places = range(len(report.copies))
    for shift, colour, label in ((-0.2, MODEL, "model"), (0.2, PEOPLE, "people")):
        shares = [100 * (each.generated if label == "model" else each.human) for each in report.copies]
        bars = axis.bar([place + shift for place in places], shares, 0.38, color=colour, label=label)
        axis.bar_label(bars, fmt="%.1f", padding=2)
    axis.set_xticks(places, [f"{each.length} events" for each in report.copies])
    axis.set_ylabel("% of windows")
    axis.legend(frameon=False)


def _draw_histogram(axis: Any, found: Overlap, what: str, names: Mapping[int, str]) -> None:
    axis.set_title(f"{what}: overlap {found.area:.2f} (training part {found.human_area:.2f})")
    for shift, colour, label, shares in (
        (-0.2, MODEL, "model", found.generated),
        (0.2, PEOPLE, "people", found.human),
    ):
        heights = [100 * shares.get(value, 0) for value in names]
        axis.bar([place + shift for place in range(len(names))], heights, 0.38, color=colour, label=label)
    axis.set_xticks(range(len(names)), list(names.values()))
    axis.set_ylabel("% of notes")


def _draw_lengths(axis: Any, found: Overlap | None) -> None:
    if found is None:
        axis.set_title("note lengths: borrowed from the player")
        axis.set_axis_off()
        return
    most = sorted(found.human, key=lambda ticks: -found.human[ticks])[:MOST_LENGTHS]
    names = {ticks: f"{ticks / TICKS_PER_QUARTER:.3g}" for ticks in sorted(most)}
    _draw_histogram(axis, found, "note lengths", names)
    axis.tick_params(axis="x", labelrotation=60)
    axis.set_xlabel("quarters")


def _draw_judgement(axis: Any, report: Report) -> None:
    axis.set_title("a classifier tells it from held-out music")
    axis.set_ylim(0, 1)
    axis.axhline(0.5, color="#333333", linestyle="--", linewidth=1)
    axis.set_ylabel("accuracy (0.5: cannot tell)")
    names = []
    judged = ((report.judgement, MODEL, "model"), (report.judgement_human, PEOPLE, "training part"))
    for place, (found, colour, name) in enumerate(judged):
        names.append(f"{name}\n{found.excerpts} excerpts" if found else f"{name}\ntoo little music")
        if found:
            bars = axis.bar([place], [found.accuracy], 0.6, color=colour, yerr=[found.error])
            axis.bar_label(bars, [f"{found.accuracy:.2f}"], label_type="center", color="white")
    axis.set_xticks(range(len(names)), names)
