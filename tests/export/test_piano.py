"""The piano corpus and anybody's folder: what is read, what is grouped, what is skipped."""

import logging
from pathlib import Path

import mido
import pytest

from export import corpora
from export.corpora import folder, piano
from export.corpora.work import Work
from livegen.errors import SettingsError
from livegen.events import Note

TUNE = "X: 1\nT:Scale\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|CDEF GABc|\n"


def write_midi(path: Path, pitches: range, tick: int = 240) -> Path:
    """Notes of half a quarter one after the other, at 480 ticks a quarter."""
    track = mido.MidiTrack()
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=70, time=0))
        track.append(mido.Message("note_off", note=pitch, time=tick))
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return path


def no_report(done: int, whole: int) -> None:
    """Without progress reports."""


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("mond_1", "mond"),
        ("mond_3", "mond"),
        ("chpn-p24", "chpn"),
        ("chpn_op25_e11", "chpn_op25"),
        ("god_chpn_op10_e01", "chpn_op10"),
        ("elise", "elise"),
        ("ty_mai", "Tchaikovsky, The Seasons"),
        ("rav_scarbo", "Ravel, Gaspard de la nuit"),
    ],
)
def test_parts_of_one_work_are_one_group(name: str, group: str) -> None:
    assert piano.group(name).rstrip("_-") == group


def test_two_pieces_whose_opus_is_trained_on_are_left_out() -> None:
    works = [Work(name, name, None) for name in ("grieg_voeglein", "grieg_spring", "elise")]

    assert piano.divide(works)[0] == ""


def test_a_midi_file_is_read_in_musical_time(tmp_path: Path) -> None:
    (notes,) = folder.read_file(write_midi(tmp_path / "scale.mid", range(60, 76)))

    assert notes[:3] == [Note(0, 60, 480, 70), Note(480, 61, 480, 70), Note(960, 62, 480, 70)]


def test_what_is_no_midi_file_is_named_and_the_corpus_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "piano-midi").mkdir()
    (tmp_path / "piano-midi" / "a_text.mid").write_text("no music")
    write_midi(tmp_path / "piano-midi" / "b_scale.mid", range(60, 63))

    works = list(piano.read(tmp_path, no_report))

    assert [work.name for work in works] == ["b_scale"]
    assert "a_text.mid: not a Standard MIDI File" in caplog.records[0].getMessage()


def test_a_vocabulary_holds_the_chords_that_come_most() -> None:
    often = [Note(960 * beat, pitch, 960) for beat in range(9) for pitch in (60, 64, 67)]
    seldom = [Note(9600, pitch, 960) for pitch in (61, 65, 68)]

    codec = piano.fit([often, seldom])

    assert [str(sound) for sound in codec.sounds if len(sound.pitches) > 1] == ["60.64.67 1.0", "61.65.68 1.0"]


def test_a_folder_of_any_kinds_is_read_and_what_cannot_be_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_midi(tmp_path / "a.mid", range(40, 70))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "tunes.abc").write_text(TUNE + "\n" + TUNE.replace("X: 1", "X: 2"))
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "notes.txt").write_text("no music at all")
    write_midi(tmp_path / "short.mid", range(60, 63))

    with caplog.at_level(logging.WARNING):
        works = list(folder.read(tmp_path, no_report))

    assert [(work.name, len(work.content)) for work in works] == [
        ("a.mid 1", 30),
        ("deeper/tunes.abc 1", 24),
        ("deeper/tunes.abc 2", 24),
    ]
    skipped = [record.getMessage() for record in caplog.records]
    assert len(skipped) == 2
    assert "broken.mid" in skipped[0]
    assert skipped[1].endswith("short.mid: has fewer than 16 notes")


def test_a_folder_with_nothing_usable_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no music at all")

    with pytest.raises(SettingsError, match=r"holds no music that can be learned from; files may be \.mid"):
        list(folder.read(tmp_path, no_report))


def test_a_folder_becomes_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")
    music = tmp_path / "music"
    music.mkdir()
    for first in range(40, 52):
        write_midi(music / f"{first}.mid", range(first, first + 20))

    corpus = corpora.load("folder", "note_duration", music)

    assert [len(part) for part in (corpus.split.train, corpus.split.valid, corpus.split.test)] == [10, 1, 1]
    assert corpus.codec.decode(corpus.split.test[0].tokens.tolist())[0] == Note(0, 49, 480)
