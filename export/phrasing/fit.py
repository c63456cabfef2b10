"""Trains the network for phrasing: the loudness of every note, and the pedal's moves, from what came before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.phrasing.examples import NO_MOVE, Sung
from livegen.music.note_features import NOTE_FEATURES, ONSET_FEATURES, PLACE_FEATURES
from livegen.music.pedalling import PEDAL_FEATURES, PedalMove
from livegen.music.phrasing import INPUTS, MIDDLE, UNIT, Phrasing, Spread, Weights

Floats = NDArray[np.float32]

_PEDAL_COST = 0.3  # of a nat of the pedal beside the loudness' square
_WARM_UP = 32  # onsets that a cut begins with, and that are not learnt from
_SHIFTS = (-5, 7)
_NO_METRE, _NO_BAR = 0.2, 0.4  # below the first: no metre is known; below the second: no bar
_MEAN_OF = 20  # steps: the weights' running mean is over a growing number of them


@dataclass(frozen=True, slots=True)
class Training:
    """How it is trained."""

    units: int = 112
    epochs: int = 14
    length: int = 192  # onsets of a cut
    batch: int = 48
    rate: float = 3e-3
    dropout: float = 0.25
    seed: int = 1


class Network(nn.Module):
    """As ``phrasing.Phrasing``, for whole performances."""

    def __init__(self, units: int, dropout: float) -> None:
        super().__init__()
        self.into = nn.Linear(INPUTS, units)
        self.gates = nn.GRU(units, units, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.loud, self.loud_out = nn.Linear(units + ONSET_FEATURES + NOTE_FEATURES, 64), nn.Linear(64, 1)
        self.foot, self.foot_out = nn.Linear(units + PEDAL_FEATURES, 32), nn.Linear(32, len(PedalMove))

    def forward(
        self, inputs: torch.Tensor, of: torch.Tensor, notes: torch.Tensor, pedals: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loudness [notes] of notes of the onsets ``of``, and the odds [onsets, moves] of the foot's moves."""
        hidden, _ = self.gates(torch.relu(self.into(inputs)))
        hidden = self.dropout(hidden).reshape(-1, hidden.shape[-1])
        features = inputs[..., :ONSET_FEATURES].reshape(-1, ONSET_FEATURES)
        loud = self.loud_out(torch.tanh(self.loud(torch.cat([hidden[of], features[of], notes], 1))))[:, 0]
        moves = self.foot_out(torch.tanh(self.foot(torch.cat([hidden, pedals], 1))))
        return loud, torch.where(_impossible(pedals), -30.0, moves)

    def weights(self) -> Weights:
        """As they are kept."""
        found = {name: value.detach().numpy().astype(np.float32) for name, value in self.state_dict().items()}
        return Weights(
            found["into.weight"].T,
            found["into.bias"],
            found["gates.weight_ih_l0"].T,
            found["gates.bias_ih_l0"],
            found["gates.weight_hh_l0"].T,
            found["gates.bias_hh_l0"],
            found["loud.weight"].T,
            found["loud.bias"],
            np.concatenate([found["loud_out.weight"][0], found["loud_out.bias"]]),
            found["foot.weight"].T,
            found["foot.bias"],
            np.concatenate([found["foot_out.weight"].T, found["foot_out.bias"][None]]),
        )


def _impossible(pedals: torch.Tensor) -> torch.Tensor:
    """A pedal that is up is not lifted."""
    moves = torch.arange(len(PedalMove)) == int(PedalMove.LIFT)
    return moves[None] & (pedals[:, :1] < 0.5)


def fit(
    sung: Sequence[Sung], training: Training, report: Callable[[int, int, float], None] = lambda *_: None
) -> Phrasing:
    """Learn from the performances of the training part; the spread is that of the validation part."""
    torch.manual_seed(training.seed)
    chance = np.random.default_rng(training.seed)
    train = [each for each in sung if each.played.side == "train"]
    network = Network(training.units, training.dropout)
    mean = Network(training.units, 0)
    mean.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), training.rate, weight_decay=0.01)
    steps = training.epochs * len(list(_cuts(train, training, np.random.default_rng(0))))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, training.rate, total_steps=steps + training.epochs, pct_start=0.1
    )
    done = 0
    for epoch in range(training.epochs):
        costs = []
        for cuts in _cuts(train, training, chance):
            optimiser.zero_grad()
            cost = _cost(network, _batch(train, cuts, training.length, chance))
            cost.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            if done < steps:
                schedule.step()
            done += 1
            _average(mean, network, done)
            costs.append(cost.item())
        report(epoch + 1, training.epochs, float(np.mean(costs)))
    weights = mean.weights()
    valid = [each for each in sung if each.played.side == "valid"] or train
    return Phrasing(weights, spread_of(mean, valid))


def _average(mean: Network, network: Network, done: int) -> None:
    keep = min(0.998, done / (done + _MEAN_OF))
    with torch.no_grad():
        for ours, theirs in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
            ours.mul_(keep).add_(theirs, alpha=1 - keep)


_Cut = tuple[int, int, int]  # performance, first onset, end


