"""Whose clock it is."""

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import Transport
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.music.transport import TransportState
from livegen.settings import Time
from livegen.sync.clock_message import ClockMessage
from livegen.sync.clock_source import ClockSource

PULSE_NS = NS_PER_S // 48  # 120 bpm


def keeper(settings: Time) -> tuple[ClockSource, list[TransportState]]:
    told: list[TransportState] = []
    player = Player(blank_ledger(), lambda _: None)
    return ClockSource(settings, player, told.append, is_realtime=False), told


def test_another_s_clock_is_told_when_it_begins_now_and_then_and_when_it_stops() -> None:
    clock, told = keeper(Time(clock="midi"))
    clock.hear(ClockMessage(NS_PER_S, Transport.START))
    for pulse in range(48):
        clock.hear(ClockMessage(NS_PER_S + pulse * PULSE_NS, Transport.CLOCK))
    clock.hear(ClockMessage(2 * NS_PER_S, Transport.STOP))

    running = [transport for transport in told if transport.is_running]
    assert 7 <= len(running) <= 24
    assert abs(running[-1].tempo_bpm - 120) < 0.5
    assert abs(running[-1].ns_at(1_920) - 2 * NS_PER_S) < NS_PER_MS
    assert not told[-1].is_running


def test_a_player_s_own_time_follows_no_pulses() -> None:
    clock, told = keeper(Time())

    clock.hear(ClockMessage(NS_PER_S, Transport.START))
    clock.hear(ClockMessage(NS_PER_S, Transport.CLOCK))

    assert told == []
