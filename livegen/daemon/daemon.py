"""The daemon: starts ports, player, engine and monitor in order, and stops them in reverse order."""

import gc
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from livegen.clock import NS_PER_MS, now_ns
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.folder_watch import FolderWatch, RuntimeFile
from livegen.daemon.health import HealthMonitor
from livegen.daemon.model_supply import Models, ModelSupply, check_models
from livegen.daemon.monitor import EventMonitor, Monitor
from livegen.daemon.now_playing import NowPlaying
from livegen.daemon.ports import MemoryPorts, PortManager, open_ports, pause_s
from livegen.daemon.readiness import Readiness
from livegen.daemon.schedule import LocalTime
from livegen.daemon.sound_backend import SoundBackend
from livegen.daemon.status_file import Figures, RecentLog, StatusFile
from livegen.daemon.supervisor import Supervisor
from livegen.daemon.systemd_notify import notify
from livegen.ipc.engine_child import ENGINE_COMMAND
from livegen.ipc.given_model import GivenModel
from livegen.midi_out.ledger import keep_ledger, ledger_folder
from livegen.midi_out.player import Player
from livegen.realtime import LOOKING_ON, lock_memory, lower_thread, raise_thread
from livegen.recording.recorder import open_recorder
from livegen.settings import Settings
from livegen.sync.ableton_link import check_clock
from livegen.sync.clock_source import ClockSource

_THREADS = 6  # monitor, player, router, clock source, supervisor, models: a thread each
_SWITCH_S = 0.0005  # how long one thread may hold the GIL while others wait
_RESEND_S = 0.25  # between two polls of the ports while note-offs are pending
_LOOK_S = 0.05  # between two looks at who is connected


