"""The command line of the way from music to a model: parse, call, print."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export import corpora, recipes
from export.corpora.work import Report, concatenate
from livegen.codecs import make_codec
from livegen.errors import LivegenError

MODELS = Path(__file__).parents[1] / "livegen" / "models"

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="From music to a model.", rich_markup_mode="markdown"
)
console = Console(stderr=True)

Config = Annotated[str, typer.Argument(help="a recipe in configs/train, by name, or the path of one")]
Name = Annotated[str, typer.Argument(help="a model in livegen/models, by name, or the path of one")]
Music = Annotated[
    Path | None,
    typer.Option(envvar="LIVEGEN_MUSIC", help="the folder that holds the corpora that music21 does not bring"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print the figures as JSON")]


@app.command(epilog="Example: `python -m export prepare bach`")
def prepare(config: Config, music: Music = None) -> None:
    """Read a recipe's corpus into the cache of tokens; tell what is in it."""
    corpus = _load(recipes.load(recipes.find(config)), music)
    data = corpus.split
    typer.echo(f"codec '{corpus.codec.name}': {len(corpus.codec.vocabulary):,} tokens in its vocabulary")
    for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        typer.echo(f"{name:6}{len(part):5} pieces{len(concatenate(part)):12,} tokens")


@app.command(epilog="Example: `python -m export train tiny`")
def train(config: Config, music: Music = None) -> None:
    """Train a recipe's network; after a kill, the same command goes on from the last epoch."""
    from export import train as training

    recipe = recipes.load(recipes.find(config))
    _load(recipe, music)
    with _bar() as bar:
        task = bar.add_task("epochs", total=recipe.training.epochs)

        def show(done: int, whole: int, figures: Mapping[str, float]) -> None:
            bar.update(task, completed=done, total=whole)
            bar.console.print(f"epoch {done}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))

        progress = training.train(recipe, recipes.RUNS / recipe.name, music, show)
    typer.echo(f"best epoch {progress.best_epoch}: {progress.best_nats:.4f} nats per token of the validation")


@app.command(epilog="Example: `python -m export onnx bach`")
def onnx(
    config: Config, to: Annotated[Path | None, typer.Option(help="the file to write")] = None, music: Music = None
) -> None:
    """Write a trained network as a model file with its card and its figures, and verify it."""
    from export.ship import ship

    recipe = recipes.load(recipes.find(config))
    target = to or MODELS / f"{recipe.name}.onnx"
    corpus = _load(recipe, music)
    with _bar() as bar:
        card = ship(recipes.RUNS / recipe.name, target, corpus, _each(bar))
    megabytes, nats = target.stat().st_size / 1e6, card.metrics["test_nats"]
    typer.echo(f"{target}: {megabytes:.2f} MB, verified; {nats:.4f} nats per token of the test part")


@app.command(epilog="Example: `python -m export verify bach`")
def verify(config: Config, file: Annotated[Path | None, typer.Option(help="the model file")] = None) -> None:
    """Prove that a model file keeps the contract and equals the network it was made from."""
    from export import train as training
    from export.to_onnx import rounded
    from export.verify import verify as check

    recipe = recipes.load(recipes.find(config))
    trained = training.restore_best(recipes.RUNS / recipe.name)
    path = file or MODELS / f"{recipe.name}.onnx"
    check(path, training.TorchPredictor(rounded(trained.network)))
    typer.echo(f"{path}: keeps the contract and equals its network")


@app.command(epilog="Example: `python -m export evaluate bach --json`")
def evaluate(name: Name, music: Music = None, as_json: AsJson = False) -> None:  # noqa: FBT002 (typer's way of a flag)
    """Measure a model file on the music it never saw, in nats per token."""
    from export.evaluate import OnnxPredictor
    from export.evaluate import evaluate as measure
    from livegen.imagine.bundle import find_model

    predictor = OnnxPredictor(find_model(name))
    card = predictor.card
    with _bar() as bar:
        corpus = corpora.load(card.trained_on.corpus, card.codec.name, music, _reading(bar))
        figures = {**card.metrics, **measure(predictor, corpus, _each(bar))}
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
    else:
        for figure, value in figures.items():
            typer.echo(f"{figure:28}{value:14,.4f}".rstrip("0").rstrip("."))


@app.command(epilog="Example: `python -m export eager bach`")
def eager(config: Config, steps: Annotated[int, typer.Option(min=1)] = 2000) -> None:
    """Time one step of a recipe's network in torch; microseconds, as JSON, for `livegen bench step`."""
    from export.eager import time_steps_ns
    from export.networks import make_network
    from livegen.bench.conditions import percentiles_us

    recipe = recipes.load(recipes.find(config))
    network = make_network(recipe, make_codec(recipe.codec, {}))
    typer.echo(json.dumps(percentiles_us(time_steps_ns(network, steps))))


def main() -> None:
    """Run; every foreseeable failure is one line."""
    try:
        app()
    except LivegenError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _load(recipe: recipes.Recipe, music: Path | None) -> corpora.Corpus:
    with _bar() as bar:
        return corpora.load(recipe.corpus, recipe.codec, music, _reading(bar))


def _reading(bar: Progress) -> Report:
    task = bar.add_task("reading", total=None)
    return lambda done, whole: bar.update(task, completed=done, total=whole)


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield bar


def _each(bar: Progress) -> Any:
    def go(items: Sequence[Any], what: str) -> Iterable[Any]:
        return bar.track(items, description=what)

    return go


if __name__ == "__main__":
    main()
