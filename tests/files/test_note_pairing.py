"""Each note that begins in a file ends once."""

from pathlib import Path

import pytest

from livegen.clock import NS_PER_S
from livegen.errors import MidiFileError
from livegen.events import Note, NoteOff, NoteOn
from livegen.files.midi_file import read_midi, read_score
from tests.support.midi_bytes import END, at, header, meta, track, write

Stroke = tuple[int, bool, int, int]  # ms, down, pitch, channel
ON, OFF = 0x90, 0x80


def strokes(path: Path) -> list[Stroke]:
    """The notes of the stream; a beat is 500 ms."""
    return [
        (timed.at_ns // 1_000_000, isinstance(timed.event, NoteOn), timed.event.pitch, timed.event.channel)
        for timed in read_midi(path)
        if isinstance(timed.event, NoteOn | NoteOff)
    ]


def notes(path: Path) -> list[tuple[int, int, int]]:
    return [(note.onset, note.pitch, note.duration) for note in read_score(path).notes]


def one_track(path: Path, *events: bytes) -> Path:
    return write(path / "notes.mid", header(), track(*events, END))


def test_on_one_tick_what_sounds_ends_before_what_begins(tmp_path: Path) -> None:
    repeated = [at(0, ON, 60, 80), at(480, ON, 60, 80), at(0, OFF, 60, 0), at(480, OFF, 60, 0)]

    path = one_track(tmp_path, *repeated)

    assert notes(path) == [(0, 60, 960), (960, 60, 960)]
    assert strokes(path) == [(0, True, 60, 0), (500, False, 60, 0), (500, True, 60, 0), (1000, False, 60, 0)]


def test_an_end_that_is_written_too_late_is_no_end_of_the_next_note(tmp_path: Path) -> None:
    path = one_track(tmp_path, at(0, ON, 60, 80), at(480, ON, 60, 80), at(0, OFF, 60, 0), at(480, 0xFF, 0x06, 0))

    assert notes(path) == [(0, 60, 960), (960, 60, 960)]


def test_a_note_without_a_note_off_ends_when_its_key_is_struck_again(tmp_path: Path) -> None:
    struck = [at(480 * bool(beat), ON, 60, 80) for beat in range(4)]

    path = one_track(tmp_path, *struck, at(480, OFF, 60, 0))

    assert notes(path) == [(beat * 960, 60, 960) for beat in range(4)]
    assert [ms for ms, is_on, *_ in strokes(path) if not is_on] == [500, 1000, 1500, 2000]


def test_of_overlapping_notes_of_one_key_the_first_note_off_ends_the_first(tmp_path: Path) -> None:
    path = one_track(tmp_path, at(0, ON, 60, 80), at(480, ON, 60, 80), at(10, OFF, 60, 0), at(470, OFF, 60, 0))

    assert notes(path) == [(0, 60, 980), (960, 60, 960)]
    assert [stroke[:2] for stroke in strokes(path)] == [(0, True), (500, False), (500, True), (1000, False)]


def test_open_notes_end_with_the_file(tmp_path: Path) -> None:
    path = one_track(tmp_path, at(0, ON, 60, 80), at(960, ON, 64, 80), at(480, 0xFF, 0x06, 0))

    assert notes(path) == [(0, 60, 2880), (1920, 64, 960)]
    assert strokes(path)[-2:] == [(1500, False, 60, 0), (1500, False, 64, 0)]


@pytest.mark.parametrize("controller", [120, 123, 124, 127])
def test_all_notes_off_ends_the_notes_of_its_channel(tmp_path: Path, controller: int) -> None:
    path = one_track(
        tmp_path,
        at(0, ON | 1, 48, 80),
        at(0, ON, 60, 80),
        at(480, 0xB0, controller, 0),
        at(0, ON, 62, 80),
        at(480, 0xB0, controller, 0),
        at(480, OFF | 1, 48, 0),
    )

    assert notes(path) == [(0, 48, 2880), (0, 60, 960), (960, 62, 960)]
    assert [stroke for stroke in strokes(path) if not stroke[1]] == [
        (500, False, 60, 0),
        (1000, False, 62, 0),
        (1500, False, 48, 1),
    ]


def test_notes_are_paired_within_their_track(tmp_path: Path) -> None:
    long = track(at(0, ON, 60, 80), at(1920, OFF, 60, 0), END)
    short = track(at(480, ON, 60, 70), at(480, OFF, 60, 0), END)
    path = write(tmp_path / "two.mid", header(tracks=2), long, short)

    assert notes(path) == [(0, 60, 3840), (960, 60, 960)]
    assert [stroke[:2] for stroke in strokes(path)] == [(0, True), (500, False), (500, True), (2000, False)]


def test_a_note_of_no_length_lasts_a_sixteenth_and_a_doubled_one_is_one(tmp_path: Path) -> None:
    tap = [at(0, ON, 60, 80), at(0, OFF, 60, 0)]
    doubled = [at(480, ON, 62, 80), at(0, OFF, 62, 0), at(0, ON, 62, 80), at(480, OFF, 62, 0)]

    path = one_track(tmp_path, *tap, *doubled)

    assert notes(path) == [(0, 60, 240), (960, 62, 960)]
    assert strokes(path) == [
        (0, True, 60, 0),
        (125, False, 60, 0),
        (500, True, 62, 0),
        (1000, False, 62, 0),
    ]


def test_events_of_other_kinds_and_orders_stay_where_they_are(tmp_path: Path) -> None:
    chord = [at(0, ON, 60, 80), at(0, ON, 64, 80), at(0, 0xB0, 64, 127)]
    path = one_track(tmp_path, *chord, at(480, ON, 65, 80), at(0, OFF, 64, 0), at(0, OFF, 60, 0), at(9, OFF, 65, 0))

    assert [type(timed.event).__name__ for timed in read_midi(path)] == [
        "NoteOn",
        "NoteOn",
        "ControlChange",
        "NoteOn",
        "NoteOff",
        "NoteOff",
        "NoteOff",
    ]


def test_a_tempo_in_any_track_counts_for_all(tmp_path: Path) -> None:
    slow = track(at(480, 0xFF, 0x51, 3, 0x0F, 0x42, 0x40), END)  # a second to the quarter, from the second beat on
    path = write(tmp_path / "two.mid", header(tracks=2), track(at(0, ON, 60, 80), at(960, OFF, 60, 0), END), slow)

    assert strokes(path) == [(0, True, 60, 0), (1500, False, 60, 0)]


def test_a_silence_of_days_is_shortened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    short = [at(0, ON, 60, 80), at(480, OFF, 60, 0)]
    path = one_track(tmp_path, *short, at(0x0FFFFFFF, ON, 62, 80), at(480, OFF, 62, 0))

    assert [timed.at_ns for timed in read_midi(path)] == [0, NS_PER_S // 2, 600.5 * NS_PER_S, 601 * NS_PER_S]
    assert read_score(path).notes == (Note(0, 60, 960, 80), Note(257 * 960, 62, 960, 80))
    assert "is shortened" in caplog.records[0].getMessage()


def test_a_file_of_months_is_refused(tmp_path: Path) -> None:
    notes_far_apart = [at(0x0FFFFFFF, ON, 60, 80) + at(0x0FFFFFFF, OFF, 60, 0) for _ in range(600)]
    path = one_track(tmp_path, meta(0x51, 0xFF, 0xFF, 0xFF), *notes_far_apart)

    for read in (read_midi, read_score):
        with pytest.raises(MidiFileError, match="the file is too long"):
            read(path)
