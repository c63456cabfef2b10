"""A judge that is frozen: it has learnt how a model was told from people, and is asked whether it still can be.

It learns from pieces that are not in the test part: people's excerpts of them, and what the model as it was added to
their openings. It is asked about people's excerpts of the test part, and about what the model as it is adds to those
openings. Both kinds count alike, however many excerpts there are of either.

The interval is of 95 %, by a bootstrap over pieces (Efron, 1979): excerpts of a piece, and continuations of its
opening, come and go together, for they are alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.corpora import Corpus
from export.corpora.work import Piece
from export.measures.classifier import Features, Regression, cut, features, judge, learn
from export.measures.continuations import Choice, Each, Plan, generate, opening_of
from export.measures.interval import Estimate, estimate, resampled
from export.measures.music import Event, read, without_opening
from export.scoring import Predictor
from livegen.codecs.codec import Codec
from livegen.engine.repetition import RepetitionGuard
from livegen.errors import SettingsError
from livegen.model.card import Card
from livegen.settings import Sampling

JUDGES = Path(__file__).with_name("judges")
LEARNING = Plan(count=400)
ASKING = Plan(count=500, seed=1000)  # other seeds than in learning

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What comes after the opening of a piece: people's own, or a continuation."""

    piece: str  # its name
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Excerpts:
    """What a judge sees of excerpts."""

    features: Features  # [excerpts, features]
    pieces: Names  # [excerpts], the piece of each


@dataclass(frozen=True, slots=True)
class FrozenJudge:
    """A regression that takes people's excerpts for those of kind 1, and what it has learnt from."""

    regression: Regression
    pieces: frozenset[str]  # names
    excerpts: int  # of either kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """The shares that a judge told aright. ``both`` is the mean of the two kinds': 0.5 means that it cannot tell."""

    both: Estimate
    people: Estimate
    model: Estimate


def people_of(codec: Codec[Any], pieces: Iterable[Piece], opening: int) -> list[Stretch]:
    """People's own music after the openings of pieces; a part of the corpus that is only trained on is left out."""
    return [
        Stretch(piece.name, without_opening(read(codec, piece.tokens).events, opening))
        for piece in pieces
        if not piece.part
    ]


def continuations_of(
    predictor: Predictor,
    codec: Codec[Any],
    pieces: Sequence[Piece],
    choice: Choice,
    plan: Plan,
    each: Each = lambda items, _: items,
) -> list[Stretch]:
    """A model's continuations of the openings of these pieces in turn, in an order drawn by the plan's seed.

    Each up to its first end: what a model plays after that is another piece, in any metre.
    """
    shuffled = [pieces[place] for place in np.random.default_rng(plan.seed).permutation(len(pieces))]
    told = [(piece.name, opening_of(codec, piece, plan.opening)) for piece in shuffled if not piece.part]
    told = [(name, opening) for name, opening in told if opening]
    told = [told[row % len(told)] for row in range(plan.count)]
    music = generate(predictor, codec, [opening for _, opening in told], choice, plan, each)
    return [Stretch(name, first_piece(added.events)) for (name, _), added in zip(told, music, strict=True)]


def first_piece(events: Sequence[Event]) -> Sequence[Event]:
    """The events of the first piece."""
    return events[: next((place for place, event in enumerate(events) if event.is_end), len(events))]


def excerpts_of(stretches: Sequence[Stretch], opening: int) -> Excerpts:
    """What a judge sees of them."""
    found = cut([stretch.events for stretch in stretches], opening)
    if not found:
        raise SettingsError("of so little music there is no excerpt; give a corpus of longer pieces")
    return Excerpts(
        np.stack([features(events) for _, events in found]), np.array([stretches[at].piece for at, _ in found])
    )


def freeze(model: Excerpts, people: Excerpts, seed: int) -> FrozenJudge:
    """A judge that has learnt from as many excerpts of either kind, drawn by this seed where there are more."""
    random = np.random.default_rng(seed)
    count = min(len(model.pieces), len(people.pieces))
    drawn = [random.permutation(len(kind.pieces))[:count] for kind in (model, people)]
    inputs = np.concatenate([kind.features[places] for kind, places in zip((model, people), drawn, strict=True)])
    return FrozenJudge(
        learn(inputs, np.repeat(np.arange(2), count)),
        frozenset({*model.pieces.tolist(), *people.pieces.tolist()}),
        count,
    )


