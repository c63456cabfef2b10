"""The session on disk."""

import shutil
from pathlib import Path

import mido
import pytest

from livegen.clock import NS_PER_S
from livegen.events import Control, Event, NoteOff, NoteOn, Timed, from_bytes
from livegen.serve.recorder import Recorder


def read(path: Path) -> dict[str, list[tuple[int, Event | None]]]:
    """Track name → its events with their absolute ticks."""
    file = mido.MidiFile(path)
    tracks: dict[str, list[tuple[int, Event | None]]] = {}
    for track in file.tracks:
        tick, events = 0, []
        for message in track:
            tick += message.time
            if not message.is_meta:
                events.append((tick, from_bytes(message.bytes())))
        tracks[track.name] = events
    return tracks


def recordings(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def said() -> list[str]:
    return []


def test_player_and_machine_are_recorded_on_tracks_of_their_own(tmp_path: Path, said: list[str]):
    recorder = Recorder(tmp_path / "sessions", said.append)
    begin_ns = 77 * NS_PER_S
    recorder.record("player", Timed(begin_ns, NoteOn(60, 80)))
    recorder.record("player", Timed(begin_ns + NS_PER_S // 2, NoteOff(60)))
    recorder.record("machine", Timed(begin_ns + NS_PER_S, NoteOn(64, 70, 1)))
    recorder.record("machine", Timed(begin_ns + 200 * NS_PER_S, NoteOff(64, 1)))
    recorder.record("player", Timed(begin_ns + NS_PER_S, Control(64, 127)))

    recorder.save(begin_ns + 200 * NS_PER_S)

    (path,) = recordings(tmp_path / "sessions")
    file = mido.MidiFile(path)
    assert (file.type, file.ticks_per_beat, file.tracks[0][0].tempo) == (1, 960, 500_000)
    assert read(path) == {
        "": [],
        "player": [(0, NoteOn(60, 80)), (960, NoteOff(60)), (1920, Control(64, 127))],
        "machine": [(1920, NoteOn(64, 70, 1)), (384_000, NoteOff(64, 1))],
    }
    assert said == []


def test_the_file_grows_second_by_second_and_is_whole_each_time(tmp_path: Path, said: list[str]):
    recorder = Recorder(tmp_path, said.append)
    lengths = []

    for second in range(4):
        recorder.record("player", Timed(second * NS_PER_S, NoteOn(60 + second)))
        recorder.record("player", Timed(second * NS_PER_S + 1, NoteOff(60 + second)))
        recorder.save(second * NS_PER_S)
        lengths.append([len(read(path)["player"]) for path in recordings(tmp_path)])

    assert lengths == [[], [4], [6], [8]]


def test_a_save_is_due_a_second_after_the_last_one_and_only_when_there_is_something_new(
    tmp_path: Path, said: list[str]
):
    recorder = Recorder(tmp_path, said.append)
    before = recorder.wait_s(0)
    recorder.record("player", Timed(10 * NS_PER_S, NoteOn(60)))
    waits = [recorder.wait_s(round(second * NS_PER_S)) for second in (10, 10.75, 12)]
    recorder.save(12 * NS_PER_S)

    assert (before, waits, recorder.wait_s(12 * NS_PER_S)) == (None, [1, 0.25, 0], None)


def test_a_note_that_still_sounds_ends_in_the_file_but_goes_on_in_the_recording(tmp_path: Path, said: list[str]):
    recorder = Recorder(tmp_path, said.append)
    recorder.record("machine", Timed(0, NoteOn(60, 70)))
    recorder.save(NS_PER_S)
    (path,) = recordings(tmp_path)
    while_it_sounds = read(path)["machine"]

    recorder.record("machine", Timed(2 * NS_PER_S, NoteOff(60)))
    recorder.save(2 * NS_PER_S)

    assert while_it_sounds == [(0, NoteOn(60, 70)), (0, NoteOff(60))]
    assert read(path)["machine"] == [(0, NoteOn(60, 70)), (3840, NoteOff(60))]


def test_a_new_file_is_begun_after_ten_minutes(tmp_path: Path, said: list[str]):
    recorder = Recorder(tmp_path, said.append)
    for minute in range(21):
        recorder.record("player", Timed(minute * 60 * NS_PER_S, Control(1, minute)))
        recorder.save(minute * 60 * NS_PER_S)
    recorder.save(21 * 60 * NS_PER_S, is_last=True)

    values = [[event.value for _, event in read(path)["player"]] for path in recordings(tmp_path)]

    assert sorted(values) == [list(range(11)), list(range(11, 21))]


def test_a_folder_that_cannot_be_written_is_said_once_and_nothing_is_lost(tmp_path: Path, said: list[str]):
    folder = tmp_path / "sessions"
    folder.write_text("a file is in the way")
    recorder = Recorder(folder, said.append)
    for second in range(1, 4):
        recorder.record("player", Timed(second * NS_PER_S, Control(1, second)))
        recorder.save(second * NS_PER_S)
    complaints = list(said)

    folder.unlink()
    recorder.save(9 * NS_PER_S)

    (path,) = recordings(folder)
    assert complaints == [f"{folder}: cannot record (File exists); playing on, trying again"]
    assert said == [*complaints, f"{path}: recording again"]
    assert [event.value for _, event in read(path)["player"]] == [1, 2, 3]


def test_a_full_disk_leaves_no_half_written_file_behind(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
):
    recorder = Recorder(tmp_path, said.append)
    recorder.record("player", Timed(0, NoteOn(60)))
    recorder.save(NS_PER_S)
    before = {path: path.read_bytes() for path in recordings(tmp_path)}

    def fill_up(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    recorder.record("player", Timed(2 * NS_PER_S, NoteOff(60)))
    recorder.save(2 * NS_PER_S)

    assert said == [f"{tmp_path}: cannot record (No space left on device); playing on, trying again"]
    assert {path: path.read_bytes() for path in recordings(tmp_path)} == before


def test_nothing_played_leaves_no_file(tmp_path: Path, said: list[str]):
    recorder = Recorder(tmp_path / "sessions", said.append)

    recorder.save(NS_PER_S, is_last=True)

    assert recordings(tmp_path / "sessions") == []


def test_two_sessions_in_one_second_get_two_files(tmp_path: Path, said: list[str]):
    for _ in range(2):
        recorder = Recorder(tmp_path, said.append)
        recorder.record("player", Timed(0, NoteOn(60)))
        recorder.save(0, is_last=True)

    assert len(recordings(tmp_path)) == 2


def test_the_folder_may_vanish_in_mid_session(tmp_path: Path, said: list[str]):
    folder = tmp_path / "sessions"
    recorder = Recorder(folder, said.append)
    recorder.record("player", Timed(0, NoteOn(60)))
    recorder.save(NS_PER_S)

    shutil.rmtree(folder)
    recorder.record("player", Timed(2 * NS_PER_S, NoteOff(60)))
    recorder.save(2 * NS_PER_S)

    (path,) = recordings(folder)
    assert len(read(path)["player"]) == 2
