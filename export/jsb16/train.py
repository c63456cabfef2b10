"""Training of the benchmark network, in the order in which it happens: settings, data, model, optimiser, loop, best.

Whole pieces from a zero state, each epoch in keys drawn anew. For some pieces a part of the past is hidden, for some
frames the voices come in another order: so any given voices can stand in the context. Every epoch draws from its own
seed, so a run that was killed goes on exactly where its last checkpoint stands.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from export import checkpoints
from export.half_precision import half_precision
from export.jsb16.data import HIDDEN, SOPRANO, VOICES, Chorales, Frames, epoch_batches, padded, range_of
from export.jsb16.network import ChoraleNetwork
from export.jsb16.settings import Hiding, Settings, Training
from export.training_loop import Learner, Progress, Report, count, epochs, learn
from livegen.errors import SettingsError

RANKS = (0, 2, 3, 1)  # soprano, bass, alto, tenor: the place of each voice in the order of prediction
ORDER = tuple(RANKS.index(place) for place in range(VOICES))  # the voice at each place of that order
STRETCH = 32  # frames that are hidden or shown together
LARGEST = 10_000_000  # parameters that the benchmark allows

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


def make_optimiser(network: ChoraleNetwork, training: Training) -> torch.optim.AdamW:
    """AdamW whose decay spares what is no matrix."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": training.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


# --- loop


Losses = Callable[[ChoraleNetwork, np.random.Generator], Sequence[Callable[[], Tensor]]]  # of an epoch's batches
Weights = Mapping[str, Tensor]


def train(settings: Settings, chorales: Chorales, folder: Path, report: Report | None = None) -> Progress:
    """Train to the end, from the last checkpoint in ``folder`` if there is one; leaves ``best.safetensors``."""
    if settings.distillation:
        raise SettingsError("'distillation': a network with teachers; run `python -m export.jsb16 distil`")
    reach = range_of(chorales.train)

    def losses(network: ChoraleNetwork, random: np.random.Generator) -> Sequence[Callable[[], Tensor]]:
        parts = epoch_batches(chorales.train, reach, settings.training.batch, random)
        return [partial(_loss, network, *part, settings) for part in parts]

    return fit(settings, losses, chorales.valid, folder, report)


def fit(
    settings: Settings,
    losses: Losses,
    valid: Sequence[Frames],
    folder: Path,
    report: Report | None = None,
    first: Weights | None = None,
) -> Progress:
    """Train by any ``losses``, perhaps from ``first`` weights; the best epoch foretells ``valid`` best."""
    training = settings.training
    torch.manual_seed(training.seed)
    network = make_network(settings)
    if first:
        network.load_state_dict(first)
    averaged, optimiser = deepcopy(network), make_optimiser(network, training)
    learner = Learner(network, averaged, optimiser, Progress(), training)
    _refuse_others(settings, folder / "last.safetensors")
    for epoch in epochs(learner, folder, {"settings": settings.model_dump_json()}, report, halves=True):
        random = np.random.default_rng([training.seed, epoch])
        torch.manual_seed(int(random.integers(1 << 62)))
        each = losses(network, random)
        figures = {"train_nats": learn(learner, (loss() for loss in each), len(each))}
        if (epoch + 1) % training.valid_every == 0 or epoch + 1 == training.epochs:
            voices = per_voice(averaged, valid)
            below = voices.sum() - voices[SOPRANO]
            figures |= {"valid_nats": voices.sum().item(), "valid_below_soprano": below.item()}
        count(learner, figures)
    return learner.progress


def _refuse_others(settings: Settings, path: Path) -> None:
    kept = checkpoints.metadata(path)
    if kept and Settings.model_validate_json(kept["settings"]) != settings:
        raise SettingsError(f"{path}: was trained with other settings; move its folder away, or restore them")


def _loss(network: ChoraleNetwork, whole: Frames, is_music: NDArray[np.bool_], settings: Settings) -> Tensor:
    """Mean nats per frame, with some of the past hidden and some frames in another order."""
    frames = torch.from_numpy(whole)
    shown, known = drawn_view(frames, settings.hiding), drawn_order(frames, settings.hiding)
    with half_precision("cpu", is_wanted=settings.training.bf16):
        each = nats(network, frames, shown, known)
    return each[torch.from_numpy(is_music)].sum(-1).mean()


# --- best


def restore_best(folder: Path) -> tuple[Settings, ChoraleNetwork, Progress]:
    """The settings, the averaged network and the progress of a run's best epoch."""
    metadata, averages = checkpoints.best(folder, "python -m export.jsb16 train")
    settings = Settings.model_validate_json(metadata["settings"])
    network = make_network(settings)
    network.load_state_dict({name: weight.float() for name, weight in averages.items()})
    return settings, network.eval(), Progress(**json.loads(metadata["progress"]))
