"""The command line of the way from music to a model: parse, call, print."""

import json
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export import corpora, recipes, sweep_plan
from export.corpora.work import Piece, Report, Split, concatenate
from livegen.codecs import make_codec
from livegen.codecs.codec import Codec
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import LivegenError, SettingsError
from livegen.files.target import check_target
from livegen.model.card import Card

MODELS = Path(__file__).parents[1] / "livegen" / "models"
MODEL = (".onnx",)  # the suffix of a model file
BEST = 10  # points of a halving that are printed
FEW = 30  # pieces: a new network learns little from fewer

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


@app.command(epilog="Example: `python -m export train tiny`, or `python -m export train my-music/ --tiny`")
def train(
    what: Annotated[str, typer.Argument(help="a recipe in configs/train, by name, its path, or a folder of music")],
    music: Music = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="of a folder: the smallest settings")] = False,  # noqa: FBT002
    to: Annotated[Path | None, typer.Option(help="of a folder: the model file to write")] = None,
) -> None:
    """Train a recipe's network; after a kill, the same command goes on from the last epoch.

    Of a folder of MIDI, MusicXML, kern and ABC files: read it, train, and write a model that plays.
    """
    if Path(what).is_dir():
        train_folder(Path(what), to, is_tiny=tiny)
    else:
        recipe = recipes.load(recipes.find(what))
        _train(recipe, music, _load(recipe, music))


def train_folder(folder: Path, to: Path | None = None, *, is_tiny: bool = False) -> None:
    """Train a new network on anybody's folder of music, and write a model that plays; also of ``livegen train``."""
    from export.ship import ship

    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder; give one with files of music")
    recipe = recipes.of_folder(folder, is_tiny=is_tiny)
    target = to or Path(f"{recipe.name}.onnx")
    check_target(target, MODEL)
    corpus = _load(recipe, folder)
    if (files := len({piece.name for part in _parts(corpus) for piece in part})) < FEW:
        typer.echo(f"{files} pieces teach a new network little; to tune one that knows music: --from piano-lstm")
    run = _train(recipe, folder, corpus)
    with _bar() as bar:
        ship(run, target, corpus, _each(bar))
    typer.echo(f"{target}: plays with `livegen jam --model {target}`")


def _parts(corpus: corpora.Corpus) -> tuple[Sequence[Piece], ...]:
    return corpus.split.train, corpus.split.valid, corpus.split.test


@app.command(epilog="Example: `python -m export onnx bach`")
def onnx(
    config: Config, to: Annotated[Path | None, typer.Option(help="the file to write")] = None, music: Music = None
) -> None:
    """Write a trained network as a model file with its card and its figures, and verify it."""
    from export.ship import ship

    recipe = recipes.load(recipes.find(config))
    target = to or MODELS / f"{recipe.name}.onnx"
    check_target(target, MODEL)
    corpus = _load(recipe, music)
    with _bar() as bar:
        card = ship(recipes.run_folder(recipe, corpus.digest), target, corpus, _each(bar), recipe.sampling)
    megabytes, nats = target.stat().st_size / 1e6, card.metrics["test_nats"]
    typer.echo(f"{target}: {megabytes:.2f} MB, verified; {nats:.4f} nats per token of the test part")


@app.command(epilog="Example: `python -m export verify bach`")
def verify(
    config: Config, file: Annotated[Path | None, typer.Option(help="the model file")] = None, music: Music = None
) -> None:
    """Prove that a model file keeps the contract and equals the network it was made from."""
    from export import train as training
    from export.to_onnx import rounded
    from export.verify import verify as check

    recipe = recipes.load(recipes.find(config))
    trained = training.restore_best(recipes.run_folder(recipe, _load(recipe, music).digest))
    path = file or MODELS / f"{recipe.name}.onnx"
    check(path, training.TorchPredictor(rounded(trained.network)))
    typer.echo(f"{path}: keeps the contract and equals its network")


