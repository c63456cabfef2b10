"""Training of the benchmark network, in the order in which it happens: settings, data, model, optimiser, loop, save.

Whole pieces from a zero state, each epoch in keys drawn anew. For some pieces a part of the past is hidden, for some
frames the voices come in another order: so any given voices can stand in the context. Every epoch draws from its own
seed, so a run that was killed goes on exactly where its last checkpoint stands.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from export import checkpoints
from export.jsb16.data import HIDDEN, SOPRANO, VOICES, Chorales, Frames, epoch_batches, padded, range_of
from export.jsb16.network import ChoraleNetwork
from export.jsb16.settings import Hiding, Settings, Training
from livegen.errors import SettingsError

RANKS = (0, 2, 3, 1)  # soprano, bass, alto, tenor: the place of each voice in the order of prediction
STRETCH = 32  # frames that are hidden or shown together
LARGEST = 10_000_000  # parameters that the benchmark allows

Report = Callable[[int, int, Mapping[str, float]], None]  # (epochs done, epochs, figures of the last)


# --- data: what is shown, in which order


def in_order(ranks: Tensor) -> Tensor:
    """Whether a voice [..., voices, 1] sees another [..., 1, voices]: those with a lower rank."""
    return ranks[..., None, :] < ranks[..., :, None]


def canonical(frames: Tensor) -> Tensor:
    """Soprano, bass, alto, tenor in every frame."""
    return in_order(torch.tensor(RANKS, device=frames.device).expand(frames.shape))


def drawn_order(frames: Tensor, hiding: Hiding) -> Tensor:
    """For most pieces the canonical order; for some another in each frame, with the soprano first or not."""
    ranks = torch.tensor(RANKS).expand(frames.shape)
    free = torch.rand(frames.shape).argsort(-1)
    below = torch.rand(frames.shape)
    below[..., SOPRANO] = -1
    kind = torch.rand(len(frames), 1, 1)
    ranks = torch.where(kind < hiding.soprano_first, below.argsort(-1).argsort(-1), ranks)
    return in_order(torch.where(kind > 1 - hiding.any_order, free, ranks))


def drawn_view(frames: Tensor, hiding: Hiding) -> Tensor:
    """The past as it is shown: for most pieces all, for some only the soprano, for some a patchwork."""
    pieces, length, voices = frames.shape
    hidden = torch.rand(pieces, math.ceil(length / STRETCH), voices) < 0.5
    patchwork = hidden.repeat_interleave(STRETCH, 1)[:, :length]
    below = torch.arange(voices) != SOPRANO
    kind = torch.rand(pieces, 1, 1)
    hide = (kind < hiding.below_soprano) & below | (kind > 1 - hiding.any_voices) & patchwork
    return torch.where(hide, HIDDEN, frames)


# --- model


def make_network(settings: Settings) -> ChoraleNetwork:
    """The settings' network, untrained, no larger than the benchmark allows."""
    network = ChoraleNetwork(settings.network, settings.dropout)
    size = sum(weight.numel() for weight in network.parameters())
    if size > LARGEST:
        raise SettingsError(f"'network' has {size:,} parameters; the benchmark allows {LARGEST:,}")
    return network


def nats(network: ChoraleNetwork, frames: Tensor, shown: Tensor, known: Tensor) -> Tensor:
    """-log p of every voice of every frame [pieces, frames, voices]."""
    logits = network(frames, shown, known).float()
    return cross_entropy(logits.flatten(0, 2), frames.flatten(), reduction="none").view(frames.shape)


@torch.no_grad()
def per_voice(network: ChoraleNetwork, pieces: Iterable[Frames], batch: int = 16) -> Tensor:
    """Mean nats per frame of each voice, whole pieces from a zero state, in the canonical order [voices]."""
    network.eval()
    rows = sorted(pieces, key=len)
    sums, count = torch.zeros(VOICES, dtype=torch.float64), 0
    for begin in range(0, len(rows), batch):
        whole, is_music = padded(rows[begin : begin + batch])
        frames = torch.from_numpy(whole)
        each = nats(network, frames, frames, canonical(frames))[torch.from_numpy(is_music)]
        sums, count = sums + each.double().sum(0), count + len(each)
    return sums / count


# --- optimiser


def learning_rate(training: Training, updates: int, per_epoch: int) -> float:
    """A straight warm-up, then a cosine down to a hundredth."""
    warm_up = max(1.0, training.warm_up_epochs * per_epoch)
    progress = (updates - warm_up) / max(1.0, training.epochs * per_epoch - warm_up)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return training.learning_rate * min(1.0, (updates + 1) / warm_up) * cosine


def make_optimiser(network: ChoraleNetwork, training: Training) -> torch.optim.AdamW:
    """AdamW whose decay spares what is no matrix."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": training.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


# --- loop


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come; travels in the checkpoint."""

    epoch: int = 0  # epochs done
    updates: int = 0
    wall_s: float = 0.0  # spent training, over all resumes
    best_nats: float = math.inf  # per frame of the validation
    best_epoch: int = 0


@dataclass(slots=True)
class Learner:
    """The one owner of all that changes while training."""

    network: ChoraleNetwork
    averaged: ChoraleNetwork  # the average of the network's weights
    optimiser: torch.optim.Optimizer
    progress: Progress


