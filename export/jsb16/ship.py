"""From a finished run of the benchmark to a file that plays: graph, figures, card, proof, then the move into place."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.evaluate import Each, OnnxPredictor
from export.jsb16.data import VOICES, Chorales, Frames
from export.jsb16.evaluate import calibration
from export.jsb16.settings import Settings
from export.jsb16.streaming import CODEC, Streaming
from export.jsb16.to_onnx import to_onnx
from export.jsb16.train import ORDER, restore_best
from export.scoring import Predictor, Score, surprise
from export.ship import commit, write
from export.to_onnx import rounded, state_parts, with_card
from export.train import TorchPredictor
from export.training_loop import Progress
from export.verify import verify
from livegen.model.card import Card, CodecCard, SamplingDefaults, TrainedOn

SPAN = 256  # frames that the memory of the playing network holds; 128 cost 0.003 nats a frame, 64 cost 0.03


def ship(run: Path, target: Path, chorales: Chorales, each: Each) -> Card:
    """Write the best network of a run as a verified model file with its own figures in its card."""
    settings, network, progress = restore_best(run)
    temperature = calibration(network, chorales.valid)
    streaming = rounded(Streaming(network, SPAN, temperature))
    assert isinstance(streaming, Streaming)
    graph, card = to_onnx(streaming), make_card(streaming, progress, settings, temperature)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    write(with_card(graph, card), partial)
    predictor = OnnxPredictor(partial)
    figures = {
        f"{name}_nats_per_frame": nats_per_frame(predictor, each(part, name))
        for name, part in (("valid", chorales.valid), ("test", chorales.test))
    }
    card = card.model_copy(update={"metrics": {**card.metrics, **figures}})
    write(with_card(graph, card), partial)
    verify(partial, TorchPredictor(streaming))
    partial.replace(target)
    return card


def make_card(network: Streaming, progress: Progress, settings: Settings, temperature: float) -> Card:
    """The card of a trained network, calibrated by ``temperature``."""
    training = "distil" if settings.distillation else "train"
    return Card(
        name="jsb16",
        title="Four voices, sixteenth by sixteenth",
        codec=CodecCard(name=CODEC.name, parameters=dict(CODEC.parameters())),
        state=state_parts(network),
        matrices=network.matrices(),
        trained_on=TrainedOn(
            corpus="jsb16",
            credit="J. S. Bach, 229 chorales: the train part of Boulanger-Lewandowski et al. 2012, at sixteenths",
            licence="public domain",
        ),
        metrics={
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "epochs": progress.best_epoch,
            "train_wall_s": round(progress.wall_s, 1),
            "calibration": temperature,
        },
        command=f"python -m export.jsb16 {training} && python -m export.jsb16 onnx",
        commit=commit(),
        sampling=SamplingDefaults(temperature=0.9, top_p=0.95),
    )


def nats_per_frame(predictor: Predictor, pieces: Iterable[Frames]) -> float:
    """As the file plays: token by token, each piece from a blank state."""
    total = Score(0.0, 0)
    for piece in pieces:
        tokens = stream(piece)[None]
        logits, _ = predictor.step(tokens[:, :-1], predictor.begin(1))
        total += surprise(logits, tokens[:, 1:])
    return total.per_token * VOICES


def stream(piece: Frames) -> NDArray[np.int64]:
    """A piece as the codec's tokens: START, then soprano, bass, alto, tenor of each frame."""
    return np.concatenate([[CODEC.start], piece[:, ORDER].flatten()])
