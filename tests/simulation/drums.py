"""A drum machine whose clock livegen follows: its pulses are a little early or late, it moves, and it stops."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from livegen.clock import NS_PER_S
from livegen.events import PULSES_PER_QUARTER, TICKS_PER_PULSE

from .agenda import Alarm
from .midi import Keyboard

if TYPE_CHECKING:
    from .world import World

_PULSE, _START, _CONTINUE, _STOP, _POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
_TICKS_PER_SIXTEENTH = 6 * TICKS_PER_PULSE
_JITTER_S, _LITTLE_JITTER_S = 0.002, 0.0003  # the latter where the tempo changes: with more it could be a stall
_ASIDE_NS = 3 * NS_PER_S  # a follower may take so long after a stall
_LOST_NS = NS_PER_S // 2  # so long behind, pulses are not made up for


@dataclass(frozen=True, slots=True)
class Step:
    """So many seconds later these bytes; a pulse that counts stands at ``tick``, at the end of a section last."""

    wait_s: float
    message: tuple[int, ...] = ()
    tick: int | None = None
    is_last: bool = False
    jitter_s: float = 0.0


class DrumMachine:
    """One device. While livegen cannot know where the song stands, nothing is asked of it."""

    def __init__(self, world: "World", random: Random) -> None:
        self._world = world
        self._agenda = world.agenda
        self._random = random
        self.device = Keyboard("Drums", world.midi)
        world.midi.plug_keyboard(self.device)
        self._alarm = Alarm(self._agenda, self._act)
        self._score = performances(random)
        self._step = Step(0)
        self._due_ns = 0  # of the step, had it no jitter
        self._is_known = False
        self._jumped_ns = self._aside_ns = 0
        self.compared = 0

    def begin(self) -> None:
        """From now on."""
        self._due_ns = self._agenda.now_ns()
        self._go_on()

    def end(self) -> None:
        """It is switched off."""
        self._alarm.set(None)

    def confuse(self) -> None:
        """livegen cannot know where the song stands, until the next start."""
        self._is_known = False

    def _go_on(self) -> None:
        self._step = next(self._score)
        self._due_ns += round(self._step.wait_s * NS_PER_S)
        early_s = self._random.uniform(-1, 1) * self._step.jitter_s
        self._alarm.set(self._due_ns + round(early_s * NS_PER_S))

    def _act(self) -> None:
        now_ns, step = self._agenda.now_ns(), self._step
        if self._agenda.jumped_ns != self._jumped_ns:
            self._jumped_ns, self._aside_ns = self._agenda.jumped_ns, now_ns
        if now_ns - self._due_ns > _LOST_NS:
            self._due_ns = now_ns
            self.confuse()
        if step.message:
            if step.message[0] in (_START, _POSITION):
                self._is_known = True
            if not self._world.midi.is_heard(self.device):
                self.confuse()
            self.device.play(list(step.message))
        if step.is_last and step.tick is not None:
            tick, due_ns = step.tick, self._due_ns
            self._agenda.once(now_ns, lambda: self._compare(tick, due_ns))
        self._go_on()

    def _compare(self, tick: int, at_ns: int) -> None:
        """Does livegen know where the song stands?"""
        world = self._world
        if not (self._is_known and world.port) or self._agenda.now_ns() - self._aside_ns < _ASIDE_NS:
            return
        transport = world.port.clock_source.transport
        if transport is None or not transport.is_running:
            world.fail(f"the song is at tick {tick} of the drum machine's, and livegen does not follow")
            return
        self.compared += 1
        if abs(transport.tick_at(at_ns) - tick) > TICKS_PER_PULSE // 2:
            world.fail(
                f"the song is at tick {tick} of the drum machine's, and at {transport.tick_at(at_ns)} of livegen's"
            )


def performances(random: Random) -> Iterator[Step]:
    """One after the other, with long silences between them."""
    tick = 0
    while True:
        yield Step(random.expovariate(1 / 400) + 2)
        match random.randrange(3):
            case 0:
                tick = 0
                yield Step(0, (_START,))
            case 1:
                sixteenths = random.randrange(2_000)
                tick = sixteenths * _TICKS_PER_SIXTEENTH
                yield Step(0, (_POSITION, sixteenths & 0x7F, sixteenths >> 7))
                yield Step(0.01, (_CONTINUE,))
            case 2:
                yield Step(0, (_CONTINUE,))  # where it stopped
        tempo_bpm = random.uniform(50, 200)
        sections = random.randrange(1, 4)
        jitter_s = _JITTER_S if sections == 1 else _LITTLE_JITTER_S
        for _ in range(sections):
            pulses = PULSES_PER_QUARTER * random.randrange(8, 40)
            for left in reversed(range(pulses)):
                yield Step(60 / tempo_bpm / PULSES_PER_QUARTER, (_PULSE,), tick, not left, jitter_s)
                tick += TICKS_PER_PULSE
            tempo_bpm = min(max(tempo_bpm * random.uniform(0.75, 1.3), 40), 240)
        yield Step(0.005, (_STOP,))
        for _ in range(random.choice((0, 0, 60))):  # some go on all the time
            yield Step(60 / tempo_bpm / PULSES_PER_QUARTER, (_PULSE,))
