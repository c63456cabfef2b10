"""Those who look on."""

from pathlib import Path

from livegen.clock import now_ns
from livegen.events import NoteOff, NoteOn, Timed, to_bytes
from livegen.serve.onlookers import Onlookers
from livegen.serve.recorder import Recorder
from livegen.session.session_file import Kind, Record, read_session
from livegen.session.tape import Tape
from livegen.session.voices import Who


def test_onlookers_count_show_and_record_what_they_were_told_before_they_stopped(tmp_path: Path):
    seen: list[tuple[Who, Timed]] = []
    tape = Tape(lambda: tmp_path / "a.session", lambda _: b"", print, largest=2**20)
    onlookers = Onlookers(Recorder([tape]), lambda who, timed: seen.append((who, timed)))
    begin_ns = now_ns()
    onlookers.heard(Timed(begin_ns, NoteOn(60)))
    onlookers.sent(Timed(begin_ns + 1, NoteOn(64)))
    onlookers.heard(Timed(begin_ns + 2, NoteOff(60)))
    onlookers.witness(Kind.TOLD, b"frame")
    onlookers.stop()

    onlookers.run()

    assert seen == [
        ("player", Timed(begin_ns, NoteOn(60))),
        ("machine", Timed(begin_ns + 1, NoteOn(64))),
        ("player", Timed(begin_ns + 2, NoteOff(60))),
    ]
    assert onlookers.notes == {"player": 1, "machine": 1}
    *music, frame = read_session(tmp_path / "a.session").records
    assert music == [
        Record(begin_ns, Kind.PLAYER, to_bytes(NoteOn(60))),
        Record(begin_ns + 1, Kind.MACHINE, to_bytes(NoteOn(64))),
        Record(begin_ns + 2, Kind.PLAYER, to_bytes(NoteOff(60))),
    ]
    assert (frame.kind, frame.content) == (Kind.TOLD, b"frame")
    assert begin_ns <= frame.at_ns <= now_ns()
