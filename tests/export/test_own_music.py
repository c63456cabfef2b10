"""Anybody's files and recorded sessions in a model's own codec; what cannot be learned from is named."""

import logging
from collections.abc import Iterable
from pathlib import Path

import mido
import pytest

from export.corpora import own_music
from livegen.clock import NS_PER_S
from livegen.codecs import make_codec
from livegen.codecs.performance import PerformanceCodec
from livegen.errors import SettingsError
from livegen.events import ControlChange, Event, Note, NoteOff, NoteOn, to_bytes
from livegen.files.midi_file import Score, write_score
from livegen.recording.format import Kind, Record, encode_frames
from tests.export.test_piano import TUNE, no_report

TOUCH = PerformanceCodec()
NOTES = make_codec("notes", {})
C_MINOR = (48, 60, 63, 67, 60, 62, 63, 65, 67, 68, 67, 65, 63, 62, 60, 63, 67, 72, 60, 48)


def played(path: Path, pitches: Iterable[int] = range(50, 70), *, channel: int = 0, velocities: int = 40) -> Path:
    """Notes of an eighth, each a little louder than the one before it, or all alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="hands")])
    for number, pitch in enumerate(pitches):
        velocity = 50 + number % velocities
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, channel=channel))
        track.append(mido.Message("note_off", note=pitch, channel=channel, time=240))
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return path


def session(path: Path, player: Iterable[tuple[float, Event]], machine: Iterable[tuple[float, Event]] = ()) -> Path:
    """A recorded session: moments in seconds."""
    records = [Record(round(at_s * NS_PER_S), Kind.PLAYER, to_bytes(event)) for at_s, event in player]
    records += [Record(round(at_s * NS_PER_S), Kind.MACHINE, to_bytes(event)) for at_s, event in machine]
    path.write_bytes(encode_frames(sorted(records, key=lambda record: record.at_ns)))
    return path


def phrase(begin_s: float, count: int = 20, lowest: int = 60) -> list[tuple[float, Event]]:
    notes = [(begin_s + 0.25 * number, lowest + number % 12) for number in range(count)]
    ons = [(at_s, NoteOn(pitch, 60 + number % 60)) for number, (at_s, pitch) in enumerate(notes)]
    return [*ons, *((at_s + 0.2, NoteOff(pitch)) for at_s, pitch in notes)]


def test_midi_files_are_read_with_their_touch(tmp_path: Path) -> None:
    played(tmp_path / "a" / "one.mid")
    played(tmp_path / "two.mid", C_MINOR)

    pieces = own_music.read(tmp_path, TOUCH, no_report)

    assert [piece.name for piece in pieces] == ["a/one.mid", "two.mid"]
    strokes = [ticked.event for ticked in TOUCH.decode_events(pieces[1].tokens.tolist())]
    ons = [event for event in strokes if isinstance(event, NoteOn)]
    assert [on.pitch for on in ons] == list(C_MINOR)
    assert ons[0].velocity < ons[-1].velocity


def test_of_a_session_only_what_the_player_played_is_learned(tmp_path: Path) -> None:
    path = session(tmp_path / "evening.session", [*phrase(100, 20, 60), *phrase(200, 20, 40)], phrase(110, 40, 80))

    (piece,) = own_music.read(path, TOUCH, no_report)
    (written,) = own_music.read(path, NOTES, no_report)

    notes = TOUCH.decode(piece.tokens.tolist())
    assert {note.pitch for note in notes} == {*range(40, 52), *range(60, 72)}
    assert len(notes) == len(NOTES.decode(written.tokens.tolist())) == 40
    pause = notes[20].onset - notes[19].end
    assert pause * 10_000_000 // 16 == own_music.PAUSE_NS


def test_a_long_session_is_several_pieces_so_that_one_can_be_held_out(tmp_path: Path) -> None:
    turns = [event for turn in range(6) for event in phrase(1000 * turn, 200)]
    hanging: tuple[float, Event] = (1050.0, NoteOn(100, 90))  # still down when the next piece begins

    pieces = own_music.read(session(tmp_path / "long.session", [*turns, hanging]), TOUCH, no_report)

    assert [len(TOUCH.decode(piece.tokens.tolist())) for piece in pieces] == [401, 400, 400]


def test_the_pedal_of_a_session_is_kept(tmp_path: Path) -> None:
    pedal: list[tuple[float, Event]] = [(100.1, ControlChange(64, 127)), (103.0, ControlChange(64, 0))]

    (piece,) = own_music.read(session(tmp_path / "a.session", [*phrase(100), *pedal]), TOUCH, no_report)

    moves = [ticked.event for ticked in TOUCH.decode_events(piece.tokens.tolist())]
    assert [move.value for move in moves if isinstance(move, ControlChange)] == [127, 0]


def test_the_machine_s_track_of_an_exported_session_is_left_out(tmp_path: Path) -> None:
    ours = [Note(240 * n, 60 + n % 12, 240, 60 + n) for n in range(20)]
    score = Score(tuple(ours), ())
    machine = [Note(240 * n, 90, 240, 60 + n) for n in range(20, 40)]
    write_score(tmp_path / "a.mid", [("player", ours), ("machine", machine)], score)

    (piece,) = own_music.read(tmp_path, TOUCH, no_report)

    assert {note.pitch for note in TOUCH.decode(piece.tokens.tolist())} == set(range(60, 72))


def test_a_model_of_tunes_reads_abc_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "tunes.abc").write_text(TUNE + "\n" + TUNE.replace("K:C", "K:G"))
    codec = make_codec("abc", {})

    pieces = own_music.read(tmp_path, codec, no_report)

    assert [piece.name for piece in pieces] == ["tunes.abc", "tunes.abc"]
    assert "CDEF GABc|cBAG FEDC|" in codec.text_of(pieces[0].tokens.tolist())  # type: ignore[attr-defined]


def test_a_model_of_chorales_reads_music_in_its_key_and_register(tmp_path: Path) -> None:
    played(tmp_path / "a.mid", [pitch + 12 for pitch in C_MINOR])
    codec = make_codec("chorale", {})

    (piece,) = own_music.read(tmp_path, codec, no_report)

    classes = {note.pitch % 12 for note in codec.decode(piece.tokens.tolist())}
    assert classes <= {0, 2, 4, 5, 7, 9, 11}  # A minor


REFUSED = {
    "drums only": (lambda folder: played(folder / "a.mid", channel=9), "a.mid: the file has no pitched notes"),
    "one loudness": (
        lambda folder: played(folder / "a.mid", velocities=1),
        "a.mid: every note has the loudness 50, so no touch can be learned from it; give files that were played on "
        "keys, or tune a model without touch: --from piano-lstm",
    ),
    "a score": (lambda folder: (folder / "a.abc").write_text(TUNE), "a.abc: a score has no touch; give MIDI files"),
    "three notes": (lambda folder: played(folder / "a.mid", (60, 62, 64)), "a.mid: has 3 notes; fewer than 16"),
    "an empty session": (lambda folder: session(folder / "a.session", []), "a.session: the file has no pitched notes"),
    "no session": (lambda folder: (folder / "a.session").write_text("x"), "a.session: not a livegen session"),
    "no music": (lambda folder: (folder / "a.txt").write_text("x"), "holds no music; files may be .mid, .midi"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_folder_with_nothing_to_learn_from_is_one_line(tmp_path: Path, what: str) -> None:
    build, said = REFUSED[what]
    build(tmp_path)

    with pytest.raises(SettingsError) as refusal:
        own_music.read(tmp_path, TOUCH, no_report)

    assert str(refusal.value).startswith(str(tmp_path))
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_one_loudness_teaches_is_notes(tmp_path: Path) -> None:
    played(tmp_path / "a.mid", velocities=1)

    assert len(own_music.read(tmp_path, NOTES, no_report)) == 1


def test_of_a_mixed_folder_the_rest_is_skipped_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    played(tmp_path / "drums.mid", channel=9)
    played(tmp_path / "keys.mid")
    with caplog.at_level(logging.WARNING):
        pieces = own_music.read(tmp_path, TOUCH, no_report)

    assert [piece.name for piece in pieces] == ["keys.mid"]
    assert [record.getMessage().split(": ")[0] for record in caplog.records] == [f"skipped {tmp_path / 'drums.mid'}"]
