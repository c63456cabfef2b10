"""Training, in the order in which it happens: settings, data, model, optimiser, loop, save.

Teacher forcing with truncated backpropagation: pieces, shuffled and transposed anew each epoch, run as parallel
streams; the state is carried from chunk to chunk and now and then lost, so that the network learns to begin in
mid-piece. Every epoch draws from its own seed, so a run that was killed goes on exactly where its last
checkpoint stands.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from export import corpora, scoring
from export.networks import Dropout, Sizes, StackedLstm, State
from export.recipes import Recipe, Training
from livegen.codecs import make_codec
from livegen.codecs.chorale import FIRST_PITCH, ChoraleCodec
from livegen.errors import SettingsError

BACHBOT_NATS = 0.477  # per token on its test part (Liang 2016, section 5.2)
VALID_STREAMS = 25

Report = Callable[[int, int, Mapping[str, float]], None]  # (epochs done, epochs, figures of the last)


# --- settings and data


def make_chorale_codec(recipe: Recipe) -> ChoraleCodec:
    """The recipe's codec."""
    codec = make_codec(recipe.codec, {})
    assert isinstance(codec, ChoraleCodec)
    return codec


def unshifted_share(training: Training, epoch: int) -> float:
    """The share of pieces left in their own key: grows in a straight line, then stays."""
    progress = min(1.0, epoch / max(1.0, training.epochs * training.unshifted_by))
    return training.unshifted_first + (training.unshifted_last - training.unshifted_first) * progress


def transposed(tokens: NDArray[np.int64], semitones: int) -> NDArray[np.int64]:
    """A chorale's tokens, higher by ``semitones``; a pitch is two tokens, struck and tied."""
    return np.where(tokens >= FIRST_PITCH, tokens + 2 * semitones, tokens)


def shifts_in_range(tokens: NDArray[np.int64], codec: ChoraleCodec, shifts: tuple[int, int]) -> tuple[int, int]:
    """The part of ``shifts`` (semitones, both included) that keeps every pitch within the codec's range."""
    pitches = codec.low + (tokens[tokens >= FIRST_PITCH] - FIRST_PITCH) // 2
    return max(shifts[0], codec.low - int(pitches.min())), min(shifts[1], codec.high - int(pitches.max()))


def epoch_streams(
    pieces: Sequence[corpora.Piece], codec: ChoraleCodec, training: Training, epoch: int
) -> NDArray[np.int64]:
    """The pieces in a new order, many in a new key, as streams: [streams, tokens]."""
    random = np.random.default_rng([training.seed, epoch])
    share = unshifted_share(training, epoch)
    parts = []
    for index in random.permutation(len(pieces)):
        tokens = pieces[index].tokens
        lowest, highest = shifts_in_range(tokens, codec, training.shifts)
        shift = 0 if random.random() < share else int(random.integers(lowest, highest + 1))
        parts.append(transposed(tokens, shift))
    stream = np.roll(np.concatenate(parts), int(random.integers(1 << 30)))
    used = len(stream) - len(stream) % training.streams
    return stream[:used].reshape(training.streams, -1)