def ask(frozen: FrozenJudge, model: Excerpts, people: Excerpts, seed: int = 0) -> Verdict:
    """How many excerpts of pieces that it has not learnt from a judge tells aright."""
    names, places = np.unique(np.concatenate([model.pieces, people.pieces]), return_inverse=True)
    if known := frozen.pieces.intersection(names.tolist()):
        raise SettingsError(
            f"the judge has learnt from '{min(known)}', which it is asked about; freeze it anew: --before"
        )
    is_model = np.repeat([True, False], [len(model.pieces), len(people.pieces)])
    right = frozen.regression.is_second(np.concatenate([model.features, people.features])) != is_model
    counts = np.zeros((len(names), 4))  # [pieces, of the model's: told aright, all; of people's: the same]
    for column, counted in enumerate((is_model & right, is_model, ~is_model & right, ~is_model)):
        np.add.at(counts[:, column], places[counted], 1)
    found, drawn = _shares(counts.sum(axis=0)[None]), _shares(resampled(len(names), seed) @ counts)
    ours, theirs, both = map(estimate, found[0], drawn.T)
    return Verdict(both, theirs, ours)


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracies [draws, (the model's, people's, the mean of both)]; a draw without one of the kinds is left out."""
    counts = counts[(counts[:, 1] > 0) & (counts[:, 3] > 0)]
    ours, theirs = counts[:, 0] / counts[:, 1], counts[:, 2] / counts[:, 3]
    return np.stack([ours, theirs, (ours + theirs) / 2], axis=1)


def learn_from(
    predictor: Predictor, corpus: Corpus, choice: Choice, plan: Plan, each: Each = lambda items, _: items
) -> FrozenJudge:
    """A judge of people and of a model that plays so; it learns nothing of the test part."""
    pieces = [*corpus.split.train, *corpus.split.valid]
    model = continuations_of(predictor, corpus.codec, pieces, choice, plan, each)
    people = people_of(corpus.codec, each(pieces, "reading what it learns from"), plan.opening)
    return freeze(excerpts_of(model, plan.opening), excerpts_of(people, plan.opening), plan.seed)


def measure(
    predictor: Predictor,
    card: Card,
    frozen: FrozenJudge,
    corpus: Corpus,
    each: Each = lambda items, _: items,
    learning: Plan = LEARNING,
    asking: Plan = ASKING,
) -> list[dict[str, object]]:
    """A row for each of three judges.

    ``frozen``: how a model as it is now is told from people by what gave it away before. ``learnt anew``: by what gives
    it away now; the same questions, to a judge that has learnt from the model as it is now. ``cross-validated``: the
    judge of the report, which learns from the excerpts that it is asked about, four fifths of them at a time.
    """
    codec, test = corpus.codec, corpus.split.test
    music = continuations_of(predictor, codec, test, as_is(card), asking, each)
    people = people_of(codec, test, asking.opening)
    asked = (excerpts_of(music, asking.opening), excerpts_of(people, asking.opening))
    anew = learn_from(predictor, corpus, as_is(card), learning, each)
    rows = [_row("frozen", frozen, *asked), _row("learnt anew", anew, *asked)]
    ours, theirs = ([stretch.events for stretch in kind] for kind in (music, people))
    if crossed := judge(ours, theirs, asking.opening):
        half = crossed.excerpts // 2
        shown = f"{crossed.accuracy:.2f} ± {1.96 * crossed.error:.2f}"
        counts = {"accuracy": shown, "model's + people's excerpts": f"{half} + {half}"}
        rows.append({**dict.fromkeys(rows[0], ""), "judge": "cross-validated", **counts})
    return rows


def _row(title: str, frozen: FrozenJudge, model: Excerpts, people: Excerpts) -> dict[str, object]:
    verdict = ask(frozen, model, people)
    return {
        "judge": title,
        "accuracy": verdict.both,
        "of the model's": verdict.model,
        "of people's": verdict.people,
        "model's + people's excerpts": f"{len(model.pieces)} + {len(people.pieces)}",
        "of pieces": f"{len(np.unique(model.pieces))} + {len(np.unique(people.pieces))}",
        "learnt from": f"twice {frozen.excerpts}",
    }


def check_tokens(file: str, card: Card, codec: Codec[Any]) -> None:
    """Refuse a model that cannot go on from the openings of a corpus, which are written by this codec."""
    if (card.codec.name, card.codec.parameters) != (codec.name, codec.parameters()):
        raise SettingsError(
            f"{file}: codec '{card.codec.name}' has other tokens than the corpus, which is written in '{codec.name}'; "
            "give a file of the same model"
        )


def as_was(card: Card) -> Choice:
    """How a model played before it had a cache of the session: by its card, with the guard."""
    guard = RepetitionGuard(card.longest_run) if card.longest_run else None
    return Choice(Sampling(**card.own_sampling.model_dump()), guard)


def as_is(card: Card) -> Choice:
    """How a model plays: the same, and what was played in the session comes back."""
    was = as_was(card)
    return Choice(was.sampling, was.guard, has_cache=True)


def frozen_file(name: str) -> Path:
    """Where the judge of a model is kept."""
    return JUDGES / f"{name}.npz"


def keep(frozen: FrozenJudge, path: Path) -> None:
    """Write it into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    regression = frozen.regression
    np.savez_compressed(
        path,
        allow_pickle=False,
        mean=regression.mean,
        spread=regression.spread,
        weights=regression.weights,
        pieces=np.array(sorted(frozen.pieces)),
        excerpts=np.array(frozen.excerpts),
    )


def restore(path: Path) -> FrozenJudge:
    """Read it from its file."""
    if not path.exists():
        raise SettingsError(f"no judge is frozen for '{path.stem}'; freeze one on the model as it was: --before FILE")
    with np.load(path, allow_pickle=False) as kept:
        regression = Regression(kept["mean"], kept["spread"], kept["weights"])
        return FrozenJudge(regression, frozenset(kept["pieces"].tolist()), int(kept["excerpts"]))
