"""The people: they come, play, listen, try things out, and go."""

from collections.abc import Callable, Iterator
from random import Random

from livegen.clock import NS_PER_S

from .agenda import Agenda, Alarm
from .midi import Keyboard

Gesture = Iterator[tuple[float, list[int]]]  # so many seconds later these bytes

_SCALE = (0, 2, 4, 5, 7, 9, 11)
_KNOBS = (1, 7, 16, 74)
_PROGRAMS = 8


class Visitors:
    """One after the other, at one keyboard. ``rate`` is the onsets a second of who plays."""

    def __init__(self, agenda: Agenda, keyboard: Keyboard, random: Random, rate: float, presence: float) -> None:
        self._agenda = agenda
        self._keyboard = keyboard
        self._random = random
        self._rate = rate
        self._presence = presence
        self._alarm = Alarm(agenda, self._act)
        self._coming: Gesture = iter(())
        self._next: list[int] = []
        self.is_there = False
        self.onsets = 0
        self.on_strike: Callable[[], None] = lambda: None
        self.present_ns = 0
        self._came_ns = 0
        self.is_closed = False

    def open(self) -> None:
        """The first one comes soon."""
        self._alarm.set(self._agenda.now_ns() + NS_PER_S)

    def leave(self) -> None:
        """Everybody goes home."""
        self.is_closed = True
        self._alarm.set(None)
        if self.is_there:
            self.present_ns += self._agenda.lived_ns - self._came_ns

    def _act(self) -> None:
        if self._next:
            self._play(self._next)
        step = next(self._coming, None)
        if step is None:
            step = self._change_places()
        wait_s, self._next = step
        self._alarm.set(self._agenda.now_ns() + round(wait_s * NS_PER_S))

    def _play(self, message: list[int]) -> None:
        is_onset = len(message) == 3 and message[0] & 0xF0 == 0x90 and message[2] > 0
        self._keyboard.play(message)
        if is_onset:
            self.onsets += 1
            self.on_strike()

    def _change_places(self) -> tuple[float, list[int]]:
        self.is_there = not self.is_there
        now_ns = self._agenda.lived_ns
        stay_s = self._random.uniform(30, 300)
        if self.is_there:
            self._came_ns = now_ns
            self._coming = visit(self._random, self._rate, stay_s)
            return 0.0, []
        self.present_ns += now_ns - self._came_ns
        return stay_s * (1 - self._presence) / self._presence, []


def visit(random: Random, rate: float, stay_s: float) -> Gesture:
    """One person's visit, phrase by phrase."""
    spent_s = 0.0
    gestures = (melody, melody, melody, melody, chords, pedalled, sostenuto, expressive, taps, odd)
    while spent_s < stay_s:
        for wait_s, message in random.choice(gestures)(random, rate):
            spent_s += wait_s
            yield wait_s, message
        pause_s = random.choice((0.2, 0.7, 1.0, 4.0)) * random.random() + random.choice((0, 0, 2, 4))
        spent_s += pause_s
        yield pause_s, []


