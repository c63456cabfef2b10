"""The benchmark's data: pitches to tokens and back, keys, padding, batches."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.jsb16 import data
from livegen.errors import SettingsError
from tests.support.scales_in_four import pitches_of

PIECE = [[67, 64, 60, 48], [67, 64, 60, -1], [69, 65, 60, 41]]


def tokens(pitches: list[list[int]]) -> data.Frames:
    return data.tokens_of(np.array(pitches), Path("here"))


def test_tokens_are_pitches_above_the_lowest_with_silence_below_them() -> None:
    assert tokens(PIECE).tolist() == [[38, 35, 31, 19], [38, 35, 31, 0], [40, 36, 31, 12]]
    assert pitches_of(tokens(PIECE)) == PIECE


def test_a_file_is_read_by_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "chorales.json"
    path.write_text(json.dumps({"train": [PIECE, PIECE[:2]], "valid": [PIECE[1:]], "test": []}))

    chorales = data.read(path)

    assert [len(piece) for piece in chorales.train] == [3, 2]
    assert [piece.tolist() for piece in chorales.valid] == [tokens(PIECE)[1:].tolist()]
    assert chorales.test == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"train": [], "valid": []}, "has no part 'test'"),
        ({"train": [[[60, 55, 48]]], "valid": [], "test": []}, "frames of four voices"),
        ({"train": [[[99, 64, 60, 48]]], "valid": [], "test": []}, "pitches 48 to 99; 30 to 88 are known"),
    ],
)
def test_a_file_that_is_no_benchmark_is_refused_by_name(tmp_path: Path, content: object, complaint: str) -> None:
    path = tmp_path / "chorales.json"
    path.write_text(json.dumps(content))

    with pytest.raises(SettingsError, match=rf"chorales\.json.*{complaint}"):
        data.read(path)


def test_a_missing_file_is_named_with_where_it_comes_from() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.json: no such file; it is Jsb16thSeparated\.json"):
        data.read(Path("nowhere.json"))


def test_a_piece_moves_as_far_as_every_voice_stays_in_range() -> None:
    piece, reach = tokens(PIECE), data.range_of([tokens([[62, 60, 50, 40], [79, 67, 62, 60]])])

    assert data.shifts_within(piece, reach) == (-1, 2)  # the bass down to 40, the tenor up to 62


def test_transposition_leaves_silence_alone() -> None:
    assert pitches_of(data.transposed(tokens(PIECE), 2)) == [
        [69, 66, 62, 50],
        [69, 66, 62, -1],
        [71, 67, 62, 43],
    ]


def test_every_piece_comes_once_an_epoch_in_a_key_within_reach() -> None:
    pieces = [tokens(PIECE[: 1 + number % 3]) for number in range(11)]
    reach = data.range_of([tokens([[66, 63, 59, 40], [72, 68, 63, 50]])])

    batches = list(data.epoch_batches(pieces, reach, 4, np.random.default_rng(0)))

    lengths = [int(length) for _, is_music in batches for length in is_music.sum(1)]
    assert sorted(lengths) == sorted(len(piece) for piece in pieces)
    for whole, is_music in batches:
        assert (whole[~is_music] == 0).all()
        for row, music in zip(whole, is_music, strict=True):
            own = data.range_of([row[music]])
            assert ((own.low >= reach.low) & (own.high <= reach.high))[own.high > 0].all()