class _Worker(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def run_daemon(
    settings: Settings,
    *,
    say: Callable[[str], None],
    stop: threading.Event,
    observe: EventMonitor | None = None,
    memory: MemoryPorts | None = None,
    engine: Sequence[str] = ENGINE_COMMAND,
    path: Path | None = None,
    on_poll: Callable[[EventRouter], None] | None = None,
    local_time: LocalTime = time.localtime,
    now_playing: NowPlaying | None = None,
) -> Figures:
    """Play until ``stop`` is set, by the caller or because a part of the daemon has ended with an error.

    ``say`` is called with one line at a time, on any thread. ``observe`` is called with every event, on a thread of its
    own. ``engine`` is the command that starts an engine's process. ``path`` is the file in which learnt controllers are
    saved. ``on_poll`` is called a few times a second, on the caller's thread. ``local_time`` is the wall clock, which
    only the opening hours use. ``memory``: ports in memory, used beside the MIDI system if the settings name one.
    ``now_playing`` is kept up to date.
    """
    log, is_realtime, now_playing = RecentLog(say), settings.daemon.realtime, now_playing or NowPlaying()
    check_clock(settings.time.clock)
    models = _models(engine, settings, log, lambda each: supervisor.give(each), lambda: daemon.router.model_fetched())
    with ExitStack() as stack:
        ledger = stack.enter_context(keep_ledger(settings.ports.name, ledger_folder(), log))
        threads = _Threads(stack, stop, is_realtime=is_realtime)
        observers = (each for each in (now_playing.observe, observe) if each)
        monitor = Monitor(open_recorder(settings, log), *observers, is_realtime=is_realtime)
        threads.start(monitor)
        player = Player(ledger, monitor.sent, is_realtime=is_realtime)
        folder_watch = stack.enter_context(_watch_folder(settings, player, log))
        threads.start(player)
        daemon = _start_ports(threads, Controls(settings, log, path), monitor, player, log, memory, models, now_playing)
        supervisor = Supervisor(engine, player, daemon.router, log, monitor.tap, models, now_playing.take)
        threads.start(models)
        daemon.play_until(stop, supervisor, folder_watch, on_poll, local_time)
        notify("STOPPING=1")
    return daemon.figures(supervisor)


def _watch_folder(settings: Settings, player: Player, log: RecentLog) -> AbstractContextManager[FolderWatch]:
    file = RuntimeFile(settings.ports.name, ledger_folder())
    return closing(FolderWatch(file, player.sender.move_ledger, log))


def _models(
    engine: Sequence[str],
    settings: Settings,
    log: RecentLog,
    give: Callable[[GivenModel], None],
    on_fetched: Callable[[], None],
) -> Models:
    """The models; ModelError, before anything is opened, where no file is meant by the names in the settings."""
    if engine is not ENGINE_COMMAND:
        return Models()
    check_models(settings)
    return ModelSupply(settings.play.model, log, give, on_fetched, is_realtime=settings.daemon.realtime)


class _Threads:
    """Starts the threads; the stack stops them in reverse order."""

    def __init__(self, stack: ExitStack, stop: threading.Event, *, is_realtime: bool) -> None:
        self.stack = stack
        self.is_realtime = is_realtime
        self._stop = stop
        sys.setswitchinterval(_SWITCH_S)
        if is_realtime:
            lock_memory()
        self._pool = stack.enter_context(ThreadPoolExecutor(_THREADS))

    def start(self, worker: _Worker) -> None:
        """Run a worker in its own thread; when the worker ends, the daemon ends."""
        future = self._pool.submit(worker.run)
        future.add_done_callback(lambda _: self._stop.set())
        self.stack.callback(future.result)  # an error of that thread is raised here, after the notes have ended
        self.stack.callback(worker.stop)

    def raise_own(self) -> None:
        """Raise the calling thread too: else a busy machine could suspend it while it holds the GIL."""
        if self.is_realtime:
            raise_thread(LOOKING_ON)
            self.stack.callback(lower_thread)


@dataclass(frozen=True, slots=True)
class _Daemon:
    """The parts that start before the engine."""

    threads: _Threads
    controls: Controls
    monitor: Monitor
    player: Player
    clock_source: ClockSource
    router: EventRouter
    ports: PortManager
    log: RecentLog
    now_playing: NowPlaying

    def play_until(
        self,
        stop: threading.Event,
        supervisor: Supervisor,
        folder_watch: FolderWatch,
        on_poll: Callable[[EventRouter], None] | None,
        local_time: LocalTime,
    ) -> None:
        """Start the engine, and poll all parts a few times a second, until ``stop`` is set."""
        health = HealthMonitor(
            self.player, self.router, supervisor, lambda: self.monitor.notes["machine"], self.log, local_time
        )
        health.schedule.poll(self.controls.settings, now_ns())  # so that the limits apply from the first note on
        self.threads.start(supervisor)
        ports = self.controls.settings.ports
        status_file, readiness = StatusFile(ports.name), Readiness(self.log)
        self.threads.stack.callback(status_file.end)
        gc.freeze()
        self.threads.raise_own()
        while not _rest(stop, self.player, self.ports, pause_s(ports)):
            self.ports.poll()
            folder_watch.poll()
            if on_poll:
                on_poll(self.router)
            self._poll_readiness(readiness, is_loaded=supervisor.was_ever_ready)
            transport = self.clock_source.transport
            health.poll(transport, now_ns())
            status_file.poll(self.ports.plugged(), now_ns())
            status_file.write(
                self.controls.settings,
                lambda: self.figures(supervisor),
                transport,
                lambda at_ns: health.status(at_ns) | self._state(readiness, at_ns),
            )

    def _state(self, readiness: Readiness, at_ns: int) -> dict[str, Any]:
        return {
            "now": asdict(self.now_playing.scene(at_ns)),
            **self.ports.status(),
            "not_ready": readiness.lacking,
            "lines": self.log.lately(at_ns),
        }

    def _poll_readiness(self, readiness: Readiness, *, is_loaded: bool) -> None:
        settings, ends, has_system = self.controls.settings, self.ports.ends(), self.ports.has_system
        if is_loaded:
            readiness.poll(settings, ends, has_system=has_system, midi_system=self.ports.midi_system)
        missing = readiness.waits_for(settings, ends, has_system=has_system, is_loaded=is_loaded)
        self.now_playing.poll(settings, self.clock_source.transport, missing)

    def figures(self, supervisor: Supervisor) -> Figures:
        """The figures of the session so far."""
        latency, reaction = self.player.latency, self.monitor.reaction
        return Figures(
            notes_in=self.monitor.notes["player"],
            notes_out=self.monitor.notes["machine"],
            delivery_p50_ms=latency.percentile_ns(50) / NS_PER_MS,
            delivery_p99_ms=latency.percentile_ns(99) / NS_PER_MS,
            reactions=reaction.count,
            reaction_p50_ms=reaction.percentile_ns(50) / NS_PER_MS,
            reaction_p99_ms=reaction.percentile_ns(99) / NS_PER_MS,
            late_note_ons=self.player.late_note_ons,
            hanging=self.player.hanging,
            engine_restarts=supervisor.restarts,
        )


def _start_ports(
    threads: _Threads,
    controls: Controls,
    monitor: Monitor,
    player: Player,
    log: RecentLog,
    memory: MemoryPorts | None,
    models: Models,
    now_playing: NowPlaying,
) -> _Daemon:
    """Open the ports and start the event router and the clock; events wait until there is an engine."""
    settings, is_realtime = controls.settings, threads.is_realtime
    clock_source = ClockSource(
        settings.time, player, lambda transport: router.follow(transport), is_realtime=is_realtime
    )
    router = EventRouter(
        monitor.heard,
        player.end_all,
        controls,
        on_clock=clock_source.hear,
        on_change=lambda changed: clock_source.change(changed.time),
        fetch_model=models.fetch,
        is_realtime=is_realtime,
    )
    ports = open_ports(settings.ports, memory, router.hear, player, log, is_realtime=is_realtime)
    threads.stack.callback(ports.close)
    if settings.sound.on:
        ports.attach(SoundBackend(settings.sound, player, log, lambda: ports.midi_system))
    threads.start(router)
    threads.start(clock_source)
    return _Daemon(threads, controls, monitor, player, clock_source, router, ports, log, now_playing)


def _rest(stop: threading.Event, player: Player, ports: PortManager, rest_s: float) -> bool:
    """Wait until the next poll, or until somebody connects or disconnects; True when ``stop`` is set."""
    rest_s = min(rest_s, _RESEND_S) if player.resend_pending() else rest_s
    until = time.monotonic() + rest_s
    while time.monotonic() < until and not ports.is_changed():
        if stop.wait(_LOOK_S):
            return True
    return False
