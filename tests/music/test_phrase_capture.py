"""The performance memory."""

from livegen.clock import NS_PER_MS
from livegen.events import SUSTAIN_PEDAL, Control, Event, NoteOff, NoteOn, Timed
from livegen.music.phrase_capture import HeardNote, Performance

PAUSE = 600 * NS_PER_MS


def heard(*events: tuple[int, Event]) -> Performance:
    """A performance of (milliseconds, event) pairs."""
    performance = Performance(PAUSE)
    for at_ms, event in events:
        performance.hear(Timed(at_ms * NS_PER_MS, event))
    return performance


def test_a_phrase_ends_after_the_pause_and_not_before() -> None:
    performance = heard((0, NoteOn(60)), (400, NoteOff(60)))

    assert [performance.has_ended(ms * NS_PER_MS) for ms in (400, 999, 1000)] == [False, False, True]


def test_a_held_key_keeps_the_phrase_open_for_a_minute() -> None:
    performance = heard((0, NoteOn(60)), (0, NoteOn(48)), (400, NoteOff(60)))

    assert not performance.has_ended(59_999 * NS_PER_MS)


def test_a_key_that_is_stuck_keeps_no_phrase_open_for_ever() -> None:
    performance = heard((0, NoteOn(48)), (70_000, NoteOn(60)), (70_400, NoteOff(60)))

    assert performance.due_ns == 73_300 * NS_PER_MS
    assert [note.pitch for note in performance.take()] == [60]
    assert performance.due_ns is None
    assert performance.held == {48}


def test_a_pedal_that_stays_down_keeps_the_phrase_open_for_a_moment() -> None:
    performance = heard((0, Control(SUSTAIN_PEDAL, 127)), (0, NoteOn(60)), (400, NoteOff(60)))

    assert performance.due_ns == 3_400 * NS_PER_MS
    assert performance.take() == [HeardNote(0, 400 * NS_PER_MS, 60, 64)]
    assert performance.held == set()
    assert performance.due_ns is None


def test_a_key_from_before_that_the_pedal_holds_is_a_phrase_too() -> None:
    performance = heard((0, NoteOn(60)))
    performance.take()
    for event in (Control(SUSTAIN_PEDAL, 127), NoteOff(60)):
        performance.hear(Timed(500 * NS_PER_MS, event))

    assert performance.due_ns == 3_500 * NS_PER_MS
    assert performance.take() == [HeardNote(0, 500 * NS_PER_MS, 60, 64)]


def test_a_slow_player_is_given_time() -> None:
    performance = heard((0, NoteOn(60)), (300, NoteOff(60)), (2000, NoteOn(62)), (2300, NoteOff(62)))

    assert [performance.has_ended(ms * NS_PER_MS) for ms in (2900, 4299, 4300)] == [False, False, True]


def test_the_phrase_is_taken_once_with_its_moments() -> None:
    performance = heard((0, NoteOn(60, 90)), (400, NoteOff(60)), (500, NoteOff(61)))

    assert performance.take() == [HeardNote(0, 400 * NS_PER_MS, 60, 90)]
    assert performance.take() == []


def test_a_note_struck_again_without_its_note_off_is_two_notes() -> None:
    performance = heard((0, NoteOn(60, 90)), (200, NoteOn(60, 80)), (400, NoteOff(60)))

    assert [note.velocity for note in performance.take()] == [90, 80]
