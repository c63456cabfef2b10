"""All of it: one seed, one run."""

import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from random import Random
from typing import Any
from unittest.mock import patch

import livegen.recording.opening
from livegen.clock import NS_PER_MS, NS_PER_S, clock_read_by
from livegen.errors import LivegenError, SettingsError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle
from livegen.settings import Settings
from livegen.shipped import shipped_models

from .agenda import Agenda
from .checks import Checks, Violation
from .disk import Disk, LedgerFile, load_settings
from .drums import DrumMachine
from .faults import Faults
from .house import PortProcess
from .midi import Keyboard, Killed, MidiSystem
from .models import small_bundle
from .process import EngineProcess
from .receiver import Receiver
from .room import Room
from .sent import SentMessages
from .visitors import Visitors

DAY_MS = 24 * 3600 * 1000
_STARTS_MS = (0, 3600_000, 194 * DAY_MS, 2**31, 2**32, 2**31 // 1000)  # uptimes at which something could go wrong
_PROGRAMS = ["respond", "solo", "harmonise", "accompany", "bach", "elise-gru", "no-such-model", "respond"]
_ROLES = (*["respond"] * 5, *["solo"] * 3, "harmonise", "accompany")


@dataclass(frozen=True)
class Plot:
    """What is to be simulated."""

    seed: int
    hours: float
    rate: float = 8.0  # onsets a second of who plays
    presence: float = 0.25  # the part of the time in which somebody is there
    faults: float = 6.0  # an hour
    role: str = ""  # "": by the seed
    thru: str = ""  # "off" or "on"; "": by the seed
    clock: str = ""  # the same for "player", "internal", "midi"
    switches: bool | None = None  # may programs and a knob choose roles and models? None: by the seed
    start_ms: int | None = None  # uptime; None: by the seed
    spare: bool = True  # is there a second engine that takes over?
    installation: bool | None = None  # with hours, limits, and music while nobody is there? None: by the seed


@dataclass(frozen=True)
class Report:
    """What came of it."""

    seed: int
    hours: float
    wall_s: float
    cpu_s: float
    present_h: float  # that somebody was there
    onsets_in: int
    onsets_out: int
    onsets_per_s: float  # of both, by the time that somebody was there
    events: int
    messages: int
    faults: dict[str, int]
    engine_starts: int
    port_starts: int
    late_note_ons: int
    songs_compared: int  # with the drum machine's, where there is one
    nights: int  # that the room was closed, if it is an installation's
    yielded: int  # to visitors, while playing alone
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class World:
    """Owner of everything in it."""

    def __init__(self, plot: Plot) -> None:
        self.plot = plot
        self.random = Random(f"world {plot.seed}")
        start_ms = self.random.choice(_STARTS_MS) if plot.start_ms is None else plot.start_ms
        before_ns = round(self.random.random() * plot.hours * 3600 * NS_PER_S) if start_ms > DAY_MS else 0
        self.agenda = Agenda(max(start_ms * NS_PER_MS - before_ns, NS_PER_S))
        self.log: deque[str] = deque(maxlen=30)
        self._violation: Violation | None = None
        self.checks = Checks(self)
        self.sent = SentMessages(self.agenda.now_ns, self.fail)
        self.disk = Disk()
        self.wall_offset_s = 0
        self.is_disk_stalled = self.is_elsewhere = False
        self.wake_ns = 30_000
        self.midi = MidiSystem("jack" if plot.seed % 2 else "alsa")
        self.midi.on_killed = self.kill_port
        self.midi.on_open = self._somebody_listens
        self.synth, self.daw = Receiver("Synth"), Receiver("DAW")
        self.keyboard = Keyboard("Piano", self.midi)
        self.midi.plug_keyboard(self.keyboard)
        self.synth_port = self.midi.plug_synth(self.synth)
        self.ledger_file = LedgerFile()
        self.port: PortProcess | None = None
        self.machine: dict[tuple[int, int], int] = {}  # (channel, pitch) → since when it sounds
        self._struck: Counter[tuple[int, int]] = Counter()
        self.onsets_out = self.late_note_ons = 0
        self.engine_starts = self.port_starts = 0
        self.is_crashing = False  # every engine dies while it loads
        self.is_ledger_damaged = False
        self._service_wait_s = 1.0  # as a service manager waits longer each time a start fails
        by_seed = Random(f"room {plot.seed}")
        is_installation = by_seed.random() < 0.25 if plot.installation is None else plot.installation
        self.room = Room(self, by_seed) if is_installation else None
        self.drums: DrumMachine | None = None
        self._settings = self._first_settings()
        self._bundles: dict[str, Bundle] = {}
        self.damaged_models: set[str] = set()
        if self._settings.time.clock == "midi":
            self.drums = DrumMachine(self, Random(f"drums {plot.seed}"))
        self.visitors = Visitors(self.agenda, self.keyboard, Random(f"visitors {plot.seed}"), plot.rate, plot.presence)
        if self.room:
            self.room.rules = self._settings.installation
            self.sent.on_message = self.room.leaves
            self.visitors.on_strike = self.room.struck
        self.faults = Faults(self, Random(f"faults {plot.seed}"), plot.faults)

    def run(self, progress: Callable[[float], None] = lambda _: None) -> Report:
        """From the beginning to the end; Violation when something does not hold."""
        begun, begun_cpu = time.perf_counter(), time.process_time()
        gc.freeze()  # nothing of this is garbage, and there is much of it
        whole_ns = round(self.plot.hours * 3600 * NS_PER_S)
        with self.begun():
            self.visitors.open()
            self.faults.begin()
            while (left_ns := whole_ns - self.agenda.lived_ns) > 0:
                self.wait(min(60, left_ns / NS_PER_S))
                progress(self.agenda.lived_ns / whole_ns)
            self.finish()
        played_s = (self.visitors.present_ns) / NS_PER_S or 1
        return Report(
            seed=self.plot.seed,
            hours=self.plot.hours,
            wall_s=round(time.perf_counter() - begun, 2),
            cpu_s=round(time.process_time() - begun_cpu, 2),
            present_h=round(played_s / 3600, 2),
            onsets_in=self.visitors.onsets,
            onsets_out=self.onsets_out,
            onsets_per_s=round((self.visitors.onsets + self.onsets_out) / played_s, 2),
            events=self.agenda.events,
            messages=self.sent.messages,
            faults=dict(sorted(self.faults.counts.items())),
            engine_starts=self.engine_starts,
            port_starts=self.port_starts,
            late_note_ons=self.late_note_ons,
            songs_compared=self.drums.compared if self.drums else 0,
            nights=self.room.nights if self.room else 0,
            yielded=self.room.yielded if self.room else 0,
            sha256=self.sent.hash.hexdigest(),
        )

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Within this the simulated clock, ports and disk are livegen's, and it runs."""
        with ExitStack() as stack:
            stack.enter_context(clock_read_by(self.agenda.now_ns))
            stack.enter_context(self.midi.in_place())
            stack.enter_context(patch.object(livegen.recording.opening, "time", _Wall(self)))
            self.start_port()
            for other in filter(None, (self.room, self.drums)):
                other.begin()
            yield

    def do(self, act: Callable[[], None]) -> None:
        """Let this happen now."""
        self.agenda.once(self.agenda.now_ns(), act)
        self.advance(self.agenda.now_ns())

    def wait(self, wait_s: float) -> None:
        """Let so much time pass."""
        self.advance(self.agenda.now_ns() + max(round(wait_s * NS_PER_S), 1))

    def advance(self, until_ns: int) -> None:
        """Let everything happen up to a moment."""
        while alarm := self.agenda.next(until_ns):
            try:
                alarm.ring()
                if self.is_elsewhere:  # in the engine's process
                    self.is_elsewhere = False
                    continue
                if self.port:
                    self.port.settle()
            except Killed:
                self.kill_port()
            except LivegenError as error:
                self.note(f"livegen ends: {error}")
                self._service_wait_s = min(2 * self._service_wait_s, 30)
                self.stop_port(self._service_wait_s)
            if self._violation:  # and somebody has caught it
                raise self._violation
            self.checks.after_event()

    # what is said

    def note(self, line: str) -> None:
        """Something worth telling, should it go wrong."""
        self.log.append(f"{self.minute:10.4f} min  {line}")
        if "a bug in livegen" in line:
            self.fail(line)
        if self.room and "played nothing" in line:
            self.room.complain(line)

    def fail(self, what: str) -> None:
        """What must hold does not."""
        self._violation = Violation(self.plot.seed, self.minute, what, list(self.log))
        raise self._violation

    @property
    def minute(self) -> float:
        """Of the simulation."""
        return (self.agenda.now_ns() - self.agenda.begun_ns) / (60 * NS_PER_S)

    def wall_time(self) -> time.struct_time:
        """By the clock on the wall, which is set forward and back."""
        return time.gmtime(self.agenda.now_ns() // NS_PER_S + 1_700_000_000 + self.wall_offset_s)

    # processes

    def start_port(self) -> None:
        """Start livegen."""
        self.port_starts += 1
        try:
            self._settings = load_settings(self.disk, "/settings.toml")
        except SettingsError as error:
            self.note(f"{error}; the last good settings instead")
        self.is_ledger_damaged = False
        self.ledger_file.removed_ns = None  # it was killed before it could notice: what then hangs, nobody can know
        if self.drums:
            self.drums.confuse()
        self.checks.port_begins()
        self.port = PortProcess(self, self._settings)
        self.port.open()

    def kill_port(self) -> None:
        """SIGKILL to livegen; its service manager starts it again."""
        if self.port is None:
            return
        self.note("livegen is killed")
        self.late_note_ons += self.port.player.late_note_ons
        self.port.be_killed()
        self.port = None
        self.midi.on_send = lambda _: None
        self.midi.close_all()
        self.sent.forget()
        self.forget_machine()
        self.agenda.once(self.agenda.now_ns() + self.random.randrange(NS_PER_S // 10, 3 * NS_PER_S), self.start_port)

    def stop_port(self, wait_s: float = 1) -> None:
        """SIGTERM to livegen; its service manager starts it again."""
        if self.port is None:
            return
        self.late_note_ons += self.port.player.late_note_ons
        self.port.close()
        if any(self.sent.counts):
            self.fail("livegen has been stopped, and something sounds")
        self.port = None
        self.midi.on_send = lambda _: None
        self.forget_machine()
        self.agenda.once(self.agenda.now_ns() + round(wait_s * NS_PER_S), self.start_port)

    def start_engine(self, *, is_spare: bool = False) -> EngineProcess:
        """Start an engine's process."""
        self.engine_starts += 1
        engine = EngineProcess(self, self.random.randrange(200, 900) * NS_PER_MS, is_spare=is_spare)
        if self.is_crashing:
            self.agenda.once(self.agenda.now_ns() + 100 * NS_PER_MS, engine.kill)
        return engine

    def engine_says(self, engine: EngineProcess, frame: bytes) -> None:
        """A frame arrives at livegen."""
        if self.port:
            self.port.engine_says(engine, frame)

    def engine_ended(self, engine: EngineProcess) -> None:
        """Its end arrives."""
        if self.port and self.port.child is engine:
            self.port.lose_child("ended")

    def expect_word(self, engine: EngineProcess) -> None:
        """The engine's beats count from now on."""
        if self.port and self.port.child is engine:
            self.port.expect_word()

    def engine_died(self, wait_s: float) -> None:
        """An engine has died; the next begins so much later."""
        self.checks.engine_died(wait_s)

    def bundle(self, name: str) -> Bundle | None:
        """The model called so, if there is one: a small one that speaks as it does."""
        if name in shipped_models():
            return small_bundle("chorale" if name == "bach" else "notes")
        return None

    # music

    def machine_plays(self, timed: Timed) -> None:
        """An event of the machine has left."""
        now_ns = self.agenda.now_ns()
        self.checks.machine_plays(timed, now_ns)
        match timed.event:
            case NoteOn(pitch, _, channel):
                self.onsets_out += 1
                if self.room:
                    self.room.played()
                self.machine.setdefault((channel, pitch), now_ns)
                self._struck[channel, pitch] += 1
            case NoteOff(pitch, channel) if self._struck[channel, pitch] > 1:
                self._struck[channel, pitch] -= 1
            case NoteOff(pitch, channel):
                self._struck[channel, pitch] = 0
                self.machine.pop((channel, pitch), None)

    def see(self, who: str, timed: Timed) -> None:
        """The monitor reports an event."""

    def forget_machine(self) -> None:
        """Nobody knows any more what it plays."""
        self.machine.clear()
        self._struck.clear()

    def _somebody_listens(self) -> None:
        wait_ns = self.random.randrange(3 * NS_PER_S)
        self.agenda.once(self.agenda.now_ns() + wait_ns, lambda: self.midi.listen(self.daw))

    def _first_settings(self) -> Settings:
        role = self.plot.role or self.random.choice(_ROLES)
        model = "bach" if role in ("harmonise", "accompany") else "elise-gru"
        thru = self.plot.thru or self.random.choice(("off", "on"))
        clock = self.plot.clock or self.random.choice((*["player"] * 8, "internal", "midi"))
        switches = self.random.random() < 0.4 if self.plot.switches is None else self.plot.switches
        self.toml = f"""
[ports]
system = "{self.midi.kind}"
output = "Synth"
thru = "{thru}"
poll_s = 1.0
[play]
role = "{role}"
model = "{model}"
seed = {self.plot.seed}
[time]
clock = "{clock}"
tempo_bpm = {240 if role == "solo" else 0}
[controls]
programs = {_PROGRAMS if switches else []}
cc = {{ 1 = "temperature", 16 = "{"role" if switches else "density"}", 74 = "octaves" }}
[daemon]
spare = "{"on" if self.plot.spare else "off"}"
{self.room.toml() if self.room else ""}"""
        self.disk.write("/settings.toml", self.toml.encode())
        return load_settings(self.disk, "/settings.toml")

    def finish(self) -> None:
        """Everything is mended, the people go, and after a while livegen is stopped: silence."""
        self.faults.mend()
        self.visitors.leave()
        for other in filter(None, (self.room, self.drums)):
            other.end()
        self.wait(30)
        if self.port:
            self.late_note_ons += self.port.player.late_note_ons
            self.port.close()
        self.checks.silence_at_the_end()


class _Wall:
    """Stands in the place of ``time``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def strftime(self, layout: str) -> str:
        return time.strftime(layout, self._world.wall_time())
