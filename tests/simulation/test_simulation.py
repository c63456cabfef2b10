"""The simulator finds what it is there to find: each protection, taken away, is missed.

Seeds that have failed are played again for a while. LIVEGEN_SIMULATED_HOURS and LIVEGEN_SIMULATED_SEEDS (as "1-300")
ask for more.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.daemon.folder_watch import FolderWatch
from livegen.daemon.health import SilenceWatchdog
from livegen.daemon.schedule import OpeningSchedule
from livegen.daemon.supervisor import Backoff, Supervisor
from livegen.events import Timed
from livegen.midi_in.input_filter import InputFilter, RateLimiter
from livegen.midi_in.parser import MidiParser
from livegen.midi_out import player
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.limiter import OutputLimiter
from livegen.midi_out.player import Player
from livegen.midi_out.scheduler import Scheduler
from livegen.sync.jack_stall import JackStall
from livegen.sync.midi_clock_in import ClockFollower
from tests.simulation.checks import Violation
from tests.simulation.process import EngineProcess
from tests.simulation.world import Plot, World

HOURS = float(os.environ.get("LIVEGEN_SIMULATED_HOURS", "0.2"))
FIRST, _, LAST = os.environ.get("LIVEGEN_SIMULATED_SEEDS", "1-4").partition("-")

FAILED = [  # and of what
    Plot(1, 0.05, faults=30),  # an engine was asked for a model that had been refused, for ever
    Plot(9, 0.35, faults=30),  # a short note just before its beat was a phrase without notes
    Plot(6, 0.2, faults=30),  # a note-off that left between the pulling of a cable and its being noticed
    Plot(4, 0.8, faults=30),  # a pending note began anew on two ways at once
    # a disk that was full from the beginning of a session got an empty one:
    Plot(620, 24, role="respond", clock="player", presence=0.02, faults=4, installation=False),
]

HELD_KEY = 100  # higher than any answer

Act = Callable[[World], Any]
Patch = tuple[Any, str, Any]


def lived(plot: Plot, *acts: Act) -> World:
    """Things happen, with a few seconds between them, and everything ends."""
    world = World(plot)
    with world.begun():
        world.wait(15)
        for act in acts:
            world.do(partial(act, world))
            world.wait(12.3)
        world.finish()
    return world


def strike(name: str) -> Act:
    """This goes wrong."""
    return lambda world: world.faults.strike(getattr(world.faults, name))


def play(*message: int) -> Act:
    """This is played."""
    return lambda world: world.keyboard.play(list(message))


def nothing(_: World) -> None:
    """Only time passes."""


def be_silent(world: World) -> None:
    """Nobody holds the key any more."""
    if world.sent.counts[HELD_KEY]:
        world.fail("a note that nobody holds is still heard")


def stop_engine(world: World) -> None:
    if world.port and world.port.child:
        world.checks.silence_within(is_stopped=True)
        world.port.child.stop()


def stall_now_and_then(world: World) -> None:
    for moment in range(40):
        world.agenda.once(world.agenda.now_ns() + moment * 250 * NS_PER_MS, lambda: world.agenda.jump(60 * NS_PER_MS))


def touch_now_and_then(world: World) -> None:
    world.visitors.open()


def all_at_once(scheduler: Scheduler, _now_ns: int) -> list[Timed]:
    events = [entry[3] for entry in sorted(scheduler._heap)]
    scheduler._heap.clear()
    return events


def forget(scheduler: Scheduler, after_ns: int, *_: Any) -> None:
    scheduler._keep(lambda timed: timed.at_ns <= after_ns)


def installed(role: str, *, has_hours: bool) -> Plot:
    """An installation, with the hours or always open."""
    told = Plot(0, 1, role=role, thru="on", clock="player", faults=0, start_ms=0, installation=True)
    plots = (replace(told, seed=seed) for seed in range(99))
    return next(plot for plot in plots if World(plot).room.has_hours == has_hours)  # type: ignore[union-attr]


def touch(world: World) -> None:
    world.keyboard.play([0x90, 64, 80])
    assert world.room
    world.room.struck()


KILLS = (strike("engine_killed"),) * 4
UNPLUGS = (strike("synth_unplugged"), nothing, nothing, nothing) * 3
SOLO, HELD, VISITED = (
    Plot(2, 1, role="solo", faults=0),
    Plot(2, 1, role="respond", faults=0, thru="on", switches=True),
    Plot(2, 1, role="respond", faults=0, thru="off", presence=0.99),
)
BY_CLOCK = Plot(3, 1, role="respond", clock="midi", faults=0, presence=0.01)
PROTECTIONS: dict[str, tuple[Plot, tuple[Act, ...], Patch, str]] = {
    "a late note-on is left out": (SOLO, (stall_now_and_then,), (player, "LATE_NS", 10**12), "ms late"),
    "nothing leaves before its moment": (SOLO, (nothing,), (Scheduler, "due", all_at_once), "before its moment"),
    "a note is written down": (SOLO, (nothing,), (Ledger, "leaves", lambda *_: None), "not what was sent"),
    "a note is struck out": (SOLO, (nothing,), (Ledger, "has_left", lambda *_: None), "not what was sent"),
    "a dead engine's notes are ended": (SOLO, KILLS, (Player, "end_all", lambda _: None), "still sounds"),
    "a silent engine is dead": (
        SOLO,
        (stop_engine,) * 4,
        (Supervisor, "_bound_ns", 5 * NS_PER_S),
        "still sounds",
    ),
    "an engine that is late is not dead": (
        SOLO,
        (strike("engine_starved"),) * 6,
        (EngineProcess, "threads", lambda _: {}),
        "only late was given up",
    ),
    "starts wait longer and longer": (
        SOLO,
        (strike("engine_crashes"), *(nothing,) * 9),
        (Backoff, "next_s", lambda _: 0.0),
        "times in an hour",
    ),
    "what is pending is sent": (
        HELD,
        (play(0x90, 100, 80), strike("livegen_killed"), nothing),
        (Ledger, "pending_offs", lambda _: ()),
        "hear",
    ),
    "a sostenuto pedal that was down at a crash is lifted": (
        HELD,
        (strike("sostenuto_held_at_a_crash"), nothing),
        (Ledger, "pending_offs", lambda _: ()),
        "hear",
    ),
    "an input that is pulled out lets go": (
        HELD,
        (play(0x90, HELD_KEY, 80), strike("keyboard_unplugged"), be_silent),
        (InputFilter, "_release", lambda *_: False),
        "hear",
    ),
    "what left while the cable was out is told again": (
        SOLO,
        UNPLUGS,
        (Ledger, "mark_pending_off", lambda ledger: None),
        "hear",
    ),
    "a runtime folder that was removed is made anew": (
        HELD,
        (strike("runtime_folder_removed"), strike("livegen_killed")),
        (FolderWatch, "poll", lambda _: None),
        "the runtime folder is still gone",
    ),
    "what sounds is in the ledger that is made anew": (
        SOLO,
        (strike("runtime_folder_removed"), strike("livegen_killed")),
        (Ledger, "move_to", lambda ledger, cells: setattr(ledger, "_cells", cells)),
        "the ledger is not what was sent",
    ),
    "what is no message is not passed on": (
        HELD,
        (play(0x90, 60, 200),),
        (MidiParser, "read", lambda _, received: [bytes(received)]),
        "is no MIDI message",
    ),
    "a flood is left out": (HELD, (strike("flood"),) * 6, (RateLimiter, "allows", lambda *_: True), "wait"),
    "what is retracted ends": (
        VISITED,
        (touch_now_and_then, *(nothing,) * 20),
        (Scheduler, "retract", forget),
        "has sounded for",
    ),
    "pulses are counted": (BY_CLOCK, (nothing,) * 99, (JackStall, "hear", lambda *_: 2), "of livegen's"),
    "a song that begins is followed": (
        BY_CLOCK,
        (nothing,) * 99,
        (ClockFollower, "_go", lambda *_: None),
        "does not follow",
    ),
    "closed is silent": (
        installed("solo", has_hours=True),
        (nothing,) * 4,
        (OpeningSchedule, "_is_open", lambda *_: True),
        "while the room is closed",
    ),
    "nothing is too loud": (
        installed("solo", has_hours=False),
        (play(0x90, 64, 127),),
        (OutputLimiter, "limited", lambda _, event: event),
        "is too loud",
    ),
    "alone it plays": (
        installed("respond", has_hours=False),
        (nothing,) * 20,
        (OpeningSchedule, "_is_alone", lambda *_: False),
        "alone, and silent",
    ),
    "a visitor is yielded to": (
        installed("solo", has_hours=False),
        (nothing, nothing, nothing, touch),
        (Scheduler, "retract", forget),
        "goes on",
    ),
    "an engine that plays is let be": (
        installed("solo", has_hours=False),
        (nothing,) * 8,
        (SilenceWatchdog, "poll", lambda _self, at_ns, *_: at_ns // NS_PER_S == 90),
        "nothing is wrong",
    ),
    "a refused model is given up": (
        HELD,
        (play(0xC0, 6), strike("engine_killed"), *(nothing,) * 8),
        (Supervisor, "_fallback", lambda it: it._router.settings),
        "no engine",
    ),
}


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_protection_that_is_taken_away_is_missed(protection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plot, acts, patch, complaint = PROTECTIONS[protection]
    lived(plot, *acts)  # with it, all is well
    monkeypatch.setattr(*patch)

    with pytest.raises(Violation, match=complaint):
        lived(plot, *acts)


def test_the_same_seed_is_the_same_run_and_another_is_not() -> None:
    first, again, other = (World(Plot(seed, 0.1, faults=60)).run().sha256 for seed in (3, 3, 4))

    assert first == again
    assert first != other


@pytest.mark.parametrize("plot", FAILED, ids=lambda plot: f"seed {plot.seed}")
def test_what_has_failed_does_not_fail_again(plot: Plot) -> None:
    World(plot).run()


@pytest.mark.parametrize("faults", [("server_killed",), ("synth_unplugged", "keyboard_unplugged")], ids="-".join)
def test_a_midi_server_that_refuses_us_is_asked_again(faults: tuple[str, ...]) -> None:
    """As JACK does while it is dying, or has just come: a client of ours, or the port of one."""

    def refuse(world: World) -> None:
        world.midi.clients_refused = [True, True, False, True]

    world = lived(Plot(1, 1, clock="player", faults=0), refuse, *map(strike, faults), lambda at: at.faults.mend())

    assert world.midi.kind == "jack"
    assert world.midi.clients_refused == []
    for line in ("playing to", "listening to"):
        assert sum(line in said for said in world.log) == 2


def test_an_engine_that_has_fallen_behind_leaves_nothing_hanging() -> None:
    """Found by ``test_simulation_states.py``: its late frames ended notes at the moment at which they began."""
    world = World(Plot(0, hours=1, faults=0, role="harmonise", switches=True))
    with world.begun():
        world.wait(8)
        for wait_s in (0, 1.4, 0):
            world.do(lambda: world.faults.strike(world.faults.engine_stopped))
            world.wait(wait_s)
        world.do(lambda: world.keyboard.play([0x90, 58, 1]))
        world.wait(10)
        world.do(lambda: world.keyboard.play([0x80, 58, 0]))
        world.wait(30)

        assert not any(world.sent.counts)
        world.finish()


@pytest.mark.parametrize("seed", range(int(FIRST), int(LAST or FIRST) + 1))
def test_nothing_is_violated(seed: int) -> None:
    report = World(Plot(seed, HOURS, faults=60)).run()

    assert report.messages


@pytest.mark.parametrize("start_ms", [194 * 24 * 3_600_000, 2**31, 2**32])
def test_however_long_the_machine_has_been_up_it_plays_the_same(start_ms: int) -> None:
    at_the_beginning, later = (World(replace(VISITED, hours=0.05, start_ms=start)).run() for start in (1_000, start_ms))

    assert (later.onsets_in, later.onsets_out) == (at_the_beginning.onsets_in, at_the_beginning.onsets_out)


def test_an_engine_that_is_killed_after_its_model_was_damaged_is_followed_by_one_with_what_played():
    world = World(Plot(seed=4, hours=1, faults=0, role="solo", presence=0, switches=False, installation=False))
    with world.begun():
        world.wait(10)
        world.do(lambda: world.faults.strike(world.faults.model_damaged))
        world.wait(5)
        before = world.onsets_out
        world.wait(5)
        after = world.onsets_out
        world.finish()

    assert any("the previous model plays on" in line for line in world.log)
    assert world.engine_starts > 1
    assert after > before
