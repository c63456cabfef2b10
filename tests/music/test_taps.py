"""Notes of no length."""

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, Event, NoteOff, NoteOn, Timed
from livegen.music.taps import Taps

SIXTEENTH = 150 * NS_PER_MS


def at(ms: int, event: Event) -> Timed:
    return Timed(ms * NS_PER_MS, event)


def heard(taps: Taps, *events: Timed, least_ns: int = SIXTEENTH) -> list[Timed]:
    return [each for timed in events for each in taps.hear(timed, least_ns)]


def test_a_tap_ends_a_sixteenth_after_it_began():
    taps = Taps()

    first = heard(taps, at(0, NoteOn(60)), at(0, NoteOff(60)))
    taps.due(0)
    first += heard(taps, at(10, NoteOn(64)), at(30, NoteOff(64)))
    taps.due(10 * NS_PER_MS)
    due = [taps.due_ns, taps.due(149 * NS_PER_MS), taps.due(160 * NS_PER_MS), taps.due_ns]

    assert first == [at(0, NoteOn(60)), at(10, NoteOn(64))]
    assert due == [SIXTEENTH, [], [at(150, NoteOff(60)), at(160, NoteOff(64))], None]


def test_a_note_that_a_finger_plays_and_everything_else_is_heard_as_it_is_played():
    played = (at(0, NoteOn(60)), at(1, ControlChange(64, 127)), at(25, NoteOff(60)), at(26, NoteOff(61)))

    assert heard(Taps(), *played) == list(played)
    assert heard(Taps(), played[0], at(0, NoteOff(60)), least_ns=0) == [played[0], at(0, NoteOff(60))]


def test_a_roll_on_one_pad_is_one_note_for_each_tap():
    taps = Taps()
    roll = [at(ms, event) for ms in (0, 40, 80) for event in (NoteOn(60), NoteOff(60))]

    told = heard(taps, *roll)
    taps.due(80 * NS_PER_MS)
    told += taps.due(10**9)

    assert told == [
        at(0, NoteOn(60)),
        *(at(ms, event) for ms in (40, 80) for event in (NoteOff(60), NoteOn(60))),
        at(230, NoteOff(60)),
    ]


def test_what_is_heard_next_comes_after_an_end_that_was_due():
    taps = Taps()

    told = heard(taps, at(0, NoteOn(60)), at(0, NoteOff(60)), at(200, NoteOn(62)))

    assert told == [at(0, NoteOn(60)), at(150, NoteOff(60)), at(200, NoteOn(62))]


def test_a_tap_that_is_planned_for_late_lasts_as_long():
    taps = Taps()
    heard(taps, at(0, NoteOn(60)), at(0, NoteOff(60)))

    due = [taps.due(400 * NS_PER_MS), taps.due_ns, taps.due(550 * NS_PER_MS)]

    assert due == [[], 550 * NS_PER_MS, [at(550, NoteOff(60))]]
