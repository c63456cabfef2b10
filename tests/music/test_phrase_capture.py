"""The performance memory."""

import pytest

from livegen.clock import NS_PER_MS
from livegen.events import SOSTENUTO_PEDAL, SUSTAIN_PEDAL, ControlChange, Event, NoteOff, NoteOn, Timed
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

    assert capture.due_ns == 1_400 * NS_PER_MS
    assert capture.take() == [HeardNote(0, 400 * NS_PER_MS, 60, 64)]
    assert capture.held == set()
    assert capture.due_ns is None


def test_a_key_from_before_that_the_pedal_holds_is_a_phrase_too() -> None:
    capture = heard((0, NoteOn(60)))
    capture.take()
    for event in (ControlChange(SUSTAIN_PEDAL, 127), NoteOff(60)):
        capture.hear(Timed(500 * NS_PER_MS, event))

    assert capture.due_ns == 1_500 * NS_PER_MS
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


def test_sostenuto_holds_the_notes_that_were_down_when_it_was_pressed_and_no_others() -> None:
    capture = heard(
        (0, NoteOn(60)),
        (100, ControlChange(SOSTENUTO_PEDAL, 127)),
        (200, NoteOn(64)),
        (300, NoteOff(64)),
        (300, NoteOff(60)),
    )
    between = capture.held
    capture.hear(Timed(900 * NS_PER_MS, ControlChange(SOSTENUTO_PEDAL, 0)))

    assert between == {60}
    assert [(note.pitch, note.end_ns // NS_PER_MS) for note in capture.take()] == [(60, 900), (64, 300)]


@pytest.mark.parametrize("master", [0, 15])
@pytest.mark.parametrize("pedal", [SUSTAIN_PEDAL, SOSTENUTO_PEDAL])
def test_the_pedal_of_a_master_channel_holds_the_notes_of_all_members_which_are_one_phrase(
    master: int, pedal: int
) -> None:
    members = [(100 * index, NoteOn(60 + index, channel=index + 1)) for index in range(4)]
    up = [(500 + index, NoteOff(60 + index, index + 1)) for index in range(4)]
    capture = heard(*members, (450, ControlChange(pedal, 127, master)), *up)
    held = capture.held
    capture.hear(Timed(900 * NS_PER_MS, ControlChange(pedal, 0, master)))

    assert held == {60, 61, 62, 63}
    assert capture.held == set()
    assert [(note.pitch, note.end_ns // NS_PER_MS) for note in capture.take()] == [(60 + n, 900) for n in range(4)]


def test_the_pedal_of_one_of_two_channels_with_notes_holds_its_own() -> None:
    capture = heard(
        (0, ControlChange(SUSTAIN_PEDAL, 127)),
        (0, NoteOn(60)),
        (0, NoteOn(64, channel=1)),
        (400, NoteOff(60)),
        (400, NoteOff(64, 1)),
    )

    assert capture.held == {60}


def test_a_controller_that_never_rests_keeps_no_phrase_open() -> None:
    stream: list[tuple[int, Event]] = [(ms, ControlChange(11, ms % 128)) for ms in range(400, 1000, 10)]
    half_pedal: list[tuple[int, Event]] = [(ms, ControlChange(SUSTAIN_PEDAL, ms % 60)) for ms in range(405, 1000, 10)]
    capture = heard((0, NoteOn(60)), (400, NoteOff(60)), *stream, *half_pedal)

    assert capture.due_ns == 1000 * NS_PER_MS


@pytest.mark.parametrize("number", [120, 123, 124, 127])
def test_channel_mode_messages_end_the_notes_of_their_channel(number: int) -> None:
    capture = heard((0, NoteOn(60)), (0, NoteOn(64, channel=1)), (400, ControlChange(number, 0)))

    assert capture.held == {64}


def test_all_notes_off_leaves_what_a_pedal_holds_and_all_sound_off_and_reset_do_not() -> None:
    pedalled: tuple[tuple[int, Event], ...] = ((0, ControlChange(SUSTAIN_PEDAL, 127)), (0, NoteOn(60)))

    held = [heard(*pedalled, (400, ControlChange(number, 0)), (500, NoteOff(60))).held for number in (123, 120, 121)]

    assert held == [{60}, set(), set()]