@app.command(epilog="Example: `python -m export evaluate bach --json --to evaluation`")
def evaluate(
    name: Name,
    music: Music = None,
    to: Annotated[Path | None, typer.Option(help="also measure the model's own music: NAME.json, NAME.png")] = None,
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure a model file on the music it never saw; and what its own music is like beside it."""
    from export.evaluate import OnnxPredictor
    from export.evaluate import evaluate as measure
    from livegen.model.files import find_model

    path = find_model(name)
    predictor = OnnxPredictor(path)
    card = predictor.card
    with _bar() as bar:
        corpus = corpora.load(card.trained_on.corpus, card.codec.name, music, _reading(bar))
        figures = {**card.metrics, **measure(predictor, corpus, _each(bar))}
        if to:
            figures |= {"report": _report(path, corpus, figures, to, _each(bar))}
    _print(figures, as_json=as_json)


@app.command(epilog="Example: `python -m export tunes folk-lstm --count 300 --json`")
def tunes(
    name: Name,
    count: Annotated[int, typer.Option(min=1)] = 300,
    seed: int = 0,
    to: Annotated[Path | None, typer.Option(help="write the tunes into this file")] = None,
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Generate tunes with a model of ABC, and let independent readers read them."""
    from dataclasses import asdict

    from export import tunes as folk
    from export.evaluate import OnnxPredictor
    from livegen.codecs.abc.codec import AbcCodec
    from livegen.model.files import find_model
    from livegen.settings import Sampling

    predictor = OnnxPredictor(find_model(name))
    codec = make_codec(predictor.card.codec.name, predictor.card.codec.parameters)
    if not isinstance(codec, AbcCodec) or not predictor.card.sampling:
        raise SettingsError(f"model '{name}' writes no ABC; its codec is '{predictor.card.codec.name}'")
    sampling = Sampling(**predictor.card.sampling.model_dump())
    with _bar() as bar:
        written = folk.generate(predictor, codec, sampling, count, seed, _each(bar))
        figures = asdict(folk.craft(written, _each(bar)))
    if to:
        to.write_text("\n\n".join(tune.text for tune in written), encoding="utf-8")
    _print(figures, as_json=as_json)


@app.command(epilog="Example: `python -m export sweep tiny`")
def sweep(
    config: Annotated[str, typer.Argument(help="a sweep in configs/sweep, by name, or the path of one")],
    music: Music = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="then stop after the epoch under way")] = None,
) -> None:
    """Try many settings of a recipe; any number of these share one journal, and a kill loses nothing."""
    from export import sweep as sweeping
    from export.sweep_picture import draw

    plan = sweep_plan.load(sweep_plan.find(config))
    recipe = sweep_plan.recipe_of(plan, {})
    folder = recipes.RUNS / "sweep" / recipes.run_folder(recipe, _load(recipe, music).digest, plan.name).name
    _sweep(plan, folder, music, minutes)
    if not (trials := sweeping.results(plan, folder)):
        typer.echo("no trial is finished yet")
        return
    for trial in trials[:BEST] if plan.halving else trials:
        typer.echo(str(trial))
    if plan.marked:
        places = sweeping.ranks(trials, plan.marked.settings)
        for epochs, (place, among) in places.items():
            typer.echo(f"{plan.marked.name}: {place} of {among}" + (f" after epoch {epochs}" if epochs else ""))
        if not places:
            typer.echo(f"{plan.marked.name}: not tried yet")
    draw(f"sweep '{plan.name}'", trials, folder / "sweep.png", plan.marked)
    typer.echo(f"picture: {folder / 'sweep.png'}")


def _sweep(plan: sweep_plan.Sweep, folder: Path, music: Path | None, minutes: float | None) -> None:
    """Try what is still to be tried, on one core; stop after the epoch in which the minutes are over."""
    import torch

    from export import sweep as sweeping
    from export import train as training

    torch.set_num_threads(1)  # a second core does more for a second sweep
    end_s = time.monotonic() + (math.inf if minutes is None else 60 * minutes)
    with _bar(over_s=3600) as bar:
        task = bar.add_task("epochs" if plan.halving else "trials")

        def stop_in_time() -> None:
            if time.monotonic() > end_s:
                raise sweeping.OutOfTime

        def one(recipe: recipes.Recipe, run: Path, epochs: int) -> float:
            until = epochs or recipe.training.epochs

            def check(done: int, whole: int, figures: Mapping[str, float]) -> None:
                if done < until:
                    bar.advance(task, 1 if plan.halving else 0)
                    stop_in_time()

            return training.train(recipe, run, music, check, until).best_nats

        def show(trial: sweeping.Trial | None = None) -> None:
            done, whole = sweeping.progress(plan, sweeping.results(plan, folder))
            bar.update(task, completed=done, total=whole)
            if trial:
                bar.console.print(str(trial), soft_wrap=True)
                stop_in_time()

        show()
        with suppress(sweeping.OutOfTime):
            sweeping.run(plan, folder, one, show)


