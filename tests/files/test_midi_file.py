"""MIDI files in and out."""

from pathlib import Path

import mido
import pytest

from livegen.errors import MidiFileError
from livegen.events import ControlChange, NoteOff, NoteOn, Timed
from livegen.files.midi_file import read_midi, write_midi

TICK_NS = 500_000_000 / 960


def test_what_was_written_is_read_back_to_the_tick(tmp_path: Path) -> None:
    events = [
        Timed(round(tick * TICK_NS), event) for tick, event in enumerate((NoteOn(60, 70), ControlChange(64, 127)))
    ]
    events.append(Timed(round(960 * 100 * TICK_NS), NoteOff(60)))

    write_midi(tmp_path / "a.mid", [("player", events)])

    read = read_midi(tmp_path / "a.mid")
    assert [timed.event for timed in read] == [timed.event for timed in events]
    assert all(abs(a.at_ns - b.at_ns) <= TICK_NS for a, b in zip(read, events, strict=True))


def test_a_tempo_change_moves_what_follows(tmp_path: Path) -> None:
    file = mido.MidiFile(type=0, ticks_per_beat=100)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.Message("note_on", note=60, time=100),
                mido.MetaMessage("set_tempo", tempo=1_000_000, time=0),
                mido.Message("note_off", note=60, time=100),
            ]
        )
    )
    file.save(tmp_path / "b.mid")

    assert [timed.at_ns for timed in read_midi(tmp_path / "b.mid")] == [500_000_000, 1_500_000_000]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"Hello", "not a Standard MIDI File"),
        (b"Dear diary, today I played the piano.", "not a Standard MIDI File"),
        (b"MThd\0\0\0\6\0\1\0\2\0\x60MTrk\0\0\0\x10\0\x90\x3c", "truncated"),
        (b"MThd\0\0\0\6\0\2\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "the file is of type 2 (independent patterns)"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "has no notes"),
        (b"MThd\0\0\0\6\0\1\0\1\xe8\x28MTrk\0\0\0\4\0\xff\x2f\0", "film frames"),
    ],
)
def test_what_is_no_music_is_answered_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(content)

    with pytest.raises(MidiFileError) as caught:
        read_midi(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MidiFileError, match=r"none\.mid: no such file"):
        read_midi(tmp_path / "none.mid")


def test_no_track_has_a_channel_of_a_track_before_it_but_for_drums(tmp_path: Path) -> None:
    def on(*channels: int) -> list[Timed]:
        return [Timed(channel, NoteOn(60, channel=channel)) for channel in channels]

    write_midi(tmp_path / "a.mid", [("player", on(0, 9)), ("machine", on(0, 1, 9)), ("other", on(1, 3))])

    tracks = mido.MidiFile(tmp_path / "a.mid").tracks[1:]
    channels = [[message.channel for message in track if message.type == "note_on"] for track in tracks]
    assert channels == [[0, 9], [2, 1, 9], [4, 3]]


def test_a_track_keeps_its_channels_where_all_are_taken(tmp_path: Path) -> None:
    every = [Timed(channel, NoteOn(60, channel=channel)) for channel in range(16)]

    write_midi(tmp_path / "a.mid", [("player", every), ("machine", every)])

    tracks = mido.MidiFile(tmp_path / "a.mid").tracks[1:]
    assert [message.channel for message in tracks[1] if message.type == "note_on"] == list(range(16))
