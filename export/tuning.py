"""A model tuned to little music in minutes: its weights, or only the state that it begins with.

The weights learn at a low rate, in all keys, as long as it helps on pieces that are not learned from; then they go
back part of the way to where they were, as far as helps there (Wortsman and others, Robust fine-tuning of
zero-shot models, 2022): so what the model knew is kept without the music that it was trained on. Or the weights stay,
and the state before the first token is learned: a model's beginning.

Which of the two is kept, and every choice within them, is decided on some of the held-out files; the figures are those
of others, which no choice has seen, where there are files enough.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from export import train
from export.corpora.work import Piece, Report
from export.networks.network import NO_DROPOUT, Dropout, Network
from export.recipes import Training
from export.scoring import LONGEST, Score
from export.training_loop import Learner, count, learn
from livegen.codecs.codec import Codec
from livegen.errors import SettingsError

DROPOUT = Dropout(features=0.05, between=0.1, output=0.15)
SETTINGS = Training(
    epochs=20,
    patience=4,
    parts={"": (1.0, 1.0)},
    epoch_tokens=60_000,
    streams=32,
    chunk=192,
    learning_rate=3e-4,
    warm_up_epochs=0.5,
    weight_decay=0.01,
    averaging=0.99,
    forgetting=0.05,
    shifts=(-5, 6),
    paces=(0.9, 1.11),
    louder=2,
    unshifted_first=0.1,
    unshifted_last=0.2,
    seed=1,
)
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the way from the weights as they were to those that were learned
LONGEST_S = 600.0  # for the weights: what takes longer ends with what was best so far
LOOK_TOKENS = 12_000  # of the pieces that decide, each from its beginning
ENOUGH = 5  # files: of fewer, one is held out, which both decides and reports
STATE_ROUNDS, STATE_STEPS = 8, 12  # a round of steps, then a look at the held-out pieces
STATE_TOKENS, STATE_BATCH, STATE_RATE = 256, 8, 0.02  # of the beginning of a piece; pieces; the rate of Adam
STEPS = STATE_ROUNDS + SETTINGS.epochs  # of all the work


@dataclass(frozen=True, slots=True)
class Held:
    """Pieces that are learned from, that decide, and that the figures are of."""

    learned: tuple[Piece, ...]
    deciding: tuple[Piece, ...]
    reported: tuple[Piece, ...]

    @property
    def is_apart(self) -> bool:
        """What the figures are of has decided nothing."""
        return self.deciding != self.reported


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tune, and how well it foretells the held-out pieces, in nats per token."""

    name: str
    network: Network
    deciding: float
    reported: float


def divide(pieces: Sequence[Piece], turn: int = 0) -> Held:
    """Of ``ENOUGH`` files or more every fifth is reported on, and the second next decides; ``turn``, 0-4, moves both.

    Of fewer, one does both. A single file's pieces count as files. SettingsError when there is nothing to hold out.
    """
    names = list(dict.fromkeys(piece.name for piece in pieces))
    keys = [piece.name for piece in pieces] if len(names) > 1 else list(range(len(pieces)))
    groups = list(dict.fromkeys(keys))
    if len(groups) < 2:
        raise SettingsError(
            f"{names[0]} is all the music there is; give two files or more, for one is held out to see whether "
            "what is learned from the others helps"
        )
    places = [groups.index(key) for key in keys]
    if len(groups) < ENOUGH:
        held = turn % len(groups) - 1
        last = _of(pieces, places, lambda place: place == held % len(groups))
        return Held(_of(pieces, places, lambda place: place != held % len(groups)), last, last)
    side = [(place + 1 + turn) % ENOUGH for place in range(len(groups))]
    return Held(
        _of(pieces, places, lambda place: side[place] not in (0, 3)),
        _of(pieces, places, lambda place: side[place] == 3),
        _of(pieces, places, lambda place: side[place] == 0),
    )


def _of(pieces: Sequence[Piece], places: Sequence[int], is_wanted: Callable[[int], bool]) -> tuple[Piece, ...]:
    return tuple(piece for piece, place in zip(pieces, places, strict=True) if is_wanted(place))


def tune(base: Network, codec: Codec[Any], held: Held, report: Report) -> list[Way]:
    """The model as it was, its beginning learned, and its weights; the first is what the others are compared with."""
    base = base.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    reported, held = held.reported, replace(held, deciding=beginnings(held.deciding))
    ways = [_way("as it was", base, held.deciding, reported)]
    for name, tuned in (("its first state", tune_state), ("its weights", tune_weights)):
        if network := tuned(base, codec, held, report):
            ways.append(_way(name, network, held.deciding, reported))
    return ways


def _way(name: str, network: Network, deciding: Sequence[Piece], reported: Sequence[Piece]) -> Way:
    return Way(name, network, score(network, deciding).per_token, score(network, reported).per_token)


