"""Measures how late events are sent while an engine infers all the time, beside cyclictest under the same policy.

Both take turns, a block each, so that the conditions are the same. Our figure includes the sending; cyclictest's is
the wake-up alone.
"""

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from livegen.bench.conditions import conditions
from livegen.bench.waking import percentile, wake_ups
from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError, PortError
from livegen.events import SUSTAIN_PEDAL, ControlChange, Event, NoteOff, NoteOn, Timed
from livegen.latency import LatencyHistogram
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.midi_out.port import MemoryOutput, open_output
from livegen.midi_ports.systems import answering_system
from livegen.own_process import module_command
from livegen.realtime import CARRYING, lock_memory, raise_thread
from livegen.routing import OutputRoute

_EVERY_NS = 2 * NS_PER_MS
_AHEAD_NS = 60 * NS_PER_MS  # how far ahead events are handed over, as by an engine
_BLOCK = 2_500  # events, then as many wake-ups of cyclictest
_CHORD_NS = 100 * NS_PER_MS
_CHORD: tuple[tuple[int, Event], ...] = (
    *((0, NoteOff(pitch)) for pitch in (48, 60, 64)),
    (0, ControlChange(SUSTAIN_PEDAL, 0)),
    *((0, NoteOn(pitch)) for pitch in (48, 60, 64)),
    (30 * NS_PER_MS, ControlChange(SUSTAIN_PEDAL, 127)),
)
_STALL_S, _BETWEEN_S = 0.2, 0.05
_INFERRING = module_command("livegen.bench.inferring")


def steady(index: int) -> Timed:
    """One event of as many as the player can be given: a note on, then off."""
    return Timed(index * _EVERY_NS, NoteOff(60) if index % 2 else NoteOn(60))


def pianist(index: int) -> Timed:
    """One event of thirty notes a second: chords of three, with the pedal lifted at each and down again after it."""
    chord, place = divmod(index, len(_CHORD))
    after_ns, event = _CHORD[place]
    return Timed(chord * _CHORD_NS + after_ns, event)


def measure_delivery(
    events: int,
    report: Callable[[int, int], None],
    *,
    of: Callable[[int], Timed] = steady,
    is_loaded: bool = False,
    is_stalled: bool = False,
) -> dict[str, Any]:
    """Send ``events``, one every 2 ms or as ``of`` says, by the real player to a real port.

    It is a port in memory where there is no MIDI system. Microseconds late; ``difference`` is ours minus cyclictest's,
    None where that is not installed. ``is_loaded``: every core is kept busy by stress-ng. ``is_stalled``: in every
    other block the engine is stopped for 200 ms repeatedly; ``stalled_us`` is of those blocks, ``late_us`` of the rest.
    """
    lock_memory()
    control: Counter[int] = Counter()
    late = {False: LatencyHistogram(), True: LatencyHistogram()}
    with _inferring() as engine, _playing() as (player, where), stressed() if is_loaded else nullcontext():
        for place, done in enumerate(range(0, events, _BLOCK)):
            report(done, events)
            block = min(_BLOCK, events - done)
            stops = is_stalled and place % 2 == 1
            player.latency = late[stops]
            with _stalling(engine) if stops else nullcontext():
                _carry(player, block, of)
            control += wake_ups(block, player.level, _EVERY_NS)
        found = conditions(provider="CPUExecutionProvider")
    report(events, events)
    ours, stalled = (_percentiles(late[stops]) for stops in (False, True))
    theirs = {f"p{percent}": percentile(control, percent) for percent in (50, 99)} if control else None
    return {
        "count": events,
        "port": where,
        "late_us": ours,
        "stalled_us": stalled if is_stalled else None,
        "cyclictest_us": {**theirs, "max": max(control)} if theirs else None,
        "difference_us": {name: round(ours[name] - theirs[name], 1) for name in theirs} if theirs else None,
        "note_ons_left_out": player.late_note_ons,
        "conditions": {**found, "stress": is_loaded},
    }


def _percentiles(late: LatencyHistogram) -> dict[str, float]:
    return {**{f"p{p}": late.percentile_ns(p) / 1000 for p in (50, 99)}, "max": late.max_ns / 1000}


@contextmanager
def _inferring() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(_INFERRING, stdout=subprocess.PIPE, text=True) as process:
        try:
            if not process.stdout or not process.stdout.readline():  # its first line: the model is loaded
                raise LivegenError("the engine that infers during the measurement did not start")
            yield process
        finally:
            process.kill()


@contextmanager
def _stalling(engine: subprocess.Popen[str]) -> Iterator[None]:
    """Stop the engine for 200 ms, let it run for 50 ms, and so on."""
    is_over = threading.Event()

    def stall() -> None:
        while not is_over.wait(_BETWEEN_S):
            engine.send_signal(signal.SIGSTOP)
            time.sleep(_STALL_S)
            engine.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextmanager
def stressed() -> Iterator[None]:
    """Keep every core busy with stress-ng; LivegenError where it is not installed."""
    program = shutil.which("stress-ng")
    if program is None:
        raise LivegenError("stress-ng is not installed (Debian: stress-ng); measure without --load, or install it")
    with subprocess.Popen([program, "--cpu", "0", "--quiet"], start_new_session=True) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def _playing() -> Iterator[tuple[Player, str]]:
    player = Player(blank_ledger(), lambda _: None, is_realtime=True)
    thread = threading.Thread(target=player.run)
    try:
        system = answering_system("auto", "livegen-bench")
        port = open_output(system, "livegen-bench")
    except PortError:
        system, port = "memory", None
    player.attach_routed(port.routed() if port else [(MemoryOutput(), OutputRoute())])
    thread.start()
    try:
        yield player, system
    finally:
        player.stop()
        thread.join()
        if port:
            port.close()


def _carry(player: Player, count: int, of: Callable[[int], Timed]) -> None:
    carrier = threading.Thread(target=_deliver, args=(player, count, of))
    carrier.start()
    carrier.join()


def _deliver(player: Player, count: int, of: Callable[[int], Timed]) -> None:
    """Hand events over as the daemon does, from a thread of raised priority."""
    raise_thread(CARRYING)
    first_ns = now_ns() + _AHEAD_NS
    for index in range(count):
        timed = of(index)
        at_ns = first_ns + timed.at_ns
        time.sleep(max(at_ns - _AHEAD_NS - now_ns(), 0) / NS_PER_S)
        player.play((Timed(at_ns, timed.event),))
    time.sleep(2 * _AHEAD_NS / NS_PER_S)
