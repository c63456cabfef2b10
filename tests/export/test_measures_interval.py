"""Intervals over pieces, which come and go as wholes."""

import numpy as np
import pytest

from export.measures.interval import Estimate, estimate, of_pieces, resampled, summed


def test_a_mean_counts_each_piece_by_its_weight() -> None:
    found = of_pieces(np.array([10.0, 2]), np.array([1.0, 3]))

    assert (found.value, found.low, found.high) == (3, pytest.approx(2 / 3), 10)


def test_pieces_that_are_alike_leave_no_doubt_and_many_leave_less_than_few() -> None:
    random = np.random.default_rng(0)
    few, many = (of_pieces(random.normal(5, 1, count), np.ones(count)) for count in (10, 1000))

    assert str(of_pieces(np.full(9, 4.0), np.full(9, 2.0))) == "2.00 (2.00 to 2.00)"
    assert few.low < 5 < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / 1000**0.5, rel=0.15)
    assert few.high - few.low > 5 * (many.high - many.low)


def test_what_nothing_was_measured_of_is_no_figure() -> None:
    nothing = of_pieces(np.zeros(3), np.zeros(3))

    assert str(nothing) == "-"
    assert nothing.to_json() == {"value": None, "low": None, "high": None}
    assert Estimate(1, 0, 2).to_json() == {"value": 1, "low": 0, "high": 2}


def test_draws_without_a_figure_do_not_count() -> None:
    assert estimate(1, np.array([np.nan, 1, 1, np.nan])) == Estimate(1, 1, 1)


def test_stretches_are_summed_by_their_piece() -> None:
    assert summed(np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1, 0, 1])).tolist() == [[3, 4], [6, 8]]


def test_each_draw_has_as_many_pieces_as_there_are() -> None:
    draws = resampled(7, 0)

    assert set(draws.sum(axis=1)) == {7}
    assert draws.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)
