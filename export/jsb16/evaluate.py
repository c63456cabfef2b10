"""The figures of the benchmark: nats per frame, and Bach's sopranos harmonised.

A piece may be heard in several keys, and by several networks: the probability of a frame is then the mean over these
hearings, each weighted by how well it foretold the piece so far (the product of its probabilities to the power
``sharpness``: Bayes' mixture where that is 1). Causal, and a distribution like any other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from export.jsb16.data import ALTO, BASS, SOPRANO, TENOR, VOICES, Frames, padded
from export.jsb16.harmonise import BeamSearch, harmonised, transposed, untransposed
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import canonical

BATCH = 16
TEMPERATURES = tuple(percent / 100 for percent in range(80, 161))


@dataclass(frozen=True, slots=True)
class Hearing:
    """In which keys a piece is heard at once, and how sure of itself a network is taken to be."""

    shifts: tuple[int, ...] = (0,)  # semitones
    sharpness: float = 0.1
    temperature: float = 1.0  # its logits are divided by (calibration: Guo et al. 2017)


PLAIN = Hearing()
CALIBRATED = Hearing(temperature=1.15)  # chosen on the validation, as all of the next
MIXED = Hearing(shifts=(-3, -2, -1, 0, 1, 2, 3), temperature=1.15)


@dataclass(frozen=True, slots=True)
class Nats:
    """Means over frames, each piece from a zero state."""

    frame: float  # -log p of all four voices
    soprano: float
    below: float  # of alto, tenor and bass given the soprano: the proper score of a harmonisation


def batches(pieces: Sequence[Frames]) -> list[list[Frames]]:
    """Pieces of about equal lengths together."""
    rows = sorted(pieces, key=len)
    return [rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH)]


@torch.no_grad()
def nats_per_frame(
    networks: Sequence[ChoraleNetwork], parts: Iterable[Sequence[Frames]], hearing: Hearing = PLAIN
) -> Nats:
    """Of a network, or of the mixture of several, over all frames of all pieces, which come in ``batches``."""
    soprano, whole, count = 0.0, 0.0, 0
    for part in parts:
        frames, is_music = padded(part)
        each = hearings(networks, torch.from_numpy(frames), hearing)  # [ways, pieces, frames, voices]
        first, every = mixed(each.double(), hearing.sharpness)
        counts = torch.from_numpy(is_music)
        soprano -= float(first[counts].sum())
        whole -= float(every[counts].sum())
        count += int(counts.sum())
    return Nats(whole / count, soprano / count, (whole - soprano) / count)


@torch.no_grad()
def calibration(network: ChoraleNetwork, pieces: Sequence[Frames]) -> float:
    """The temperature of ``TEMPERATURES`` at which a network foretells these pieces best (Guo et al. 2017)."""
    network.eval()
    sums = torch.zeros(len(TEMPERATURES), dtype=torch.float64)
    for part in batches(pieces):
        whole, is_music = padded(part)
        frames, counts = torch.from_numpy(whole), torch.from_numpy(is_music)
        logits, came = network(frames, frames, canonical(frames))[counts], frames[counts].flatten()
        each = [cross_entropy(logits.flatten(0, 1) / by, came, reduction="sum") for by in TEMPERATURES]
        sums += torch.stack(each).double()
    return TEMPERATURES[int(sums.argmin())]


def mixed(log_probs: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    """Of ways to hear [ways, pieces, frames, voices], the mixture's log p of the soprano, and of the frame."""
    frame = log_probs.sum(-1)
    weights = _trust(log_probs, sharpness).log_softmax(0)
    return (weights + log_probs[..., SOPRANO]).logsumexp(0), (weights + frame).logsumexp(0)


def hearings(networks: Sequence[ChoraleNetwork], frames: Tensor, hearing: Hearing) -> Tensor:
    """log p of each voice of each frame, by each network in each key."""
    each = _every_pitch(networks, frames, hearing)
    return torch.stack([log_probs.gather(-1, frames[..., None])[..., 0] for log_probs in each])


@torch.no_grad()
def foretold(networks: Sequence[ChoraleNetwork], frames: Tensor, hearing: Hearing) -> Tensor:
    """The mixture's log p of every pitch of each voice [pieces, frames, voices, pitches].

    Given the frames before and, in the canonical order, the voices of the same frame before it: their product over the
    voices of a frame is what ``mixed`` says of the frame.
    """
    every = torch.stack(list(_every_pitch(networks, frames, hearing)))
    came = every.gather(-1, frames.expand(every.shape[:-1])[..., None])[..., 0].double()
    earlier = (canonical(frames).double() @ came[..., None])[..., 0]  # of the voices that each voice sees
    weights = (_trust(came, hearing.sharpness)[..., None] + earlier).log_softmax(0)
    return (weights[..., None].float() + every).logsumexp(0)


def _trust(log_probs: Tensor, sharpness: float) -> Tensor:
    """The weight in logs, unnormalised, that each way has at each frame [ways, pieces, frames]."""
    frame = log_probs.sum(-1)
    return sharpness * (frame.cumsum(2) - frame)


def _every_pitch(networks: Sequence[ChoraleNetwork], frames: Tensor, hearing: Hearing) -> Iterator[Tensor]:
    """log p of each pitch of each voice of each frame, by each network in each key."""
    for network, shift in product(networks, hearing.shifts):
        moved = transposed(frames, torch.tensor(shift))
        logits = network.eval()(moved, moved, canonical(moved)) / hearing.temperature
        yield untransposed(logits.log_softmax(-1)[..., None, :], torch.tensor([shift]))[..., 0, :]


@dataclass(frozen=True, slots=True)
class Errors:
    """How much of a harmonisation is not Bach's: shares of 0 to 1."""

    token: float  # of alto, tenor and bass at each frame
    frame: float  # frames in which any of the three differs
    log_probability: float  # nats per frame, as the search counted it


def harmonising(network: ChoraleNetwork, parts: Iterable[Sequence[Frames]], beam: BeamSearch) -> Errors:
    """Errors of the harmonies found for the sopranos of pieces in ``batches``, over all their frames."""
    wrong, wrong_frames, score, count = 0, 0, 0.0, 0
    for part in parts:
        found = harmonised(network, [piece[:, SOPRANO] for piece in part], beam)
        for piece, harmony in zip(part, found, strict=True):
            different = (harmony.frames != piece)[:, [ALTO, TENOR, BASS]]
            wrong += int(different.sum())
            wrong_frames += int(different.any(axis=1).sum())
            score += harmony.log_probability
            count += len(piece)
    return Errors(wrong / count / (VOICES - 1), wrong_frames / count, score / count)
