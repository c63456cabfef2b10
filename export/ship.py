"""From a finished run to the shipped file: graph, figures, card, proof, and only then the move into place."""

import subprocess
from dataclasses import replace
from math import isfinite
from pathlib import Path

import onnx
from onnx import ModelProto

from export import corpora, train
from export.corpora import Corpus
from export.evaluate import Each, OnnxPredictor, evaluate
from export.to_onnx import rounded, state_parts, to_onnx, with_card
from export.train import Trained
from export.verify import verify
from livegen.imagine.card import Card, CodecCard, SamplingDefaults, TrainedOn


def ship(run: Path, target: Path, corpus: Corpus, each: Each) -> Card:
    """Write the best network of a run as a verified model file with its own figures in its card."""
    trained = train.restore_best(run)
    trained = replace(trained, network=rounded(trained.network))
    graph = to_onnx(trained.network)
    card = make_card(trained)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    _write(with_card(graph, card), partial)
    figures = evaluate(OnnxPredictor(partial), corpus, each)
    card = card.model_copy(update={"metrics": {**card.metrics, **figures}})
    _write(with_card(graph, card), partial)
    verify(partial, train.TorchPredictor(trained.network))
    partial.replace(target)
    return card


def make_card(trained: Trained) -> Card:
    """The card of a trained network."""
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
    """The commit of this code, or "uncommitted"."""
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "uncommitted"
    return done.stdout.strip()


def _write(model: ModelProto, path: Path) -> None:
    onnx.save(model, str(path))
