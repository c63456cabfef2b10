"""Our own clock: what it hands out, and when."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import SongPosition, Timed, Transport
from livegen.midi_out.scheduler import Scheduler
from livegen.sync.clock_message import ClockMessage
from livegen.sync.midi_clock_in import ClockFollower
from livegen.sync.midi_clock_out import ClockOut

START, CONTINUE, STOP, CLOCK = Transport.START, Transport.CONTINUE, Transport.STOP, Transport.CLOCK
MS = NS_PER_MS


def in_ms(events: list[Timed]) -> list[tuple[float, Transport | SongPosition]]:
    """Milliseconds and events."""
    return [(timed.at_ns / MS, timed.event) for timed in events]


def test_a_start_is_told_a_millisecond_before_its_first_pulse():
    clock = ClockOut(125)

    clock.start(100 * MS)

    assert in_ms(clock.due(150 * MS)) == [(99, START), (100, CLOCK), (120, CLOCK), (140, CLOCK)]


def test_nothing_is_handed_out_twice():
    clock = ClockOut(125)
    clock.start(100 * MS)

    handed = [in_ms(clock.due(until_ms * MS)) for until_ms in (99, 120, 120, 139, 140)]

    assert handed == [[(99, START)], [(100, CLOCK), (120, CLOCK)], [], [], [(140, CLOCK)]]


def test_a_clock_that_was_not_started_is_silent():
    assert ClockOut(120).due(NS_PER_S) == []


def test_after_a_day_at_an_odd_tempo_the_pulse_is_where_it_belongs():
    clock = ClockOut(123.456)
    clock.start(0)
    beat_ns = clock.state.beat_ns
    day_ns = 24 * 3600 * NS_PER_S
    moments = []

    for until_ns in (0, NS_PER_S):
        moments += [timed.at_ns for timed in clock.due(until_ns) if timed.event is CLOCK]

    assert moments == [MS + k * beat_ns // 24 for k in range(len(moments))]
    assert abs(clock.state.ns_at(clock.state.tick_at(day_ns)) - day_ns) < beat_ns // 960


def test_it_goes_on_where_it_was_stopped():
    clock = ClockOut(125)
    clock.start(100 * MS)
    clock.stop(130 * MS)
    stopped = clock.state

    clock.resume(500 * MS)

    assert (stopped.is_running, stopped.tick, stopped.discontinuities) == (False, 80, 1)
    assert in_ms(clock.due(520 * MS)) == [
        (99, START),
        (100, CLOCK),
        (120, CLOCK),
        (130, STOP),
        (499, CONTINUE),
        (500, CLOCK),
        (520, CLOCK),
    ]
    assert (clock.state.ns_at(80), clock.state.discontinuities) == (500 * MS, 2)


def test_it_stops_after_what_was_handed_out():
    clock = ClockOut(125)
    clock.start(100 * MS)
    clock.due(150 * MS)

    clock.stop(110 * MS)

    assert in_ms(clock.due(NS_PER_S)) == [(150, STOP)]
    assert clock.state.tick == 120


def test_stopped_and_started_at_one_moment_it_still_tells_a_stop_before_a_start():
    clock = ClockOut(125)
    clock.start(100 * MS)
    clock.due(150 * MS)

    clock.stop(110 * MS)
    clock.start(110 * MS)

    assert in_ms(clock.due(160 * MS)) == [(150, STOP), (150, START), (151, CLOCK)]


def test_a_second_start_takes_the_place_of_the_first():
    clock = ClockOut(125)
    clock.start(100 * MS)
    clock.start(130 * MS)

    assert in_ms(clock.due(160 * MS)) == [
        (99, START),
        (100, CLOCK),
        (120, CLOCK),
        (129, START),
        (130, CLOCK),
        (150, CLOCK),
    ]
    assert (clock.state.ns_at(0), clock.state.discontinuities) == (130 * MS, 2)


def test_resume_while_it_runs_and_stop_while_it_does_not_are_nothing():
    clock = ClockOut(125)
    clock.stop(0)
    clock.start(100 * MS)
    clock.resume(110 * MS)

    assert in_ms(clock.due(120 * MS)) == [(99, START), (100, CLOCK), (120, CLOCK)]


def test_a_place_set_while_it_stands_is_where_it_goes_on():
    clock = ClockOut(125)

    clock.locate(8, 50 * MS)
    clock.resume(100 * MS)

    assert in_ms(clock.due(100 * MS)) == [(50, SongPosition(8)), (99, CONTINUE), (100, CLOCK)]
    assert clock.state.ns_at(8 * 240) == 100 * MS


def test_a_place_set_while_it_runs_keeps_the_beat():
    clock = ClockOut(125)
    clock.start(100 * MS)

    clock.locate(8, 110 * MS)

    assert in_ms(clock.due(140 * MS)) == [
        (99, START),
        (100, CLOCK),
        (119, STOP),
        (119, SongPosition(8)),
        (119, CONTINUE),
        (120, CLOCK),
        (140, CLOCK),
    ]
    assert clock.state.ns_at(8 * 240) == 120 * MS


def test_a_new_tempo_keeps_what_is_left_of_a_pulse():
    clock = ClockOut(125)
    clock.start(100 * MS)

    clock.set_tempo(250, 130 * MS)

    assert in_ms(clock.due(160 * MS)) == [
        (99, START),
        (100, CLOCK),
        (120, CLOCK),
        (135, CLOCK),
        (145, CLOCK),
        (155, CLOCK),
    ]
    assert (clock.state.ns_at(80), clock.state.discontinuities) == (135 * MS, 1)


def test_a_new_tempo_begins_after_what_was_handed_out():
    clock = ClockOut(125)
    clock.start(100 * MS)
    clock.due(150 * MS)

    clock.set_tempo(250, 110 * MS)

    assert in_ms(clock.due(170 * MS)) == [(155, CLOCK), (165, CLOCK)]


def test_a_new_tempo_does_not_move_a_start_to_come():
    clock = ClockOut(125)
    clock.start(100 * MS)

    clock.set_tempo(250, 10 * MS)

    assert in_ms(clock.due(110 * MS)) == [(99, START), (100, CLOCK), (110, CLOCK)]


@given(st.lists(st.tuples(st.floats(20, 300), st.integers(1, 300)), min_size=1, max_size=30))
def test_pulses_are_never_further_apart_than_the_slower_tempo_nor_nearer_than_the_faster(
    changes: list[tuple[float, int]],
):
    clock = ClockOut(120)
    clock.start(0)
    now_ns, events = 0, []

    for tempo_bpm, wait_ms in changes:
        now_ns += wait_ms * MS
        events += clock.due(now_ns)
        clock.set_tempo(tempo_bpm, now_ns)
    moments = [timed.at_ns for timed in events if timed.event is CLOCK]
    tempi = [120.0, *(tempo_bpm for tempo_bpm, _ in changes)]

    for before, after in pairwise(moments):
        assert 60 * NS_PER_S / 24 / max(tempi) - 2 <= after - before <= 60 * NS_PER_S / 24 / min(tempi) + 2


LASTING_MS = 1_000


@given(
    st.lists(st.tuples(st.sampled_from(["start", "stop", "resume", "locate", "tempo", "wait"]), st.integers(1, 200)))
)
@settings(max_examples=60, deadline=None)
def test_a_follower_that_hears_all_of_it_stands_where_it_stands(steps: list[tuple[str, int]]):
    """Each tempo lasts for a second: one that is gone after a few pulses looks like pulses that were lost."""
    clock, scheduler, follower = ClockOut(120), Scheduler(), ClockFollower()
    now_ns, heard_ns = NS_PER_S, 0
    for step, number in [*steps, ("wait", 200)]:
        match step:
            case "start":
                clock.start(now_ns)
            case "stop":
                clock.stop(now_ns)
            case "resume":
                clock.resume(now_ns)
            case "locate":
                clock.locate(number, now_ns)
            case "tempo":
                clock.set_tempo(40 + number, now_ns)
                now_ns += LASTING_MS * MS
        now_ns += number * MS
        scheduler.add(clock.due(now_ns))
        for timed in scheduler.due(now_ns):
            assert timed.at_ns >= heard_ns
            heard_ns = timed.at_ns
            follower.hear(ClockMessage(timed.at_ns, timed.event))

    meant, believed = clock.state, follower.state

    assert believed.is_running == meant.is_running
    if believed.is_running:
        assert abs(meant.tick_at(heard_ns) - believed.tick) <= 40
    else:
        assert believed.tick == meant.tick
