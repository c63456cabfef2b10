"""The port process as ``serve/daemon.py`` puts it together, without its threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from livegen.clock import NS_PER_S
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import Courier
from livegen.daemon.file_watch import FileWatch
from livegen.daemon.health import Caretaker
from livegen.daemon.monitor import Onlookers
from livegen.daemon.ports import pause_s, wire
from livegen.daemon.supervisor import Supervisor
from livegen.events import Timed
from livegen.ipc.messages import decode
from livegen.midi_out.ledger import Ledger
from livegen.midi_out.player import Player
from livegen.midi_out.sender import Output
from livegen.recording.format import Kind, Record, encode_frames
from livegen.recording.recorder import Recorder
from livegen.recording.writer import Tape
from livegen.routing import OutputRoute
from livegen.settings import Settings, load
from livegen.sync.clock_source import LOOK_S, Timekeeper

from .agenda import Alarm
from .disk import DiskPath
from .process import EngineProcess
from .wire import Tap

if TYPE_CHECKING:
    from .world import World

RECORDINGS = "/recordings"
_REPAY_S = 0.25
_LARGEST_RECORDING = 2**16  # small, so that there are many
_RECORDINGS = 3  # that are kept
_WATCHDOG_S = 20


def _opening(at_ns: int) -> bytes:
    return encode_frames([Record(at_ns, Kind.OPENED, b"{}")])


class PortProcess:
    """From its start to its end. ``settle`` does what its threads would do at once."""

    def __init__(self, world: "World", settings: Settings, cells: bytearray) -> None:
        self._world = world
        self._agenda = world.agenda
        self.ledger = Ledger(cells)
        self.ledger.owe()
        self.recorder = Recorder([Tape(self._next_recording, _opening, world.note, largest=_LARGEST_RECORDING)])
        self.onlookers = Onlookers(self.recorder, world.see)
        self.player = Player(self.ledger, self._sent)
        self._attach = self.player.attach_routed
        self.player.attach_routed = self._attach_tapped  # type: ignore[method-assign]
        self._detach = self.player.detach
        self.player.detach = self._detach_tapped  # type: ignore[method-assign]
        self.controls = Controls(settings, world.note, cast(Path, DiskPath(world.disk, "/settings.toml")))
        self.timekeeper = Timekeeper(settings.time, self.player, self._follow, is_realtime=False)
        self.courier = Courier(
            self._heard,
            self.player.end_all,
            self.controls,
            on_clock=self.timekeeper.hear,
            on_change=lambda changed: self.timekeeper.change(changed.time),
        )
        self.settings = settings
        self.wiring = wire(settings.ports, None, self.courier.hear, self.player, world.note)
        self.supervisor = Supervisor((), self.player, self.courier, world.note)
        self.supervisor.replace = self._replace  # type: ignore[method-assign]
        self.caretaker = Caretaker(
            self.player,
            self.courier,
            self.supervisor,
            lambda: self.onlookers.notes["machine"],
            world.note,
            world.wall_time,
        )
        self._unwell_s = 0.0
        path = cast(Path, DiskPath(world.disk, "/settings.toml"))
        self.watch = FileWatch(path, lambda: load(path), world.note)
        self.child: EngineProcess | None = None
        self._play = Alarm(self._agenda, lambda: None)  # what is due is sent whenever anything has happened
        self._look = Alarm(self._agenda, self._look_round)
        self._onlook = Alarm(self._agenda, self._onlook_now)
        self._patience = Alarm(self._agenda, self._lose_patience)
        self._start = Alarm(self._agenda, self._start_child)
        self._tick = Alarm(self._agenda, self._look_at_clock)

    def open(self) -> None:
        """As ``run_daemon`` begins."""
        self.wiring.open()
        self.timekeeper.begin()
        now_ns = self._agenda.now_ns()
        if self.settings.time.clock != "player":
            self._tick.set(now_ns + round(LOOK_S * NS_PER_S))
        self._look.set(now_ns)
        self._start.set(now_ns)

    def close(self) -> None:
        """As ``run_daemon`` ends: SIGTERM."""
        self._silence_alarms()
        if self.child:
            self.player.end_all()
            self.child.discard()
            self.child = None
        self.timekeeper.end()
        self.courier.work_off()
        self.wiring.close()
        self.player.send_due()
        self.onlookers.work_off()

    def be_killed(self) -> None:
        """SIGKILL: nothing is done any more."""
        self._silence_alarms()
        if self.child:
            self.child.discard()

    def settle(self) -> None:
        """The courier and the player do what there is to do."""
        self.courier.work_off()
        next_ns = self.player.send_due()
        self._play.set(None if next_ns is None else next_ns + self._world.wake_ns)

    # what the world tells it

    def engine_says(self, child: EngineProcess, frame: bytes) -> None:
        """A frame has come from the engine."""
        if child is not self.child:
            return
        try:
            self.supervisor.obey(decode(frame))
        except ValueError as error:  # as in ``Supervisor``
            self.lose_child(f"made no sense ({error})")
        else:
            self.expect_word()

    def expect_word(self) -> None:
        """From now on the engine has so long to say something."""
        if self.child and not self.child.is_known_to_live:
            self._patience.set_by(self._patience_ns(self.child))

    def lose_child(self, reason: str) -> None:
        """The engine is dead."""
        child, self.child = self.child, None
        assert child
        self._patience.set(None)
        self.supervisor.end_music()
        child.discard()
        wait_s = self.supervisor.mourn(reason)
        self._world.mourned(wait_s)
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

    # its threads

    def _start_child(self) -> None:
        self.child = self._world.start_engine()
        self.supervisor.begin(self.child.send)
        self.expect_word()

    def _patience_ns(self, child: EngineProcess) -> int:
        since_ns = child.heard_ns if self.supervisor.is_ready else self._agenda.now_ns()
        return since_ns + round(self.supervisor.patience_s() * NS_PER_S)

    def _lose_patience(self) -> None:
        child = self.child
        if child is None or child.is_known_to_live:
            return
        until_ns = self._patience_ns(child)
        if until_ns > self._agenda.now_ns():
            self._patience.set(until_ns)
        else:
            self.lose_child(self.supervisor.complaint)

    def _look_round(self) -> None:
        self.wiring.look()
        self.watch.look(self.courier)
        self.caretaker.look(self.timekeeper.song, self._agenda.now_ns())
        wait_s = _REPAY_S if self.player.repay() else pause_s(self.settings.ports)
        self._look.set(self._agenda.now_ns() + round(wait_s * NS_PER_S))
        self._unwell_s = 0.0 if self.caretaker.vigil.is_well else self._unwell_s + wait_s
        if self._unwell_s > _WATCHDOG_S:
            self._world.note("the service manager has lost patience")
            self._world.kill_port()

    def _look_at_clock(self) -> None:
        self.timekeeper.look()
        self._tick.set(self._agenda.now_ns() + round(LOOK_S * NS_PER_S))

    def _onlook_now(self) -> None:
        if self._world.is_disk_stalled:
            self._onlook.set(self._agenda.now_ns() + NS_PER_S)
            return
        self.onlookers.work_off()

    def _heard(self, timed: Timed) -> None:
        self.onlookers.heard(timed)
        self._onlook.set_by(self._agenda.now_ns() + NS_PER_S)

    def _sent(self, timed: Timed) -> None:
        self._world.machine_plays(timed)
        self.onlookers.sent(timed)
        self._onlook.set_by(self._agenda.now_ns() + NS_PER_S)

    def _follow(self, song: object) -> None:
        self.courier.follow(song)  # type: ignore[arg-type]

    def _attach_tapped(self, outputs: Sequence[tuple[Output, OutputRoute]]) -> None:
        tape = self._world.tape
        tape.forget()
        self._world.forget_machine()
        self._attach([(Tap(number, output, tape), route) for number, (output, route) in enumerate(outputs)])

    def _detach_tapped(self) -> None:
        self._detach()
        self._world.tape.forget()
        self._world.forget_machine()

    def _silence_alarms(self) -> None:
        for alarm in (self._play, self._look, self._onlook, self._patience, self._start, self._tick):
            alarm.set(None)