@app.command(epilog="Example: `python -m export eager bach`")
def eager(config: Config, steps: Annotated[int, typer.Option(min=1)] = 2000) -> None:
    """Time one step of a recipe's network in torch; microseconds, as JSON, for `livegen bench step`."""
    from export.eager import time_steps_ns
    from export.evaluate import OnnxPredictor
    from export.networks import make_network
    from livegen.bench.conditions import percentiles_us
    from livegen.shipped import shipped_models

    recipe = recipes.load(recipes.find(config))
    shipped = shipped_models().get(recipe.name)  # its vocabulary may be learned from music
    parameters = OnnxPredictor(shipped).card.codec.parameters if shipped else {}
    network = make_network(recipe, make_codec(recipe.codec, parameters))
    typer.echo(json.dumps(percentiles_us(time_steps_ns(network, steps))))


@app.command(epilog="Example: `python -m export chorales bach --count 60 --frames 240`")
def chorales(
    name: Name,
    count: Annotated[int, typer.Option(min=1, help="chorales to write")] = 60,
    frames: Annotated[int, typer.Option(min=16, help="sixteenths of each")] = 240,
    temperature: Annotated[float | None, typer.Option(help="the model's own otherwise")] = None,
    top_p: Annotated[float | None, typer.Option(help="the model's own otherwise")] = None,
    out_of_key: Annotated[float, typer.Option(help="odds of notes outside C major; 1 leaves them as they are")] = 0.7,
    seed: int = 0,
    voice_leading: Annotated[bool, typer.Option(help="avoid parallel fifths and octaves")] = True,  # noqa: FBT002 (typer's way of a flag)
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Write chorales and count what they are like, beside Bach's own: parallels, keys, copies."""
    from export.evaluate import OnnxPredictor
    from export.voice_leading import Plan, generate, report
    from livegen.codecs.chorale import ChoraleCodec
    from livegen.model.files import find_model
    from livegen.settings import Sampling

    predictor = OnnxPredictor(find_model(name))
    card = predictor.card
    own = card.own_sampling
    with _bar() as bar:
        corpus = corpora.load(card.trained_on.corpus, card.codec.name, None, _reading(bar))
        if not isinstance(corpus.codec, ChoraleCodec):
            raise SettingsError(f"model '{name}' writes '{corpus.codec.name}'; give a model of chorales: bach")
        sampling = Sampling(
            temperature=temperature or own.temperature,
            top_p=top_p or own.top_p,
            out_of_key=out_of_key,
            voice_leading=voice_leading,
        )
        written = generate(predictor, corpus.codec, sampling, Plan(count, frames, seed), _each(bar))
        figures = {"sampling": sampling.model_dump(), **report(corpus, written, frames)}
    typer.echo(json.dumps(figures, indent=2) if as_json else _beside(figures["generated"], figures["bach"]))


@app.command(epilog="Example: `python -m export kinship folk-char --music music/`")
def kinship(
    name: Name,
    music: Music = None,
    phrase: Annotated[int, typer.Option(min=8, help="events of a phrase: notes, chords")] = 64,
    answer: Annotated[int, typer.Option(min=8, help="events of an answer")] = 40,
    count: Annotated[int, typer.Option(min=2, help="phrases, at the most")] = 200,
    familiarity: Annotated[str, typer.Option(help="values of the setting, in a row")] = "0,1",
    part: Annotated[str, typer.Option(help="of the corpus: test, valid")] = "test",
    seed: int = 0,
) -> None:
    """Measure how much of a phrase an answer takes up, beside people's own continuations."""
    from export.evaluate import OnnxPredictor
    from export.measures.motif import answers_of, compare, phrases_of
    from livegen.model.files import find_model
    from livegen.terminal import table as in_columns

    predictor = OnnxPredictor(find_model(name))
    card = predictor.card
    with _bar() as bar:
        codec, pieces = _held_out(card, music, part, bar)
        found = phrases_of(codec, pieces, phrase, answer)[:count]
        rows = []
        for value in map(float, familiarity.split(",")):
            ours = answers_of(predictor, codec, found, value, answer, seed, _each(bar))
            for who, shares in compare(ours, found).items():
                rows.append(
                    {"familiarity": f"{value:g}", "who": who, **{what: str(share) for what, share in shares.items()}}
                )
    typer.echo(f"{name}: {len(found)} phrases")
    typer.echo(in_columns(rows, ("familiarity", "who", "motif", "rhythm", "copies", "entropy")))


def _held_out(card: Card, music: Path | None, part: str, bar: Progress) -> tuple[Codec[Any], Sequence[Piece]]:
    """The codec of a model's corpus, and the pieces of its test part, or of its validation part."""
    corpus = corpora.load(card.trained_on.corpus, card.codec.name, music, _reading(bar))
    return corpus.codec, corpus.split.test if part == "test" else corpus.split.valid


@app.command(epilog="Example: `python -m export judge piano-lstm --music music/`")
def judge(
    name: Name,
    music: Music = None,
    before: Annotated[
        Path | None, typer.Option(help="the model file as it was: freeze a judge on it first, and keep it")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="continuations that the judge is asked about")] = 500,
) -> None:
    """Measure how well a judge, frozen on people and on the model as it was, tells its music from people's now."""
    from export.evaluate import OnnxPredictor
    from export.measures import frozen_judge as judges
    from livegen.model.files import find_model
    from livegen.terminal import table as in_columns

    predictor = OnnxPredictor(find_model(name))
    card = predictor.card
    kept = judges.frozen_file(card.name)
    with _bar() as bar:
        corpus = corpora.load(card.trained_on.corpus, card.codec.name, music, _reading(bar))
        if before:
            was = OnnxPredictor(before)
            judges.check_tokens(before.name, was.card, corpus.codec)
            choice = judges.as_was(was.card)
            judges.keep(judges.learn_from(was, corpus, choice, judges.LEARNING, _each(bar)), kept)
        rows = judges.measure(
            predictor, card, judges.restore(kept), corpus, _each(bar), asking=replace(judges.ASKING, count=count)
        )
    typer.echo(in_columns(rows, tuple(rows[0])))


