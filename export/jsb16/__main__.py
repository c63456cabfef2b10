"""The command line of the benchmark: parse, call, print."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.jsb16 import data, settings
from livegen.errors import LivegenError

if TYPE_CHECKING:
    from export.training_loop import Progress as Trained

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "train" / "jsb16.toml"
DISTILLED_CONFIG = ROOT / "configs" / "train" / "jsb16-distilled.toml"
RUN = ROOT / "runs" / "jsb16"
DISTILLED_RUN = ROOT / "runs" / "jsb16-distilled"
MODEL = RUN / "jsb16.onnx"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The benchmark on the 382 chorales of Boulanger-Lewandowski et al. (2012), at sixteenths.",
    rich_markup_mode="markdown",
)
console = Console(stderr=True)

Data = Annotated[
    Path, typer.Option("--data", envvar="LIVEGEN_JSB16", help="Jsb16thSeparated.json of czhuang/JSB-Chorales-dataset")
]
Run = Annotated[Path, typer.Option("--run", help="the folder of the run")]
Part = Annotated[Literal["train", "valid", "test"], typer.Option(help="which pieces to measure")]
AsJson = Annotated[bool, typer.Option("--json", help="print the figures as JSON")]


@app.command(epilog="Example: `python -m export.jsb16 train --data Jsb16thSeparated.json`")
def train(
    data_file: Data, config: Annotated[Path, typer.Option(help="what the run is made of")] = CONFIG, run: Run = RUN
) -> None:
    """Train on the train part; after a kill, the same command goes on from the last epoch."""
    from export.jsb16 import train as training

    whole, chorales = settings.load(config), data.read(data_file)
    with _bar() as bar:
        progress = training.train(whole, chorales, run, _epochs(bar, whole))
    _print_best(progress)


@app.command(epilog="Example: `python -m export.jsb16 distil --teacher runs/jsb16 --teacher runs/jsb16-second`")
def distil(
    data_file: Data,
    teacher: Annotated[list[Path], typer.Option(help="the folder of a finished run; best several")],
    config: Annotated[Path, typer.Option(help="what the run is made of")] = DISTILLED_CONFIG,
    run: Run = DISTILLED_RUN,
) -> None:
    """Train one network on what several say together, of Bach's pieces and of their own; a kill is no harm."""
    from export.jsb16 import distil as distillation

    whole, chorales = settings.load(config), data.read(data_file)
    with _bar() as bar:
        progress = distillation.distil(
            whole,
            teacher,
            chorales,
            run,
            lambda items, what: bar.track(items, description=what),
            _epochs(bar, whole),
        )
    _print_best(progress)


@app.command(epilog="Example: `python -m export.jsb16 evaluate --part valid --json`")
def evaluate(
    data_file: Data,
    run: Annotated[
        list[Path] | None, typer.Option("--run", help="the folder of the run; several are heard as one mixture")
    ] = None,
    part: Part = "test",
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure a run in nats per frame: heard in one key, and in several at once."""
    from export.jsb16 import evaluate as measures
    from export.jsb16.train import restore_best

    pieces = getattr(data.read(data_file), part)
    networks = [restore_best(folder)[1] for folder in run or [RUN]]
    figures: dict[str, Any] = {
        "part": part,
        "pieces": len(pieces),
        "networks": len(networks),
        "parameters": sum(weight.numel() for network in networks for weight in network.parameters()),
    }
    with _bar() as bar:
        ways = {"plain": measures.PLAIN, "calibrated": measures.CALIBRATED, "mixed": measures.MIXED}
        for name, hearing in ways.items():
            each = bar.track(measures.batches(pieces), description=name)
            figures[name] = {"keys": len(hearing.shifts), **asdict(measures.nats_per_frame(networks, each, hearing))}
    _print(figures, as_json=as_json)


@app.command(epilog="Example: `python -m export.jsb16 harmonise --beam 8 --part valid`")
def harmonise(
    data_file: Data,
    run: Run = RUN,
    part: Part = "test",
    beam: Annotated[int, typer.Option(min=1, max=64, help="ways that are followed at once, beside the greedy one")] = 8,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Find alto, tenor and bass to the sopranos of a part, without look-ahead; how often they are not Bach's."""
    from export.jsb16 import evaluate as measures
    from export.jsb16.harmonise import BeamSearch
    from export.jsb16.train import restore_best

    pieces = getattr(data.read(data_file), part)
    _, network, _ = restore_best(run)
    figures: dict[str, Any] = {"part": part, "pieces": len(pieces)}
    with _bar() as bar:
        for width in sorted({1, beam}):
            name = "greedy" if width == 1 else f"beam of {width}"
            each = bar.track(measures.batches(pieces), description=name)
            figures[name] = asdict(measures.harmonising(network, each, BeamSearch(width=width)))
    _print(figures, as_json=as_json)


@app.command(epilog="Example: `python -m export.jsb16 onnx --to jsb16.onnx`")
def onnx(
    data_file: Data,
    run: Run = RUN,
    to: Annotated[Path, typer.Option(help="the file to write")] = MODEL,
) -> None:
    """Write the network as a model file that livegen plays, with its card and figures, and verify it."""
    from export.jsb16.ship import ship

    with _bar() as bar:
        card = ship(run, to, data.read(data_file), lambda items, what: bar.track(items, description=what))
    figures = ", ".join(f"{name} {value:.4f}" for name, value in card.metrics.items() if name.endswith("per_frame"))
    typer.echo(f"{to}: {to.stat().st_size / 1e6:.2f} MB, verified; {figures}; try `livegen render IN OUT --model {to}`")


def main() -> None:
    """Run; every foreseeable failure is one line."""
    try:
        app()
    except LivegenError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _print(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        if isinstance(figure, Mapping):
            figure = "  ".join(
                f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in figure.items()
            )
        typer.echo(f"{name:12}{figure}")


def _epochs(bar: Progress, whole: settings.Settings) -> Callable[[int, int, Mapping[str, float]], None]:
    """What shows a training's epochs and prints their figures."""
    task = bar.add_task("epochs", total=whole.training.epochs)

    def show(done: int, count: int, figures: Mapping[str, float]) -> None:
        bar.update(task, completed=done, total=count)
        bar.console.print(f"epoch {done}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))

    return show


def _print_best(progress: "Trained") -> None:
    typer.echo(f"best epoch {progress.best_epoch}: {progress.best_nats:.4f} nats per frame of the validation")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


if __name__ == "__main__":
    main()
