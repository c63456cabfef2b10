"""One network that learns from several: at every voice, the probabilities that they give on average.

After Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015). The teachers hear a piece together,
and in several keys, as ``evaluate`` hears it; what they say is transposed with the piece. They know Bach's train pieces
too well to say much that is new about them, so they also write pieces of their own (Kim and Rush, Sequence-Level
Knowledge Distillation, 2016, teach by what the teacher writes), some to a soprano by Bach: on these they say what they
would say of music that they do not know.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from export import checkpoints
from export.evaluate import Each
from export.half_precision import half_precision
from export.jsb16.data import PITCHES, Chorales, Frames, Range, drawn_shift, epoch_groups, padded, range_of
from export.jsb16.data import transposed as in_key
from export.jsb16.drawing import drawn
from export.jsb16.evaluate import BATCH, Hearing, foretold
from export.jsb16.network import ChoraleNetwork
from export.jsb16.settings import Distillation, Settings
from export.jsb16.train import Weights, canonical, drawn_order, drawn_view, fit, restore_best
from export.training_loop import Progress, Report
from livegen.errors import SettingsError

LESSONS = "lessons.safetensors"
DRAWN_TOGETHER = 128  # pieces

Probabilities = NDArray[np.float16]  # [frames, voices, pitches]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A piece, and what the teachers say of each of its voices."""

    frames: Frames
    said: Probabilities
    is_by_bach: bool


def distil(
    settings: Settings, teachers: Sequence[Path], chorales: Chorales, folder: Path, each: Each, report: Report
) -> Progress:
    """Train a network on what the ``teachers``, the folders of finished runs, say; the same command goes on."""
    if not settings.distillation:
        raise SettingsError("'distillation': it is missing; there is configs/train/jsb16-distilled.toml")
    lessons = lessons_of(teachers, chorales.train, settings, folder, each)
    losses = partial(_losses, lessons, range_of(chorales.train), settings)
    first = _weights(teachers[0], settings) if settings.distillation.from_teacher else None
    return fit(settings, losses, chorales.valid, folder, report, first)


def _weights(teacher: Path, settings: Settings) -> Weights:
    """Of a teacher of the same shape as the student."""
    known, network, _ = restore_best(teacher)
    if known.network != settings.network:
        raise SettingsError("'distillation.from_teacher': the first teacher is a network of another shape")
    return network.state_dict()


# --- what the teachers say


def lessons_of(
    teachers: Sequence[Path], pieces: Sequence[Frames], settings: Settings, folder: Path, each: Each
) -> list[Lesson]:
    """Of these pieces and of those that the teachers write; kept in ``folder``, for a training that goes on."""
    distillation, path = settings.distillation, folder / LESSONS
    assert distillation
    origin = {"distillation": distillation.model_dump_json(), "seed": str(settings.training.seed)}
    networks = [restore_best(teacher)[1] for teacher in teachers]
    origin["teachers"] = " ".join(_digest(teacher / "best.safetensors") for teacher in teachers)
    if not path.exists():
        random = np.random.default_rng(settings.training.seed)
        torch.manual_seed(settings.training.seed)
        every = [*pieces, *_written(networks, pieces, distillation, random, each)]
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, every, _said(networks, every, distillation, each), origin)
    return _load(path, origin, by_bach=len(pieces))


def _written(
    teachers: Sequence[ChoraleNetwork],
    pieces: Sequence[Frames],
    distillation: Distillation,
    random: np.random.Generator,
    each: Each,
) -> list[Frames]:
    """Pieces that the teachers write, in turn, each as long as one of ``pieces`` and perhaps to its soprano."""
    reach = range_of(pieces)
    chosen = random.integers(len(pieces), size=distillation.drawn).tolist()
    chosen.sort(key=lambda piece: len(pieces[piece]))
    groups = [chosen[begin : begin + DRAWN_TOGETHER] for begin in range(0, len(chosen), DRAWN_TOGETHER)]
    new: list[Frames] = []
    for turn, group in enumerate(each(groups, "writing pieces")):
        models = [in_key(pieces[piece], drawn_shift(pieces[piece], reach, random)) for piece in group]
        given = random.random(len(group)) < distillation.given_soprano
        with half_precision("cpu", is_wanted=True):
            new += drawn(teachers[turn % len(teachers)], models, given.tolist())
    return new


