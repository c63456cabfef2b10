"""The room: opening hours with their fades, a wall clock that is set, and who plays when nobody is there."""

import time
from itertools import pairwise

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock
from livegen.daemon.schedule import OpeningSchedule
from livegen.events import NoteOff, NoteOn, from_bytes
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.sender import MidiSender
from livegen.routing import OutputRoute
from livegen.settings import Settings, load

LOOK_NS = 250 * NS_PER_MS
OPEN_S = 12 * 3_600  # of the day
END_S = 18 * 3_600


class EventLog:
    """An output that keeps the events it is sent."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def send(self, message: bytes) -> None:
        self.events.append(from_bytes(message))


class Gallery:
    """A room whose wall clock can be set, and a note that is struck again and again in it."""

    def __init__(self, day_s: float = OPEN_S, **installation: object) -> None:
        self.settings: Settings = load(None, {"installation": installation})
        self.clock = ManualClock(NS_PER_S)
        self.day_s = day_s  # what the wall clock shows, in seconds of the day
        self.output = EventLog()
        self.sender = MidiSender(blank_ledger(), self.clock.now_ns)
        (self.attached,) = self.sender.attach([(self.output, OutputRoute())])
        self.said: list[str] = []
        self.schedule = OpeningSchedule(self, self.sender, self.said.append, self.local_time)
        self.visited_ns: int | None = None
        self.done: list[str] = []

    def start_idle_play(self, visited_ns: int | None) -> None:
        self.done.append("attract")
        self._take_role("solo")

    def shut(self) -> None:
        self.done.append("shut")

    def reopen(self) -> None:
        self.done.append("reopen")

    def visit(self) -> None:
        self.visited_ns = self.clock.now_ns()
        self._take_role("harmonise")

    def local_time(self) -> time.struct_time:
        return time.gmtime(self.day_s)

    def wait(self, wait_s: float) -> list[int]:
        """Let so much time pass; the velocities that sounded, one for each poll."""
        before = len(self.output.events)
        for _ in range(round(wait_s * NS_PER_S / LOOK_NS)):
            self.clock.move_to(self.clock.now_ns() + LOOK_NS)
            self.day_s += LOOK_NS / NS_PER_S
            self.schedule.poll(self.settings, self.clock.now_ns())
            self.sender.send(self.attached, [NoteOn(60, 100), NoteOff(60)])
        return [event.velocity for event in self.output.events[before:] if isinstance(event, NoteOn)]

    def _take_role(self, role: str) -> None:
        play = self.settings.play.model_copy(update={"role": role})
        self.settings = self.settings.model_copy(update={"play": play})


def test_it_fades_out_when_the_hours_end_is_shut_in_silence_and_fades_in_the_next_morning() -> None:
    gallery = Gallery(END_S - 1, hours=["12:00-18:00"], fade_s=10)

    open_ = gallery.wait(0.75)
    fading = gallery.wait(10)
    closed = gallery.wait(60)
    gallery.day_s = OPEN_S - 1
    opening = gallery.wait(12)

    assert set(open_) == {100}
    assert fading == sorted(fading, reverse=True)
    assert {before - after for before, after in pairwise(fading)} == {2, 3}  # never a jump
    assert closed == []
    assert opening == sorted(opening)
    assert opening[-1] == 100
    assert gallery.done == ["shut", "reopen"]
    assert gallery.said == ["closed by the opening hours", "open again"]


@pytest.mark.parametrize("step_s", [-3_600, 3_600])
def test_a_wall_clock_that_is_set_while_it_plays_neither_hangs_nor_jumps(step_s: int) -> None:
    gallery = Gallery(15 * 3_600, hours=["12:00-18:00"], fade_s=10)
    gallery.wait(5)

    gallery.day_s += step_s
    velocities = gallery.wait(5)

    assert set(velocities) == {100}
    assert gallery.done == []


def test_a_wall_clock_that_is_set_past_the_end_and_back_fades_out_and_in_again() -> None:
    gallery = Gallery(17.5 * 3_600, hours=["12:00-18:00"], fade_s=10)
    gallery.wait(5)

    gallery.day_s += 3_600
    out = gallery.wait(5)
    gallery.day_s -= 3_600
    back = gallery.wait(6)

    steps = [abs(after - before) for before, after in pairwise(out + back)]
    assert max(steps) <= 3
    assert (min(out), back[-1]) == (50, 100)
    assert gallery.done == []


def test_a_room_that_is_shut_when_the_power_comes_stays_silent() -> None:
    gallery = Gallery(3 * 3_600, hours=["12:00-18:00"], fade_s=10, attract_s=1)

    assert gallery.wait(60) == []
    assert gallery.done == ["shut"]


def test_what_sounds_when_it_is_shut_is_ended_whoever_began_it() -> None:
    gallery = Gallery(END_S - 1, hours=["12:00-18:00"], fade_s=1)
    gallery.wait(0.5)
    gallery.sender.pass_on(bytes((0x93, 40, 80)))

    gallery.wait(5)

    assert NoteOff(40, 3) in gallery.output.events


def test_by_volume_the_controller_fades_and_is_sent_again_for_a_synthesizer_that_comes_late() -> None:
    gallery = Gallery(END_S - 1, hours=["12:00-18:00"], fade_s=10, fade_by="volume", most_volume=100)

    gallery.wait(0.5)
    gallery.output.events.clear()
    velocities = gallery.wait(10)
    gallery.wait(20)

    volumes = [
        event.value for event in gallery.output.events if type(event).__name__ == "ControlChange" and event.number == 7
    ]
    assert set(velocities) == {100}
    assert volumes == sorted(volumes, reverse=True)
    assert (volumes[0], volumes[-1]) == (98, 0)
    assert volumes.count(0) == 10  # every two seconds


def test_it_plays_alone_at_once_yields_to_a_visitor_and_plays_again_after_the_silence() -> None:
    gallery = Gallery(attract_s=30)

    gallery.wait(1)
    gallery.visit()
    gallery.wait(29.5)
    before = list(gallery.done)
    gallery.wait(1)

    assert (before, gallery.done) == (["attract"], ["attract", "attract"])


def test_without_the_setting_it_never_plays_alone() -> None:
    gallery = Gallery()

    gallery.wait(3_600)

    assert gallery.done == []
