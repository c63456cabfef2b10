"""Measures how even our own MIDI clock is where it arrives: through the real player and a real port, in a process.

In turns with it, through the same port to the same process: a bare loop that only waits and sends; and cyclictest.
JACK takes messages once a period, so its period adds jitter to both.
"""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import linear_regression
from typing import Any

from livegen.bench.conditions import conditions
from livegen.bench.waking import percentile, wake_ups
from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.events import PULSES_PER_QUARTER, TICKS_PER_PULSE, Transport, to_bytes
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.midi_out.port import MidiOutput, open_output
from livegen.midi_out.sender import Output
from livegen.midi_ports.names import virtual_ports
from livegen.midi_ports.systems import answering_system
from livegen.music.tempo_map import round_div
from livegen.own_process import module_command
from livegen.realtime import CARRYING, PLAYING, lock_memory, raise_thread
from livegen.sync.midi_clock_out import ClockOut

TEMPO_BPM = 120
_BEAT_NS = 60 * NS_PER_S // TEMPO_BPM
_NAME = "livegen-bench-clock"
_AHEAD_NS = 60 * NS_PER_MS  # how far ahead pulses are handed to the player
_FEED_S = 0.02
_AWAKE_NS = 150_000  # the bare loop's busy waiting before each moment, as in the player
_SETTLE_NS = NS_PER_S // 5
_TURN = 60 * PULSES_PER_QUARTER  # pulses in a turn, at most: half a minute
_WAKE_UPS, _EVERY_NS = 500, 2 * NS_PER_MS  # cyclictest's, after each turn
_PULSE = to_bytes(Transport.CLOCK)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A pulse as it arrives, with its number from the start: JACK may lose pulses, to any client."""

    at_ns: int
    number: int


class Receiver:
    """The process that receives the clock (``bench/stamping.py``)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        if self._answer() != "ready":
            raise LivegenError("the process that receives the clock did not start")

    def arrivals(self, start_ns: int) -> list[Arrival]:
        """The pulses that have arrived since the last call, of a clock that began at ``start_ns``."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._answer())
        return [Arrival(at_ns, round_div((at_ns - start_ns) * PULSES_PER_QUARTER, _BEAT_NS)) for at_ns in found]

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def measure_clock_out(minutes: float, report: Callable[[int, int], None]) -> dict[str, Any]:
    """A clock of 120 bpm, its pulses sent by our player and by the bare loop in turns, ``minutes`` by each.

    Milliseconds: ``interval_ms``, deviation of the intervals from the ideal one; ``grid_ms``, deviation of the pulses
    from the even grid that fits all of them best. ``difference_ms``: of the intervals, ours minus the bare loop's.
    PortError when there is no MIDI system.
    """
    lock_memory()
    pulses = max(round(minutes * TEMPO_BPM * PULSES_PER_QUARTER), PULSES_PER_QUARTER)
    length = min(_TURN, pulses)
    turns = pulses // length
    parts: dict[str, list[Arrival]] = {"ours": [], "bare_loop": []}
    woken: Counter[int] = Counter()
    with _wired() as (system, port, receiver), _playing(port) as player:
        start_ns = now_ns() + _SETTLE_NS
        clock = ClockOut(TEMPO_BPM)
        clock.start(start_ns)
        ((output, _),) = port.routed()
        for turn in range(2 * turns):
            report(turn, 2 * turns)
            numbers = _numbers(start_ns, length)
            sender = partial(_feed, clock, player) if turn % 2 == 0 else partial(_loop, output, start_ns)
            _on_thread(partial(sender, numbers))
            parts["bare_loop" if turn % 2 else "ours"] += receiver.arrivals(start_ns)
            woken += wake_ups(_WAKE_UPS, player.level, _EVERY_NS)
        found = conditions()
    report(2 * turns, 2 * turns)
    ours, bare = (_evenness(part, turns * length) for part in parts.values())
    return {
        "minutes": minutes,
        "port": system,
        "ours": ours,
        "bare_loop": bare,
        "difference_ms": {p: round(ours["interval_ms"][p] - bare["interval_ms"][p], 3) for p in ("p50", "p99")},
        "cyclictest_us": {f"p{p}": percentile(woken, p) for p in (50, 99)} if woken else None,
        "conditions": found,
    }


@contextmanager
def _wired() -> Iterator[tuple[str, MidiOutput, Receiver]]:
    """The MIDI system, an output port, and the process that receives from it."""
    system = answering_system("auto", _NAME)
    with ExitStack() as stack:
        port = open_output(system, _NAME)
        stack.callback(port.close)
        source = virtual_ports(_NAME, system)[1]
        command = module_command("livegen.bench.stamping", system, source)
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(process.terminate)
        yield system, port, Receiver(process)


@contextmanager
def _playing(port: MidiOutput) -> Iterator[Player]:
    player = Player(blank_ledger(), lambda _: None, is_realtime=True)
    player.attach_routed(port.routed())
    thread = threading.Thread(target=player.run)
    thread.start()
    try:
        yield player
    finally:
        player.stop()
        thread.join()


def _numbers(start_ns: int, length: int) -> range:
    """The numbers of the next turn's pulses: it begins on a beat, after a short wait."""
    beat = -(-(now_ns() + _SETTLE_NS - start_ns) // _BEAT_NS)
    return range(beat * PULSES_PER_QUARTER, beat * PULSES_PER_QUARTER + length)


def _feed(clock: ClockOut, player: Player, numbers: range) -> None:
    """Hand due pulses to the player a little ahead, as the daemon does."""
    raise_thread(CARRYING)
    first_ns, last_ns = (clock.state.ns_at(number * TICKS_PER_PULSE) for number in (numbers[0], numbers[-1]))
    clock.due(first_ns - 1)  # skip the pulses of the bare loop's turns
    while (until_ns := now_ns() + _AHEAD_NS) < last_ns:
        if due := clock.due(until_ns):
            player.play(due)
        time.sleep(_FEED_S)
    player.play(clock.due(last_ns))
    time.sleep(2 * _AHEAD_NS / NS_PER_S)


def _loop(output: Output, start_ns: int, numbers: range) -> None:
    """Send pulses at the same moments by a bare loop."""
    raise_thread(PLAYING)
    for number in numbers:
        at_ns = start_ns + number * _BEAT_NS // PULSES_PER_QUARTER
        time.sleep(max(at_ns - _AWAKE_NS - now_ns(), 0) / NS_PER_S)
        while now_ns() < at_ns:
            pass
        output.send(_PULSE)
    time.sleep(2 * _AHEAD_NS / NS_PER_S)


def _on_thread(work: Callable[[], None]) -> None:
    """Run in a thread of its own: the raised priority ends with the thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def _evenness(arrivals: Sequence[Arrival], sent: int) -> dict[str, Any]:
    ideal_ns = _BEAT_NS / PULSES_PER_QUARTER
    intervals = [
        abs(later.at_ns - earlier.at_ns - ideal_ns)
        for earlier, later in pairwise(arrivals)
        if later.number == earlier.number + 1
    ]
    since_ns = [arrival.at_ns - arrivals[0].at_ns for arrival in arrivals]
    numbers = [arrival.number for arrival in arrivals]
    line = linear_regression(numbers, since_ns)
    grid = [abs(ns - line.intercept - number * line.slope) for number, ns in zip(numbers, since_ns, strict=True)]
    return {
        "sent": sent,
        "arrived": len(arrivals),
        "tempo_bpm": round(60 * NS_PER_S / PULSES_PER_QUARTER / line.slope, 5),
        "seconds": round(since_ns[-1] / NS_PER_S, 1),
        "interval_ms": _percentiles(intervals),
        "grid_ms": _percentiles(grid),
    }


def _percentiles(times_ns: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times_ns)
    last = len(ordered) - 1
    return {
        "p50": round(ordered[last * 50 // 100] / NS_PER_MS, 3),
        "p99": round(ordered[last * 99 // 100] / NS_PER_MS, 3),
        "max": round(ordered[last] / NS_PER_MS, 3),
    }
