"""What goes wrong, and when."""

import errno
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from livegen.clock import NS_PER_MS, NS_PER_S

from .agenda import Alarm
from .midi import Killed
from .process import EngineProcess
from .receiver import PEDALS

if TYPE_CHECKING:
    from .world import World

HOUR_NS = 3600 * NS_PER_S


class Faults:
    """So many an hour, at random moments; more of them while somebody plays."""

    def __init__(self, world: "World", random: Random, per_hour: float) -> None:
        self._world = world
        self._random = random
        self._per_hour = per_hour
        self._alarm = Alarm(world.agenda, self._strike)
        self._repairs: list[Callable[[], None]] = []
        self.counts: Counter[str] = Counter()
        usual: list[Callable[[], None]] = [
            self.synth_unplugged,
            self.keyboard_unplugged,
            self.connection_out,
            self.receiver_out,
            self.exclusive_unfinished,
            self.server_killed,
            self.engine_killed,
            self.engine_stopped,
            self.engine_slow,
            self.engine_starved,
            self.spare_killed,
            self.model_damaged,
            self.engine_nan,
            self.engine_nonsense,
            self.livegen_killed,
            self.livegen_killed_while_sending,
            self.livegen_stopped,
            self.sostenuto_held_at_a_crash,
            self.wall_clock_set,
            self.machine_stalls,
            self.disk_full,
            self.disk_slow,
            self.flood,
            self.malformed,
            self.ledger_flipped,
            self.runtime_folder_removed,
            self.settings_changed,
            self.settings_spoilt,
            self.panic,
        ]
        self._kinds = usual * 4 + [self.suspended, self.engine_crashes]

    def begin(self) -> None:
        """From now on."""
        self._wait()

    def mend(self) -> None:
        """No faults any more, and what is broken is mended."""
        self._alarm.set(None)
        for repair in list(self._repairs):
            repair()

    def _wait(self) -> None:
        if self._per_hour:
            wait_s = self._random.expovariate(self._per_hour / 3600)
            self._alarm.set(self._world.agenda.now_ns() + round(wait_s * NS_PER_S))

    def _strike(self) -> None:
        fault = self._random.choice(self._kinds)
        self._wait()
        if self._world.port:
            self.strike(fault)

    def strike(self, fault: Callable[[], None]) -> None:
        """This goes wrong now."""
        name = fault.__name__
        self.counts[name] += 1
        self._world.note(f"fault: {name}")
        if self._world.room:
            self._world.room.trouble()
        fault()

    def _later(self, low_s: float, high_s: float, repair: Callable[[], None]) -> None:
        """Mend it after a while, or at the end."""

        def mend() -> None:
            if mend in self._repairs:
                self._repairs.remove(mend)
                repair()

        self._repairs.append(mend)
        self._world.agenda.once(self._world.agenda.now_ns() + self._between_ns(low_s, high_s), mend)

    def _between_ns(self, low_s: float, high_s: float) -> int:
        return round(low_s * (high_s / low_s) ** self._random.random() * NS_PER_S)

    def _engine(self) -> EngineProcess | None:
        return self._world.port.child if self._world.port else None

    def _ports_change(self) -> None:
        self._world.checks.unsettled_ns = self._world.agenda.now_ns()

    # cables and servers

    def synth_unplugged(self) -> None:
        world = self._world
        if world.synth_port not in world.midi.synths:
            return
        world.midi.unplug(world.synth_port)

        def plug() -> None:
            world.synth_port = world.midi.plug_synth(world.synth)
            self._ports_change()

        self._later(0.05, 120, plug)

    def keyboard_unplugged(self) -> None:
        world = self._world
        keyboard = world.drums.device if world.drums and self._random.random() < 0.5 else world.keyboard
        if not keyboard.port:
            return
        world.midi.unplug(keyboard.port)
        self._later(0.05, 120, lambda: world.midi.plug_keyboard(keyboard))

    def connection_out(self) -> None:
        """To a keyboard or a synthesizer that stays: by itself it comes back, and what sounded there ends."""
        world = self._world
        port = self._random.choice((world.keyboard.port, world.synth_port))
        if (put_back := world.midi.is_out(port)) and world.port:
            world.port.look_soon()
            self._ports_change()
            world.agenda.once(world.agenda.now_ns() + NS_PER_S, lambda: self._check_connected(put_back, port))

    def _check_connected(self, put_back: Callable[[], None], port: str) -> None:
        client = put_back.__self__  # type: ignore[attr-defined]
        if client in self._world.midi.clients and client.is_out:
            self._world.fail(f"the connection to {port} has not been made again")

    def receiver_out(self) -> None:
        """The program at our virtual output is disconnected for a while."""
        world = self._world
        if world.daw not in world.midi.listeners or not world.port:
            return
        world.midi.listeners.remove(world.daw)
        world.port.look_soon()

        def put_back() -> None:
            if world.midi.is_alive:
                world.midi.listen(world.daw)
            if world.port:
                world.port.look_soon()
            self._ports_change()

        self._later(0.1, 60, put_back)

    def server_killed(self) -> None:
        world = self._world
        if world.midi.kind != "jack" or not world.midi.is_alive:
            return
        world.midi.die()

        def revive() -> None:
            world.midi.is_alive = True
            world.midi.ports_refused = [True, False, True]  # the input's, and then the output's
            self._ports_change()

        self._later(0.05, 60, revive)

    # the engine

    def engine_killed(self) -> None:
        if engine := self._engine():
            self._world.checks.silence_within()
            engine.kill()

    def engine_stopped(self) -> None:
        if engine := self._engine():
            self._world.checks.silence_within(is_stopped=True)
            engine.stop()
            self._later(0.05, 5, engine.go_on)

    def engine_slow(self) -> None:
        if engine := self._engine():
            engine.slowness = self._random.choice((5, 30, 200, 2000))

            def recover() -> None:
                engine.slowness = 1

            self._later(0.5, 30, recover)

    def engine_starved(self) -> None:
        """It gets no processor for seconds: it is late, and is not given up."""
        if engine := self._engine():
            engine.starve(self._between_ns(0.3, 20))

    def spare_killed(self) -> None:
        if self._world.port and (spare := self._world.port.spare):
            spare.kill()

    def model_damaged(self) -> None:
        """The file of the model that plays is damaged, livegen reads it anew, and then its engine is killed."""
        if not (port := self._world.port):
            return
        name = port.router.settings.play.model
        self._world.damaged_models.add(name)
        port.router.reload_model()
        self._later(0.05, 5, self.engine_killed)
        self._later(5, 60, lambda: self._world.damaged_models.discard(name))

    def engine_nan(self) -> None:
        if engine := self._engine():
            engine.damage = "nan"

    def engine_nonsense(self) -> None:
        if engine := self._engine():
            engine.talk_nonsense(self._random.randbytes(self._random.randrange(1, 40)))

    def engine_crashes(self) -> None:
        self._world.is_crashing = True

        def recover() -> None:
            self._world.is_crashing = False

        self._later(3600, 3601, recover)
        if self._world.port and (spare := self._world.port.spare):
            spare.kill()
        self.engine_killed()

    # livegen itself

    def livegen_killed(self) -> None:
        self._world.kill_port()
        self._ports_change()

    def livegen_killed_while_sending(self) -> None:
        left = self._random.randrange(1, 30)

        def on_send(_: bytes) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._ports_change()
                raise Killed

        self._world.midi.on_send = on_send

    def sostenuto_held_at_a_crash(self) -> None:
        keyboard = self._world.keyboard
        for message in ([0x90, 60, 90], [0xB0, self._random.choice((66, 67)), 127], [0x80, 60, 0]):
            keyboard.play(message)
        self.livegen_killed()

    def livegen_stopped(self) -> None:
        self._world.stop_port()
        self._ports_change()

    def panic(self) -> None:
        if self._world.port:
            self._world.port.router.panic()

    # time

    def wall_clock_set(self) -> None:
        self._world.wall_offset_s += self._random.choice((-3600, 3600))

    def machine_stalls(self) -> None:
        self._world.agenda.jump(self._between_ns(0.002, 0.4))

    def suspended(self) -> None:
        self._world.agenda.jump(self._random.choice((10, 10, 10, 36_000)) * NS_PER_S)
        self._ports_change()

    # the disk

    def disk_full(self) -> None:
        self._world.disk.error = self._random.choice((errno.ENOSPC, errno.EROFS, errno.EIO))

        def free() -> None:
            self._world.disk.error = 0

        self._later(0.5, 1000, free)

    def disk_slow(self) -> None:
        self._world.is_disk_stalled = True

        def go() -> None:
            self._world.is_disk_stalled = False

        self._later(0.5, 100, go)

    # what comes in

    def flood(self) -> None:
        self._confuse()
        random, keyboard = self._random, self._world.keyboard
        for _ in range(random.choice((500, 3000, 10_000))):
            status = random.choice((0x90, 0x90, 0x80, 0xB0, 0xF8))
            keyboard.play([status] if status == 0xF8 else [status, random.randrange(100), random.randrange(128)])
        self._let_go(channels=1)

    def exclusive_unfinished(self) -> None:
        """A message without an end; the next key that goes down is heard all the same."""
        world = self._world
        world.keyboard.play([0xF0, *(self._random.randrange(128) for _ in range(self._random.randrange(1, 9)))])
        world.agenda.once(world.agenda.now_ns() + NS_PER_S, self._check_hearing)

    def _check_hearing(self) -> None:
        midi = self._world.midi
        midi.take()
        if midi.is_alive and any(client.is_deaf for client in midi.clients):
            self._world.fail("an unfinished exclusive message has made an input deaf")

    def malformed(self) -> None:
        self._confuse()
        random, keyboard = self._random, self._world.keyboard
        for _ in range(random.randrange(1, 50)):
            keyboard.play(list(random.randbytes(random.randrange(0, 12))))
        self._let_go(channels=16)

    def _let_go(self, channels: int) -> None:
        """Nobody's foot is on a pedal, and no key is down: what they hold would sound for ever."""
        for channel in range(channels):
            for pedal in PEDALS:
                self._world.keyboard.play([0xB0 | channel, pedal, 0])
            for pitch in range(128):
                self._world.keyboard.play([0x80 | channel, pitch, 0])

    def _confuse(self) -> None:
        """There may be pulses in it."""
        if self._world.drums:
            self._world.drums.confuse()

    # files

    def ledger_flipped(self) -> None:
        """A bit of the ledger's file flips, and then livegen is killed."""
        world = self._world
        cells = world.ledger_file.cells
        taken = [cell for cell, value in enumerate(cells) if value]
        anywhere = range(len(cells))
        cell = self._random.choice(taken if taken and self._random.random() < 0.5 else anywhere)
        cells[cell] ^= 1 << self._random.randrange(8)
        world.is_ledger_damaged = True
        self.livegen_killed()

    def runtime_folder_removed(self) -> None:
        self._world.ledger_file.removed_ns = self._world.agenda.now_ns()

    def settings_changed(self) -> None:
        world, random = self._world, self._random
        pause_ms = random.choice((300, 600, 900))
        seed = random.randrange(1000)
        lines = world.toml.replace("[play]", f"[play]\npause_ms = {pause_ms}")
        text = lines.replace(f"seed = {world.plot.seed}", f"seed = {seed}")
        self._write_settings(text.encode())

    def settings_spoilt(self) -> None:
        text = self._world.toml.encode()
        self._write_settings(text[: self._random.randrange(len(text))])

    def _write_settings(self, content: bytes) -> None:
        world = self._world
        if not world.disk.error:
            world.disk.write("/settings.toml", content)
            self._later(1, 600, lambda: world.disk.error or world.disk.write("/settings.toml", world.toml.encode()))


__all__ = ["HOUR_NS", "NS_PER_MS", "Faults"]
