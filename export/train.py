"""Training, in the order in which it happens: settings, data, model, optimiser, loop, save.

Teacher forcing with truncated backpropagation. In streams, pieces, shuffled and transposed anew each epoch, run side
by side; the state is carried from chunk to chunk and now and then lost, so that the network learns to begin in
mid-piece. Or in windows, drawn anywhere, each from a blank state. Every epoch draws from its own seed, so a run that
was killed goes on exactly where its last checkpoint stands. Started by torchrun, the processes share each batch.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from export import checkpoints, corpora, scoring
from export.corpora import Corpus
from export.corpora.work import Piece, concatenate
from export.networks import make_network
from export.networks.network import Network, State
from export.processes import Processes, joined
from export.recipes import Recipe, Training
from livegen.codecs import make_codec
from livegen.codecs.codec import Codec
from livegen.codecs.vocabulary import Tokens
from livegen.errors import SettingsError

BACHBOT_NATS = 0.477  # per token on its test part (Liang 2016, section 5.2)
VALID_STREAMS = 25

Report = Callable[[int, int, Mapping[str, float]], None]  # (epochs done, epochs, figures of the last)


# --- settings and data


def settling(ends: tuple[float, float], training: Training, epoch: int) -> float:
    """A number that goes from the one end to the other in a straight line, then stays."""
    progress = min(1.0, epoch / max(1.0, training.epochs * training.settled_by))
    return ends[0] + (ends[1] - ends[0]) * progress


def epoch_pieces(pieces: Sequence[Piece], training: Training, epoch: int, random: np.random.Generator) -> list[Piece]:
    """The pieces in a new order; of a corpus in parts, as many of each as its share of the tokens asks for."""
    if not training.parts:
        return [pieces[index] for index in random.permutation(len(pieces))]
    drawn: list[Piece] = []
    for part, ends in training.parts.items():
        members = [piece for piece in pieces if piece.part == part]
        if not members:
            raise SettingsError(f"'training.parts' names '{part}', which the corpus does not have")
        wanted, order = settling(ends, training, epoch) * training.epoch_tokens, list[int]()
        while wanted > 0:
            order = order or random.permutation(len(members)).tolist()
            drawn.append(members[order.pop()])
            wanted -= len(drawn[-1].tokens)
    return [drawn[index] for index in random.permutation(len(drawn))]


def epoch_tokens(pieces: Sequence[Piece], codec: Codec[Any], training: Training, epoch: int) -> Tokens:
    """The pieces of an epoch, many of them in a new key, end to end [tokens]."""
    random = np.random.default_rng([training.seed, epoch])
    share = settling((training.unshifted_first, training.unshifted_last), training, epoch)
    parts = []
    for piece in epoch_pieces(pieces, training, epoch, random):
        lowest, highest = codec.shifts(piece.tokens)
        lowest, highest = max(lowest, training.shifts[0]), min(highest, training.shifts[1])
        stays = random.random() < share or lowest > highest
        parts.append(
            piece.tokens if stays else codec.transposed(piece.tokens, int(random.integers(lowest, highest + 1)))
        )
    return np.roll(np.concatenate(parts), int(random.integers(1 << 30)))


def batches(tokens: Tokens, training: Training, epoch: int) -> list[Tokens]:
    """The tokens of an epoch as batches [streams, chunk + 1]: inputs and, a token ahead, targets.

    In streams, each batch goes on where the one before it ended, and a short rest is left out.
    """
    size, length = training.streams, training.chunk
    if len(tokens) < length + 1:
        raise SettingsError(f"the music has {len(tokens)} tokens; 'training.chunk' wants more than {length}")
    if training.batches == "windows":
        random = np.random.default_rng([training.seed, epoch, 1])
        begins = random.permutation(len(tokens) - length)[: training.windows or None]
        groups = np.split(begins, range(size, len(begins), size))
        return [tokens[group[:, None] + np.arange(length + 1)] for group in groups]
    size = min(size, (len(tokens) - 1) // length)
    streams = tokens[: len(tokens) - len(tokens) % size].reshape(size, -1)
    return [streams[:, begin : begin + length + 1] for begin in range(0, streams.shape[1] - length, length)]


# --- model


class TorchPredictor:
    """A network in torch, as ``scoring`` wants it."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def begin(self, batch: int) -> scoring.Arrays:
        """The state before anything is heard."""
        return {name: part.cpu().numpy() for name, part in self._network.begin(batch).items()}

    def step(self, tokens: scoring.Tokens, state: scoring.Arrays) -> tuple[scoring.Logits, scoring.Arrays]:
        """Logits after each token, and the state after all; in float32, nothing left out."""
        device = next(self._network.parameters()).device
        parts = {name: torch.as_tensor(part, device=device) for name, part in state.items()}
        self._network.eval()
        with torch.no_grad():
            logits, after = self._network(torch.as_tensor(tokens, device=device), parts)
        return logits.cpu().numpy(), {name: part.cpu().numpy() for name, part in after.items()}


