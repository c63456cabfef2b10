"""Following a clock that a MIDI server brings, which stands still now and then, alone or with the sender."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_PULSE, Transport
from livegen.music.transport import TransportState
from livegen.sync.clock_message import ClockMessage
from livegen.sync.midi_clock_in import ClockFollower

PERIOD_NS = round(64 / 48 * NS_PER_MS)  # of the server
PULSE_NS = 25 * NS_PER_MS  # of 100 bpm
PULSES = 1_000
SERVED_NS = 7 * NS_PER_S  # the server's time is not ours: it begins elsewhere


@dataclass(frozen=True)
class Heard:
    """A pulse that arrived: its number, where it belongs, and how it came."""

    number: int
    meant_ns: float
    message: ClockMessage


def pulse_train(
    stalls: Sequence[tuple[int, int, int]], *, is_inside: bool, pulse_ns: float = PULSE_NS, late_ms: float = 0.3
) -> list[Heard]:
    """At the moments of the stalls (ns, how long, how much of it the server counts), both stand still, or one does.

    What is sent in a stall arrives at its end, and all within the period that it arrives in, a little late.
    """
    late = random.Random(0)
    heard = []
    for number in range(PULSES):
        sent_ns = NS_PER_S + number * pulse_ns
        for at_ns, length_ns, _ in stalls:
            sent_ns += length_ns if is_inside and at_ns <= sent_ns else 0
        arrived_ns = max([sent_ns, *(at + length for at, length, _ in stalls if at <= sent_ns < at + length)])
        lost_ns = sum(length - counted for at_ns, length, counted in stalls if at_ns <= arrived_ns)
        began_ns = (arrived_ns - lost_ns) // PERIOD_NS * PERIOD_NS
        at_ns = round(began_ns + lost_ns + late.uniform(0, late_ms) * NS_PER_MS)
        heard.append(Heard(number, sent_ns, ClockMessage(at_ns, Transport.CLOCK, round(at_ns - began_ns + SERVED_NS))))
    return heard


def follow(heard: Sequence[Heard]) -> list[TransportState]:
    """What is believed after each pulse."""
    follower = ClockFollower()
    songs = []
    for pulse in heard:
        follower.hear(pulse.message)
        songs.append(follower.state)
    return songs


def is_right(pulse: Heard, transport: TransportState) -> bool:
    """Is the song where it is meant to be, to two periods of the server?"""
    return transport.tick == pulse.number * TICKS_PER_PULSE and abs(transport.at_ns - pulse.meant_ns) < 2 * PERIOD_NS


def shares_right(heard: Sequence[Heard]) -> float:
    """How many of the pulses were believed to be where they were meant."""
    return sum(map(is_right, heard, follow(heard))) / len(heard)


STALLS = [(round((2 + k * 1.9) * NS_PER_S), (9, 31, 52, 76, 110)[k % 5] * NS_PER_MS, 0) for k in range(12)]


@pytest.mark.parametrize("pulse_ms", [10, 15.6, 25, 40])
def test_a_sender_that_stands_still_with_the_server_is_followed_without_a_miss(pulse_ms: float):
    heard = pulse_train(STALLS, is_inside=True, pulse_ns=pulse_ms * NS_PER_MS)

    songs = follow(heard)

    assert all(map(is_right, heard[12:], songs[12:]))


@pytest.mark.parametrize("pulse_ms", [15.6, 25, 40])
def test_a_sender_that_does_not_is_found_out_by_its_first_pulses_after_a_stall(pulse_ms: float):
    heard = pulse_train(STALLS, is_inside=False, pulse_ns=pulse_ms * NS_PER_MS)

    songs = follow(heard)

    wrong = [pulse for pulse, transport in zip(heard[12:], songs[12:], strict=True) if not is_right(pulse, transport)]
    known_ns = STALLS[0][0] + NS_PER_S  # at the first stall nothing is known yet
    assert all(STALLS[0][0] <= pulse.message.at_ns < known_ns for pulse in wrong)
    assert songs[-1].tick == heard[-1].number * TICKS_PER_PULSE


@pytest.mark.parametrize("counted_ms", [5, 9, 16])
def test_where_the_server_counts_a_part_of_a_stall_the_song_stands_still_all_the_same(counted_ms: int):
    stalls = [(at_ns, 60 * NS_PER_MS, counted_ms * NS_PER_MS) for at_ns, _, _ in STALLS]

    heard = pulse_train(stalls, is_inside=True)

    assert follow(heard)[-1].tick == heard[-1].number * TICKS_PER_PULSE
    assert shares_right(heard) > 0.9


@pytest.mark.parametrize("counted_ms", [0, 3, 8])
def test_a_pulse_lost_in_a_stall_is_made_up_for(counted_ms: int):
    stalls = [(at_ns, 30 * NS_PER_MS, counted_ms * NS_PER_MS) for at_ns, _, _ in STALLS]
    heard = pulse_train(stalls, is_inside=True)
    for at_ns, _, _ in stalls:
        del heard[next(place for place, pulse in enumerate(heard) if pulse.message.at_ns > at_ns)]

    songs = follow(heard)

    assert songs[-1].tick == heard[-1].number * TICKS_PER_PULSE
    assert shares_right(heard) > 0.9


def test_a_pulse_that_the_server_gives_twice_counts_once():
    heard = pulse_train([], is_inside=True)
    for place in (300, 600):
        heard.insert(place, heard[place - 1])

    songs = follow(heard)

    assert songs[-1].tick == heard[-1].number * TICKS_PER_PULSE
    assert shares_right(heard) > 0.95


@pytest.mark.parametrize("after", [0.6, 0.9, 1.05, 1.2, 2])
def test_a_new_tempo_is_no_stall(after: float):
    heard = pulse_train([], is_inside=True)
    turn_ns = heard[500].meant_ns
    moved = [
        Heard(pulse.number, meant_ns, ClockMessage(round(meant_ns), Transport.CLOCK, SERVED_NS))
        for pulse in heard
        for meant_ns in [pulse.meant_ns + max(pulse.meant_ns - turn_ns, 0) * (after - 1)]
    ]

    songs = follow(moved)

    assert all(transport.tick == pulse.number * TICKS_PER_PULSE for pulse, transport in zip(moved, songs, strict=True))
    assert all(map(is_right, moved[548:], songs[548:]))
    assert songs[-1].beat_ns == pytest.approx(24 * PULSE_NS * after, rel=0.01)


@pytest.mark.parametrize("after", [0.75, 0.9, 1.2])
def test_a_new_tempo_of_a_sender_that_is_early_and_late_is_no_stall_either(after: float):
    """Found by the simulator: some of its pulses were taken for doubled ones, and the song was behind for good."""
    wrong = 0
    for seed in range(12):
        early, at_ns, follower = random.Random(seed), float(NS_PER_S), ClockFollower()
        for number in range(600):
            at_ns += PULSE_NS * (after if number > 300 else 1)
            arrives_ns = round(at_ns + early.uniform(-1, 1) * NS_PER_MS)
            follower.hear(ClockMessage(arrives_ns, Transport.CLOCK, SERVED_NS))
        wrong += follower.state.tick != 599 * TICKS_PER_PULSE

    assert wrong == 0