@app.command(epilog="Example: `python -m export cadence bach`")
def cadence(
    name: Name,
    music: Music = None,
    part: Annotated[str, typer.Option(help="of the corpus: test, valid")] = "test",
    seeds: Annotated[int, typer.Option(min=1, help="answers to each phrase")] = 5,
) -> None:
    """Measure how often an answer ends with a cadence, beside people's own continuations."""
    from export.measures.cadence import asked_of, compare
    from livegen.model.bundle import load_bundle
    from livegen.terminal import table as in_columns

    bundle = load_bundle(name)
    with _bar() as bar:
        codec, pieces = _held_out(bundle.card, music, part, bar)
        rows = compare(bundle, list(asked_of(codec, pieces)), seeds, _each(bar))
    typer.echo(in_columns(rows, tuple(rows[0])))


@app.command(epilog="Example: `python -m export form piano-lstm --music music/`")
def form(
    name: Name,
    music: Music = None,
    part: Annotated[str, typer.Option(help="of the corpus: test, valid")] = "test",
    seeds: Annotated[int, typer.Option(min=1, help="solos")] = 5,
    minutes: Annotated[float, typer.Option(min=0.5, help="of each solo")] = 5,
) -> None:
    """Measure the form of solos beside that of people's pieces: bars that come back, rhythm, density."""
    from export.measures.form import compare
    from livegen.model.bundle import load_bundle
    from livegen.terminal import table as in_columns

    bundle = load_bundle(name)
    with _bar() as bar:
        codec, pieces = _held_out(bundle.card, music, part, bar)
        notes = [codec.decode(piece.tokens.tolist()) for piece in pieces]
        rows = compare(bundle, notes, seeds, 60 * minutes, _each(bar))
    typer.echo(in_columns(rows, tuple(rows[0])))


