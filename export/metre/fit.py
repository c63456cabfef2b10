"""Fits how much each kind of evidence weighs, on phrases of music that its counts have not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from export.corpora.metred import Kind, Metred
from export.metre.counts import count
from export.metre.performed import Performed, several
from livegen.music.metre import Bars
from livegen.music.metre_detection import BEATS_MS, heard_onsets, scaled, weigh
from livegen.music.metre_profiles import COMPOUND, EVIDENCE, SIMPLE, SWINGS, SWUNG, MetreModel, MetreModels, make_model

FOLDS = 4
SAME = 0.03  # a tempo that is no further off is right; so are half and double of it
_CANDIDATES = 160  # metres at tempos, of a phrase
_FIRST = np.array([0.2, 0.2, 0.3, 0.05, 1.0])  # weights to choose the candidates by
_BIAS_COST = 0.003
_WORST = -1_000.0  # evidence, in nats: a tempo that was given up has less
_KINDS: tuple[
    tuple[Kind, float, float, int], ...
] = (  # style and metre: usual length of a beat in ms, its spread, phrases to fit on
    (("line", Bars(4)), 450.0, 0.35, 110),
    (("line", Bars(3)), 450.0, 0.35, 110),
    (("line", Bars(2, is_compound=True)), 560.0, 0.28, 110),
    (("line", Bars(3, is_compound=True)), 560.0, 0.28, 30),
    (("hymn", Bars(4)), 620.0, 0.3, 80),
    (("hymn", Bars(3)), 560.0, 0.3, 20),
    (("piano", Bars(4)), 620.0, 0.35, 110),
)
_SWUNG_PHRASES = 60

_Candidates = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]


def fit(train: Mapping[Kind, Sequence[Metred]], report: Callable[[int, int], None]) -> MetreModels:
    """The metres with their weights, from all of the music; the weights are fitted fold by fold."""
    chance = np.random.default_rng(1)
    parts = {kind: np.array_split(chance.permutation(len(pieces)), FOLDS) for kind, pieces in train.items()}
    found: list[_Candidates] = []
    for fold in range(FOLDS):
        rest = {
            kind: [pieces[at] for other in range(FOLDS) if other != fold for at in parts[kind][other]]
            for kind, pieces in train.items()
        }
        own = {kind: [pieces[at] for at in parts[kind][fold]] for kind, pieces in train.items()}
        known = counted(rest)
        phrases = _phrases(own, np.random.default_rng(fold))
        for done, phrase in enumerate(phrases):
            report(fold * len(phrases) + done, FOLDS * len(phrases))
            found.append(_candidates(phrase, known))
    known = counted(train)
    weights, bias = _conditional_logit(found, len(known.metres))
    return MetreModels(
        tuple(replace(metre, bias=float(each)) for metre, each in zip(known.metres, bias, strict=True)), weights
    )


def counted(train: Mapping[Kind, Sequence[Metred]]) -> MetreModels:
    """The metres, not weighted yet."""
    metres: list[MetreModel] = []
    for kind, beat_ms, spread, _ in _KINDS:
        profile = count(train[kind], COMPOUND if kind[1].is_compound else SIMPLE)
        metres.append(make_model(profile, 1.0, beat_ms, spread, 0.0))
    kind, beat_ms, spread, _ = _KINDS[0]
    swung = count(train[kind], SWUNG)
    metres += [make_model(swung, swing, beat_ms, spread, 0.0) for swing in SWINGS]
    return MetreModels(tuple(metres), np.ones(EVIDENCE))


def _phrases(own: Mapping[Kind, Sequence[Metred]], chance: np.random.Generator) -> list[Performed]:
    found = [phrase for kind, _, _, most in _KINDS for phrase in several(own[kind], most, chance)]
    return found + several(own[_KINDS[0][0]], _SWUNG_PHRASES, chance, is_swung=True)


def _candidates(phrase: Performed, known: MetreModels) -> _Candidates:
    """The likeliest metres at tempos: their evidence, whether each is right, and which metre each is."""
    onsets = heard_onsets(np.array(phrase.at_s), phrase.chords)
    kinds = scaled(weigh(onsets, known, BEATS_MS / 1000).kinds, len(phrase.at_s))
    likeliest = np.argsort(-(kinds @ _FIRST).ravel())[:_CANDIDATES]
    metre, tempo = np.unravel_index(likeliest, kinds.shape[:2])
    is_right = np.array([_is_right(known.metres[at], phrase) for at in range(len(known.metres))])
    ratio = BEATS_MS / 1000 / phrase.beat_s
    is_tempo = (np.abs(ratio[:, None] / np.array([0.5, 1, 2]) - 1) < SAME).any(1)
    found = kinds[metre, tempo]
    is_alive = found[:, 0] > _WORST
    return np.maximum(found, _WORST), is_right[metre] & is_tempo[tempo] & is_alive, np.asarray(metre, np.int64)


def _is_right(metre: MetreModel, phrase: Performed) -> bool:
    piece = phrase.piece
    is_swung = (metre.swing != 1) == (phrase.swing != 1)
    return Bars(metre.profile.beats, metre.profile.is_compound) == piece.bars and is_swung


def _conditional_logit(found: Sequence[_Candidates], metres: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and biases under which the right candidates are the likeliest (McFadden, 1974)."""
    usable = [each for each in found if each[1].any() and len(each[1]) == _CANDIDATES]
    kinds, is_right, metre = (torch.tensor(np.stack(arrays)) for arrays in zip(*usable, strict=True))
    weights = torch.tensor(_FIRST[:-1], requires_grad=True)
    tempo = torch.ones(1, dtype=torch.float64)  # not fitted: how fast our phrases are played was our choice
    bias = torch.zeros(metres, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scores = kinds @ torch.cat([weights, tempo]) + bias[metre]
        right = torch.logsumexp(scores.masked_fill(~is_right, -torch.inf), 1)
        cost = (torch.logsumexp(scores, 1) - right).mean() + _BIAS_COST * (bias**2).mean()
        cost.backward()  # type: ignore[no-untyped-call]
        return cost

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return np.append(weights.detach().numpy(), 1.0), bias.detach().numpy()