def train(settings: Settings, chorales: Chorales, folder: Path, report: Report | None = None) -> Progress:
    """Train to the end, from the last checkpoint in ``folder`` if there is one; leaves ``best.safetensors``."""
    learner = _learner(settings)
    folder.mkdir(parents=True, exist_ok=True)
    _resume(learner, settings, folder / "last.safetensors")
    while learner.progress.epoch < settings.training.epochs:
        begun = time.perf_counter()
        figures = {"train_nats": _epoch(learner, chorales, settings)}
        is_best = _count_epoch(learner, chorales, settings.training, figures, begun)
        _save(learner, settings, folder, is_best=is_best)
        line = {"epoch": learner.progress.epoch, "wall_s": learner.progress.wall_s, **figures}
        checkpoints.log(folder, line)
        if report:
            report(learner.progress.epoch, settings.training.epochs, figures)
    return learner.progress


def _learner(settings: Settings) -> Learner:
    torch.manual_seed(settings.training.seed)
    network, averaged = make_network(settings), make_network(settings)
    averaged.load_state_dict(network.state_dict())
    return Learner(network, averaged, make_optimiser(network, settings.training), Progress())


def _epoch(learner: Learner, chorales: Chorales, settings: Settings) -> float:
    """One pass over all pieces; the mean loss in nats per frame."""
    training, network = settings.training, learner.network
    epoch, updates = learner.progress.epoch, learner.progress.updates
    random = np.random.default_rng([training.seed, epoch])
    torch.manual_seed(int(random.integers(1 << 62)))
    network.train()
    losses = []
    per_epoch = math.ceil(len(chorales.train) / training.batch)
    for whole, is_music in epoch_batches(chorales.train, range_of(chorales.train), training.batch, random):
        for group in learner.optimiser.param_groups:
            group["lr"] = learning_rate(training, updates, per_epoch)
        loss = _loss(network, torch.from_numpy(whole), torch.from_numpy(is_music), settings)
        learner.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip)
        learner.optimiser.step()
        checkpoints.average(learner.averaged.state_dict(), network, training.averaging, updates)
        losses.append(loss.detach())
        updates += 1
    learner.progress = replace(learner.progress, updates=updates)
    return torch.stack(losses).mean().item()


def _loss(network: ChoraleNetwork, frames: Tensor, is_music: Tensor, settings: Settings) -> Tensor:
    """Mean nats per frame, with some of the past hidden and some frames in another order."""
    shown, known = drawn_view(frames, settings.hiding), drawn_order(frames, settings.hiding)
    with torch.autocast("cpu", torch.bfloat16) if settings.training.bf16 else nullcontext():
        each = nats(network, frames, shown, known)
    return each[is_music].sum(-1).mean()


def _count_epoch(
    learner: Learner, chorales: Chorales, training: Training, figures: dict[str, float], begun: float
) -> bool:
    """Move the progress on by an epoch, validating now and then; whether it was the best so far."""
    done = replace(learner.progress, epoch=learner.progress.epoch + 1)
    if done.epoch % training.valid_every == 0 or done.epoch == training.epochs:
        voices = per_voice(learner.averaged, chorales.valid)
        figures |= {"valid_nats": voices.sum().item(), "valid_below_soprano": (voices.sum() - voices[SOPRANO]).item()}
    figures["epoch_s"] = time.perf_counter() - begun
    done = replace(done, wall_s=done.wall_s + figures["epoch_s"])
    is_best = figures.get("valid_nats", math.inf) < done.best_nats
    if is_best:
        done = replace(done, best_nats=figures["valid_nats"], best_epoch=done.epoch)
    learner.progress = done
    return is_best


# --- save


def _save(learner: Learner, settings: Settings, folder: Path, *, is_best: bool) -> None:
    """Write ``last.safetensors``, and ``best.safetensors`` (half precision) when it is; each in one move."""
    metadata = {"settings": settings.model_dump_json(), "progress": json.dumps(asdict(learner.progress))}
    checkpoints.save_last(folder, learner, metadata)
    if is_best:
        halves = {name: weight.half() for name, weight in checkpoints.averages_of(learner).items()}
        checkpoints.save_best(folder, halves, metadata)


def _resume(learner: Learner, settings: Settings, path: Path) -> None:
    if not path.exists():
        return
    with checkpoints.opened(path) as kept:
        if Settings.model_validate_json(kept.metadata()["settings"]) != settings:
            raise SettingsError(f"{path}: was trained with other settings; move its folder away, or restore them")
        learner.progress = Progress(**json.loads(kept.metadata()["progress"]))
        checkpoints.restore(learner, kept)


def restore_best(folder: Path) -> tuple[Settings, ChoraleNetwork, Progress]:
    """The settings, the averaged network and the progress of a run's best epoch."""
    path = folder / "best.safetensors"
    if not path.exists():
        raise SettingsError(f"{path}: no such checkpoint; run `python -m export.jsb16 train` first")
    with checkpoints.opened(path) as kept:
        settings = Settings.model_validate_json(kept.metadata()["settings"])
        network = make_network(settings)
        network.load_state_dict({name: weight.float() for name, weight in checkpoints.named(kept, "averaged.").items()})
        return settings, network.eval(), Progress(**json.loads(kept.metadata()["progress"]))