@app.command("session-cost", epilog="Example: `python -m export session-cost folk-char --music music/`")
def session_cost(
    name: Name,
    music: Music = None,
    count: Annotated[int, typer.Option(min=1)] = 20,
    off: Annotated[float, typer.Option(min=0, max=1, help="share of the notes with a length a step off")] = 0,
    repeats: Annotated[bool, typer.Option("--repeats", help="tunes as they are played: repeats played out")] = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure what the session's cache saves of the cost of held-out pieces, in nats per token, by their time."""
    from export.evaluate import OnnxPredictor
    from export.measures.session_cost import costs, unsteady, with_repeats
    from livegen.model.files import find_model
    from livegen.terminal import table as in_columns

    predictor = OnnxPredictor(find_model(name))
    with _bar() as bar:
        corpus = corpora.load(predictor.card.trained_on.corpus, predictor.card.codec.name, music, _reading(bar))
        pieces: Iterable[Piece] = corpus.split.test[:count]
        if off:
            pieces = unsteady(corpus.codec, pieces, off, seed=0)
        if repeats:
            pieces = with_repeats(corpus.codec, pieces)
        found = costs(predictor, corpus.codec, _each(bar)(list(pieces), "pieces"))
    typer.echo(in_columns(found, ("seconds", "tokens", "alone", "with its cache", "change")))


@app.command("touch-cost", epilog="Example: `python -m export touch-cost touch --music music/ --pieces 40`")
def touch_cost(
    name: Name,
    music: Music = None,
    pieces: Annotated[int, typer.Option(min=0, help="songs and pieces, as many of each; 0: all")] = 0,
    familiarity: Annotated[str, typer.Option(help="values of the setting, in a row")] = "0,1",
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure what a note of held-out performances costs, in nats, on a grid of 10 ms and 8 steps of loudness."""
    from export.corpora.performances import spread
    from export.evaluate import OnnxPredictor
    from export.measures.touch_cost import costs, known, table
    from livegen.model.files import find_model

    predictor = OnnxPredictor(find_model(name))
    with _bar() as bar:
        codec, split = _performances(predictor.card, music, bar)
        values = known(codec, list(map(float, familiarity.split(","))))
        chosen = spread(split.test, pieces) if pieces else split.test
        rows = table(costs(predictor, codec, chosen, values, _each(bar)), values)
    _print_parts({"costs": rows}, as_json=as_json)


@app.command("touch-music", epilog="Example: `python -m export touch-music touch --music music/`")
def touch_music(
    name: Name,
    music: Music = None,
    count: Annotated[int, typer.Option(min=2, help="continuations, half of songs")] = 200,
    opening: Annotated[float, typer.Option(min=1, help="seconds that are told")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="of a continuation")] = 20,
    seed: int = 0,
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure what a model's performances are like, beside people's continuations of the same openings."""
    from export.evaluate import OnnxPredictor
    from export.measures.frozen_judge import as_is
    from export.measures.performance_openings import openings
    from export.measures.touch_music import compare_figures, compare_histograms, compare_repeats, continued
    from livegen.model.files import find_model

    predictor = OnnxPredictor(find_model(name))
    with _bar() as bar:
        codec, split = _performances(predictor.card, music, bar)
        told = openings(codec, split.test, count, opening, seconds, _each(bar))
        pairs = continued(predictor, codec, told, as_is(predictor.card), seed, _each(bar))
        parts = {
            "histograms": compare_histograms(pairs),
            "figures": compare_figures(pairs),
            "repeats": compare_repeats(codec, pairs, split.train),
        }
    _print_parts(parts, as_json=as_json)


@app.command("touch-answers", epilog="Example: `python -m export touch-answers touch bach piano-lstm --music music/`")
def touch_answers(
    names: Annotated[list[str], typer.Argument(help="models, by name, or their paths")],
    music: Music = None,
    count: Annotated[int, typer.Option(min=2, help="phrases, half of songs")] = 200,
    phrase: Annotated[float, typer.Option(min=1, help="seconds of a phrase")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="that people go on, at the most")] = 12,
    seed: int = 0,
    as_json: AsJson = False,  # noqa: FBT002 (typer's way of a flag)
) -> None:
    """Measure how models answer phrases of held-out performances: motif, rhythm, loudness, and who tells them apart."""
    from export.measures.performance_openings import openings
    from export.measures.touch_answers import answers, compare
    from livegen.model.bundle import load_bundle

    bundles = [load_bundle(name) for name in names]
    with _bar() as bar:
        corpus = corpora.load("performances", PerformanceCodec.name, music, _reading(bar))
        assert isinstance(corpus.codec, PerformanceCodec)
        told = openings(corpus.codec, corpus.split.test, count, phrase, seconds, _each(bar))
        found = {bundle.card.name: answers(bundle, told, seed, _each(bar)) for bundle in bundles}
        rows = compare(found, told, seed)
    _print_parts({"answers": rows}, as_json=as_json)


def _performances(card: Card, music: Path | None, bar: Progress) -> tuple[PerformanceCodec, Split]:
    """The codec and the parts of a corpus of performances; SettingsError for a model of another corpus."""
    corpus = corpora.load(card.trained_on.corpus, card.codec.name, music, _reading(bar))
    if not isinstance(corpus.codec, PerformanceCodec):
        raise SettingsError(f"model '{card.name}' writes '{corpus.codec.name}'; give a model of performances: touch")
    return corpus.codec, corpus.split


@app.command(epilog="Example: `python -m export evening piano-lstm --music music/`")
def evening(name: Name, music: Music = None) -> None:
    """Measure what the session's cache holds, costs and still knows in an evening of four hours."""
    from export.evaluate import OnnxPredictor
    from export.measures.evening import evening as measured
    from livegen.model.files import find_model
    from livegen.terminal import table as in_columns

    predictor = OnnxPredictor(find_model(name))
    with _bar() as bar:
        corpus = corpora.load(predictor.card.trained_on.corpus, predictor.card.codec.name, music, _reading(bar))
        pieces = [*corpus.split.test, *corpus.split.valid, *corpus.split.train]
        rows = measured(predictor, corpus.codec, pieces, _each(bar))
    typer.echo(in_columns(rows, tuple(rows[0])))


@app.command("own-style", epilog="Example: `python -m export own-style my-music/ --from touch`")
def own_style(
    music: Annotated[Path, typer.Argument(metavar="FOLDER", help="files, or recorded sessions")],
    base: Annotated[str, typer.Option("--from", help="the model that is tuned")],
) -> None:
    """Measure what `livegen train FOLDER --from MODEL` gains, with each file held out once."""
    from export.own_style import measure
    from livegen.terminal import progress

    for row in measure(music, base, progress):  # each takes minutes
        typer.echo("; ".join(f"{name}: {value}" for name, value in row.items()))


@app.command(epilog="Example: `python -m export dialogues --to docs/music`")
def dialogues(to: Annotated[Path, typer.Option(help="the folder to write into")]) -> None:
    """Let every shipped model answer three phrases with three seeds; write MIDI files and pictures."""
    from export.dialogues import write_dialogues

    with _bar() as bar:
        written = write_dialogues(to, _reading(bar))
    typer.echo(f"{len(written)} dialogues in {to}")


@app.command("performance-grid", epilog="Example: `python -m export performance-grid --music music/`")
def performance_grid(
    music: Annotated[Path, typer.Option(envvar="LIVEGEN_MUSIC", help="holds pop909/ and piano-midi/")],
) -> None:
    """Write and read every performance, whole and event by event: is it exact, and what does the grid move?"""
    from export.corpora.performances import read
    from export.measures.performance_grid import check
    from livegen.codecs.performance import PerformanceCodec
    from livegen.terminal import table as in_columns

    with _bar() as bar:
        rows = check(PerformanceCodec(), read(music, _reading(bar)))
    if not rows:
        raise SettingsError(f"{music}: the folder of music holds pop909/ and piano-midi/")
    typer.echo(in_columns(rows, tuple(rows[0])))


@app.command("fit-metre", epilog="Example: `python -m export fit-metre --music music/`")
def fit_metre(
    music: Annotated[Path, typer.Option(envvar="LIVEGEN_MUSIC", help="holds nottingham/ and pop909/")],
) -> None:
    """Learn what music in each metre is like, and write the file that the ear for metre reads."""
    from export.metre.fit import fit
    from export.metre.music import read_music
    from livegen.music.metre_profiles import FILE, save_metres

    found = read_music(music, console.print)
    with _bar() as bar:
        metres = fit(found.train, _reading(bar))
    save_metres(metres)
    typer.echo(f"{FILE}: {len(metres.metres)} metres, {FILE.stat().st_size / 1000:.0f} kB")
    typer.echo(f"weights {metres.weights.round(3).tolist()}, biases {[round(each.bias, 2) for each in metres.metres]}")


@app.command("hear-metre", epilog="Example: `python -m export hear-metre --music music/ --bars 8`")
def hear_metre(
    music: Annotated[Path, typer.Option(envvar="LIVEGEN_MUSIC", help="holds nottingham/ and pop909/")],
    bars: Annotated[int, typer.Option(min=2, help="of each phrase")] = 8,
    seed: int = 1,
    misses: Annotated[bool, typer.Option("--misses", help="name the phrases whose metre or tempo is wrong")] = False,  # noqa: FBT002
    playing: Annotated[bool, typer.Option("--playing", help="of an accompaniment, while they are played")] = False,  # noqa: FBT002
) -> None:
    """Measure how often the metre and the tempo of held-out phrases are heard right."""
    from export.measures import beat
    from export.measures.metre import hear, phrases, table
    from export.metre.music import read_music
    from livegen.terminal import table as in_columns

    if playing:
        with _bar() as bar:
            melodies = list(beat.melodies(read_music(music).test, seed))
            rows = beat.table(beat.follow(kind, phrase) for kind, phrase in _each(bar)(melodies, "phrases"))
        typer.echo(in_columns(rows, tuple(rows[0])))
        return
    with _bar() as bar:
        found = [
            hear(kind, phrase)
            for kind, phrase in _each(bar)(list(phrases(read_music(music).test, bars, seed)), "phrases")
        ]
    if misses:
        for each in found:
            if not (each.is_metre and each.is_tempo):
                typer.echo(f"{each.kind} {each.name}: {each.metre}, tempo {'right' if each.is_tempo else 'wrong'}")
    typer.echo(in_columns(table(found), ("phrases", "count", "metre", "tempo", "swung")))


@app.command("fit-phrasing", epilog="Example: `python -m export fit-phrasing --music music/`")
def fit_phrasing(
    music: Annotated[Path, typer.Option(envvar="LIVEGEN_MUSIC", help="holds pop909/ and piano-midi/")],
    epochs: Annotated[int, typer.Option(min=1)] = 14,
) -> None:
    """Learn how loud people play each note and when they move the pedal; write the file that the engine reads."""
    from export.phrasing.examples import sing
    from export.phrasing.fit import Training, fit
    from export.phrasing.music import read_music
    from livegen.music.phrasing import FILE, save_phrasing

    with _bar() as bar:
        sung = [sing(each) for each in _each(bar)(read_music(music, _reading(bar)), "performances")]
        task = bar.add_task("epochs", total=epochs)

        def show(done: int, whole: int, cost: float) -> None:
            bar.update(task, completed=done, total=whole)
            bar.console.print(f"epoch {done}: {cost:.4f}")

        found = fit(sung, Training(epochs=epochs), show)
    save_phrasing(found)
    typer.echo(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB, {found.spread}")


@app.command(epilog="Example: `python -m export phrasing --music music/`")
def phrasing(
    music: Annotated[Path, typer.Option(envvar="LIVEGEN_MUSIC", help="holds pop909/ and piano-midi/")],
) -> None:
    """Measure the loudness and the pedal that are foretold beside people's, on performances that were held out.

    With scikit-learn installed, boosted trees are learnt from the same notes, and stand beside them.
    """
    from export.phrasing.examples import sing
    from export.phrasing.measure import correlations, foretell, played, trees
    from export.phrasing.music import read_music
    from livegen.music.phrasing import load_phrasing
    from livegen.terminal import table as in_columns

    found = load_phrasing()
    with _bar() as bar:
        sung = [sing(each) for each in _each(bar)(read_music(music, _reading(bar)), "performances")]
        test = [each for each in sung if each.played.side == "test"]
        foretold = {"livegen": [foretell(found, each) for each in _each(bar)(test, "loudness")]}
        if by_trees := trees([each for each in sung if each.played.side == "train"], test):
            foretold["boosted trees"] = by_trees
        rows = list(correlations(test, foretold))
        figures = list(played(found, test, _each(bar)))
    typer.echo(in_columns(rows, tuple(rows[0])))
    typer.echo(in_columns(figures, tuple(figures[0])))


def main() -> None:
    """Run; every foreseeable failure is one line."""
    logging.basicConfig(format="%(message)s")
    try:
        app()
    except LivegenError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _train(recipe: recipes.Recipe, music: Path | None, corpus: corpora.Corpus) -> Path:
    """Train on the corpus, which is read from ``music``; return the folder of the run."""
    from export import train as training

    run = recipes.run_folder(recipe, corpus.digest)
    with _bar() as bar:
        task = bar.add_task("epochs", total=recipe.training.epochs)

        def show(done: int, whole: int, figures: Mapping[str, float]) -> None:
            bar.update(task, completed=done, total=whole)
            bar.console.print(f"epoch {done}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))

        progress = training.train(recipe, run, music, show)
    typer.echo(f"best epoch {progress.best_epoch}: {progress.best_nats:.4f} nats per token of the validation")
    return run


def _report(path: Path, corpus: corpora.Corpus, figures: Mapping[str, float], to: Path, each: Any) -> Any:
    """Measure the model's own music; leaves NAME.json and NAME.png in a folder."""
    from export.measures import picture
    from export.measures.report import measure

    report = measure(path, corpus, each, figures)
    to.mkdir(parents=True, exist_ok=True)
    plain = report.to_json()
    (to / f"{report.model}.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    picture.draw(report, to / f"{report.model}.png")
    return plain


def _print(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for figure, value in figures.items():
        if isinstance(value, int | float):
            typer.echo(f"{figure:28}{value:14,.4f}".rstrip("0").rstrip("."))


def _print_parts(parts: Mapping[str, list[dict[str, Any]]], *, as_json: bool) -> None:
    """Tables, one below the other, or their rows by name as JSON, where an interval is a figure and its ends."""
    from livegen.terminal import table as in_columns

    if as_json:
        typer.echo(json.dumps(parts, indent=2, default=lambda estimate: estimate.to_json()))
        return
    typer.echo("\n\n".join(in_columns(rows, tuple(rows[0])).rstrip() for rows in parts.values()))


def _beside(ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    """A line for each figure: the model's, and the corpus'."""
    lines = [f"{'':20}{'generated':>12}{'corpus':>12}"]
    return "\n".join(lines + [f"{name:20}{ours[name]:12,.3f}{theirs[name]:12,.3f}" for name in ours])


def _load(recipe: recipes.Recipe, music: Path | None) -> corpora.Corpus:
    with _bar() as bar:
        return corpora.load(recipe.corpus, recipe.codec, music, _reading(bar))


def _reading(bar: Progress) -> Report:
    task = bar.add_task("reading", total=None)
    return lambda done, whole: bar.update(task, completed=done, total=whole)


@contextmanager
def _bar(over_s: float = 30) -> Iterator[Progress]:
    """Bars; the time left is reckoned from the last ``over_s``."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, speed_estimate_period=over_s) as bar:
        yield bar


def _each(bar: Progress) -> Any:
    def go(items: Sequence[Any], what: str) -> Iterable[Any]:
        return bar.track(items, description=what)

    return go


if __name__ == "__main__":
    main()
