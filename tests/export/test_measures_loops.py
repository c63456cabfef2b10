"""Loops: runs longer than real music's."""

from collections.abc import Sequence

from export.measures.loops import Loops, longest_real_run, loops, runs
from export.measures.music import Event, Music


def line(pitches: Sequence[int]) -> tuple[Event, ...]:
    return tuple(Event((pitch,), 480, (pitch,), (), is_end=False) for pitch in pitches)


def test_run_is_counted_from_where_the_pattern_comes_again() -> None:
    assert runs([line(range(10)), line([60] * 10), line([60, 62] * 5), line([1, 2, 60, 60, 60, 3])]) == [0, 9, 8, 2]


def test_only_runs_over_the_limit_are_loops() -> None:
    stretches = [line(range(10)), line([60] * 6), line([60] * 7), line([60, 62] * 4)]

    assert loops(stretches, 5) == Loops(share=0.5, count=4, limit=5, longest=6)


def test_limit_is_the_99th_percentile_of_real_music_and_at_least_four() -> None:
    calm = Music(line(range(20)), ())
    trill = Music(line([60, 62] * 10), ())

    assert longest_real_run([calm] * 3, 20) == 4
    assert longest_real_run([calm, trill, trill], 20) == 18