def melody(random: Random, rate: float) -> Gesture:
    """A line; a key goes up as the next goes down, or a little later."""
    channel, degree = random.choice((0, 0, 0, 1, 15)), random.randrange(14)
    held = 0
    for _ in range(random.randrange(3, 40)):
        degree = min(max(degree + random.randrange(-2, 3), 0), 20)
        pitch = 48 + 12 * (degree // 7) + _SCALE[degree % 7]
        beat_s = random.choice((0.5, 1, 1, 1.5)) / rate
        if held == pitch:
            yield 0.3 * beat_s, [0x80 | channel, held, 0]
        yield beat_s, [0x90 | channel, pitch, random.randrange(30, 120)]
        if held and held != pitch:
            yield 0.002, [0x90 | channel, held, 0] if random.random() < 0.5 else [0x80 | channel, held, 64]
        held = pitch
    yield 1 / rate, [0x80 | channel, held, 0]


def chords(random: Random, rate: float) -> Gesture:
    """Three or four keys at a time."""
    for _ in range(random.randrange(1, 8)):
        root = random.randrange(36, 72)
        keys = [root, root + random.choice((3, 4)), root + 7, root + 12][: random.randrange(2, 5)]
        yield len(keys) / rate / 2, []
        for key in keys:
            yield 0.003, [0x90, key, random.randrange(20, 110)]
        yield len(keys) / rate / 2, []
        for key in keys:
            yield 0.002, [0x80, key, 0]


def pedalled(random: Random, rate: float) -> Gesture:
    """The same with a pedal, which may stay down over the end."""
    pedal = random.choice((64, 64, 67, 69))
    yield 0.01, [0xB0, pedal, 127]
    yield from melody(random, rate)
    if random.random() < 0.5:
        yield from melody(random, rate)
    yield 0.2, [0xB0, pedal, 0]


def sostenuto(random: Random, rate: float) -> Gesture:
    """A chord that the sostenuto pedal holds, with a melody over it."""
    keys = random.sample(range(36, 60), 3)
    for key in keys:
        yield 0.003, [0x90, key, 80]
    yield 1 / rate, [0xB0, 66, 127]
    for key in keys:
        yield 0.01, [0x80, key, 0]
    yield from melody(random, rate)
    yield 0.2, [0xB0, random.choice((66, 121)), 0]


def expressive(random: Random, rate: float) -> Gesture:
    """MPE: each note on a channel of its own, with bends and pressure; the pedal on the first."""
    if random.random() < 0.5:
        yield 0.01, [0xB0, 64, 127]
    for channel in random.sample(range(1, 8), random.randrange(1, 6)):
        key = random.randrange(40, 90)
        yield 1 / rate, [0x90 | channel, key, random.randrange(1, 128)]
        for _ in range(random.randrange(20)):
            yield 0.005, [0xE0 | channel, random.randrange(128), random.randrange(128)]
            yield 0.001, [0xD0 | channel, random.randrange(128)]
            yield 0.001, [0xB0 | channel, 74, random.randrange(128)]
        yield 0.01, [0x80 | channel, key, 0]
        if random.random() < 0.8:
            yield 0.01, [0xE0 | channel, 0, 64]
    yield 0.1, [0xB0, 64, 0]


def taps(random: Random, rate: float) -> Gesture:
    """Pads that send their note-off at once, and keys whose next note begins before the end of the last."""
    key = random.randrange(36, 84)
    for _ in range(random.randrange(1, 16)):
        yield 1 / rate, [0x90, key, random.randrange(1, 128)]
        if random.random() < 0.5:
            yield 0.5 / rate, [0x90, key, 80]
            yield 0.001, [0x80, key, 0]
        yield random.choice((0, 0.001)), [0x80, key, 0]


def odd(random: Random, rate: float) -> Gesture:
    """Knobs, programs, a DAW's reset, keys struck twice, all ten fingers and both arms."""
    match random.randrange(6):
        case 0:
            knob = random.choice(_KNOBS)
            for value in range(0, 128, random.randrange(1, 20)):
                yield 0.02, [0xB0, knob, value]
        case 1:
            yield 0.1, [0xC0, random.randrange(_PROGRAMS)]
        case 2:
            yield 0.1, [0x90, 60, 90]
            mode = random.choice((120, 121, 123, 124, 126, 127))
            for channel in range(16):
                yield 0.001, [0xB0 | channel, mode, 0]
            yield 0.1, [0x80, 60, 0]
        case 3:
            for _ in range(random.randrange(2, 6)):
                yield 1 / rate, [0x90, 64, 80]
            yield 1 / rate, [0x80, 64, 0]
        case 4:
            keys = random.sample(range(30, 100), 24)
            for key in keys:
                yield 0.001, [0x90, key, 127]
            yield random.uniform(0.1, 3), []
            for key in keys:
                yield 0.001, [0x80, key, 0]
        case 5:
            yield 0.1, [0xE0, random.randrange(128), random.randrange(128)]
            yield 0.1, [0xFF]
