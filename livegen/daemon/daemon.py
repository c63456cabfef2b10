"""The daemon: ports, player, engine and onlookers, started in order, stopped in the mirror of it."""

import gc
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from livegen.clock import NS_PER_MS, now_ns
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import Courier
from livegen.daemon.health import Caretaker
from livegen.daemon.monitor import Onlookers, Watch
from livegen.daemon.ports import MemoryPorts, Wiring, pause_s, wire
from livegen.daemon.schedule import LocalTime
from livegen.daemon.status_file import Figures, Said, Standing
from livegen.daemon.supervisor import Supervisor
from livegen.daemon.systemd_notify import notify
from livegen.ipc.engine_child import ENGINE_COMMAND
from livegen.midi_out.ledger import keep_ledger, ledger_folder
from livegen.midi_out.player import Player
from livegen.realtime import LOOKING_ON, lock_memory, lower_thread, raise_thread
from livegen.recording.recorder import open_recorder
from livegen.settings import Settings
from livegen.sync.clock_source import Timekeeper

_WORKERS = 5  # onlookers, player, courier, timekeeper, supervisor: a thread each
_SWITCH_S = 0.0005  # how long one of our threads may keep the others from running
_REPAY_S = 0.25  # between two looks at the ports while note-offs are owed
_LISTEN_S = 0.01  # and between two at who listens: somebody new is owed them at once


class _Worker(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def run_daemon(
    settings: Settings,
    *,
    say: Callable[[str], None],
    stop: threading.Event,
    watch: Watch | None = None,
    ports: MemoryPorts | None = None,
    engine: Sequence[str] = ENGINE_COMMAND,
    path: Path | None = None,
    on_look: Callable[[Courier], None] | None = None,
    local_time: LocalTime = time.localtime,
) -> Figures:
    """Play until ``stop`` is set, by the caller or because a part of the daemon has ended by an error.

    ``say`` gets one line at a time, from any thread. ``watch`` sees every event, on a thread of its own.
    ``engine`` is the command that starts an engine's process. ``path`` is where learnt controllers are saved, and
    ``on_look`` is called a few times a second, on the caller's thread. ``local_time`` is the wall clock, which opening
    hours go by and nothing else.
    """
    said = say = Said(say)
    is_realtime = settings.daemon.realtime
    with ExitStack() as stack:
        ledger = stack.enter_context(keep_ledger(settings.ports.name, ledger_folder(), say))
        _be_prompt(is_realtime=is_realtime)
        pool = stack.enter_context(ThreadPoolExecutor(_WORKERS))
        onlookers = Onlookers(open_recorder(settings, say), watch, is_realtime=is_realtime)
        _start(stack, pool, onlookers, stop)
        player = Player(ledger, onlookers.sent, is_realtime=is_realtime)
        _start(stack, pool, player, stop)
        controls = Controls(settings, say, path)
        timekeeper = Timekeeper(settings.time, player, lambda song: courier.follow(song), is_realtime=is_realtime)
        courier = Courier(
            onlookers.heard,
            player.end_all,
            controls,
            on_clock=timekeeper.hear,
            on_change=lambda changed: timekeeper.change(changed.time),
            is_realtime=is_realtime,
        )
        wiring = wire(settings.ports, ports, courier.hear, player, say)
        stack.callback(wiring.close)
        wiring.open()
        _start(stack, pool, courier, stop)
        _start(stack, pool, timekeeper, stop)
        supervisor = Supervisor(engine, player, courier, say, onlookers.witness)
        _start(stack, pool, supervisor, stop)
        caretaker = Caretaker(player, courier, supervisor, lambda: onlookers.notes["machine"], say, local_time)
        standing = Standing(settings.ports.name)
        stack.callback(standing.end)
        gc.freeze()
        if is_realtime:
            raise_thread(LOOKING_ON)  # else a busy machine could take this thread off while the others need its GIL
            stack.callback(lower_thread)
        while not _rest(stop, player, wiring, pause_s(settings.ports)):
            wiring.look()
            if on_look:
                on_look(courier)
            caretaker.look(timekeeper.song, now_ns())
            standing.look(wiring.plugged(), now_ns())
            standing.write(
                controls.settings,
                lambda: _figures(onlookers, player, supervisor),
                timekeeper.song,
                lambda at_ns: {**caretaker.standing(at_ns), "lines": said.lately(at_ns)},
            )
        notify("STOPPING=1")
    return _figures(onlookers, player, supervisor)


def _start(stack: ExitStack, pool: ThreadPoolExecutor, worker: _Worker, stop: threading.Event) -> None:
    future = pool.submit(worker.run)
    future.add_done_callback(lambda _: stop.set())
    stack.callback(future.result)  # an error of that thread comes out here, after the notes have ended
    stack.callback(worker.stop)


def _rest(stop: threading.Event, player: Player, wiring: Wiring, rest_s: float) -> bool:
    """Wait until the next look, which somebody new brings on while note-offs are owed; is this the end?"""
    if not player.repay():
        return stop.wait(rest_s)
    plugged, until = wiring.plugged(), time.monotonic() + _REPAY_S
    while time.monotonic() < until and wiring.plugged() == plugged:
        if stop.wait(_LISTEN_S):
            return True
    return False


def _be_prompt(*, is_realtime: bool) -> None:
    sys.setswitchinterval(_SWITCH_S)
    if is_realtime:
        lock_memory()


def _figures(onlookers: Onlookers, player: Player, supervisor: Supervisor) -> Figures:
    return Figures(
        notes_in=onlookers.notes["player"],
        notes_out=onlookers.notes["machine"],
        delivery_p50_ms=player.lateness.percentile_ns(50) / NS_PER_MS,
        delivery_p99_ms=player.lateness.percentile_ns(99) / NS_PER_MS,
        reactions=onlookers.reaction.count,
        reaction_p50_ms=onlookers.reaction.percentile_ns(50) / NS_PER_MS,
        reaction_p99_ms=onlookers.reaction.percentile_ns(99) / NS_PER_MS,
        late_note_ons=player.late_note_ons,
        hanging=player.hanging,
        engine_restarts=supervisor.restarts,
    )
