"""The performance memory."""

from livegen.clock import NS_PER_MS
from livegen.events import SUSTAIN_PEDAL, ControlChange, Event, NoteOff, NoteOn, Timed
from livegen.music.phrase_capture import HeardNote, PhraseCapture

PAUSE = 600 * NS_PER_MS


def heard(*events: tuple[int, Event]) -> PhraseCapture:
    """A performance of (milliseconds, event) pairs."""
    capture = PhraseCapture(PAUSE)
    for at_ms, event in events:
        capture.hear(Timed(at_ms * NS_PER_MS, event))
    return capture


def test_a_phrase_ends_after_the_pause_and_not_before() -> None:
    capture = heard((0, NoteOn(60)), (400, NoteOff(60)))

    assert [capture.has_ended(ms * NS_PER_MS) for ms in (400, 999, 1000)] == [False, False, True]


def test_a_held_key_keeps_the_phrase_open_for_a_minute() -> None:
    capture = heard((0, NoteOn(60)), (0, NoteOn(48)), (400, NoteOff(60)))

    assert not capture.has_ended(59_999 * NS_PER_MS)


def test_a_key_that_is_stuck_keeps_no_phrase_open_for_ever() -> None:
    capture = heard((0, NoteOn(48)), (70_000, NoteOn(60)), (70_400, NoteOff(60)))

    assert capture.due_ns == 73_300 * NS_PER_MS
    assert [note.pitch for note in capture.take()] == [60]
    assert capture.due_ns is None
    assert capture.held == {48}


def test_a_pedal_that_stays_down_keeps_the_phrase_open_for_a_moment() -> None:
    capture = heard((0, ControlChange(SUSTAIN_PEDAL, 127)), (0, NoteOn(60)), (400, NoteOff(60)))

    assert capture.due_ns == 3_400 * NS_PER_MS
    assert capture.take() == [HeardNote(0, 400 * NS_PER_MS, 60, 64)]
    assert capture.held == set()
    assert capture.due_ns is None


def test_a_key_from_before_that_the_pedal_holds_is_a_phrase_too() -> None:
    capture = heard((0, NoteOn(60)))
    capture.take()
    for event in (ControlChange(SUSTAIN_PEDAL, 127), NoteOff(60)):
        capture.hear(Timed(500 * NS_PER_MS, event))

    assert capture.due_ns == 3_500 * NS_PER_MS
    assert capture.take() == [HeardNote(0, 500 * NS_PER_MS, 60, 64)]


def test_a_slow_player_is_given_time() -> None:
    capture = heard((0, NoteOn(60)), (300, NoteOff(60)), (2000, NoteOn(62)), (2300, NoteOff(62)))

    assert [capture.has_ended(ms * NS_PER_MS) for ms in (2900, 4299, 4300)] == [False, False, True]


def test_the_phrase_is_taken_once_with_its_moments() -> None:
    capture = heard((0, NoteOn(60, 90)), (400, NoteOff(60)), (500, NoteOff(61)))

    assert capture.take() == [HeardNote(0, 400 * NS_PER_MS, 60, 90)]
    assert capture.take() == []


def test_a_note_struck_again_without_its_note_off_is_two_notes() -> None:
    capture = heard((0, NoteOn(60, 90)), (200, NoteOn(60, 80)), (400, NoteOff(60)))

    assert [note.velocity for note in capture.take()] == [90, 80]
