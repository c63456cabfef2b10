"""What a new engine has to be told."""

from livegen.clock import NS_PER_S
from livegen.daemon.resend_buffer import ResendBuffer
from livegen.events import ControlChange, NoteOff, NoteOn, ProgramChange, Timed


def note(pitch: int, begin_s: float, end_s: float) -> list[Timed]:
    return [Timed(round(begin_s * NS_PER_S), NoteOn(pitch)), Timed(round(end_s * NS_PER_S), NoteOff(pitch))]


def buffer(*events: Timed) -> ResendBuffer:
    made = ResendBuffer()
    for timed in events:
        made.remember(timed)
    return made


def test_phrases_close_together_are_one_conversation():
    first, second = note(60, 0, 1), note(62, 4.9, 5)

    assert buffer(*first, *second).events() == (*first, *second)


def test_four_seconds_of_silence_begin_a_new_one():
    first, second = note(60, 0, 1), note(62, 5, 6)

    assert buffer(*first, *second).events() == tuple(second)


def test_a_held_note_is_no_silence():
    held, second = note(60, 0, 9), note(62, 8, 8.5)

    assert buffer(held[0], *second, held[1]).events() == (held[0], *second, held[1])


def test_no_more_than_two_minutes_are_kept():
    events = [event for second in range(0, 300, 3) for event in note(60, second, second)]

    assert buffer(*events).events() == tuple(events[-82:])


def test_no_more_than_4096_events_are_kept():
    events = [Timed(index, NoteOn(60)) for index in range(5_000)]

    assert buffer(*events).events() == tuple(events[-4_096:])


def test_an_answer_that_was_cut_short_is_no_answer():
    phrase = buffer(*note(60, 0, 1))

    assert not phrase.is_answered(planned_ns=3 * NS_PER_S, lost_ns=3 * NS_PER_S)
    assert phrase.is_answered(planned_ns=3 * NS_PER_S, lost_ns=4 * NS_PER_S)


def test_an_answer_to_an_earlier_phrase_is_no_answer_to_this_one():
    phrase = buffer(*note(60, 0, 1), *note(62, 4, 5))

    assert not phrase.is_answered(planned_ns=3 * NS_PER_S, lost_ns=9 * NS_PER_S)


def test_forgetting_leaves_nothing_to_tell():
    phrase = buffer(*note(60, 0, 1))

    phrase.forget()

    assert phrase.events() == ()


def test_after_a_minute_it_needs_no_answer_any_more():
    phrase = buffer(*note(60, 0, 1))

    assert not phrase.is_stale(61 * NS_PER_S)
    assert phrase.is_stale(61 * NS_PER_S + 1)
    assert not buffer().is_stale(99 * NS_PER_S)


def stream(begin_s: float, end_s: float) -> list[Timed]:
    """A controller that never rests: aftertouch, breath, an expression pedal."""
    return [
        Timed(round(begin_s * NS_PER_S) + step * NS_PER_S // 100, ControlChange(11, step % 128))
        for step in range(round(100 * (end_s - begin_s)))
    ]


def test_a_controller_that_never_rests_drives_no_phrase_out():
    first = note(60, 0, 1)

    assert buffer(
        *first,
        *stream(1, 59),
    ).events() == tuple(first)
    assert buffer(*first, *stream(1, 59)).is_stale(62 * NS_PER_S)


def test_a_controller_that_never_rests_is_silence_all_the_same():
    first, second = note(60, 0, 1), note(62, 5, 6)
    phrases = buffer(*first, *stream(1, 5), *second, *stream(6, 9), Timed(9 * NS_PER_S, ProgramChange(1)))

    assert phrases.events() == tuple(second)
    assert phrases.is_answered(planned_ns=7 * NS_PER_S, lost_ns=9 * NS_PER_S)


def test_a_pedal_is_told_where_it_changes_and_one_that_is_down_is_told_to_each_engine():
    values = [
        Timed(index, ControlChange(64, value)) for index, value in enumerate((0, 20, 70, 100, 127, 90, 40, 10, 80))
    ]
    sostenuto = Timed(20, ControlChange(66, 127))
    second = note(62, 9, 10)

    told = buffer(*values, sostenuto, *note(60, 1, 2), *second)
    first = buffer(*values).events()
    told.forget()

    assert first == (values[2], values[6], values[8])
    assert told.events() == (values[8], sostenuto)
    assert buffer(*values, *note(60, 1, 2), *second).events() == (values[8], *second)
