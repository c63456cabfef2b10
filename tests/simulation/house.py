"""The port process as ``daemon/daemon.py`` puts it together, without its threads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.file_watch import FileWatch
from livegen.daemon.folder_watch import FolderWatch
from livegen.daemon.health import HealthMonitor
from livegen.daemon.model_supply import ModelSupply
from livegen.daemon.monitor import Monitor
from livegen.daemon.ports import open_ports, pause_s
from livegen.daemon.spare import Spare, SpareEngine
from livegen.daemon.supervisor import Supervisor
from livegen.errors import ModelError
from livegen.events import Timed
from livegen.ipc.given_model import GivenModel
from livegen.ipc.messages import decode
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.player import Player
from livegen.midi_out.sender import Output
from livegen.recording.format import Kind, Record, encode_frames
from livegen.recording.recorder import Recorder
from livegen.recording.writer import SessionWriter
from livegen.routing import OutputRoute
from livegen.settings import Settings
from livegen.sync.clock_source import POLL_S, ClockSource

from .agenda import Alarm
from .disk import DiskPath, load_settings
from .process import EngineProcess
from .sent import Tap

if TYPE_CHECKING:
    from .world import World

RECORDINGS = "/recordings"
_RESEND_S = 0.25
_LOOK_NS = 20 * NS_PER_MS  # until it sees that somebody has connected or disconnected
_LARGEST_RECORDING = 2**16  # small, so that there are many
_RECORDINGS = 3  # that are kept
_WATCHDOG_S = 20
_LOOK_NS = 100 * NS_PER_MS


def _opening(at_ns: int) -> bytes:
    return encode_frames([Record(at_ns, Kind.OPENED, b"{}")])


class _ModelSupply(ModelSupply):
    """Holds the names of models instead of their files, some of which are damaged."""

    def __init__(self, world: "World", wanted: str, on_fetched: Callable[[], None]) -> None:
        super().__init__(wanted, world.note, lambda _: None, on_fetched)
        self._world = world

    def _read(self, name: str) -> GivenModel:
        if self._world.bundle(name) is None or name in self._world.damaged_models:
            raise ModelError(f"{name}: damaged, or unknown")
        model = GivenModel(name, name, b"")
        self._held = {**self._held, name: model}
        return model


class PortProcess:
    """From its start to its end. ``clear_pending`` does what its threads would do at once."""

    def __init__(self, world: "World", settings: Settings) -> None:
        self._world = world
        self._agenda = world.agenda
        self.ledger = Ledger(world.ledger_file.cells)
        self.ledger.mark_pending_off()
        self.recorder = Recorder(
            [SessionWriter(self._next_recording, _opening, world.note, largest=_LARGEST_RECORDING)]
        )
        self.monitor = Monitor(self.recorder, world.see)
        self.player = Player(self.ledger, self._sent)
        self.folder_watch = FolderWatch(world.ledger_file, self.player.sender.move_ledger, world.note)
        self._taps: dict[Output, Tap] = {}
        self._attach = self.player.attach_routed
        self.player.attach_routed = self._attach_tapped  # type: ignore[method-assign]
        self._detach = self.player.detach
        self.player.detach = self._detach_tapped  # type: ignore[method-assign]
        self.controls = Controls(settings, world.note, cast(Path, DiskPath(world.disk, "/settings.toml")))
        self.clock_source = ClockSource(settings.time, self.player, self._follow, is_realtime=False)
        self.router = EventRouter(
            self._heard,
            self.player.end_all,
            self.controls,
            on_clock=self.clock_source.hear,
            on_change=lambda changed: self.clock_source.change(changed.time),
            fetch_model=lambda name, *, is_new_file: self.models.fetch(name, is_new_file=is_new_file),
        )
        self.settings = settings
        self.models = _ModelSupply(world, settings.play.model, self.router.model_fetched)
        self.supervisor = Supervisor((), self.player, self.router, world.note, models=self.models)
        self.supervisor.replace = self._replace  # type: ignore[method-assign]
        self._spare = Spare(
            lambda _: world.start_engine(is_spare=True), lambda _, __: None, lambda _: None, self.models.version
        )
        self.supervisor.spare = self._spare  # type: ignore[assignment]
        self.health = HealthMonitor(
            self.player,
            self.router,
            self.supervisor,
            lambda: self.monitor.notes["machine"],
            world.note,
            world.wall_time,
        )
        self._unwell_s = 0.0
        path = cast(Path, DiskPath(world.disk, "/settings.toml"))
        self.watch = FileWatch(path, lambda: load_settings(world.disk, "/settings.toml"), world.note)
        self.child: EngineProcess | None = None
        self._play = Alarm(self._agenda, lambda: None)  # what is due is sent whenever anything has happened
        self._poll = Alarm(self._agenda, self._look_round)
        self._onlook = Alarm(self._agenda, self._onlook_now)
        self._patience = Alarm(self._agenda, self._lose_patience)
        self._start = Alarm(self._agenda, self._start_child)
        self._tick = Alarm(self._agenda, self._look_at_clock)

    def open(self) -> None:
        """As ``run_daemon`` begins."""
        self.wiring = open_ports(self.settings.ports, None, self.router.hear, self.player, self._world.note)
        self.clock_source.begin()
        now_ns = self._agenda.now_ns()
        if self.settings.time.clock != "player":
            self._tick.set(now_ns + round(POLL_S * NS_PER_S))
        self._poll.set(now_ns)
        self._start.set(now_ns)

    def close(self) -> None:
        """As ``run_daemon`` ends: SIGTERM."""
        self._silence_alarms()
        self._spare.close()
        if self.child:
            self.player.end_all()
            self.child.discard()
            self.child = None
        self.clock_source.end()
        self.router.work_off()
        self.wiring.close()
        self.player.send_due()
        self.monitor.work_off()

    def be_killed(self) -> None:
        """SIGKILL: nothing is done any more."""
        self._silence_alarms()
        self._spare.close()
        if self.child:
            self.child.discard()

    def look_soon(self) -> None:
        """A connection has changed: it looks many times a second."""
        self._poll.set_by(self._agenda.now_ns() + _LOOK_NS)

    def settle(self) -> None:
        """The event router and the player handle everything that waits."""
        self.router.work_off()
        self.models.work_off()
        self.router.work_off()
        next_ns = self.player.send_due()
        self._play.set(None if next_ns is None else next_ns + self._world.wake_ns)

    # what the world tells it

    def engine_says(self, child: EngineProcess, frame: bytes) -> None:
        """A frame has come from the engine."""
        if child is not self.child:
            return
        try:
            self.supervisor.dispatch(decode(frame))
        except ValueError as error:  # as in ``Supervisor``
            self.lose_child(f"made no sense ({error})")
        else:
            self.expect_word()

    def expect_word(self) -> None:
        """From now on the engine has so long to say something."""
        if self.child and not self.child.is_known_to_live:
            self.supervisor.silence.came_round(self.child.heard_ns)
            self._patience.set_by(self._agenda.now_ns() + _LOOK_NS)

    def lose_child(self, reason: str) -> None:
        """The engine is dead."""
        child, self.child = self.child, None
        assert child
        self._patience.set(None)
        self.supervisor.end_music()
        child.discard()
        wait_s = self.supervisor.handle_exit(reason)
        self._world.engine_died(wait_s)
        self._start.set(self._agenda.now_ns() + round(wait_s * NS_PER_S))

    def _replace(self, reason: str) -> None:
        if self.child:
            self.lose_child(reason)

    def _next_recording(self) -> Path:
        files = self._world.disk.files
        old = [path for path in files if path.startswith(RECORDINGS)]
        for path in old[: 1 - _RECORDINGS]:
            del files[path]
        return cast(Path, DiskPath(self._world.disk, f"{RECORDINGS}/{self._agenda.now_ns()}"))

    @property
    def spare(self) -> EngineProcess | None:
        """The engine that waits."""
        waiting = self._spare._engine
        return waiting.child if waiting else None

    # its threads

    def _start_child(self) -> None:
        spare = cast(SpareEngine[EngineProcess] | None, self.supervisor.take_spare())
        if spare:
            self.child = spare.child
            self.child.is_spare = False
            self.supervisor.take_over(spare)  # type: ignore[arg-type]
        else:
            self.child = self._world.start_engine()
            self.supervisor.begin(self.child.send)
        self.expect_word()

    def _lose_patience(self) -> None:
        child = self.child
        if child is None or child.is_known_to_live:
            return
        now_ns = self._agenda.now_ns()
        if not self.supervisor.silence.is_noticed(now_ns) or not self.supervisor.is_dead(child.threads()):
            self._patience.set(now_ns + round(self.supervisor.silence.wait_s * NS_PER_S))
        elif child.is_starved:
            self._world.fail("an engine that was only late was given up")
        else:
            self.lose_child(self.supervisor.timeout_reason)

    def _look_round(self) -> None:
        self.wiring.poll()
        if self.child:
            self.supervisor.poll_spare()
        self.folder_watch.poll()
        self.watch.poll(self.router)
        self.health.poll(self.clock_source.transport, self._agenda.now_ns())
        wait_s = _RESEND_S if self.player.resend_pending() else pause_s(self.settings.ports)
        self._poll.set(self._agenda.now_ns() + round(wait_s * NS_PER_S))
        self._unwell_s = 0.0 if self.health.watchdog.is_well else self._unwell_s + wait_s
        if self._unwell_s > _WATCHDOG_S:
            self._world.note("the service manager has lost patience")
            self._world.kill_port()

    def _look_at_clock(self) -> None:
        self.clock_source.poll()
        self._tick.set(self._agenda.now_ns() + round(POLL_S * NS_PER_S))

    def _onlook_now(self) -> None:
        if self._world.is_disk_stalled:
            self._onlook.set(self._agenda.now_ns() + NS_PER_S)
            return
        self.monitor.work_off()

    def _heard(self, timed: Timed) -> None:
        self.monitor.heard(timed)
        self._onlook.set_by(self._agenda.now_ns() + NS_PER_S)

    def _sent(self, timed: Timed) -> None:
        self._world.machine_plays(timed)
        self.monitor.sent(timed)
        self._onlook.set_by(self._agenda.now_ns() + NS_PER_S)

    def _follow(self, transport: object) -> None:
        self.router.follow(transport)  # type: ignore[arg-type]

    def _attach_tapped(self, outputs: Sequence[tuple[Output, OutputRoute]], *, repay: bool) -> None:
        sent = self._world.sent
        sent.forget()
        self._world.forget_machine()
        self._taps = {output: Tap(number, output, sent) for number, (output, _) in enumerate(outputs)}
        self._attach([(self._taps[output], route) for output, route in outputs], repay=repay)

    def _detach_tapped(self, *outputs: Output, are_there: bool) -> None:
        self._detach(*(self._taps[output] for output in outputs), are_there=are_there)
        self._world.sent.forget()
        self._world.forget_machine()

    def _silence_alarms(self) -> None:
        for alarm in (self._play, self._poll, self._onlook, self._patience, self._start, self._tick):
            alarm.set(None)