def chunks(streams: NDArray[np.int64], length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets [streams, length] one after the other, the targets a token ahead; a short rest is left out."""
    for begin in range(0, streams.shape[1] - length, length):
        part = torch.from_numpy(streams[:, begin : begin + length + 1])
        yield part[:, :-1], part[:, 1:]


# --- model


def make_network(recipe: Recipe, codec: ChoraleCodec) -> StackedLstm:
    """The recipe's network, untrained."""
    shape = recipe.network.model_dump(exclude={"beat"})
    if recipe.network.beat not in codec.vocabulary.texts:
        raise SettingsError(f"'network.beat' is '{recipe.network.beat}', which is no token of codec '{recipe.codec}'")
    beat_token = codec.vocabulary.token(recipe.network.beat)
    sizes = Sizes(vocab=len(codec.vocabulary), beat_token=beat_token, **shape)
    return StackedLstm(sizes, Dropout(**recipe.dropout.model_dump()))


class TorchPredictor:
    """A network in torch, as ``scoring`` wants it."""

    def __init__(self, network: StackedLstm) -> None:
        self._network = network

    def begin(self, batch: int) -> scoring.Arrays:
        """The state before anything is heard."""
        return {name: part.cpu().numpy() for name, part in self._network.begin(batch).items()}

    def step(self, tokens: scoring.Tokens, state: scoring.Arrays) -> tuple[scoring.Logits, scoring.Arrays]:
        """Logits after each token, and the state after all; in float32, nothing left out."""
        device = self._network.output.weight.device
        parts = {name: torch.as_tensor(part, device=device) for name, part in state.items()}
        self._network.eval()
        with torch.no_grad():
            logits, after = self._network(torch.as_tensor(tokens, device=device), parts)
        return logits.cpu().numpy(), {name: part.cpu().numpy() for name, part in after.items()}


# --- optimiser


def learning_rate(training: Training, updates: int, per_epoch: int) -> float:
    """A straight warm-up, then a cosine down to a hundredth."""
    warm_up = max(1.0, training.warm_up_epochs * per_epoch)
    progress = (updates - warm_up) / max(1.0, training.epochs * per_epoch - warm_up)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return training.learning_rate * min(1.0, (updates + 1) / warm_up) * cosine


def average(averages: Mapping[str, Tensor], network: StackedLstm, decay: float, updates: int) -> None:
    """Move the average of the weights on by one update; at first it follows faster."""
    share = 1 - min(decay, (1 + updates) / (10 + updates))
    for name, weight in network.state_dict().items():
        averages[name].lerp_(weight, share)


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

    network: StackedLstm
    averaged: StackedLstm  # the average of the network's weights
    optimiser: torch.optim.AdamW
    progress: Progress


def train(recipe: Recipe, folder: Path, report: Report | None = None) -> Progress:
    """Train to the end, from the last checkpoint in ``folder`` if there is one; leaves ``best.safetensors``."""
    codec = make_chorale_codec(recipe)
    data = corpora.split(corpora.load(recipe.corpus, codec))
    learner = _learner(recipe, codec)
    folder.mkdir(parents=True, exist_ok=True)
    _resume(learner, recipe, folder / "last.safetensors")
    board = _tensorboard(folder)
    while not _is_finished(learner.progress, recipe.training):
        begun = time.perf_counter()
        streams = epoch_streams(data.train, codec, recipe.training, learner.progress.epoch)
        figures = {"train_nats": _epoch(learner, streams, recipe.training)}
        valid = scoring.in_streams(
            TorchPredictor(learner.averaged), corpora.concatenate(data.valid), streams=VALID_STREAMS
        )
        figures |= {"valid_nats": valid.per_token, "epoch_s": time.perf_counter() - begun}
        is_best = _count_epoch(learner, figures)
        figures |= _reported_test(learner, data.test_tokens, recipe.training)
        _save(learner, recipe, folder, is_best=is_best)
        _log(folder, learner.progress, figures, board)
        if report:
            report(learner.progress.epoch, recipe.training.epochs, figures)
    return learner.progress


def _learner(recipe: Recipe, codec: ChoraleCodec) -> Learner:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(recipe.training.seed)
    network = make_network(recipe, codec).to(device)
    averaged = make_network(recipe, codec).to(device)
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(
        network.parameters(), weight_decay=recipe.training.weight_decay, betas=(0.9, 0.98), fused=True
    )
    return Learner(network, averaged, optimiser, Progress())


def _is_finished(progress: Progress, training: Training) -> bool:
    return progress.epoch >= min(training.epochs, progress.best_epoch + training.patience)


def _epoch(learner: Learner, streams: NDArray[np.int64], training: Training) -> float:
    """One pass over all streams; the mean loss in nats per token."""
    network, device = learner.network, learner.network.output.weight.device
    torch.manual_seed(hash((training.seed, learner.progress.epoch)))
    network.train()
    state, losses = network.begin(training.streams), []
    per_epoch = (streams.shape[1] - 1) // training.chunk
    updates = learner.progress.updates
    for inputs, targets in chunks(streams, training.chunk):
        for group in learner.optimiser.param_groups:
            group["lr"] = learning_rate(training, updates, per_epoch)
        loss, state = _loss(network, inputs.to(device), targets.to(device), state, training)
        learner.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip)
        learner.optimiser.step()
        average(learner.averaged.state_dict(), network, training.averaging, updates)
        losses.append(loss.detach())
        updates += 1
    learner.progress = replace(learner.progress, updates=updates)
    return torch.stack(losses).mean().item()


