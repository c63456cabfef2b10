"""Choosing a token."""

from collections import Counter
from math import nextafter
from types import SimpleNamespace

import numpy as np
import pytest

from livegen.engine.sampler import Sampler
from livegen.errors import ModelError
from livegen.settings import Sampling

LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
ALL = np.ones(4, np.bool_)


def drawn(mask: np.ndarray = ALL, count: int = 4000, **settings: float) -> dict[int, float]:
    """The share of each token among ``count`` draws."""
    sampler = Sampler(Sampling(**{"temperature": 1, "top_p": 1, **settings}), seed=1)
    counts = Counter(sampler.choose(LOGITS, mask) for _ in range(count))
    return {token: counts[token] / count for token in sorted(counts)}


def test_tokens_are_drawn_by_their_odds() -> None:
    assert drawn() == pytest.approx({0: 0.5, 1: 0.3, 2: 0.15, 3: 0.05}, abs=0.03)


def test_a_masked_token_is_never_drawn() -> None:
    assert drawn(np.array([False, True, False, True])) == pytest.approx({1: 6 / 7, 3: 1 / 7}, abs=0.03)


@pytest.mark.parametrize(
    ("settings", "left"), [({"top_k": 2}, [0, 1]), ({"top_p": 0.6}, [0, 1]), ({"min_p": 0.25}, [0, 1, 2])]
)
def test_the_unlikely_are_cut_off(settings: dict[str, float], left: list[int]) -> None:
    assert list(drawn(**settings)) == left


def test_low_temperature_takes_the_likeliest() -> None:
    assert drawn(temperature=0.01) == {0: 1.0}


def test_the_same_seed_draws_the_same() -> None:
    first, second = (Sampler(Sampling(temperature=1, top_p=1), seed=5) for _ in range(2))

    assert [first.choose(LOGITS, ALL) for _ in range(50)] == [second.choose(LOGITS, ALL) for _ in range(50)]


@pytest.mark.parametrize("number", [0.0, nextafter(1.0, 0.0)], ids=["least", "largest"])
def test_the_outermost_random_numbers_choose_something(number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the simulator, in the 1103rd minute of seed 1111: a number that rounded to 1 in 32 bits."""
    monkeypatch.setattr("livegen.engine.sampler.default_rng", lambda _: SimpleNamespace(random=lambda: number))
    logits = np.random.RandomState(1).standard_normal((1000, 4)).astype(np.float32)

    chosen = [Sampler(Sampling(temperature=1, top_p=1), seed=1).choose(each, ALL) for each in logits]

    assert chosen == (logits.argmin(axis=1) if number else logits.argmax(axis=1)).tolist()


@pytest.mark.parametrize("damage", [np.nan, np.inf, -np.inf])
def test_logits_that_mean_nothing_are_refused(damage: float) -> None:
    with pytest.raises(ModelError, match="not finite"):
        Sampler(Sampling(temperature=1, top_p=1), seed=1).choose(np.full(4, damage, np.float32), ALL)


def test_the_waits_have_a_temperature_of_their_own_and_together_the_same_odds() -> None:
    odds = np.log(np.array([0.4, 0.3, 0.2, 0.1], np.float32))
    waits = np.array([False, True, True, False])
    steady = Sampling(temperature=1, top_p=1, timing_temperature=0.5)
    drawn = Sampler(steady, seed=3)

    counts = np.bincount([drawn.choose(odds, ALL, waits=waits) for _ in range(20_000)], minlength=4) / 20_000

    assert counts == pytest.approx([0.4, 0.5 * 9 / 13, 0.5 * 4 / 13, 0.1], abs=0.02)


def test_without_waits_or_at_their_own_temperature_nothing_changes() -> None:
    odds = np.log(np.array([0.4, 0.3, 0.2, 0.1], np.float32))
    waits = np.array([False, True, True, False])
    steady = Sampling(temperature=1, top_p=1, timing_temperature=0.5)
    even = Sampling(temperature=1, top_p=1, timing_temperature=1)

    lines = [
        [sampler.choose(odds, ALL, waits=given) for _ in range(50)]
        for sampler, given in ((Sampler(steady, 3), None), (Sampler(even, 3), waits), (Sampler(even, 3), None))
    ]

    assert lines[0] == lines[1] == lines[2]
