"""What must hold after every event."""

from typing import TYPE_CHECKING

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import NoteOn, Timed
from livegen.recording.format import Kind, decode_session

from .room import LONGEST_S

if TYPE_CHECKING:
    from .world import World

_LATE_NS = 10 * NS_PER_MS
_KILLED_NS, _STOPPED_NS = 30 * NS_PER_MS, 700 * NS_PER_MS
_MOST_WAITING = 4_096
_MOST_UNSEEN = 2**15 + 4
_LONGEST_NOTE_NS = 60 * NS_PER_S
_LONGEST_WITHOUT_NS = 70 * NS_PER_S  # the longest back-off, and loading
_SETTLED_NS = 8 * NS_PER_S
_MADE_ANEW_NS = 2 * NS_PER_S  # two polls of the ports
_LOOK_NS = 10 * NS_PER_S
_MOST_STARTS = 140  # of an engine that crashes at every start, in an hour


class Violation(AssertionError):
    """Something that must hold does not."""

    def __init__(self, seed: int, minute: float, what: str, log: list[str]) -> None:
        lines = "\n".join(log)
        super().__init__(f"seed {seed}, minute {minute:.4f}: {what}\n{lines}")
        self.seed, self.minute, self.what = seed, minute, what


class Checks:
    """Looks at the world, and changes nothing."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._looked_ns = self._ready_ns = 0
        self.unsettled_ns = 0  # when a port last came or went
        self._waits: list[tuple[int, float]] = []

    def after_event(self) -> None:
        """The cheap ones."""
        world = self._world
        port = world.port
        if port is None:
            return
        if not world.is_ledger_damaged and port.ledger.counts() != world.sent.counts:
            cells = port.ledger.counts()
            wrong = [
                f"{cell // 128}:{cell % 128} is {cells[cell]} in the ledger, {count} as sent"
                for cell, count in enumerate(world.sent.counts)
                if cells[cell] != count
            ]
            world.fail(f"the ledger is not what was sent: {', '.join(wrong[:8])}")
        if not world.is_ledger_damaged and set(port.ledger.held()) != world.sent.held:
            wrong_controls = set(port.ledger.held()) ^ world.sent.held
            world.fail(f"the ledger's pedals and bends are not what was sent: {wrong_controls}")
        if port.child and port.child.waiting > _MOST_WAITING:
            world.fail(f"{port.child.waiting} frames wait for the engine")
        now_ns = world.agenda.now_ns()
        removed_ns = world.ledger_file.removed_ns
        if removed_ns is not None and now_ns - max(removed_ns, self.unsettled_ns) > _MADE_ANEW_NS:
            world.fail("the runtime folder is still gone")
        if now_ns - self._looked_ns >= _LOOK_NS:
            self._looked_ns = now_ns
            self._poll(now_ns)

    def machine_plays(self, timed: Timed, now_ns: int) -> None:
        """An event of the machine leaves."""
        if timed.at_ns > now_ns:
            self._world.fail(f"{timed} leaves {timed.at_ns - now_ns} ns before its moment")
        if isinstance(timed.event, NoteOn) and now_ns - timed.at_ns > _LATE_NS:
            self._world.fail(f"{timed} leaves {(now_ns - timed.at_ns) / NS_PER_MS:.1f} ms late")

    def silence_within(self, *, is_stopped: bool = False) -> None:
        """An engine has just been killed, or stopped: what sounds now ends within the bound."""
        world = self._world
        engine = world.port.child if world.port else None
        begun_ns = world.agenda.now_ns()
        bound_ns = _STOPPED_NS if is_stopped else _KILLED_NS

        def poll() -> None:
            if is_stopped and engine and not engine.is_stopped:
                return
            hanging = [key for key, since_ns in world.machine.items() if since_ns <= begun_ns]
            if hanging:
                world.fail(f"{bound_ns // NS_PER_MS} ms after its engine was lost, {hanging} still sounds")

        world.agenda.once(begun_ns + bound_ns, poll)

    def port_begins(self) -> None:
        """A new back-off begins with it."""
        self._waits.clear()
        self._ready_ns = self._world.agenda.now_ns()

    def engine_died(self, wait_s: float) -> None:
        """The next begins so much later."""
        world = self._world
        now_ns = world.agenda.now_ns()
        self._waits = [(at_ns, wait) for at_ns, wait in self._waits if now_ns - at_ns < 3600 * NS_PER_S]
        if world.is_crashing:
            self._waits.append((now_ns, wait_s))
            if len(self._waits) > _MOST_STARTS:
                world.fail(f"an engine that crashes was started {len(self._waits)} times in an hour")

    def silence_at_the_end(self) -> None:
        """Nothing sounds anywhere."""
        for receiver in (self._world.synth, self._world.daw):
            if any(receiver.state()):
                self._world.fail(f"at the end '{receiver.name}' hears {receiver.state()}")
        self._read_recordings()
        if any(self._world.sent.counts):
            self._world.fail("at the end something still sounds")

    def _read_recordings(self) -> None:
        for path, content in self._world.disk.files.items():
            if path.startswith("/recordings"):
                session = decode_session(content, path)
                if not session.records or any(record.kind is Kind.GAP for record in session.records):
                    self._world.fail(f"{path} is not whole")

    def _poll(self, now_ns: int) -> None:
        world = self._world
        port = world.port
        assert port
        if port.player.waiting > _MOST_WAITING:
            world.fail(f"{port.player.waiting} events wait for their moment")
        if port.monitor.waiting > _MOST_UNSEEN:
            world.fail(f"{port.monitor.waiting} events wait for the disk")
        longest_ns = (LONGEST_S + 2) * NS_PER_S if world.room and world.room.look_at_rules() else _LONGEST_NOTE_NS
        for key, since_ns in world.machine.items():
            if now_ns - max(since_ns, self.unsettled_ns) > longest_ns:
                world.fail(f"{key} has sounded for {(now_ns - since_ns) // NS_PER_S} s")
        if port.supervisor.is_ready or world.is_crashing:
            self._ready_ns = now_ns
        if now_ns - max(self._ready_ns, self.unsettled_ns) > _LONGEST_WITHOUT_NS:
            world.fail(f"there has been no engine for {_LONGEST_WITHOUT_NS // NS_PER_S} s")
        if now_ns - self.unsettled_ns > _SETTLED_NS:
            self._compare_receivers()

    def _compare_receivers(self) -> None:
        world = self._world
        if world.daw not in world.midi.listeners or world.synth_port not in world.midi.synths:
            return
        heard = bytearray(len(world.sent.counts))
        for receiver in (world.daw, world.synth):
            for (channel, pitch), count in receiver.notes.items():
                heard[channel * 128 + pitch] += count
        wrong = [  # less is heard where a machine's end has silenced its channel, and a player's note with it
            f"{cell // 128}:{cell % 128} is {heard[cell]} heard, {count} sent"
            for cell, count in enumerate(world.sent.counts)
            if heard[cell] > count
        ]
        if wrong:
            world.fail(f"more is heard than was sent: {', '.join(wrong[:8])}")
