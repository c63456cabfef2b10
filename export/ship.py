"""From a finished run to the shipped file: graph, figures, card, proof, and only then the move into place."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from onnx import ModelProto

from export import corpora, train
from export.corpora import Corpus
from export.evaluate import Each, OnnxPredictor, evaluate
from export.measures.continuations import Plan
from export.measures.loops import PERCENTILE, longest_real_run
from export.measures.music import Event, Music, read
from export.networks.network import Network
from export.places import IS_PACKED
from export.recipes import Defaults
from export.to_onnx import rounded, state_parts, to_onnx, with_card
from export.train import Trained
from export.verify import verify
from livegen.codecs.codec import Codec, PlayedCodec
from livegen.codecs.vocabulary import Tokens
from livegen.errors import SettingsError
from livegen.model.card import Card, CodecCard, SamplingDefaults, TrainedOn
from livegen.model.checksum import with_checksum
from livegen.version import RUNNING

PIECES = 80
_OF_NOTES = 95  # percentile: a chord is several notes, so runs of notes are longer than runs of events


def ship(run: Path, target: Path, corpus: Corpus, each: Each, sampling: Defaults | None = None) -> Card:
    """Write the best network of a run as a verified model file with its own figures in its card.

    It is sampled by ``sampling``, or as the recipe that it was trained by says.
    """
    trained = train.restore_best(run)
    if trained.digest != corpus.digest:
        raise SettingsError(f"{run}: was trained on other music than this; run `python -m export train` first")
    trained = replace(trained, network=rounded(trained.network))

    def figures(partial: Path) -> Mapping[str, float]:
        return evaluate(OnnxPredictor(partial), corpus, each)

    if sampling:
        trained = replace(trained, recipe=trained.recipe.model_copy(update={"sampling": sampling}))
    return save(trained.network, make_card(trained, longest_run(corpus)), target, figures)


def save(
    network: Network, card: Card, target: Path, figures: Callable[[Path], Mapping[str, float]] = lambda _: {}
) -> Card:
    """Write a ``rounded`` network as a verified model file whose card has the file's ``figures``, too; the card."""
    graph = to_onnx(network)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    try:
        write(with_card(graph, card), partial)
        card = card.model_copy(update={"metrics": {**card.metrics, **figures(partial)}})
        write(with_card(graph, card), partial)
        verify(partial, train.TorchPredictor(network))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return card


def longest_run(corpus: Corpus) -> int:
    """How long real music goes on repeating itself: measured on up to ``PIECES`` or so of what it learns from."""
    own = [piece for piece in corpus.split.train if not piece.part]
    pieces = own[:: max(1, len(own) // PIECES)]
    music = [_guarded(corpus.codec, piece.tokens) for piece in pieces]
    return longest_real_run(music, Plan().events, _OF_NOTES if isinstance(corpus.codec, PlayedCodec) else PERCENTILE)


def _guarded(codec: Codec[Any], tokens: Tokens) -> Music:
    """A piece as events that the guard compares: of a performance each note is one, without its time."""
    if not isinstance(codec, PlayedCodec):
        return read(codec, tokens)
    notes = [(token,) for token in tokens[codec.begins[tokens]].tolist()]
    return Music(tuple(Event(note, 1, note, (), is_end=False) for note in notes), ())


def make_card(trained: Trained, run: int | None = None) -> Card:
    """The card of a trained network; ``run`` is how long its guard lets music repeat itself, in events."""
    recipe, codec, network = trained.recipe, trained.codec, trained.network
    source = corpora.source(recipe.corpus)
    parameters = sum(weight.numel() for weight in network.parameters())
    return Card(
        name=recipe.name,
        title=recipe.title,
        codec=CodecCard(name=codec.name, parameters=dict(codec.parameters())),
        state=state_parts(network),
        matrices=network.matrices(),
        trained_on=TrainedOn(corpus=recipe.corpus, credit=source.credit, licence=source.licence),
        metrics={"parameters": parameters, **training_figures(trained.progress)},
        command=f"python -m export train {recipe.name} && python -m export onnx {recipe.name}",
        commit=commit(),
        sampling=SamplingDefaults(**recipe.sampling.model_dump()),
        longest_run=run,
    )


def training_figures(progress: train.Progress) -> dict[str, float]:
    """What the training knows about itself, as figures of a card; what it does not know is left out."""
    figures = {
        "epochs": progress.best_epoch,
        "train_wall_s": round(progress.wall_s, 1),
        "valid_nats": progress.best_nats,
        "wall_s_to_bachbot": round(progress.bachbot_s, 1) if isfinite(progress.bachbot_s) else progress.bachbot_s,
    }
    return {name: figure for name, figure in figures.items() if isfinite(figure)}


def commit() -> str:
    """The commit of this code, or "uncommitted"; of an installed livegen its version."""
    if IS_PACKED:
        return f"livegen {RUNNING}"
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "uncommitted"
    return done.stdout.strip()


def write(model: ModelProto, path: Path) -> None:
    """Write a model file with its checksum."""
    path.write_bytes(with_checksum(model.SerializeToString()))
