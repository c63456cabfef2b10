"""What is still to be played, and in which order."""

import pytest

from livegen.events import PEDALS, ControlChange, NoteOff, NoteOn, PitchBend, Timed, Transport
from livegen.midi_out.scheduler import Scheduler


def test_events_come_due_at_their_moment_and_not_before():
    scheduler = Scheduler()
    scheduler.add([Timed(20, NoteOff(60)), Timed(10, NoteOn(60))])

    assert scheduler.next_ns() == 10
    assert scheduler.due(9) == []
    assert scheduler.due(10) == [Timed(10, NoteOn(60))]
    assert scheduler.due(99) == [Timed(20, NoteOff(60))]
    assert scheduler.next_ns() is None


def test_at_one_moment_what_ends_comes_before_what_begins():
    scheduler = Scheduler()
    at_once = [NoteOn(60), NoteOn(64), ControlChange(64, 0), NoteOff(60), NoteOff(64)]
    scheduler.add(Timed(5, event) for event in at_once)

    played = [timed.event for timed in scheduler.due(5)]

    assert played == [NoteOff(60), NoteOff(64), ControlChange(64, 0), NoteOn(60), NoteOn(64)]


def test_retracting_forgets_only_what_is_due_later():
    scheduler = Scheduler()
    scheduler.add([Timed(10, NoteOn(60)), Timed(20, NoteOff(60)), Timed(30, NoteOn(62)), Timed(40, NoteOff(62))])

    scheduler.retract(20, now_ns=0, endings=())

    assert scheduler.due(99) == [Timed(10, NoteOn(60)), Timed(20, NoteOff(60))]


def test_a_note_whose_end_was_retracted_ends_at_the_moment_of_the_retraction():
    scheduler = Scheduler()
    scheduler.add([Timed(10, NoteOn(60)), Timed(50, NoteOff(60)), Timed(60, NoteOff(48))])

    scheduler.retract(20, now_ns=5, endings=[NoteOff(48)])

    assert scheduler.due(99) == [Timed(10, NoteOn(60)), Timed(20, NoteOff(48)), Timed(20, NoteOff(60))]


def test_a_retraction_in_the_past_ends_notes_now():
    scheduler = Scheduler()

    scheduler.retract(20, now_ns=30, endings=[NoteOff(48), NoteOff(48), ControlChange(64, 0)])

    assert scheduler.due(99) == [Timed(30, NoteOff(48)), Timed(30, NoteOff(48)), Timed(30, ControlChange(64, 0))]


def test_a_note_that_still_has_its_end_gets_no_second_one():
    scheduler = Scheduler()
    scheduler.add([Timed(15, NoteOff(48))])

    scheduler.retract(20, now_ns=5, endings=[NoteOff(48)])

    assert scheduler.due(99) == [Timed(15, NoteOff(48))]


def test_a_stray_note_off_does_not_count_for_a_later_note():
    scheduler = Scheduler()
    scheduler.add([Timed(5, NoteOff(60)), Timed(10, NoteOn(60)), Timed(50, NoteOff(60))])

    scheduler.retract(20, now_ns=0, endings=())

    assert scheduler.due(99) == [Timed(5, NoteOff(60)), Timed(10, NoteOn(60)), Timed(20, NoteOff(60))]


def test_a_note_that_begins_at_the_moment_of_a_retraction_ends_after_it_has_begun() -> None:
    scheduler = Scheduler()
    scheduler.add([Timed(100, NoteOn(60)), Timed(200, NoteOff(60))])

    scheduler.retract(after_ns=100, now_ns=100, endings=())

    assert [timed.event for timed in scheduler.due(300)] == [NoteOn(60), NoteOff(60)]


def test_what_is_kept_sounds_on_and_the_clock_goes_on_through_a_retraction() -> None:
    scheduler = Scheduler()
    scheduler.add([Timed(150, NoteOn(64)), Timed(150, Transport.CLOCK)])

    scheduler.retract(100, 100, [NoteOff(60), NoteOff(67)], kept_pitches=(67,))

    assert [timed.event for timed in scheduler.due(300)] == [NoteOff(60), Transport.CLOCK]


def test_retracting_lifts_a_pedal_and_centres_a_bend_once_and_forgets_those_to_come():
    scheduler = Scheduler()
    sweep = [Timed(10 + step, PitchBend(100 * step)) for step in range(1, 5)]
    scheduler.add([*sweep, Timed(50, ControlChange(64, 127)), Timed(50, PitchBend(8000)), Timed(60, PitchBend(0))])

    scheduler.retract(20, now_ns=5, endings=[ControlChange(64, 0)])

    assert scheduler.due(99) == [*sweep, Timed(20, ControlChange(64, 0)), Timed(20, PitchBend(0))]


def test_a_bend_that_comes_back_by_itself_is_not_centred_again():
    scheduler = Scheduler()
    scheduler.add([Timed(10, PitchBend(9)), Timed(15, PitchBend(0))])

    scheduler.retract(20, now_ns=5, endings=[PitchBend(0)])

    assert scheduler.due(99) == [Timed(10, PitchBend(9)), Timed(15, PitchBend(0))]


@pytest.mark.parametrize("pedal", PEDALS)
def test_each_pedal_whose_end_was_retracted_is_lifted(pedal: int):
    scheduler = Scheduler()
    down, up = ControlChange(pedal, 127), ControlChange(pedal, 0)
    scheduler.add([Timed(10, down), Timed(50, up)])

    scheduler.retract(20, now_ns=0, endings=())

    assert scheduler.due(99) == [Timed(10, down), Timed(20, up)]