# --- optimiser


def learning_rate(training: Training, updates: int, per_epoch: int) -> float:
    """A straight warm-up, then a cosine down to a hundredth; or always the same."""
    if training.schedule == "constant":
        return training.learning_rate
    warm_up = max(1.0, training.warm_up_epochs * per_epoch)
    progress = (updates - warm_up) / max(1.0, training.epochs * per_epoch - warm_up)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return training.learning_rate * min(1.0, (updates + 1) / warm_up) * cosine


def make_optimiser(network: Network, training: Training) -> torch.optim.Optimizer:
    """The recipe's optimiser."""
    weights, decay = network.parameters(), training.weight_decay
    match training.optimiser:
        case "adamw":
            return torch.optim.AdamW(weights, weight_decay=decay, betas=(0.9, 0.98), fused=True)
        case "adam":
            return torch.optim.Adam(weights, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(weights, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(weights, weight_decay=decay)


# --- loop


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come; travels in the checkpoint."""

    epoch: int = 0  # epochs done
    updates: int = 0
    wall_s: float = 0.0  # spent training, over all resumes
    best_nats: float = math.inf  # per token of the validation
    best_epoch: int = 0
    bachbot_s: float = math.inf  # ``wall_s`` when the test figure was first seen at BachBot's; decides nothing


@dataclass(slots=True)
class Learner:
    """The one owner of all that changes while training."""

    network: Network
    averaged: Network  # the average of the network's weights
    optimiser: torch.optim.Optimizer
    progress: Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run has come to at its best epoch."""

    recipe: Recipe
    codec: Codec[Any]
    network: Network
    progress: Progress


def train(recipe: Recipe, folder: Path, music: Path | None = None, report: Report | None = None) -> Progress:
    """Train to the end, from the last checkpoint in ``folder`` if there is one; leaves ``best.safetensors``."""
    with joined() as processes:
        corpus = corpora.load(recipe.corpus, recipe.codec, music)
        learner = _learner(recipe, corpus.codec)
        folder.mkdir(parents=True, exist_ok=True)
        _resume(learner, recipe, folder / "last.safetensors")
        board = _tensorboard(folder) if processes.is_first else None
        while not _is_finished(learner.progress, recipe.training):
            figures = _one_epoch(learner, corpus, recipe.training, processes)
            is_best = _count_epoch(learner, figures)
            figures |= _reported_test(learner, corpus.split.test_tokens, recipe.training)
            if processes.is_first:
                _save(learner, recipe, corpus.codec, folder, is_best=is_best)
                _log(folder, learner.progress, figures, board)
                if report:
                    report(learner.progress.epoch, recipe.training.epochs, figures)
    return learner.progress


def _learner(recipe: Recipe, codec: Codec[Any]) -> Learner:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(recipe.training.seed)
    network = make_network(recipe, codec).to(device)
    averaged = make_network(recipe, codec).to(device)
    averaged.load_state_dict(network.state_dict())
    return Learner(network, averaged, make_optimiser(network, recipe.training), Progress())


def _is_finished(progress: Progress, training: Training) -> bool:
    return progress.epoch >= min(training.epochs, progress.best_epoch + training.patience)


def _one_epoch(learner: Learner, corpus: Corpus, training: Training, processes: Processes) -> dict[str, float]:
    """Train an epoch and validate; the figures of both."""
    begun, epoch = time.perf_counter(), learner.progress.epoch
    tokens = epoch_tokens(corpus.split.train, corpus.codec, training, epoch)
    figures = {"train_nats": _epoch(learner, batches(tokens, training, epoch), training, processes)}
    heard = concatenate(corpus.split.valid)
    valid = scoring.in_streams(TorchPredictor(learner.averaged), heard, streams=VALID_STREAMS)
    return figures | {"valid_nats": valid.per_token, "epoch_s": time.perf_counter() - begun}


def _epoch(learner: Learner, parts: Sequence[Tokens], training: Training, processes: Processes) -> float:
    """One pass over all batches; the mean loss in nats per token."""
    network = learner.network
    device = next(network.parameters()).device
    torch.manual_seed(hash((training.seed, learner.progress.epoch, processes.rank)))
    network.train()
    state, losses = None, []
    updates = learner.progress.updates
    for part in parts:
        for group in learner.optimiser.param_groups:
            group["lr"] = learning_rate(training, updates, len(parts))
        batch = torch.from_numpy(processes.own(part)).to(device)
        loss, state = _loss(network, batch, state, training)
        learner.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        processes.average_gradients(network)
        torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip)
        learner.optimiser.step()
        checkpoints.average(learner.averaged.state_dict(), network, training.averaging, updates)
        losses.append(loss.detach())
        updates += 1
    learner.progress = replace(learner.progress, updates=updates)
    return torch.stack(losses).mean().item()


def _loss(network: Network, batch: Tensor, state: State | None, training: Training) -> tuple[Tensor, State | None]:
    """Mean cross-entropy of a batch [streams, chunk + 1], and the state to go on with."""
    with torch.autocast(batch.device.type, torch.bfloat16) if training.bf16 else nullcontext():
        if training.targets == "last":
            return cross_entropy(network.last(batch[:, :-1]).float(), batch[:, -1]), None
        blank = network.begin(len(batch))
        start = forget(state, blank, training.forgetting) if state else blank
        logits, after = network(batch[:, :-1], start)
    loss = cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    is_carried = training.batches == "streams"
    return loss, {name: part.detach() for name, part in after.items()} if is_carried else None


def forget(state: State, blank: State, chance: float) -> State:
    """The state, of which each stream loses its own, all of it, with this chance."""
    some = next(iter(state.values()))
    lost = torch.rand(len(some), 1, device=some.device) < chance  # [batch, 1]
    return {name: torch.where(lost, blank[name], part) for name, part in state.items()}


def _count_epoch(learner: Learner, figures: Mapping[str, float]) -> bool:
    """Move the progress on by an epoch; whether its validation was the best so far."""
    done = learner.progress
    done = replace(done, epoch=done.epoch + 1, wall_s=done.wall_s + figures["epoch_s"])
    is_best = figures["valid_nats"] < done.best_nats
    if is_best:
        done = replace(done, best_nats=figures["valid_nats"], best_epoch=done.epoch)
    learner.progress = done
    return is_best


def _reported_test(learner: Learner, tokens: Tokens, training: Training) -> dict[str, float]:
    """The test figure now and then, to know how long BachBot's took to reach: no choice looks at it."""
    done = learner.progress
    if not training.test_every or done.epoch % training.test_every:
        return {}
    nats = scoring.in_streams(TorchPredictor(learner.averaged), tokens).per_token
    if nats <= BACHBOT_NATS:
        learner.progress = replace(done, bachbot_s=min(done.bachbot_s, done.wall_s))
    return {"test_nats": nats}


# --- save


def _save(learner: Learner, recipe: Recipe, codec: Codec[Any], folder: Path, *, is_best: bool) -> None:
    """Write ``last.safetensors``, and ``best.safetensors`` when it is; each replaces the old one in one move."""
    progress = {name: getattr(learner.progress, name) for name in Progress.__dataclass_fields__}
    metadata = {"recipe": recipe.model_dump_json(), "progress": json.dumps(progress)}
    metadata["codec"] = json.dumps(codec.parameters())
    checkpoints.save_last(folder, learner, metadata)
    if is_best:
        checkpoints.save_best(folder, checkpoints.averages_of(learner), metadata)


def _resume(learner: Learner, recipe: Recipe, path: Path) -> None:
    if not path.exists():
        return
    with checkpoints.opened(path) as kept:
        if Recipe.model_validate_json(kept.metadata()["recipe"]) != recipe:
            raise SettingsError(f"{path}: was trained by another recipe; move its folder away, or restore the recipe")
        learner.progress = Progress(**json.loads(kept.metadata()["progress"]))
        checkpoints.restore(learner, kept)


def restore_best(folder: Path) -> Trained:
    """The averaged network of a run's best epoch, with all that it takes to use it."""
    path = folder / "best.safetensors"
    if not path.exists():
        raise SettingsError(f"{path}: no such checkpoint; run `python -m export train` first")
    with checkpoints.opened(path) as kept:
        metadata = kept.metadata()
        recipe = Recipe.model_validate_json(metadata["recipe"])
        codec = make_codec(recipe.codec, json.loads(metadata["codec"]))
        network = make_network(recipe, codec)
        network.load_state_dict(checkpoints.named(kept, "averaged."))
        return Trained(recipe, codec, network.eval(), Progress(**json.loads(metadata["progress"])))


def _log(folder: Path, progress: Progress, figures: Mapping[str, float], board: Any) -> None:
    checkpoints.log(folder, {"epoch": progress.epoch, "wall_s": progress.wall_s, **figures})
    if board:
        for name, value in figures.items():
            board.add_scalar(name, value, progress.epoch)
        board.flush()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