def _said(
    teachers: Sequence[ChoraleNetwork], pieces: Sequence[Frames], distillation: Distillation, each: Each
) -> list[Tensor]:
    """What the teachers say together of each piece: probabilities [frames, voices, pitches]."""
    hearing = Hearing(shifts=distillation.keys, temperature=distillation.temperature)
    order = sorted(range(len(pieces)), key=lambda piece: len(pieces[piece]))
    groups = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]
    said: dict[int, Tensor] = {}
    for group in each(groups, "asking the teachers"):
        whole, _ = padded([pieces[piece] for piece in group])
        with half_precision("cpu", is_wanted=True):
            probabilities = foretold(teachers, torch.from_numpy(whole), hearing).exp().half()
        said |= {piece: row[: len(pieces[piece])] for piece, row in zip(group, probabilities, strict=True)}
    return [said[piece] for piece in range(len(pieces))]


def _save(path: Path, pieces: Sequence[Frames], said: Sequence[Tensor], origin: dict[str, str]) -> None:
    """All pieces end to end, in one move."""
    partial_file = path.with_suffix(".partial")
    tensors = {
        "lengths": torch.tensor([len(piece) for piece in pieces]),
        "frames": torch.from_numpy(np.concatenate(pieces).astype(np.uint8)),
        "said": torch.cat(list(said)),
    }
    save_file(tensors, partial_file, origin)
    partial_file.replace(path)


def _load(path: Path, origin: dict[str, str], by_bach: int) -> list[Lesson]:
    if checkpoints.metadata(path) != origin:
        raise SettingsError(f"{path}: was made by other teachers or settings; move its folder away, or restore them")
    kept = load_file(path)
    lengths = kept["lengths"].tolist()
    frames, said = torch.split(kept["frames"].long(), lengths), torch.split(kept["said"], lengths)
    return [
        Lesson(piece.numpy(), row.numpy(), number < by_bach)
        for number, (piece, row) in enumerate(zip(frames, said, strict=True))
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


# --- what is learned of it


def _losses(
    lessons: Sequence[Lesson], reach: Range, settings: Settings, network: ChoraleNetwork, random: np.random.Generator
) -> Sequence[Callable[[], Tensor]]:
    """Of an epoch: all pieces by Bach and some of the teachers', each in a key drawn anew."""
    assert settings.distillation
    heard = [lesson for lesson in lessons if lesson.is_by_bach]
    written = [lesson for lesson in lessons if not lesson.is_by_bach]
    count = min(settings.distillation.drawn_per_epoch, len(written))
    heard += [written[piece] for piece in random.permutation(len(written))[:count]]
    groups = epoch_groups([len(lesson.frames) for lesson in heard], settings.training.batch, random)
    batches = [[(heard[piece], drawn_shift(heard[piece].frames, reach, random)) for piece in group] for group in groups]
    return [partial(_loss, network, batch, settings) for batch in batches]


def _loss(network: ChoraleNetwork, batch: Sequence[tuple[Lesson, int]], settings: Settings) -> Tensor:
    """Mean nats per frame of what is wanted, with some of the past hidden and some frames in another order."""
    whole, is_music = padded([in_key(lesson.frames, shift) for lesson, shift in batch])
    frames = torch.from_numpy(whole)
    shown, known = drawn_view(frames, settings.hiding), drawn_order(frames, settings.hiding)
    goal = wanted(batch, frames, known, settings).flatten(0, 2)
    with half_precision("cpu", is_wanted=settings.training.bf16):
        logits = network(frames, shown, known).float()
    each = cross_entropy(logits.flatten(0, 2), goal, reduction="none").view(frames.shape)
    return each[torch.from_numpy(is_music)].sum(-1).mean()


def wanted(batch: Sequence[tuple[Lesson, int]], frames: Tensor, known: Tensor, settings: Settings) -> Tensor:
    """Probabilities to learn [pieces, frames, voices, pitches]: what the teachers say, in the piece's key.

    They say it of a voice that sees the voices before it in the canonical order; a voice that sees others (``known``)
    learns what came. What is hidden of the past asks for no other answer: the student then learns the mean.
    """
    assert settings.distillation
    said = torch.zeros(*frames.shape, PITCHES)
    shares = torch.zeros(len(batch), 1, 1)
    for row, (lesson, shift) in enumerate(batch):
        said[row, : len(lesson.frames)] = torch.from_numpy(transposed(lesson.said, shift)).float()
        shares[row] = settings.distillation.labels if lesson.is_by_bach else 0.0
    is_asked = (known == canonical(frames)).all(-1)
    share = torch.where(is_asked, shares, 1.0)[..., None]
    return said.lerp(one_hot(frames, PITCHES).float(), share)


def transposed(said: Probabilities, semitones: int) -> Probabilities:
    """Probabilities of pitches [..., pitches] higher by ``semitones``; that of silence stays."""
    to = np.arange(max(1, 1 + semitones), min(PITCHES, PITCHES + semitones))
    moved = np.zeros_like(said)
    moved[..., 0] = said[..., 0]
    moved[..., to] = said[..., to - semitones]
    return moved
