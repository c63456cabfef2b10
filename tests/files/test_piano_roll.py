"""Pictures of music."""

from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import pytest
from PIL import Image

from livegen.clock import NS_PER_S
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.files.bar_map import BarMap, lay_bars
from livegen.files.piano_roll import draw_roll
from livegen.files.roll_content import Shown, Stroke, lines_of, score_of, shown_in
from livegen.music.metre import KeyChange, Mark, Metre

Colour = tuple[int, int, int]


def note(begin_s: float, end_s: float, pitch: int = 60, velocity: int = 80) -> list[Timed]:
    begin_ns, end_ns = round(begin_s * NS_PER_S), round(end_s * NS_PER_S)
    return [Timed(begin_ns, NoteOn(pitch, velocity)), Timed(end_ns, NoteOff(pitch))]


def drawn(
    folder: Path, player: Iterable[Timed] = (), machine: Iterable[Timed] = (), bars: BarMap | None = None
) -> Image.Image:
    draw_roll(folder / "roll.png", player, machine, "title", bars)
    with Image.open(folder / "roll.png") as image:
        return image.copy()


def colours(image: Image.Image) -> dict[Colour, int]:
    """The colours below the title and the legend, each with its number of pixels."""
    counted = image.crop((0, 74, *image.size)).getcolors(1 << 20) or []
    return {colour: count for count, colour in counted if isinstance(colour, tuple)}


def blue(image: Image.Image) -> list[Colour]:
    """The colours that only the player has, the most frequent first."""
    found = sorted(((count, colour) for colour, count in colours(image).items()), reverse=True)
    return [colour for _, colour in found if colour[2] > colour[0] + 30]


def orange(image: Image.Image) -> list[Colour]:
    return [colour for colour in colours(image) if colour[0] > colour[2] + 30]


def test_player_and_machine_are_told_apart_by_colour_and_by_shape(tmp_path: Path) -> None:
    theirs, ours = drawn(tmp_path, note(0, 2, velocity=127)), drawn(tmp_path, (), note(0, 2, velocity=127))

    assert blue(theirs)[0] == (0, 114, 178)
    assert not orange(theirs)
    assert not blue(ours)
    assert (213, 94, 0) in orange(ours)
    box = (74, 112, 500, 280)
    shapes = [image.crop(box).convert("L").point(lambda grey: 255 * (grey < 190)) for image in (theirs, ours)]
    assert shapes[0].tobytes() != shapes[1].tobytes()


def test_loud_notes_are_darker_than_soft_ones(tmp_path: Path) -> None:
    shades = [blue(drawn(tmp_path, note(0, 2, velocity=velocity)))[0] for velocity in (10, 64, 127)]

    assert [shade[0] for shade in shades] == sorted((shade[0] for shade in shades), reverse=True)
    assert len(set(shades)) == 3
    assert shades[0][0] < 200  # still to be seen on white paper


def test_the_pedal_is_a_band_as_long_as_it_is_down(tmp_path: Path) -> None:
    pedal = [Timed(at * NS_PER_S, ControlChange(SUSTAIN_PEDAL, value)) for at, value in ((1, 127), (2, 64), (3, 0))]
    music = sorted([*note(0, 4), *pedal], key=lambda timed: timed.at_ns)

    score = score_of(music, [], None)

    assert score.player.pedals == ((1, 3),)
    assert drawn(tmp_path, music).height > drawn(tmp_path, note(0, 4)).height


