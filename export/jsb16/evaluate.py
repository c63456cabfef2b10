"""The figures of the benchmark: nats per frame, and Bach's sopranos harmonised.

A piece may be heard in several keys, and by several networks: the probability of a frame is then the mean over these
hearings, each weighted by how well it foretold the piece so far (the product of its probabilities to the power
``sharpness``: Bayes' mixture where that is 1). Causal, and a distribution like any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from export.jsb16.data import ALTO, BASS, SOPRANO, TENOR, VOICES, Frames, padded
from export.jsb16.harmonise import BeamSearch, harmonised, transposed, untransposed
from export.jsb16.network import ChoraleNetwork
from export.jsb16.train import canonical

BATCH = 16


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


def mixed(log_probs: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    """Of ways to hear [ways, pieces, frames, voices], the mixture's log p of the soprano, and of the frame."""
    frame = log_probs.sum(-1)
    past = sharpness * (frame.cumsum(2) - frame)
    weights = past.log_softmax(0)
    return (weights + log_probs[..., SOPRANO]).logsumexp(0), (weights + frame).logsumexp(0)


def hearings(networks: Sequence[ChoraleNetwork], frames: Tensor, hearing: Hearing) -> Tensor:
    """log p of each voice of each frame, by each network in each key."""
    ways = []
    for network, shift in product(networks, hearing.shifts):
        moved = transposed(frames, torch.tensor(shift))
        logits = network.eval()(moved, moved, canonical(moved)) / hearing.temperature
        log_probs = logits.log_softmax(-1)
        back = untransposed(log_probs[..., None, :], torch.tensor([shift]))[..., 0, :]
        ways.append(back.gather(-1, frames[..., None])[..., 0])
    return torch.stack(ways)


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
