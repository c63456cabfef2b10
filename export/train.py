"""Training, in the order in which it happens: settings, data, model, optimiser, loop, best.

Teacher forcing with truncated backpropagation. In streams, pieces, shuffled and transposed anew each epoch, run side
by side; the state is carried from chunk to chunk and now and then lost, so that the network learns to begin in
mid-piece. Or in windows, drawn anywhere, each from a blank state. Every epoch draws from its own seed, so a run that
was killed goes on exactly where its last checkpoint stands. Started by torchrun, the processes share each batch.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from export import checkpoints, corpora, scoring, training_loop
from export.corpora.work import Piece, concatenate
from export.half_precision import half_precision
from export.networks import make_network
from export.networks.network import Network, State
from export.processes import Processes, joined
from export.recipes import Recipe, Training, trained_by
from export.training_loop import Learner, Report, count, epochs, learn
from livegen.codecs import make_codec
from livegen.codecs.codec import Codec, PlayedCodec
from livegen.codecs.vocabulary import Tokens
from livegen.errors import SettingsError

BACHBOT_NATS = 0.477  # per token on its test part (Liang 2016, section 5.2)
VALID_STREAMS = 25

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
        if random.random() < share or lowest > highest:
            parts.append(piece.tokens)
        else:
            moved = codec.transposed(piece.tokens, int(random.integers(lowest, highest + 1)))
            parts.append(_played_otherwise(moved, codec, training, random))
    return np.roll(np.concatenate(parts), int(random.integers(1 << 30)))


def _played_otherwise(tokens: Tokens, codec: Codec[Any], training: Training, random: np.random.Generator) -> Tokens:
    """A performance at another tempo, louder or softer, as the settings ask; other music as it is."""
    if not isinstance(codec, PlayedCodec):
        return tokens
    shortest, longest = np.log(training.paces)
    if longest > shortest:
        tokens = codec.paced(tokens, float(np.exp(random.uniform(shortest, longest))))
    return codec.louder(tokens, int(random.integers(-training.louder, training.louder + 1)))


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
        return {name: part.detach().cpu().numpy() for name, part in self._network.begin(batch).items()}

    def step(self, tokens: scoring.Tokens, state: scoring.Arrays) -> tuple[scoring.Logits, scoring.Arrays]:
        """Logits after each token, and the state after all; in float32, nothing left out."""
        device = next(self._network.parameters()).device
        parts = {name: torch.as_tensor(part, device=device) for name, part in state.items()}
        self._network.eval()
        with torch.no_grad():
            logits, after = self._network(torch.as_tensor(tokens, device=device), parts)
        return logits.cpu().numpy(), {name: part.cpu().numpy() for name, part in after.items()}


# --- optimiser


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
class Progress(training_loop.Progress):
    """How far a run has come; its ``best_nats`` are per token."""

    bachbot_s: float = math.inf  # ``wall_s`` when the test figure was first seen at BachBot's; decides nothing


def train(
    recipe: Recipe, folder: Path, music: Path | None = None, report: Report | None = None, until: int | None = None
) -> Progress:
    """Train to the end, from the last checkpoint in ``folder`` if there is one; leaves ``best.safetensors``.

    ``until``: stop after this epoch; the next call goes on as if it had not.
    """
    training = recipe.training
    with joined() as processes, _with_tensorboard(folder, report, is_first=processes.is_first) as shown:
        corpus = corpora.load(recipe.corpus, recipe.codec, music)
        torch.manual_seed(training.seed)
        network = make_network(recipe, corpus.codec).to("cuda" if torch.cuda.is_available() else "cpu")
        averaged, optimiser = deepcopy(network), make_optimiser(network, training)
        learner = Learner(network, averaged, optimiser, Progress(), training, processes)
        _refuse_another(recipe, corpus.digest, folder / "last.safetensors")
        text = {
            "recipe": recipe.model_dump_json(),
            "codec": json.dumps(corpus.codec.parameters()),
            "music": corpus.digest,
        }
        for epoch in epochs(learner, folder, text, shown):
            if epoch == until:
                break
            tokens = epoch_tokens(corpus.split.train, corpus.codec, training, epoch)
            parts = batches(tokens, training, epoch)
            torch.manual_seed(hash((training.seed, epoch, processes.rank)))
            figures = {"train_nats": learn(learner, losses(network, parts, training, processes), len(parts))}
            heard, predictor = concatenate(corpus.split.valid), TorchPredictor(averaged)
            valid = scoring.in_streams(predictor, heard, streams=VALID_STREAMS)
            count(learner, figures | {"valid_nats": valid.per_token})
            if training.test_every and learner.progress.epoch % training.test_every == 0:
                learner.figures["test_nats"] = _reported_test(learner, predictor, corpus.split.test_tokens)
    return learner.progress


def _refuse_another(recipe: Recipe, digest: str, path: Path) -> None:
    kept = checkpoints.metadata(path)
    if kept and trained_by(Recipe.model_validate_json(kept["recipe"])) != trained_by(recipe):
        raise SettingsError(f"{path}: was trained by another recipe; move its folder away, or restore the recipe")
    if kept and kept.get("music") != digest:
        raise SettingsError(f"{path}: was trained on other music; move its folder away, or restore the music")


@contextmanager
def _with_tensorboard(folder: Path, report: Report | None, *, is_first: bool) -> Iterator[Report | None]:
    """The report of the first process, and TensorBoard where there is one."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield report if is_first else None
        return
    if not is_first:
        yield None
        return
    board: Any = SummaryWriter(str(folder))

    def show(done: int, whole: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            board.add_scalar(name, value, done)
        board.flush()
        if report:
            report(done, whole, figures)

    with closing(board):
        yield show


def losses(network: Network, parts: Sequence[Tokens], training: Training, processes: Processes) -> Iterator[Tensor]:
    """The loss of each batch, one after the other; the state goes from each to the next."""
    device, state = next(network.parameters()).device, None
    for part in parts:
        loss, state = _loss(network, torch.from_numpy(processes.own(part)).to(device), state, training)
        yield loss


def _loss(network: Network, batch: Tensor, state: State | None, training: Training) -> tuple[Tensor, State | None]:
    """Mean cross-entropy of a batch [streams, chunk + 1], and the state to go on with."""
    with half_precision(batch.device.type, is_wanted=training.bf16):
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
    lost = torch.rand(len(some), device=some.device) < chance  # [batch]
    return {name: torch.where(lost.view(-1, *[1] * (part.ndim - 1)), blank[name], part) for name, part in state.items()}


def _reported_test(learner: Learner[Progress], predictor: TorchPredictor, tokens: Tokens) -> float:
    """The test figure, to know how long BachBot's took to reach: no choice looks at it."""
    nats, done = scoring.in_streams(predictor, tokens).per_token, learner.progress
    if nats <= BACHBOT_NATS:
        learner.progress = replace(done, bachbot_s=min(done.bachbot_s, done.wall_s))
    return nats


# --- best


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run has come to at its best epoch."""

    recipe: Recipe
    codec: Codec[Any]
    network: Network
    progress: Progress
    digest: str  # of the music that it was trained on


def restore_best(folder: Path) -> Trained:
    """The averaged network of a run's best epoch, with all that it takes to use it."""
    metadata, averages = checkpoints.best(folder, "python -m export train")
    recipe = Recipe.model_validate_json(metadata["recipe"])
    codec = make_codec(recipe.codec, json.loads(metadata["codec"]))
    network = make_network(recipe, codec)
    network.load_state_dict(averages)
    return Trained(
        recipe, codec, network.eval(), Progress(**json.loads(metadata["progress"])), metadata.get("music", "")
    )
