"""Odd MIDI files: what is not used is passed over, and what cannot be read is named."""

import os
from pathlib import Path

import pytest

from livegen.clock import NS_PER_S
from livegen.errors import MidiFileError
from livegen.events import NoteOn
from livegen.files.midi_file import read_midi, read_score, write_score
from livegen.files.midi_tracks import read_tracks
from tests.support.midi_bytes import END, TUNE, at, header, meta, track, tune, write

PLAIN = header() + track(tune(), END)
PASSED_OVER = {
    "a key of eight sharps": (header(), track(meta(0x59, 8, 0), tune(), END)),
    "a mode that is none": (header(), track(meta(0x59, 0xFE, 0xFF), tune(), END)),
    "a tempo of zero": (header(), track(meta(0x51, 0, 0, 0), tune(), END)),
    "a tempo of two bytes": (header(), track(meta(0x51, 7, 8), tune(), END)),
    "a time signature over 2 ** 200": (header(), track(meta(0x58, 4, 200, 24, 8), tune(), END)),
    "a text that is no text": (header(), track(meta(0x03, 0x83, 0x73, 0xFF), tune(), END)),
    "SysEx in pieces": (
        header(),
        track(at(0, 0xF0, 2, 0x43, 0x12), at(9, 0xF7, 1, 0x10), at(0, 0xF7, 2, 1, 0xF7), tune(), END),
    ),
    "a clock byte": (header(), track(tune(pitches=TUNE[:9]), at(0, 0xF8), tune(pitches=TUNE[9:]), END)),
    "a data byte over 127": (header(), track(at(0, 0xB0, 7, 200), tune(), END)),
    "a chunk of another name": (header(), track(b"any bytes", name=b"XFIH"), track(tune(), END)),
    "a longer header": (header(more=b"\0\0\0\0"), track(tune(), END)),
    "more tracks than announced": (header(tracks=1), track(END), track(tune(), END)),
    "no end of the track": (header(), track(tune())),
    "a newline behind the last track": (header(), track(tune(), END), b"\n"),
    "a RIFF wrapper": (b"RIFF\x70\0\0\0RMIDdata\x68\0\0\0", PLAIN),
    "a MacBinary wrapper": (bytes(128), PLAIN),
}


def pitches(path: Path) -> list[int]:
    return [timed.event.pitch for timed in read_midi(path) if isinstance(timed.event, NoteOn)]


@pytest.mark.parametrize("what", PASSED_OVER)
def test_what_is_not_used_is_passed_over(tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "odd.mid", *PASSED_OVER[what])

    assert pitches(path) == list(TUNE)
    assert [note.pitch for note in read_score(path).notes if note.duration == 800] == list(TUNE)
    assert not caplog.records
    assert read_midi(path)[-1].at_ns > NS_PER_S
    assert all(getattr(sign, "unit", 4) <= 64 for sign in read_score(path).signs)
    write_score(tmp_path / "again.mid", [("melody", read_score(path).notes)], read_score(path))
    assert pitches(tmp_path / "again.mid") == list(TUNE)


@pytest.mark.parametrize("more", [-9, 7, len(track(tune(1), END)), 2_000_000_000])
def test_a_track_ends_where_it_says_so_though_its_length_is_wrong(tmp_path: Path, more: int) -> None:
    first = tune() + END
    path = write(tmp_path / "odd.mid", header(tracks=2), track(first, length=len(first) + more), track(tune(1), END))

    assert [len(found.events) for found in read_tracks(path).tracks] == [36, 36]
    assert read_tracks(path).problems == ()


def test_the_last_status_counts_again_after_a_text(tmp_path: Path) -> None:
    notes = [at(0, 0x90, 60, 80), meta(0x05, 0x6C, 0x61), at(400, 60, 0), at(80, 62, 80), at(400, 62, 0)]
    path = write(tmp_path / "odd.mid", header(), track(*notes, END))

    assert pitches(path) == [60, 62]


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ((header(), track(tune())[:-3]), "track 1 is truncated; what comes before is used"),
        ((header(), track(tune(), b"\xff\xff\xff\xff\xff")), "track 1 has a number of more than four"),
        ((header(tracks=2), track(b"\0\x40\x40"), track(tune(), END)), "track 1 has data without a status byte"),
        ((header(tracks=5), track(tune(), END)), "the file has 1 of the 5 tracks that it announces"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, chunks: tuple[bytes, ...], said: str
) -> None:
    path = write(tmp_path / "odd.mid", *chunks)

    assert pitches(path)[:17] == list(TUNE[:17])
    assert [record.getMessage().startswith(f"{path}: {said}") for record in caplog.records] == [True]


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ((header(division=0), track(tune(), END)), "the file has a division of 0 ticks per quarter"),
        ((header(division=0xE728), track(tune(), END)), "the file counts time in film frames"),
        ((header(kind=2, tracks=2), track(tune(), END), track(tune(1), END)), "the file is of type 2"),
        ((b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ", bytes(40)), "not a Standard MIDI File"),
        ((header(), track(at(0, 0xE0, 0, 64), END)), "the file has no notes"),
        ((header()[:9],), "the file is truncated"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_every_reader(
    tmp_path: Path, chunks: tuple[bytes, ...], said: str
) -> None:
    path = write(tmp_path / "bad.mid", *chunks)

    for read in (read_midi, read_score):
        with pytest.raises(MidiFileError, match=rf"bad\.mid: {said}"):
            read(path)


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    (tmp_path / "folder.mid").mkdir()

    for name in ("pipe.mid", "folder.mid"):
        with pytest.raises(MidiFileError, match=f"{name}: not a regular file"):
            read_midi(tmp_path / name)
