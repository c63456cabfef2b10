"""When messages arrived, rebuilt from the times between them."""

import random

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.midi_in.arrival import ArrivalClock

_PERIOD_NS = 20 * NS_PER_MS  # of a clock's pulses
_CLOCK, _EXCLUSIVE = 0xF8, 0xF0


def rebuilt(pulses: int, poll_ns: int, drift: float = 0.0) -> list[int]:
    """How far from the truth each arrival is, in ns; the system's clock drifts away from ours."""
    clock, chance, off = ArrivalClock(), random.Random(1), []
    since_ns = last_ns = 0
    for pulse in range(pulses):
        at_ns = 10 * NS_PER_S + pulse * _PERIOD_NS
        taken_ns = at_ns + chance.randrange(poll_ns)
        after_s = (at_ns - last_ns) * (1 + drift) / NS_PER_S if last_ns else 0.0
        off.append(clock.arrived_ns(_CLOCK, after_s, max(since_ns, taken_ns - poll_ns), taken_ns) - at_ns)
        last_ns, since_ns = at_ns, taken_ns
    return off


def test_polling_adds_no_jitter_once_a_few_messages_have_come():
    off = rebuilt(500, poll_ns=NS_PER_MS)[100:]

    assert max(off) - min(off) < NS_PER_MS // 10


def test_a_clock_that_drifts_is_followed():
    off = [offset for drift in (-2e-5, 2e-5) for offset in rebuilt(2_000, 4 * NS_PER_MS, drift)[100:]]

    assert max(map(abs, off)) < NS_PER_MS


def test_what_is_taken_at_once_arrived_at_once():
    clock = ArrivalClock()

    arrivals = [clock.arrived_ns(0x90, after_s, 0, taken_ns) for after_s, taken_ns in ((0.0, 1000), (0.001, 1_001_000))]

    assert arrivals == [1000, 1_001_000]


def test_nothing_arrived_before_the_poll_that_did_not_find_it():
    clock = ArrivalClock()
    clock.arrived_ns(0x90, 0.0, 0, 5_000)

    assert clock.arrived_ns(0x90, 0.000001, 9_000, 10_000) == 9_000


def test_an_exclusive_message_in_parts_loses_time_and_the_next_message_is_right_all_the_same():
    clock = ArrivalClock()
    clock.arrived_ns(0x90, 0.0, 0, NS_PER_S)
    clock.arrived_ns(_EXCLUSIVE, 0.001, 0, 2 * NS_PER_S)  # 999 ms are lost

    assert clock.arrived_ns(0x90, 0.5, 0, 2 * NS_PER_S + NS_PER_S // 2) == 2 * NS_PER_S + NS_PER_S // 2
