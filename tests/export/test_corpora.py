"""Corpora: the chorales as BachBot wrote them, cached and split."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export import corpora
from export.corpora import chorales
from export.corpora.chorales import Voiced
from export.corpora.work import Piece, Report, Source, Work, by_side, sides
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FERMATA, Frame
from livegen.errors import SettingsError

CODEC = ChoraleCodec()


def piece(name: str, length: int, begin: int = 0) -> Piece:
    return Piece(name, np.arange(begin, begin + length))


def test_a_unison_is_one_note_and_struck_if_any_voice_strikes_it() -> None:
    holding = [Voiced(0, 2, 60, struck=True, fermata=False)]
    striking = [Voiced(1, 2, 60, struck=True, fermata=False)]

    frames = chorales.to_frames([holding, striking])

    assert frames == [Frame(((60, False),)), Frame(((60, False),))]


def test_a_note_tied_to_the_one_before_is_not_struck_again() -> None:
    voice = [Voiced(0, 2, 60, struck=True, fermata=False), Voiced(2, 3, 60, struck=False, fermata=False)]

    frames = chorales.to_frames([voice])

    assert frames == [Frame(((60, False),)), Frame(((60, True),)), Frame(((60, True),))]


def test_a_tie_from_nothing_is_struck() -> None:
    frames = chorales.to_frames([[Voiced(1, 2, 60, struck=False, fermata=False)]])

    assert frames == [Frame(), Frame(((60, False),))]


def test_a_fermata_in_any_voice_marks_each_of_its_frames() -> None:
    soprano = [Voiced(0, 3, 72, struck=True, fermata=False)]
    bass = [Voiced(1, 3, 48, struck=True, fermata=True)]

    frames = chorales.to_frames([soprano, bass])

    assert [frame.fermata for frame in frames] == [False, True, True]


def test_of_five_voices_the_outer_ones_stay() -> None:
    voices = [[Voiced(0, 1, pitch, struck=True, fermata=False)] for pitch in (48, 55, 60, 64, 67)]

    (frame,) = chorales.to_frames(voices)

    assert [pitch for pitch, _ in frame.notes] == [67, 64, 60, 48]


@pytest.mark.parametrize("tonic", range(12))
def test_every_key_moves_to_c_or_a_by_at_most_half_an_octave(tonic: int) -> None:
    major = chorales.to_c_or_a_minor(tonic, is_minor=False)
    minor = chorales.to_c_or_a_minor(tonic, is_minor=True)

    assert ((tonic + major) % 12, (tonic + minor) % 12) == (0, 9)
    assert -5 <= major <= 6
    assert -5 <= minor <= 6


def test_a_chorale_stands_in_its_new_key_with_four_voices_from_soprano_to_bass() -> None:
    frames = chorales.read_chorale("bach/bwv66.6")  # in F sharp minor, with an upbeat of a quarter

    assert len(frames) == 9 * 16
    assert {pitch % 12 for pitch, _ in frames[-1].notes} == {9, 1, 4}  # A minor, ended in major
    assert frames[-1].fermata
    assert all([*frame.notes] == sorted(frame.notes, reverse=True) for frame in frames)
    assert {len(frame.notes) for frame in frames} <= {3, 4}


def test_a_chorale_in_three_four_is_left_out() -> None:
    assert chorales.read_chorale("bach/bwv269") == []


@pytest.mark.parametrize("source", ["bach/bwv66.6", "bach/bwv62.6", "bach/bwv8.6"])
def test_a_chorale_s_tokens_become_notes_and_the_same_tokens_again(source: str) -> None:
    tokens = chorales.encode(CODEC, chorales.read_chorale(source)).tolist()

    again = CODEC.encode(CODEC.decode(tokens))

    assert again == [token for token in tokens if token != FERMATA]


def test_the_last_tenth_of_the_tokens_is_never_trained_on() -> None:
    pieces = [piece(f"p{index}", 37, begin=37 * index) for index in range(100)]

    data = chorales.split(pieces)

    known = np.concatenate([part.tokens for part in (*data.train, *data.valid)])
    assert sorted(known) == list(range(3330))
    assert data.test_tokens.tolist() == list(range(3330, 3700))
    assert [part.name for part in data.test] == [f"p{index}" for index in range(90, 100)]


def test_a_piece_across_the_cut_is_split_at_the_token() -> None:
    data = chorales.split([piece("long", 75), piece("across", 20, begin=75), piece("last", 5, begin=95)])

    assert [part.tokens.tolist() for part in data.train] == [list(range(75)), list(range(75, 90))]
    assert data.test_tokens.tolist() == list(range(90, 100))
    assert [part.name for part in data.test] == ["last"]


def test_every_twentieth_piece_chooses_the_model() -> None:
    data = chorales.split([piece(f"p{index}", 10) for index in range(50)])

    assert [part.name for part in data.valid] == ["p19", "p39"]
    assert len(data.train) == 43


def test_a_corpus_is_read_once_and_then_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []

    def read(folder: Path, report: Report) -> Iterator[Work]:
        readings.append(folder)
        yield from (Work(name, name, [Frame(((60, False),))] * 3) for name in ("one", "two", "three"))

    monkeypatch.setattr(corpora, "CACHE", tmp_path)
    monkeypatch.setattr(corpora, "source", lambda name: Source(read, chorales.encode, "", ""))

    first, second = corpora.load("small", "chorale"), corpora.load("small", "chorale")

    for side in ("train", "valid", "test"):
        parts = [getattr(corpus.split, side) for corpus in (first, second)]
        assert len({tuple((p.name, *p.tokens.tolist()) for p in part) for part in parts}) == 1
    assert first.codec.parameters() == second.codec.parameters()
    assert len(readings) == 1


def test_works_of_one_group_never_stand_on_both_sides() -> None:
    works = [Work(f"{group} {part}", str(group), None) for group in range(100) for part in (1, 2)]
    works.append(Work("a book's", "book", None, part="books"))

    placed = sides(works)

    assert placed[0::2][:100] == placed[1::2]
    assert [index for index, side in enumerate(placed[1::2]) if side == "test"] == list(range(9, 100, 10))
    assert placed.count("valid") == 2 * 4
    assert placed[-1] == "train"


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ["train"]), (2, ["train", "valid"]), (3, ["train", "valid", "test"])]
)
def test_of_few_works_the_last_ones_are_held_out(count: int, expected: list[str]) -> None:
    assert sides([Work(str(index), str(index), None) for index in range(count)]) == expected


def test_a_single_piece_is_held_against_itself() -> None:
    only = Piece("one", np.arange(4), side="train")

    split = by_side([only])

    assert (split.train, split.valid, split.test) == ((only,), (only,), (only,))


def test_a_corpus_without_its_folder_says_what_it_wants(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="corpus 'piano' is read from 'piano-midi' in a folder of music: --music"):
        corpora.load("piano", "notes", tmp_path)


def test_an_unknown_corpus_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="unknown corpus 'bach-choral'; did you mean 'bach-chorales'"):
        corpora.load("bach-choral", "chorale")
