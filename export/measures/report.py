"""All that is measured of a model's own music, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from export.corpora import Corpus
from export.evaluate import OnnxPredictor
from export.measures.classifier import Judgement, judge
from export.measures.continuations import Choice, Each, Plan, generate, openings
from export.measures.copies import LENGTHS, Copies, copies
from export.measures.loops import Loops, longest_real_run, loops
from export.measures.music import Event, Music, excerpts, read, without_opening
from export.measures.overlap import Overlap, lengths, overlap, pitch_classes
from export.scoring import Predictor
from livegen.engine.repetition import RepetitionGuard
from livegen.model.card import Card
from livegen.settings import Sampling


@dataclass(frozen=True, slots=True)
class Report:
    """A model's figures: how well it foretells music, and what its own music is like beside people's."""

    model: str
    nats: Mapping[str, float]  # of held-out music, and bits per character
    temperature: float
    top_p: float
    plan: Plan
    loops_unguarded: Loops
    loops_guarded: Loops
    loops_human: Loops  # in held-out music, in stretches as long as the continuations
    copies: tuple[Copies, ...]
    pitch_classes: Overlap
    lengths: Overlap | None  # None where notes have no lengths of their own
    judgement: Judgement | None  # of generated against held-out music; None where there is too little
    judgement_human: Judgement | None  # of the training part against held-out music: how low it can be

    def to_json(self) -> Mapping[str, Any]:
        """Plain values with text for keys."""
        plain: Mapping[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True, slots=True)
class _Parts:
    """A corpus read as music."""

    trained: Sequence[Music]
    kin: Sequence[Music]  # of it, what is of the same part of the corpus as the held-out music
    human: Sequence[Music]  # held out: the test part
    told: Sequence[Sequence[int]]  # the openings, as tokens


def measure(
    model: Path,
    corpus: Corpus,
    each: Each = lambda items, _: items,
    nats: Mapping[str, float] | None = None,
    plan: Plan = Plan(),  # noqa: B008 (a frozen value)
) -> Report:
    """Everything about the model in this file but ``nats``, which are its card's unless they are given.

    Continuations are sampled by the card's defaults, the guard on and off. The guard off is only in the figures of
    loops; all the others are of what a player hears.
    """
    predictor = OnnxPredictor(model)
    found = {**predictor.card.metrics, **(nats or {})}
    return measure_predictor(predictor, predictor.card, corpus, each, plan, _only_nats(found))


def measure_predictor(
    predictor: Predictor, card: Card, corpus: Corpus, each: Each, plan: Plan, nats: Mapping[str, float]
) -> Report:
    """The same of any network with a card."""
    own = card.own_sampling
    free = Choice(Sampling(**own.model_dump()))
    parts = _read(corpus, plan, each)
    limit = card.longest_run or longest_real_run(parts.kin, plan.events)
    unguarded, guarded = (
        generate(predictor, corpus.codec, parts.told, choice, plan, each)
        for choice in (free, replace(free, guard=RepetitionGuard(limit)))
    )
    return Report(
        model=card.name,
        nats=nats,
        temperature=own.temperature,
        top_p=own.top_p,
        plan=plan,
        loops_unguarded=loops(_events(unguarded), limit),
        loops_guarded=loops(_events(guarded), limit),
        loops_human=loops([part for piece in parts.human for part in excerpts(piece, plan.events)], limit),
        **_beside_people(guarded, parts, plan.opening),
    )


def _beside_people(generated: Sequence[Music], parts: _Parts, opening: int) -> Mapping[str, Any]:
    ours, theirs, trained = (_events(music) for music in (generated, parts.human, parts.trained))
    known, kin = lengths(parts.kin), _events(parts.kin)
    bodies = [without_opening(events, opening) for events in theirs]
    return {
        "copies": tuple(copies(ours, theirs, trained, length) for length in LENGTHS),
        "pitch_classes": overlap(*(pitch_classes(music) for music in (generated, parts.human, parts.kin))),
        "lengths": overlap(lengths(generated), lengths(parts.human), known) if len(known) > 1 else None,
        "judgement": judge(ours, bodies, opening),
        "judgement_human": judge([without_opening(events, opening) for events in kin], bodies, opening),
    }


def _read(corpus: Corpus, plan: Plan, each: Each) -> _Parts:
    split, codec = corpus.split, corpus.codec
    trained = [read(codec, piece.tokens) for piece in each(split.train, "reading what it learned from")]
    human = [read(codec, piece.tokens) for piece in each(split.test, "reading what it never saw")]
    kin = [music for music, piece in zip(trained, split.train, strict=True) if not piece.part]
    return _Parts(trained, kin or trained, human, openings(codec, split, plan))


def _events(music: Sequence[Music]) -> list[tuple[Event, ...]]:
    return [piece.events for piece in music]


def _only_nats(figures: Mapping[str, float]) -> Mapping[str, float]:
    return {name: value for name, value in figures.items() if "nats" in name or "bits" in name}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in sorted(value.items())}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value