def _loss(
    network: StackedLstm, inputs: Tensor, targets: Tensor, state: State, training: Training
) -> tuple[Tensor, State]:
    """Mean cross-entropy of a chunk, and the state after it, of which some streams have lost theirs before."""
    state = forget(state, network.begin(len(inputs)), training.forgetting)
    with torch.autocast(inputs.device.type, torch.bfloat16) if training.bf16 else nullcontext():
        logits, state = network(inputs, state)
    loss = cross_entropy(logits.flatten(0, 1), targets.flatten())
    return loss, {name: part.detach() for name, part in state.items()}


def forget(state: State, blank: State, chance: float) -> State:
    """The state, of which each stream loses its own, all of it, with this chance."""
    lost = torch.rand(len(state["beat"]), 1, device=state["beat"].device) < chance  # [batch, 1]
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


def _reported_test(learner: Learner, tokens: NDArray[np.int64], training: Training) -> dict[str, float]:
    """The test figure now and then, to know how long BachBot's took to reach: no choice looks at it."""
    done = learner.progress
    if not training.test_every or done.epoch % training.test_every:
        return {}
    nats = scoring.in_streams(TorchPredictor(learner.averaged), tokens).per_token
    if nats <= BACHBOT_NATS:
        learner.progress = replace(done, bachbot_s=min(done.bachbot_s, done.wall_s))
    return {"test_nats": nats}


# --- save


def _save(learner: Learner, recipe: Recipe, folder: Path, *, is_best: bool) -> None:
    """Write ``last.safetensors``, and ``best.safetensors`` when it is; each replaces the old one in one move."""
    averages = {f"averaged.{name}": weight for name, weight in learner.averaged.state_dict().items()}
    tensors = {f"network.{name}": weight for name, weight in learner.network.state_dict().items()} | averages
    for index, parts in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": part for name, part in parts.items()}
    progress = {name: getattr(learner.progress, name) for name in Progress.__dataclass_fields__}
    metadata = {"recipe": recipe.model_dump_json(), "progress": json.dumps(progress)}
    _write(folder / "last.safetensors", tensors, metadata)
    if is_best:
        _write(folder / "best.safetensors", averages, metadata)


def _write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial, metadata)
    partial.replace(path)


def _resume(learner: Learner, recipe: Recipe, path: Path) -> None:
    if not path.exists():
        return
    with safe_open(path, "pt") as kept:
        if Recipe.model_validate_json(kept.metadata()["recipe"]) != recipe:
            raise SettingsError(f"{path}: was trained by another recipe; move its folder away, or restore the recipe")
        learner.progress = Progress(**json.loads(kept.metadata()["progress"]))
        learner.network.load_state_dict(_named(kept, "network."))
        learner.averaged.load_state_dict(_named(kept, "averaged."))
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _named(kept, "optimiser.").items():
            index, _, part = name.partition(".")
            states.setdefault(int(index), {})[part] = tensor
        groups = learner.optimiser.state_dict()["param_groups"]
        learner.optimiser.load_state_dict({"state": states, "param_groups": groups})


def _named(kept: Any, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): kept.get_tensor(name) for name in kept.keys() if name.startswith(prefix)}  # noqa: SIM118 (no mapping)


def restore_best(folder: Path) -> tuple[Recipe, StackedLstm, Progress]:
    """The recipe, the averaged network and the progress of a run's best epoch."""
    path = folder / "best.safetensors"
    if not path.exists():
        raise SettingsError(f"{path}: no such checkpoint; run `python -m export train` first")
    with safe_open(path, "pt") as kept:
        recipe = Recipe.model_validate_json(kept.metadata()["recipe"])
        network = make_network(recipe, make_chorale_codec(recipe))
        network.load_state_dict(_named(kept, "averaged."))
        return recipe, network.eval(), Progress(**json.loads(kept.metadata()["progress"]))


def _log(folder: Path, progress: Progress, figures: Mapping[str, float], board: Any) -> None:
    line = {"epoch": progress.epoch, "wall_s": progress.wall_s, **figures}
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({name: round(value, 5) for name, value in line.items()}) + "\n")
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
