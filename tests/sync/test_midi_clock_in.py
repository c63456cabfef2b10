"""Following another's clock, in trains of pulses whose truth is known."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.bench.clock import Scenario, Tempo, Truth, pulse_train, ramp, steady
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_PULSE, NoteOn, Position, Timed, Transport
from livegen.music.transport import Song
from livegen.sync.midi_clock_in import ClockFollower

PULSE_NS = 20 * NS_PER_MS  # of 125 bpm
START, CONTINUE, STOP, PULSE = Transport.START, Transport.CONTINUE, Transport.STOP, Transport.PULSE


def train(tempo: Tempo, beats: int, jitter_ms: float, seed: int = 0) -> tuple[list[Timed], list[Truth]]:
    """A song that starts once."""
    return pulse_train(Scenario("", tempo, beats, jitter_ms), seed)


def heard(events: Iterable[Timed], follower: ClockFollower | None = None) -> list[Song]:
    """What is believed after each pulse."""
    follower = follower or ClockFollower()
    songs = []
    for timed in events:
        follower.hear(timed)
        if timed.event is PULSE:
            songs.append(follower.state)
    return songs


def off_ms(song: Song, truth: Truth) -> float:
    """How far its beat is from where it was meant to be."""
    assert truth.tick is not None
    return abs(song.ns_at(truth.tick) - truth.at_ns) / NS_PER_MS


def p99(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * 99 // 100]


def at_even_pace(*events: Transport | Position, first_ns: int = NS_PER_S) -> list[Timed]:
    """Pulses every 20 ms, anything else just before the pulse that follows."""
    timed, at_ns = [], first_ns
    for event in events:
        timed.append(Timed(at_ns, event))
        at_ns += PULSE_NS if event is PULSE else 0
    return timed


def places(songs: Iterable[Song]) -> list[tuple[bool, int, int]]:
    """Running, pulses from the beginning, jumps."""
    return [(song.is_running, song.tick // TICKS_PER_PULSE, song.jumps) for song in songs]


@pytest.mark.parametrize("tempo_bpm", [20, 60, 120, 300])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_clock_five_ms_early_and_late_is_followed_within_two_ms(tempo_bpm: int, seed: int):
    events, truth = train(steady(tempo_bpm), 60, 5, seed)

    songs = heard(events)[12 * 24 :]

    assert p99(map(off_ms, songs, truth[12 * 24 :])) <= 2
    assert p99(abs(song.tempo_bpm / tempo_bpm - 1) for song in songs) <= 0.005
    assert [song.tick for song in songs] == [meant.tick for meant in truth[12 * 24 :]]


@pytest.mark.parametrize(("before", "after", "beats"), [(120, 180, 8), (180, 120, 8), (60, 90, 8), (120, 140, 4)])
@pytest.mark.parametrize("jitter_ms", [0, 1])
def test_a_tempo_that_changes_evenly_is_followed_within_two_ms(before: int, after: int, beats: int, jitter_ms: float):
    off = []
    for seed in range(5):
        events, truth = train(ramp(before, after, 16, beats), 40, jitter_ms, seed)
        off += list(map(off_ms, heard(events), truth))[16 * 24 :]

    assert p99(off) <= 2


@pytest.mark.parametrize(("before", "after"), [(100, 140), (140, 100), (120, 60), (60, 120), (120, 123), (120, 119)])
@pytest.mark.parametrize("jitter_ms", [0, 0.3, 1])
def test_two_beats_after_a_new_tempo_it_is_known_to_one_percent(before: int, after: int, jitter_ms: float):
    for seed in range(5):
        events, truth = train(ramp(before, after, 16, 0), 24, jitter_ms, seed)

        songs = heard(events)

        assert all(abs(song.tempo_bpm / after - 1) < 0.01 for song in songs[18 * 24 :])
        assert all(off_ms(song, meant) < 2 for song, meant in zip(songs[18 * 24 :], truth[18 * 24 :], strict=True))
        assert [song.tick for song in songs] == [meant.tick for meant in truth]
        assert songs[-1].jumps == 1


@pytest.mark.parametrize("tempo_bpm", [97, 120, 133])
@pytest.mark.parametrize("step_ms", [1, 2.667, 5.333])
def test_a_cable_that_delivers_in_steps_moves_the_beat_by_less_than_a_third_of_one(tempo_bpm: int, step_ms: float):
    events, truth = pulse_train(Scenario("", steady(tempo_bpm), 60, 0, step_ms=step_ms), 0)

    off = list(map(off_ms, heard(events), truth))[12 * 24 :]

    assert max(off) < step_ms / 3


def test_after_an_hour_the_position_is_the_count_of_pulses():
    events, truth = train(steady(120), 120 * 60, 5)

    songs = heard(events)

    assert songs[-1].tick == (len(truth) - 1) * TICKS_PER_PULSE == (120 * 60 * 24 - 1) * TICKS_PER_PULSE
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

    songs = heard(Timed(at_ns, PULSE) for at_ns in arrivals)

    assert [song.tick for song in songs] == [k * TICKS_PER_PULSE for k in range(len(jitter))]


@pytest.mark.parametrize("jitter_ms", [0.3, 1, 2])
def test_a_lost_pulse_is_made_up_for(jitter_ms: float):
    events, truth = train(steady(120), 24, jitter_ms)
    del events[400], truth[399]  # the first event is the start

    songs = heard(events)

    assert [song.tick for song in songs[450:]] == [meant.tick for meant in truth[450:]]
    assert all(off_ms(song, meant) < 2 for song, meant in zip(songs[300:], truth[300:], strict=True))


@pytest.mark.parametrize("jitter_ms", [0.3, 1, 2])
@pytest.mark.parametrize("after_ms", [0, 1, 10])
def test_a_doubled_pulse_counts_once(jitter_ms: float, after_ms: int):
    events, truth = train(steady(120), 24, jitter_ms)
    events.insert(401, Timed(events[400].at_ns + after_ms * NS_PER_MS, PULSE))
    truth.insert(400, truth[399])

    songs = heard(events)

    assert [song.tick for song in songs[450:]] == [meant.tick for meant in truth[450:]]
    assert all(off_ms(song, meant) < 2 for song, meant in zip(songs[300:], truth[300:], strict=True))


def test_pulses_held_up_and_delivered_at_once_move_nothing():
    events, truth = train(steady(120), 24, 0.3)
    held_until_ns = events[306].at_ns
    late = [Timed(held_until_ns, PULSE) if 300 <= k < 306 else timed for k, timed in enumerate(events)]

    songs = heard(late)

    assert [song.tick for song in songs] == [meant.tick for meant in truth]
    assert all(off_ms(song, meant) < 1 for song, meant in zip(songs[200:], truth[200:], strict=True))


def test_a_start_takes_effect_at_the_next_pulse():
    follower = ClockFollower()

    songs = heard(at_even_pace(START), follower)
    before = follower.state
    songs = heard(at_even_pace(PULSE, PULSE), follower)

    assert (before.is_running, before.jumps) == (False, 0)
    assert places(songs) == [(True, 0, 1), (True, 1, 1)]


def test_a_second_start_begins_again():
    songs = heard(at_even_pace(START, PULSE, PULSE, PULSE, START, PULSE, PULSE))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1), (True, 0, 2), (True, 1, 2)]


def test_a_stop_holds_the_song_and_continue_goes_on_with_the_next_pulse():
    songs = heard(at_even_pace(START, PULSE, PULSE, STOP, PULSE, PULSE, CONTINUE, PULSE, PULSE))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (False, 2, 1), (False, 2, 1), (True, 2, 2), (True, 3, 2)]


def test_pulses_while_stopped_keep_the_tempo_known():
    follower = ClockFollower()
    heard(at_even_pace(START, PULSE, PULSE, STOP), follower)

    song = heard([Timed(2 * NS_PER_S + k * 10 * NS_PER_MS, PULSE) for k in range(40)], follower)[-1]

    assert (song.is_running, song.beat_ns) == (False, 24 * 10 * NS_PER_MS)


def test_continue_while_it_runs_changes_nothing():
    songs = heard(at_even_pace(START, PULSE, PULSE, CONTINUE, PULSE))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1)]


def test_a_position_given_while_stopped_is_where_it_goes_on():
    follower = ClockFollower()
    songs = heard(at_even_pace(START, PULSE, STOP, Position(8), CONTINUE), follower)
    stopped = follower.state

    songs += heard(at_even_pace(PULSE, PULSE, first_ns=NS_PER_S + PULSE_NS), follower)

    assert (stopped.is_running, stopped.tick) == (False, 2 * 960)
    assert places(songs) == [(True, 0, 1), (True, 48, 2), (True, 49, 2)]


def test_a_position_given_while_it_runs_is_a_jump_at_the_next_pulse():
    follower = ClockFollower()
    songs = heard(at_even_pace(START, PULSE, Position(8)), follower)
    before = follower.state

    songs += heard(at_even_pace(PULSE, PULSE, first_ns=NS_PER_S + PULSE_NS), follower)

    assert before == songs[0]
    assert places(songs) == [(True, 0, 1), (True, 48, 2), (True, 49, 2)]


def test_a_start_begins_at_the_beginning_whatever_the_position():
    songs = heard(at_even_pace(Position(8), START, PULSE))

    assert places(songs) == [(True, 0, 1)]


def test_a_start_without_pulses_starts_nothing():
    follower = ClockFollower()
    follower.hear(Timed(NS_PER_S, START))

    follower.look(10 * NS_PER_S)

    assert not follower.state.is_running


def test_pulses_without_a_start_are_a_song():
    songs = heard(at_even_pace(PULSE, PULSE, PULSE))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 1)]


def test_pulses_after_a_stop_are_none():
    songs = heard(at_even_pace(STOP, PULSE, PULSE))

    assert places(songs) == [(False, 0, 0), (False, 0, 0)]


def test_a_clock_that_dies_mid_bar_stops_the_song_which_goes_on_when_it_is_back():
    follower = ClockFollower()
    heard(at_even_pace(START, *[PULSE] * 30), follower)
    last_ns = NS_PER_S + 29 * PULSE_NS

    follower.look(last_ns + NS_PER_S // 2)
    patient = follower.state
    follower.look(last_ns + NS_PER_S // 2 + 1)
    lost = follower.state
    songs = heard(at_even_pace(*[PULSE] * 30, first_ns=last_ns + 7 * NS_PER_S), follower)

    assert (patient.is_running, lost.is_running) == (True, False)
    assert places(songs) == [(True, 30 + k, 2) for k in range(30)]
    assert songs[0].at_ns == last_ns + 7 * NS_PER_S
    assert {song.beat_ns for song in songs} == {24 * PULSE_NS}


def test_a_silence_that_nobody_looked_at_is_noticed_by_the_next_pulse():
    songs = heard(at_even_pace(START, PULSE, PULSE) + at_even_pace(PULSE, first_ns=9 * NS_PER_S))

    assert places(songs) == [(True, 0, 1), (True, 1, 1), (True, 2, 2)]
    assert songs[-1].at_ns == 9 * NS_PER_S


def test_a_start_between_two_pulses_moves_the_beat_at_once():
    follower = ClockFollower()
    heard(at_even_pace(START, *[PULSE] * 100), follower)
    off_grid_ns = NS_PER_S + 100 * PULSE_NS + 7 * NS_PER_MS

    songs = heard(at_even_pace(START, *[PULSE] * 10, first_ns=off_grid_ns), follower)

    assert [song.ns_at(0) for song in songs] == [off_grid_ns] * 10


def test_notes_are_nothing_to_it():
    follower = ClockFollower()

    follower.hear(Timed(NS_PER_S, NoteOn(60)))

    assert follower.state == ClockFollower().state
