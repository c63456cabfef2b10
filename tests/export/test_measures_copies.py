"""Copies: windows that stand in the training part, in whatever key."""

from collections.abc import Sequence

import pytest

from export.measures.copies import Copies, copies, pieces, windows
from export.measures.music import Event

TUNE = (60, 62, 64, 65, 67, 65, 64, 62)


def note(pitch: int, ticks: int = 480) -> Event:
    return Event((pitch,), ticks, (pitch,), (), is_end=False)


def line(pitches: Sequence[int]) -> list[Event]:
    return [note(pitch) for pitch in pitches]


MARK = Event((0,), 0, (), (), is_end=False)
END = Event((1,), 0, (), (), is_end=True)


def test_transposed_window_is_a_copy() -> None:
    found = copies([line([pitch + 5 for pitch in TUNE])], [line((*TUNE[3:], 70, 71, 72))], [line(TUNE)], 4)

    assert found == Copies(4, generated=1.0, generated_windows=5, human=pytest.approx(2 / 5), human_windows=5)


@pytest.mark.parametrize(
    "other",
    [
        line([60, 62, 64, 66]),
        line([60, 61, 64, 65]),
        [*line([60, 62, 64]), note(65, ticks=960)],
        [*line([60, 62, 64]), Event((9,), 480, (60, 65), (), is_end=False)],
        [*line([60, 62, 64]), Event((9,), 480, (65,), (65,), is_end=False)],
        line([60, 58, 56, 55]),
    ],
)
def test_window_that_differs_in_a_pitch_or_a_length_is_none(other: list[Event]) -> None:
    assert copies([other], [other], [line([60, 62, 64, 65])], 4) == Copies(4, 0.0, 1, 0.0, 1)


def test_step_of_one_is_not_a_step_of_two() -> None:
    down_one, down_two = (line([60, 62, 62 - step]) for step in (1, 2))

    assert set(windows([down_one], 3)).isdisjoint(windows([down_two], 3))


def test_marks_are_left_out_and_no_window_reaches_over_an_end() -> None:
    first, second = line(TUNE[:4]), line(TUNE[4:])

    assert pieces([MARK, *first[:2], MARK, *first[2:], END, MARK, *second]) == [first, second]
    assert len(windows([[*first, END, *second]], 4)) == 2


def test_windows_that_say_nothing_are_not_counted() -> None:
    silence = Event((2,), 480, (), (), is_end=False)

    assert len(windows([line([60] * 8)], 4)) == 0
    assert len(windows([[silence, *line(TUNE[:3])]], 4)) == 0
    assert len(windows([[*line(TUNE[:3]), silence]], 4)) == 1


def test_too_little_music_has_no_windows() -> None:
    assert copies([line(TUNE[:3])], [], [line(TUNE)], 4) == Copies(4, 0.0, 0, 0.0, 0)
