"""The tracks of a session."""

from livegen.events import ControlChange, Event, NoteOff, NoteOn, to_bytes
from livegen.recording.format import Kind, Record, Session
from livegen.recording.tracks import first_note_ns


def session(*played: tuple[int, Kind, Event]) -> Session:
    return Session(tuple(Record(at_ns, kind, to_bytes(event)) for at_ns, kind, event in played))


def test_the_bars_begin_with_the_first_note_and_not_with_a_pedal_before_it() -> None:
    pedal, on, off = ControlChange(64, 127), NoteOn(60), NoteOff(60)

    assert first_note_ns(session((5, Kind.PLAYER, pedal), (9, Kind.PLAYER, on), (12, Kind.MACHINE, on))) == 9
    assert first_note_ns(session((5, Kind.PLAYER, pedal), (7, Kind.MACHINE, on), (9, Kind.PLAYER, on))) == 7
    assert first_note_ns(session((5, Kind.PLAYER, pedal), (6, Kind.PLAYER, off))) == 5
    assert first_note_ns(session()) == 0
