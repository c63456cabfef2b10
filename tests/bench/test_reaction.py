"""The reaction bench knows what sounds."""

from livegen.bench.reaction import sounding
from livegen.events import ControlChange, NoteOff, NoteOn, Timed


def test_the_newest_sounding_pitch_is_the_last() -> None:
    events = (NoteOn(60, 80), NoteOn(64, 80), ControlChange(64, 127), NoteOff(60), NoteOn(48, 80), NoteOn(64, 70))

    assert sounding([Timed(at, event) for at, event in enumerate(events)]) == [48, 64]
    assert sounding([]) == []
