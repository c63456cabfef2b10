"""The guard: real repetitions may go on, loops are led out of, and nothing else is touched."""

import numpy as np
import pytest

from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_LOUDNESS, FIRST_WAIT
from livegen.engine.repetition import PERIODS, RepetitionGuard, RepetitionHistory, longest_run, no_history

GUARD = RepetitionGuard(longest_run=10)
EVERYTHING = np.ones(8, np.bool_)


def history_of(events: list[tuple[int, ...]], then: tuple[int, ...] = ()) -> RepetitionHistory:
    history = RepetitionHistory()
    for event in events:
        for checkpoint, token in enumerate(event, 1):
            history = history.after(token, is_whole=checkpoint == len(event))
    for token in then:
        history = history.after(token, is_whole=False)
    return history


def allowed(history: RepetitionHistory) -> list[int]:
    return np.flatnonzero(GUARD.allowed(history, EVERYTHING)).tolist()


@pytest.mark.parametrize("pattern", [[(1,)], [(1,), (2, 3)], [(index,) for index in range(PERIODS)]])
def test_the_token_that_would_go_on_with_too_long_a_run_is_struck_out(pattern: list[tuple[int, ...]]) -> None:
    period = len(pattern)
    events = [pattern[index % period] for index in range(period + 10)]
    mask = np.ones(PERIODS, np.bool_)

    kept = GUARD.allowed(history_of(events), mask)
    shorter = GUARD.allowed(history_of(events[:-1]), mask)

    assert np.flatnonzero(~kept).tolist() == [pattern[len(events) % period][0]]
    assert shorter.all()


def test_an_event_that_has_left_the_pattern_is_free() -> None:
    events = [(1, 2)] * 11

    assert allowed(history_of(events, then=(1,))) == [0, 1, 3, 4, 5, 6, 7]
    assert allowed(history_of(events, then=(3,))) == list(range(8))


def test_where_only_one_token_may_come_it_comes() -> None:
    only = EVERYTHING.copy()
    only[:] = False
    only[1] = True

    assert GUARD.allowed(history_of([(1,)] * 30), only).tolist() == only.tolist()


def test_the_temperature_rises_only_in_a_loop_and_falls_at_once_when_it_is_left() -> None:
    temperature_factor = [GUARD.temperature_factor(history_of([(1,)] * (1 + run))) for run in (0, 6, 9, 10, 20)]

    assert temperature_factor == pytest.approx([1, 1, 1, 2, 2])
    assert GUARD.temperature_factor(history_of([*[(1,)] * 20, (2,)])) == 1


def test_music_that_does_not_repeat_itself_is_left_alone() -> None:
    history = history_of([(index % 8, index % 5) for index in range(100)])

    assert GUARD.temperature_factor(history) == 1
    assert allowed(history) == list(range(8))


@pytest.mark.parametrize(
    ("events", "expected"), [("", 0), ("a", 0), ("abcd", 0), ("aaaa", 3), ("abababc", 4), ("xabcabcabcy", 6)]
)
def test_the_longest_run_counts_the_events_that_repeat(events: str, expected: int) -> None:
    assert longest_run(events) == expected


def test_a_pattern_longer_than_the_periods_is_no_run() -> None:
    assert longest_run([*range(PERIODS + 1)] * 3) == 0


def test_of_a_performance_only_the_notes_that_begin_count() -> None:
    codec = PerformanceCodec()
    history = no_history(codec)
    line = [codec.on(60), codec.on(64)]

    for place in range(12):  # two notes in turn, each after another wait, louder and louder
        for token in (FIRST_WAIT + place, FIRST_LOUDNESS + place, line[place % 2], codec.off(60 + 4 * (place % 2))):
            history = history.after(token, is_whole=token < FIRST_LOUDNESS)

    assert history.runs[1] == 10
    mask = np.ones(len(codec.vocabulary), np.bool_)
    assert np.flatnonzero(~GUARD.allowed(history, mask)).tolist() == [codec.on(60)]
