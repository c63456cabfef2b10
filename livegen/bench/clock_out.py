"""How even our own clock is where it arrives: through the real player and a real port, in another process.

Beside it, through the same port to the same process: a loop that waits and sends and does nothing else, before and
after; and cyclictest. JACK takes messages once a period, so to either of them its period adds jitter.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from statistics import linear_regression
from typing import Any

from livegen.bench.conditions import conditions
from livegen.bench.waking import percentile, wake_ups
from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.events import PULSES_PER_QUARTER, Transport, to_bytes
from livegen.hear.port import list_inputs
from livegen.play.clock_out import ClockOut
from livegen.play.ledger import blank_ledger
from livegen.play.player import Player
from livegen.play.port import MidiOutput, open_output
from livegen.play.priority import CARRYING, PLAYING, lock_memory, raise_thread
from livegen.play.wire import Output

TEMPO_BPM = 120
_BEAT_NS = 60 * NS_PER_S // TEMPO_BPM
_NAME = "livegen-bench-clock"
_AHEAD_NS = 60 * NS_PER_MS  # how far ahead pulses are handed over
_FEED_S = 0.02
_AWAKE_NS = 150_000  # the bare loop's last bit before a moment, as the player's
_SETTLE_S = 0.2
_WAKE_UPS, _EVERY_NS = 2_500, 2 * NS_PER_MS  # of cyclictest, after each part
_PULSE = to_bytes(Transport.PULSE)


class Receiver:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        if self._answer() != "ready":
            raise LivegenError("the process that should receive the clock did not start")

    def stamps(self) -> list[int]:
        """The moments of the pulses that have arrived since the last time."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._answer())
        return found

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def measure_clock_out(minutes: float, report: Callable[[int, int], None]) -> dict[str, Any]:
    """Send a clock of 120 bpm for so long, and the bare loop's half as long. PortError when there is no MIDI system.

    Milliseconds: ``interval_ms``, how far intervals are from the ideal one; ``grid_ms``, how far pulses are from the
    even grid that fits them best. ``difference_ms``: of the intervals, ours minus the bare loop's.
    """
    lock_memory()
    pulses = max(round(minutes * TEMPO_BPM * PULSES_PER_QUARTER), 2 * PULSES_PER_QUARTER)
    woken: Counter[int] = Counter()
    parts: list[tuple[int, list[int]]] = []
    with _wired() as (system, port, receiver):
        for send, count in ((_send_bare, pulses // 4), (_send_ours, pulses), (_send_bare, pulses // 4)):
            report(len(parts), 3)
            level, sent = send(port, count)
            time.sleep(_SETTLE_S)
            parts.append((sent, receiver.stamps()))
            woken += wake_ups(_WAKE_UPS, level, _EVERY_NS)
        found = conditions()
    report(3, 3)
    (_, before), (sent, own), (_, after) = parts
    ours, bare = _evenness([own]), _evenness([before, after])
    return {
        "minutes": minutes,
        "port": system,
        "lost": sent - len(own),
        "ours": ours,
        "bare_loop": bare,
        "difference_ms": {p: round(ours["interval_ms"][p] - bare["interval_ms"][p], 3) for p in ("p50", "p99")},
        "cyclictest_us": {f"p{p}": percentile(woken, p) for p in (50, 99)} if woken else None,
        "conditions": found,
    }


@contextmanager
def _wired() -> Iterator[tuple[str, MidiOutput, Receiver]]:
    """The MIDI system, a port to send to, and who receives what is sent there."""
    system, _ = list_inputs("auto", _NAME)
    with ExitStack() as stack:
        port = open_output(system, _NAME)
        stack.callback(port.close)
        source = f"{_NAME}-out:out" if system == "jack" else f"{_NAME}:out"
        command = [sys.executable, "-m", "livegen.bench.stamping", system, source]
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(process.terminate)
        yield system, port, Receiver(process)


def _send_ours(port: MidiOutput, pulses: int) -> tuple[int, int]:
    """As the daemon does; the priority granted, and how many pulses were sent."""
    player = Player(blank_ledger(), lambda _: None, is_realtime=True)
    player.attach_routed(port.routed())
    playing = threading.Thread(target=player.run)
    playing.start()
    sent = _on_thread(lambda: _feed(player, pulses))
    time.sleep(2 * _AHEAD_NS / NS_PER_S)
    player.stop()
    playing.join()
    return player.level, sent


def _feed(player: Player, pulses: int) -> int:
    raise_thread(CARRYING)
    clock = ClockOut(TEMPO_BPM)
    clock.start(now_ns() + 2 * _AHEAD_NS)
    sent = 0
    while sent < pulses:
        if due := clock.due(now_ns() + _AHEAD_NS):
            player.play(due)
            sent += sum(timed.event is Transport.PULSE for timed in due)
        time.sleep(_FEED_S)
    clock.stop(now_ns())
    player.play(clock.due(now_ns() + _AHEAD_NS))
    return sent


def _send_bare(port: MidiOutput, pulses: int) -> tuple[int, int]:
    """By a loop that does nothing else."""
    ((output, _),) = port.routed()
    return _on_thread(lambda: _loop(output, pulses)), pulses


def _loop(output: Output, pulses: int) -> int:
    level = raise_thread(PLAYING)
    first_ns = now_ns() + _AHEAD_NS
    for pulse in range(pulses):
        at_ns = first_ns + pulse * _BEAT_NS // PULSES_PER_QUARTER
        time.sleep(max(at_ns - _AWAKE_NS - now_ns(), 0) / NS_PER_S)
        while now_ns() < at_ns:
            pass
        output.send(_PULSE)
    return level


def _on_thread(work: Callable[[], int]) -> int:
    """What a thread of its own makes of it, and of its priority."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _evenness(runs: Sequence[Sequence[int]]) -> dict[str, Any]:
    ideal_ns = _BEAT_NS / PULSES_PER_QUARTER
    intervals = [abs(after - before - ideal_ns) for run in runs for before, after in pairwise(run)]
    lines = [linear_regression(range(len(run)), [at_ns - run[0] for at_ns in run]) for run in runs]
    grid = [
        abs(at_ns - run[0] - line.intercept - number * line.slope)
        for run, line in zip(runs, lines, strict=True)
        for number, at_ns in enumerate(run)
    ]
    tempi = [60 * NS_PER_S / PULSES_PER_QUARTER / line.slope for line in lines]
    return {
        "pulses": sum(map(len, runs)),
        "tempo_bpm": round(sum(tempi) / len(tempi), 5),
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
