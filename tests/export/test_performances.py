"""Performances from MIDI files: what is read of them, how they are divided, and what the grid does to them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import mido
import pytest

from export import corpora
from export.corpora import performances
from export.corpora.work import Work
from export.measures.performance_grid import Moves, add, check
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import MidiFileError, SettingsError
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed

MS = 1_000_000
CODEC = PerformanceCodec()
DOWN, UP = ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0)


def write(path: Path, *tracks: Sequence[tuple[int, mido.Message]]) -> Path:
    """Tracks of messages with their moments in ms: at 500 ticks a quarter and 120 bpm a tick is one."""
    file = mido.MidiFile(ticks_per_beat=500)
    for messages in tracks:
        before = 0
        file.tracks.append(track := mido.MidiTrack())
        for moment, message in messages:
            track.append(message.copy(time=moment - before))
            before = moment
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def on(pitch: int, velocity: int = 64, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, channel=channel)


def pedal(value: int) -> mido.Message:
    return mido.Message("control_change", control=SUSTAIN_PEDAL, value=value)


def no_report(done: int, whole: int) -> None:
    """Without progress reports."""


def of(events: Sequence[tuple[int, NoteOn | NoteOff | ControlChange]]) -> tuple[Timed, ...]:
    return tuple(Timed(moment * MS, event) for moment, event in events)


def test_a_performance_keeps_time_velocity_and_pedal_from_its_first_note_on(tmp_path: Path) -> None:
    song = [(100, pedal(90)), (1000, on(60, 77)), (1123, pedal(0)), (1456, off(60)), (1456, on(64, 1)), (1789, off(64))]
    path = write(tmp_path / "song.mid", song)

    assert performances.heard(path) == of(
        [
            (0, ControlChange(SUSTAIN_PEDAL, 90)),
            (0, NoteOn(60, 77)),
            (123, UP),
            (456, NoteOff(60)),
            (456, NoteOn(64, 1)),
            (789, NoteOff(64)),
        ]
    )


def test_of_one_moment_the_keys_that_come_up_are_first_and_chords_go_up(tmp_path: Path) -> None:
    chord = [
        (0, on(60)),
        (500, on(67)),
        (500, on(64)),
        (500, pedal(127)),
        (500, off(60)),
        (900, off(64)),
        (900, off(67)),
    ]

    events = [timed.event for timed in performances.heard(write(tmp_path / "chord.mid", chord))]

    assert events[1:5] == [NoteOff(60), DOWN, NoteOn(64), NoteOn(67)]


def test_drums_and_other_controllers_are_left_out(tmp_path: Path) -> None:
    volume = mido.Message("control_change", control=7, value=100)
    piano = [(0, on(60)), (10, volume), (500, off(60))]
    path = write(tmp_path / "band.mid", piano, [(0, on(36, channel=9)), (50, off(36, channel=9))])

    assert performances.heard(path) == of([(0, NoteOn(60)), (500, NoteOff(60))])


def test_a_file_of_drums_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "drums.mid", [(0, on(36, channel=9)), (50, off(36, channel=9))])

    with pytest.raises(MidiFileError, match=r"drums.mid: the file has no pitched notes"):
        performances.heard(path)


def some_music(folder: Path) -> Path:
    """Thirty songs of three notes, and a classical work of two parts among twenty others."""
    for number in range(1, 31):
        tune = [(moment, message) for index in range(3) for moment, message in note(40 + number + index, 400 * index)]
        write(folder / "pop909" / f"{number:03}" / f"{number:03}.mid", tune, [(0, pedal(127)), (1000, pedal(0))])
    for name in ("mond_1", "mond_2", "grieg_voeglein", *(f"piece{letter}" for letter in "abcdefghijklmnopqrst")):
        write(folder / "piano-midi" / f"{name}.mid", note(60, 0))
    return folder


def note(pitch: int, begin: int) -> list[tuple[int, mido.Message]]:
    return [(begin, on(pitch)), (begin + 395, off(pitch))]


def test_every_tenth_song_and_every_tenth_whole_work_is_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")

    split = corpora.load("performances", "performance", some_music(tmp_path / "music")).split

    assert [piece.name for piece in split.test] == ["010", "020", "030", "pieceh", "piecer"]
    assert [piece.name for piece in split.valid] == ["022", "piecet"]
    assert not any(piece.name == "grieg_voeglein" for piece in (*split.train, *split.valid, *split.test))
    assert len(split.train) == 26 + 19


def test_parts_of_one_work_stand_on_one_side() -> None:
    works = [Work(f"sonata_{part}", "sonata", ()) for part in (1, 2)] + [Work(f"{n}", f"{n}", ()) for n in range(40)]
    songs = [Work(f"{n:03}", f"pop909/{n:03}", ()) for n in range(1, 41)]

    placed = performances.divide([*songs, *works])

    assert placed[40] == placed[41]
    assert [index + 1 for index, side in enumerate(placed[:40]) if side == "test"] == [10, 20, 30, 40]


def test_a_folder_without_one_of_the_two_says_what_it_wants(tmp_path: Path) -> None:
    (tmp_path / "pop909").mkdir()

    with pytest.raises(SettingsError, match="corpus 'performances' is read from 'piano-midi' in a folder of music"):
        corpora.load("performances", "performance", tmp_path)


def test_another_codec_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path / "cache")

    with pytest.raises(SettingsError, match="corpus 'performances' is written in codec 'performance', not in 'notes'"):
        corpora.load("performances", "notes", some_music(tmp_path / "music"))


def test_what_is_no_midi_file_is_named_and_the_corpus_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "pop909" / "002" / "002.mid", note(60, 0))
    (tmp_path / "pop909" / "001").mkdir()
    (tmp_path / "pop909" / "001" / "001.mid").write_text("no music")

    with caplog.at_level(logging.WARNING):
        works = list(performances.read(tmp_path, no_report))

    assert [work.name for work in works] == ["002"]
    assert "001.mid: not a Standard MIDI File" in caplog.records[0].getMessage()


# what the grid moves


def test_what_the_grid_moves_is_counted() -> None:
    played = of(
        [(0, NoteOn(60, 62)), (3, DOWN), (104, NoteOff(60)), (206, NoteOn(64, 127)), (208, NoteOff(64)), (420, UP)]
    )
    moves = Moves()

    add(moves, CODEC, played)

    assert (moves.pieces, moves.exact, moves.notes, moves.tokens) == (1, 1, 2, 14)
    assert sorted(moves.onsets_ms) == [0, 4]
    assert sorted(moves.releases_ms) == [4, 12]  # 208 ms is the moment of its onset, and the note lasts until the next
    assert sorted(moves.velocities) == [0, 2]
    assert sorted(moves.pedals_ms) == [0, 3]


def test_what_happens_within_a_moment_is_counted() -> None:
    flutter = [(step, DOWN if step % 2 else UP) for step in range(1, 5)]
    both = [(20, NoteOn(60)), (21, NoteOn(60, 80, 1)), (90, NoteOff(60, 1)), (110, NoteOff(60))]
    moves = Moves()

    add(moves, CODEC, of([*flutter, *both]))

    assert (moves.exact, moves.notes, moves.joined, moves.undone) == (1, 1, 1, 2)


def test_a_codec_that_is_not_exact_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moves = Moves()
    monkeypatch.setattr(CODEC, "decode", lambda tokens: [])

    add(moves, CODEC, of([(0, NoteOn(60)), (100, NoteOff(60))]))

    assert (moves.pieces, moves.exact) == (1, 0)


def test_all_pieces_are_exact_in_a_row_for_songs_and_one_for_pieces(tmp_path: Path) -> None:
    rows = check(CODEC, performances.read(some_music(tmp_path), no_report))

    assert [(row["performances"], row["pieces"], row["exact"], row["notes"]) for row in rows] == [
        ("pop909", 30, 30, 90),
        ("piano-midi", 23, 23, 23),
    ]
    assert rows[0]["release ms"] == "5.00, 5.00"
    assert rows[1]["pedal ms"] == "-"