def beginnings(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces, of which much is looked at often, cut so that they have ``LOOK_TOKENS`` or so together."""
    most = max(STATE_TOKENS, LOOK_TOKENS // len(pieces))
    return tuple(replace(piece, tokens=piece.tokens[:most]) for piece in pieces)


# --- the weights


def tune_weights(base: Network, codec: Codec[Any], held: Held, report: Report) -> Network:
    """The network whose weights went the best part of the way to what the pieces teach."""
    training = SETTINGS
    network, averaged = deepcopy(base), deepcopy(base)
    network.dropout = DROPOUT
    learner = Learner(network, averaged, train.make_optimiser(network, training), train.Progress(), training)
    best = deepcopy(base)
    ends = time.perf_counter() + LONGEST_S
    while (done := learner.progress).epoch < min(training.epochs, done.best_epoch + training.patience):
        if time.perf_counter() > ends:
            break
        report(STATE_ROUNDS + done.epoch, STEPS)
        learner.begun = time.perf_counter()
        tokens = train.epoch_tokens(held.learned, codec, training, done.epoch)
        parts = train.batches(tokens, training, done.epoch)
        torch.manual_seed(hash((training.seed, done.epoch)))
        nats = learn(learner, train.losses(network, parts, training, learner.processes), len(parts))
        count(learner, {"train_nats": nats, "valid_nats": score(averaged, held.deciding).per_token})
        if learner.progress.best_epoch == learner.progress.epoch:
            best.load_state_dict(averaged.state_dict())
    report(STEPS, STEPS)
    return min((between(base, best, share) for share in SHARES), key=lambda way: score(way, held.deciding).nats)


def between(base: Network, tuned: Network, share: float) -> Network:
    """A network whose weights are so far from ``base`` to ``tuned``."""
    mixed, ends = deepcopy(base), tuned.state_dict()
    with torch.no_grad():
        for name, weight in mixed.state_dict().items():
            weight.lerp_(ends[name], share)
    return mixed.eval()


# --- the state before the first token


def tune_state(base: Network, codec: Codec[Any], held: Held, report: Report) -> Network | None:
    """The network with a learned beginning, its weights as they were; None for one that remembers tokens only."""
    network = deepcopy(base).train()
    network.dropout = NO_DROPOUT
    network.requires_grad_(requires_grad=False)
    device = next(network.parameters()).device
    for name, (shape, fill) in network.state_parts().items():
        if isinstance(fill, float) and name not in network.initial:
            network.initial[name] = nn.Parameter(torch.full(shape, fill, device=device))
    if not network.initial:
        return None
    network.initial.requires_grad_(requires_grad=True)
    optimiser = torch.optim.Adam(network.initial.parameters(), STATE_RATE)
    random, best, least = np.random.default_rng(SETTINGS.seed), base, score(base, held.deciding).nats
    for done in range(STATE_ROUNDS):
        report(done, STEPS)
        for _ in range(STATE_STEPS):
            optimiser.zero_grad()
            _loss_of_beginnings(network, codec, held.learned, random).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if (nats := score(network, held.deciding).nats) < least:
            best, least = deepcopy(network), nats
        network.train()
    best.dropout = base.dropout
    return best.eval()


def _loss_of_beginnings(
    network: Network, codec: Codec[Any], pieces: Sequence[Piece], random: np.random.Generator
) -> Tensor:
    """Mean cross-entropy of the first tokens of some pieces, each in a key drawn anew."""
    drawn = random.permutation(len(pieces))[:STATE_BATCH]
    rows = []
    for piece in (pieces[index] for index in drawn):
        tokens = piece.tokens[: STATE_TOKENS + 1]
        lowest, highest = codec.shifts(tokens)
        lowest, highest = max(lowest, SETTINGS.shifts[0]), min(highest, SETTINGS.shifts[1])
        if lowest <= highest:
            tokens = codec.transposed(tokens, int(random.integers(lowest, highest + 1)))
        rows.append(tokens)
    batch, real = _padded(rows, network)
    logits, _ = network(batch[:, :-1], network.begin(len(batch)))
    return cross_entropy(logits[real[:, 1:]], batch[:, 1:][real[:, 1:]])


# --- figures


def score(network: Network, pieces: Sequence[Piece]) -> Score:
    """As ``scoring.whole_piece`` of all pieces together, several side by side."""
    network.eval()
    nats, tokens = 0.0, 0
    with torch.no_grad():
        for group in _groups(pieces):
            batch, real = _padded([piece.tokens for piece in group], network)
            state = network.begin(len(batch))
            for begin in range(0, batch.shape[1] - 1, LONGEST):
                part, is_real = batch[:, begin : begin + LONGEST + 1], real[:, begin + 1 : begin + LONGEST + 1]
                logits, state = network(part[:, :-1], state)
                losses = cross_entropy(logits[is_real], part[:, 1:][is_real], reduction="none")
                nats += losses.double().sum().item()
            tokens += sum(len(piece.tokens) - 1 for piece in group)
    return Score(nats, tokens)


def _groups(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """Pieces of about one length together."""
    ordered = sorted(pieces, key=lambda piece: len(piece.tokens))
    return (ordered[begin : begin + STATE_BATCH] for begin in range(0, len(ordered), STATE_BATCH))


def _padded(rows: Sequence[np.ndarray], network: Network) -> tuple[Tensor, Tensor]:
    """Rows of tokens as a batch [rows, longest], and which of them are real."""
    longest = max(map(len, rows))
    batch, real = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.bool_)
    for index, row in enumerate(rows):
        batch[index, : len(row)], real[index, : len(row)] = row, True
    device = next(network.parameters()).device
    return torch.from_numpy(batch).to(device), torch.from_numpy(real).to(device)