def test_bars_and_keys_are_where_the_file_has_them() -> None:
    marks: list[Mark] = [
        Metre(NS_PER_S, 0, NS_PER_S // 2, 4),
        KeyChange(NS_PER_S, 7, is_minor=False),
        Metre(5 * NS_PER_S, 0, NS_PER_S, 3),
        KeyChange(5 * NS_PER_S, 1, is_minor=True),
    ]

    score = score_of(note(1, 9), [], lay_bars(marks, NS_PER_S))

    assert score.bars == (0, 2, 4, 7)
    assert score.keys == ((0, "G major"), (4, "C# minor"))


def test_bar_lines_are_drawn_over_the_whole_height(tmp_path: Path) -> None:
    bars = lay_bars([Metre(0, 0, NS_PER_S // 2, 4)], 0)

    with_bars, without = drawn(tmp_path, note(0, 8), bars=bars), drawn(tmp_path, note(0, 8))

    assert columns(with_bars, (154, 154, 154)) == 5  # at 0, 2, 4, 6 and 8 s
    assert columns(without, (154, 154, 154)) == 0


def columns(image: Image.Image, colour: Colour) -> int:
    """The count of columns in which most pixels of the keys' rows have a colour."""
    top, bottom = 120, image.height - 50
    rows = [[image.getpixel((x, y)) == colour for y in range(top, bottom)] for x in range(image.width)]
    return sum(sum(column) > len(column) / 2 for column in rows)


@pytest.mark.parametrize("minutes", [0, 1, 10, 120])
def test_music_of_any_length_is_a_picture_that_fits_on_a_page(tmp_path: Path, minutes: int) -> None:
    music = [event for at in range(minutes * 12) for event in note(at * 5, at * 5 + 4, 40 + at % 40)]

    image = drawn(tmp_path, music, bars=lay_bars([Metre(0, 0, NS_PER_S, 4)], 0))

    assert 700 < image.width < 1600
    assert image.height < 20_000


def test_lines_are_about_equally_long_and_end_on_bar_lines_where_there_are_some() -> None:
    assert lines_of((0, 25), [0, 4, 8, 12, 16, 20, 24], 10) == [(0, 8), (8, 16), (16, 25)]
    assert lines_of((0, 30), [0, 1], 10) == [(0, 10), (10, 20), (20, 30)]
    assert lines_of((0, 26), [0, 13], 24) == [(0, 13), (13, 26)]
    assert lines_of((0, 5), [], 10) == [(0, 5)]


def test_long_times_without_notes_are_left_out_and_the_music_after_them_begins_on_a_bar_line() -> None:
    bars = lay_bars([Metre(0, 0, NS_PER_S // 2, 4)], 0)

    music = [*note(0, 2), *note(301, 303), *note(310, 312)]

    assert score_of(music, [], bars).spans == ((0, 2.5), (300, 312.5))
    assert score_of(music, [], None).spans == ((0, 2.5), (291, 312.5))
    assert score_of([*note(60, 61)], note(0, 59), bars).spans == ((0, 61.5),)
    assert score_of([Timed(0, ControlChange(SUSTAIN_PEDAL, 0)), *note(60, 62)], [], None).spans == ((50, 62.5),)


def test_a_time_without_notes_is_named_where_it_was(tmp_path: Path) -> None:
    def above_the_second_line(last_s: float) -> Image.Image:
        picture = drawn(tmp_path, [*note(0, 2), *note(last_s - 19, last_s - 18), *note(last_s, last_s + 2)])
        top = 74 + (picture.height - 74 - 14 + 18) // 2  # head, foot and gap
        return picture.crop((picture.width - 300, top, picture.width, top + 20))

    shown, left_out, longer = (above_the_second_line(last_s) for last_s in (38, 300, 600))

    assert shown.getcolors() == [(300 * 20, (255, 255, 255))]
    assert left_out.tobytes() != shown.tobytes()
    assert longer.tobytes() != left_out.tobytes()


def test_only_the_longest_times_without_notes_are_left_out() -> None:
    begins = [0, *accumulate(range(30, 60))]

    spans = score_of([event for at_s in begins for event in note(at_s, at_s + 1)], [], None).spans

    assert len(spans) == 13
    assert spans[0][1] > begins[-14]


@pytest.mark.parametrize(
    ("begin_s", "end_s", "lines"),
    [
        (7.99, 9, [None, (8, 9, True)]),  # a little before the bar line
        (7, 9, [(7, 8, True), (8, 9, False)]),
        (7, 8, [(7, 8, True), None]),
        (8, 9, [None, (8, 9, True)]),
    ],
)
def test_a_note_is_in_the_lines_in_which_it_sounds_with_one_head(
    begin_s: float, end_s: float, lines: list[tuple[float, float, bool] | None]
) -> None:
    shown = [shown_in(Stroke(begin_s, end_s, 60, 80), *line) for line in ((0, 8), (8, 16))]

    assert shown == [line and Shown(*line) for line in lines]


def test_a_note_without_an_end_lasts_to_the_last_event() -> None:
    music = [Timed(0, NoteOn(60, 90)), *note(1, 2, 64)]

    score = score_of(music, [], None)

    assert sorted((stroke.pitch, stroke.begin_s, stroke.end_s) for stroke in score.player.notes) == [
        (60, 0, 2),
        (64, 1, 2),
    ]


def test_no_music_is_an_empty_roll_that_says_so(tmp_path: Path) -> None:
    empty = drawn(tmp_path)

    assert empty.size == drawn(tmp_path, note(0, 1, 66)).size
    assert not blue(empty)
    assert not orange(empty)