def _cuts(train: Sequence[Sung], training: Training, chance: np.random.Generator) -> Iterator[list[_Cut]]:
    """Batches of cuts of all performances, in any order."""
    found: list[_Cut] = []
    for index, each in enumerate(train):
        count = len(each.onsets)
        begins = range(-int(chance.integers(training.length)), count, training.length)
        cuts = [(index, max(begin, 0), min(begin + training.length, count)) for begin in begins]
        found += [cut for cut in cuts if cut[2] - cut[1] > _WARM_UP]
    order = chance.permutation(len(found))
    for begin in range(0, max(len(found) - training.batch, 0) + 1, training.batch):
        yield [found[at] for at in order[begin : begin + training.batch]]


@dataclass(frozen=True, slots=True)
class _Batch:
    inputs: torch.Tensor  # [cuts, onsets, INPUTS]
    of: torch.Tensor  # [notes], which of all onsets
    notes: torch.Tensor  # [notes, NOTE_FEATURES]
    loudness: torch.Tensor  # [notes]
    pedals: torch.Tensor  # [cuts * onsets, PEDAL_FEATURES]
    moves: torch.Tensor  # [cuts * onsets]


def _batch(train: Sequence[Sung], cuts: Sequence[_Cut], length: int, chance: np.random.Generator) -> _Batch:
    """Each cut transposed by chance; of some the bar or the metre is not known."""
    inputs = np.zeros((len(cuts), length, INPUTS), np.float32)
    pedals = np.zeros((len(cuts), length, PEDAL_FEATURES), np.float32)
    moves = np.full((len(cuts), length), NO_MOVE)
    of, notes, loudness = [], [], []
    for row, (index, begin, end) in enumerate(cuts):
        each, shift, count = train[index], int(chance.integers(*_SHIFTS)), end - begin
        inputs[row, :count] = without_metre(each.inputs(begin, end, shift), chance.random())
        pedals[row, :count], moves[row, :count] = each.pedals[begin:end], each.moves[begin:end]
        skipped = _WARM_UP if begin else 0
        moves[row, :skipped] = NO_MOVE
        first, last = each.first[begin + skipped], each.first[end]
        own = each.note_features[first:last].copy()
        own[:, 0] += shift / 24
        notes.append(own)
        loudness.append(each.loudness[first:last])
        of.append(row * length + np.repeat(np.arange(skipped, count), np.diff(each.first[begin + skipped : end + 1])))
    return _Batch(
        torch.from_numpy(inputs),
        torch.from_numpy(np.concatenate(of)),
        torch.from_numpy(np.concatenate(notes)),
        torch.from_numpy((np.concatenate(loudness) - np.float32(MIDDLE)) / np.float32(UNIT)),
        torch.from_numpy(pedals.reshape(-1, PEDAL_FEATURES)),
        torch.from_numpy(moves.reshape(-1)),
    )


def without_metre(inputs: Floats, chance: float) -> Floats:
    """The same inputs; by ``chance``, from 0 to 1, without the bar, or without any metre."""
    whole, bar = PLACE_FEATURES
    if chance < _NO_METRE:
        inputs[:, ONSET_FEATURES - whole : ONSET_FEATURES] = 0
    elif chance < _NO_BAR:
        inputs[:, ONSET_FEATURES - bar : ONSET_FEATURES] = 0
    return inputs


def _cost(network: Network, batch: _Batch) -> torch.Tensor:
    loud, moves = network(batch.inputs, batch.of, batch.notes, batch.pedals)
    known = batch.moves != NO_MOVE
    cost: torch.Tensor = ((loud - batch.loudness) ** 2).mean()
    if not known.any():
        return cost
    whole: torch.Tensor = cost + _PEDAL_COST * nn.functional.cross_entropy(moves[known], batch.moves[known])
    return whole


def foretell(network: Network, each: Sung, *, chance: float = 1.0) -> Floats:
    """The loudness [notes] of a whole performance, as velocities; ``chance`` as for ``without_metre``."""
    count = len(each.onsets)
    inputs = without_metre(each.inputs(0, count), chance)
    of = np.repeat(np.arange(count), np.diff(each.first))
    with torch.no_grad():
        loud, _ = network(
            torch.from_numpy(inputs)[None],
            torch.from_numpy(of),
            torch.from_numpy(each.note_features),
            torch.from_numpy(each.pedals),
        )
    return np.asarray(loud.numpy() * np.float32(UNIT) + np.float32(MIDDLE), np.float32)


def spread_of(network: Network, valid: Sequence[Sung]) -> Spread:
    """What people do around what is foretold, apart from the mean of each stretch of 64 onsets."""
    before, after, squares, owns = [], [], [], []
    for each in valid:
        off = each.loudness - foretell(network, each)
        sizes = np.diff(each.first)
        means = np.add.reduceat(off, each.first[:-1]) / sizes
        owns.append(((off - np.repeat(means, sizes)) ** 2).sum() / max(1, (sizes - 1).sum()))
        for begin in range(0, len(means) - 64, 64):
            stretch = means[begin : begin + 64] - means[begin : begin + 64].mean()
            before.append(stretch[:-1])
            after.append(stretch[1:])
            squares.append(stretch**2)
    own = float(np.mean(owns))
    a, b = np.concatenate(before), np.concatenate(after)
    variance = float(np.concatenate(squares).mean())
    slow = max(variance - own / 2, 0.1)  # an onset has about two notes
    keep = float(np.clip((a * b).mean() / slow, 0, 0.98))
    return Spread(slow**0.5, keep, own**0.5)
