"""Following another's clock, in trains of pulses whose truth is known."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.bench.clock import Scenario, Tempo, Truth, pulse_train, ramp, steady
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_PULSE, SongPosition, Transport
from livegen.music.transport import TransportState
from livegen.sync.clock_message import ClockMessage
from livegen.sync.midi_clock_in import ClockFollower
from tests.support.amounts import amounts

PULSE_NS = 20 * NS_PER_MS  # of 125 bpm
START, CONTINUE, STOP, CLOCK = Transport.START, Transport.CONTINUE, Transport.STOP, Transport.CLOCK


def tracker(tempo: Tempo, beats: int, jitter_ms: float, seed: int = 0) -> tuple[list[ClockMessage], list[Truth]]:
    """A song that starts once."""
    return pulse_train(Scenario("", tempo, beats, jitter_ms), seed)


def heard(events: Iterable[ClockMessage], follower: ClockFollower | None = None) -> list[TransportState]:
    """What is believed after each pulse."""
    follower = follower or ClockFollower()
    songs = []
    for timed in events:
        follower.hear(timed)
        if timed.event is CLOCK:
            songs.append(follower.state)
    return songs


def off_ms(transport: TransportState, truth: Truth) -> float:
    """How far its beat is from where it was meant to be."""
    assert truth.tick is not None
    return abs(transport.ns_at(truth.tick) - truth.at_ns) / NS_PER_MS


def p99(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * 99 // 100]


def at_even_pace(*events: Transport | SongPosition, first_ns: int = NS_PER_S) -> list[ClockMessage]:
    """Pulses every 20 ms, anything else just before the pulse that follows."""
    timed, at_ns = [], first_ns
    for event in events:
        timed.append(ClockMessage(at_ns, event))
        at_ns += PULSE_NS if event is CLOCK else 0
    return timed


def places(songs: Iterable[TransportState]) -> list[tuple[bool, int, int]]:
    """Running, pulses from the beginning, jumps."""
    return [(transport.is_running, transport.tick // TICKS_PER_PULSE, transport.discontinuities) for transport in songs]


@pytest.mark.parametrize("tempo_bpm", [20, 60, 120, 300])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_clock_five_ms_early_and_late_is_followed_within_two_ms(tempo_bpm: int, seed: int):
    events, truth = tracker(steady(tempo_bpm), 60, 5, seed)

    songs = heard(events)[12 * 24 :]

    assert p99(map(off_ms, songs, truth[12 * 24 :])) <= 2
    assert p99(abs(transport.tempo_bpm / tempo_bpm - 1) for transport in songs) <= 0.005
    assert [transport.tick for transport in songs] == [meant.tick for meant in truth[12 * 24 :]]


@pytest.mark.parametrize(("before", "after", "beats"), [(120, 180, 8), (180, 120, 8), (60, 90, 8), (120, 140, 4)])
@pytest.mark.parametrize("jitter_ms", [0, 1])
def test_a_tempo_that_changes_evenly_is_followed_within_two_ms(before: int, after: int, beats: int, jitter_ms: float):
    off = []
    for seed in range(5):
        events, truth = tracker(ramp(before, after, 16, beats), 40, jitter_ms, seed)
        off += list(map(off_ms, heard(events), truth))[16 * 24 :]

    assert p99(off) <= 2


@pytest.mark.parametrize(("before", "after"), [(100, 140), (140, 100), (120, 60), (60, 120), (120, 123), (120, 119)])
@pytest.mark.parametrize("jitter_ms", [0, 0.3, 1])
def test_two_beats_after_a_new_tempo_it_is_known_to_one_percent(before: int, after: int, jitter_ms: float):
    for seed in range(5):
        events, truth = tracker(ramp(before, after, 16, 0), 24, jitter_ms, seed)

        songs = heard(events)

        assert all(abs(transport.tempo_bpm / after - 1) < 0.01 for transport in songs[18 * 24 :])
        assert all(
            off_ms(transport, meant) < 2 for transport, meant in zip(songs[18 * 24 :], truth[18 * 24 :], strict=True)
        )
        assert [transport.tick for transport in songs] == [meant.tick for meant in truth]
        assert songs[-1].discontinuities == 1


@pytest.mark.parametrize("tempo_bpm", [97, 120, 133])
@pytest.mark.parametrize("step_ms", [1, 2.667, 5.333])
def test_a_cable_that_delivers_in_steps_moves_the_beat_by_less_than_a_third_of_one(tempo_bpm: int, step_ms: float):
    events, truth = pulse_train(Scenario("", steady(tempo_bpm), 60, 0, step_ms=step_ms), 0)

    off = list(map(off_ms, heard(events), truth))[12 * 24 :]

    assert max(off) < step_ms / 3


@amounts("minutes", everyday=10, whole=60)
def test_after_minutes_the_position_is_the_count_of_pulses(minutes: int):
    events, truth = tracker(steady(120), 120 * minutes, 5)

    songs = heard(events)

    assert songs[-1].tick == (len(truth) - 1) * TICKS_PER_PULSE == (120 * minutes * 24 - 1) * TICKS_PER_PULSE
    assert p99(map(off_ms, songs[-20_000:], truth[-20_000:])) <= 2


@given(
    st.floats(20, 300),
    st.floats(0, 5),
    st.lists(st.floats(-1, 1), min_size=30, max_size=150),
)
@settings(deadline=None)
def test_whatever_the_jitter_no_pulse_is_missed_or_made_up(tempo_bpm: float, jitter_ms: float, jitter: list[float]):
    pulse_ns = 60 * NS_PER_S / tempo_bpm / 24
    jitter_ns = min(jitter_ms * NS_PER_MS, pulse_ns / 4)
    arrivals = [round(NS_PER_S + k * pulse_ns + share * jitter_ns) for k, share in enumerate(jitter)]

    songs = heard(ClockMessage(at_ns, CLOCK) for at_ns in arrivals)

    assert [transport.tick for transport in songs] == [k * TICKS_PER_PULSE for k in range(len(jitter))]


@pytest.mark.parametrize("jitter_ms", [0.3, 1, 2])
def test_a_lost_pulse_is_made_up_for(jitter_ms: float):
    events, truth = tracker(steady(120), 24, jitter_ms)
    del events[400], truth[399]  # the first event is the start

    songs = heard(events)

    assert [transport.tick for transport in songs[450:]] == [meant.tick for meant in truth[450:]]
    assert all(off_ms(transport, meant) < 2 for transport, meant in zip(songs[300:], truth[300:], strict=True))


@pytest.mark.parametrize("jitter_ms", [0.3, 1, 2])
@pytest.mark.parametrize("after_ms", [0, 1, 10])
def test_a_doubled_pulse_counts_once(jitter_ms: float, after_ms: int):
    events, truth = tracker(steady(120), 24, jitter_ms)
    events.insert(401, ClockMessage(events[400].at_ns + after_ms * NS_PER_MS, CLOCK))
    truth.insert(400, truth[399])

    songs = heard(events)

    assert [transport.tick for transport in songs[450:]] == [meant.tick for meant in truth[450:]]
    assert all(off_ms(transport, meant) < 2 for transport, meant in zip(songs[300:], truth[300:], strict=True))


def test_pulses_held_up_and_delivered_at_once_move_nothing():
    events, truth = tracker(steady(120), 24, 0.3)
    held_until_ns = events[306].at_ns
    late = [ClockMessage(held_until_ns, CLOCK) if 300 <= k < 306 else timed for k, timed in enumerate(events)]

    songs = heard(late)

    assert [transport.tick for transport in songs] == [meant.tick for meant in truth]
    assert all(off_ms(transport, meant) < 1 for transport, meant in zip(songs[200:], truth[200:], strict=True))


def test_a_start_takes_effect_at_the_next_pulse():
    follower = ClockFollower()

    songs = heard(at_even_pace(START), follower)
    before = follower.state
    songs = heard(at_even_pace(CLOCK, CLOCK), follower)

    assert (before.is_running, before.discontinuities) == (False, 0)
    assert places(songs) == [(True, 0, 1), (True, 1, 1)]


def test_a_second_start_begins_again():
    songs = heard(at_even_pace(START, CLOCK, CLOCK, CLOCK, START, CLOCK, CLOCK))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1), (True, 0, 2), (True, 1, 2)]


def test_a_stop_holds_the_song_and_continue_goes_on_with_the_next_pulse():
    songs = heard(at_even_pace(START, CLOCK, CLOCK, STOP, CLOCK, CLOCK, CONTINUE, CLOCK, CLOCK))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (False, 2, 1), (False, 2, 1), (True, 2, 2), (True, 3, 2)]


def test_pulses_while_stopped_keep_the_tempo_known():
    follower = ClockFollower()
    heard(at_even_pace(START, CLOCK, CLOCK, STOP), follower)

    transport = heard([ClockMessage(2 * NS_PER_S + k * 10 * NS_PER_MS, CLOCK) for k in range(40)], follower)[-1]

    assert (transport.is_running, transport.beat_ns) == (False, 24 * 10 * NS_PER_MS)


def test_continue_while_it_runs_changes_nothing():
    songs = heard(at_even_pace(START, CLOCK, CLOCK, CONTINUE, CLOCK))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1)]


def test_a_position_given_while_stopped_is_where_it_goes_on():
    follower = ClockFollower()
    songs = heard(at_even_pace(START, CLOCK, STOP, SongPosition(8), CONTINUE), follower)
    stopped = follower.state

    songs += heard(at_even_pace(CLOCK, CLOCK, first_ns=NS_PER_S + PULSE_NS), follower)

    assert (stopped.is_running, stopped.tick) == (False, 2 * 960)
    assert places(songs) == [(True, 0, 1), (True, 48, 2), (True, 49, 2)]


def test_a_position_given_while_it_runs_is_a_jump_at_the_next_pulse():
    follower = ClockFollower()
    songs = heard(at_even_pace(START, CLOCK, SongPosition(8)), follower)
    before = follower.state

    songs += heard(at_even_pace(CLOCK, CLOCK, first_ns=NS_PER_S + PULSE_NS), follower)

    assert before == songs[0]
    assert places(songs) == [(True, 0, 1), (True, 48, 2), (True, 49, 2)]


def test_a_start_begins_at_the_beginning_whatever_the_position():
    songs = heard(at_even_pace(SongPosition(8), START, CLOCK))

    assert places(songs) == [(True, 0, 1)]


def test_a_start_without_pulses_starts_nothing():
    follower = ClockFollower()
    follower.hear(ClockMessage(NS_PER_S, START))

    follower.poll(10 * NS_PER_S)

    assert not follower.state.is_running


def test_pulses_without_a_start_are_a_song():
    songs = heard(at_even_pace(CLOCK, CLOCK, CLOCK))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1)]


def test_pulses_after_a_stop_are_none():
    songs = heard(at_even_pace(STOP, CLOCK, CLOCK))

    assert places(songs) == [(False, 0, 0), (False, 0, 0)]


def test_a_clock_that_dies_mid_bar_stops_the_song_which_goes_on_when_it_is_back():
    follower = ClockFollower()
    heard(at_even_pace(START, *[CLOCK] * 30), follower)
    last_ns = NS_PER_S + 29 * PULSE_NS

    follower.poll(last_ns + NS_PER_S // 2)
    patient = follower.state
    follower.poll(last_ns + NS_PER_S // 2 + 1)
    lost = follower.state
    songs = heard(at_even_pace(*[CLOCK] * 30, first_ns=last_ns + 7 * NS_PER_S), follower)

    assert (patient.is_running, lost.is_running) == (True, False)
    assert places(songs) == [(True, 30 + k, 2) for k in range(30)]
    assert songs[0].at_ns == last_ns + 7 * NS_PER_S
    assert {transport.beat_ns for transport in songs} == {24 * PULSE_NS}


def test_a_silence_that_nobody_looked_at_is_noticed_by_the_next_pulse():
    songs = heard(at_even_pace(START, CLOCK, CLOCK) + at_even_pace(CLOCK, first_ns=9 * NS_PER_S))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 2)]
    assert songs[-1].at_ns == 9 * NS_PER_S


def test_a_start_between_two_pulses_moves_the_beat_at_once():
    follower = ClockFollower()
    heard(at_even_pace(START, *[CLOCK] * 100), follower)
    off_grid_ns = NS_PER_S + 100 * PULSE_NS + 7 * NS_PER_MS

    songs = heard(at_even_pace(START, *[CLOCK] * 10, first_ns=off_grid_ns), follower)

    assert [transport.ns_at(0) for transport in songs] == [off_grid_ns] * 10
