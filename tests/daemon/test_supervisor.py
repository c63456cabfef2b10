"""How long to wait before the next engine; the rest of it is in test_daemon.py, with real processes."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock, clock_read_by
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.model_supply import Models, ModelSupply
from livegen.daemon.supervisor import Backoff, Supervisor
from livegen.errors import LivegenError
from livegen.events import Event, NoteOff, NoteOn, Timed
from livegen.ipc.messages import Configure, Failed, Heartbeat, Message, Ready
from livegen.ipc.process_times import Threads, ThreadTimes
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.midi_out.port import MemoryOutput
from livegen.settings import Installation, Play, Settings
from livegen.shipped import shipped_models

LOOK_NS = 20 * NS_PER_MS


def chosen(model: str, role: str) -> Settings:
    """Settings with a model and a role."""
    return Settings.model_validate({"play": {"model": model, "role": role}})


class House:
    """A supervisor, and what it asked each child to play."""

    def __init__(self, model: str = "bach", models: Models | None = None) -> None:
        self.clock = ManualClock()
        self.controls = Controls(chosen(model, role="respond"), lambda _: None)
        self.asked: list[Play] = []
        self._output = MemoryOutput()
        self._player = Player(blank_ledger(), lambda _: None, clock=self.clock.now_ns)
        self._player.attach(self._output)
        router = EventRouter(lambda _: None, self._player.end_all, self.controls)
        self.supervisor = Supervisor((), self._player, router, lambda _: None, models=models)

    def start(self) -> None:
        """A child begins."""
        with clock_read_by(self.clock.now_ns):
            self.supervisor.begin(self._hear)

    def sound(self, event: Event) -> None:
        """The engine has played this."""
        self._player.play((Timed(self.clock.now_ns(), event),))
        self._player.send_due()

    def sent(self) -> list[Event]:
        """What has left."""
        return [timed.event for timed in self._output.sent]

    def _hear(self, message: Message) -> None:
        if isinstance(message, Configure):
            self.asked.append(Settings.model_validate_json(message.settings).play)


def test_the_first_restart_is_immediate_then_each_wait_is_twice_as_long_up_to_30_s():
    backoff = Backoff()

    waits = [backoff.next_s() for _ in range(11)]

    assert waits == [0, 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_after_a_success_the_next_restart_is_immediate_again():
    backoff = Backoff()
    for _ in range(5):
        backoff.next_s()

    backoff.reset()

    assert [backoff.next_s(), backoff.next_s()] == [0, 0.25]


def test_in_an_hour_of_crashes_it_neither_spins_nor_gives_up():
    backoff, moments = Backoff(), [0.0]

    while moments[-1] < 3_600:
        moments.append(moments[-1] + backoff.next_s())

    assert 120 <= len(moments) <= 130
    assert max(after - before for before, after in pairwise(moments)) == 30


def test_a_model_that_is_refused_does_not_keep_the_next_engine_from_starting():
    house = House()
    house.start()
    house.supervisor.dispatch(Ready())
    house.controls.settings = chosen("no-such-model", role="solo")
    house.supervisor.handle_exit("ended")

    house.start()
    house.supervisor.dispatch(Failed("unknown model 'no-such-model'"))
    house.supervisor.handle_exit("ended")
    house.start()

    assert [(play.model, play.role) for play in house.asked] == [
        ("bach", "respond"),
        ("no-such-model", "solo"),
        ("bach", "solo"),
    ]


def test_a_first_engine_that_is_refused_ends_the_daemon():
    house = House()
    house.start()

    with pytest.raises(LivegenError, match="unknown model"):
        house.supervisor.dispatch(Failed("unknown model 'no-such-model'"))


def look(house: House, passed_ns: int, threads: Threads) -> bool:
    """Does it take the engine for dead after this time, given that the system says so of its threads?"""
    with clock_read_by(house.clock.now_ns):
        until_ns, is_dead = house.clock.now_ns() + passed_ns, False
        while house.clock.now_ns() < until_ns and not is_dead:
            house.clock.move_to(house.clock.now_ns() + LOOK_NS)
            is_dead = house.supervisor.is_dead(threads)
        return is_dead


SLEEPS = {1: ThreadTimes(0, 0, "S")}
STOPPED = {1: ThreadTimes(0, 0, "T")}
WAITS = {1: ThreadTimes(0, 0, "R")}  # and never runs


def ready() -> House:
    """A house with an engine that is ready."""
    house = House()
    house.start()
    with clock_read_by(house.clock.now_ns):
        house.supervisor.dispatch(Ready())
    return house


@pytest.mark.parametrize("threads", [SLEEPS, STOPPED, {}], ids=["sleeps", "stopped", "the system does not tell"])
def test_an_engine_has_half_a_minute_to_load_and_then_half_a_second_to_say_something(threads: Threads):
    house = House()
    house.start()

    assert not look(house, 29 * NS_PER_S, threads)
    assert look(house, NS_PER_S + LOOK_NS, threads)
    assert not look(ready(), 400 * NS_PER_MS, threads)
    assert look(ready(), 500 * NS_PER_MS + LOOK_NS, threads)


def test_an_engine_that_waits_for_a_processor_is_not_dead_however_long_it_loads_or_says_nothing():
    house = House()
    house.start()

    assert not look(house, 100 * NS_PER_S, WAITS)
    assert not look(ready(), 100 * NS_PER_S, WAITS)


def test_an_engine_that_is_late_for_seconds_keeps_no_note_sounding():
    house = ready()
    house.sound(NoteOn(60, 80))

    look(house, 2 * NS_PER_S, WAITS)
    before = house.sent()
    look(house, 2 * NS_PER_S, WAITS)

    assert (before, house.sent()[:2]) == ([NoteOn(60, 80)], [NoteOn(60, 80), NoteOff(60)])


def test_an_engine_whose_loop_does_not_come_round_is_dead_though_its_heart_beats():
    house = ready()
    begun_ns = house.clock.now_ns()

    for _ in range(10):
        assert not look(house, 40 * NS_PER_MS, SLEEPS)
        with clock_read_by(house.clock.now_ns):
            house.supervisor.dispatch(Heartbeat(begun_ns))

    assert look(house, 200 * NS_PER_MS, SLEEPS)


def test_engines_that_end_while_they_load_a_new_file_get_the_file_that_played(tmp_path: Path):
    path = tmp_path / "own.onnx"
    shutil.copy(shipped_models()["elise-gru"], path)
    supply = ModelSupply(str(path), lambda _: None, lambda _: None, lambda: None)
    house = House(str(path), supply)
    house.start()
    house.supervisor.dispatch(Ready())
    played = supply.held(str(path))
    shutil.copy(shipped_models()["folk-char"], path)
    supply.fetch(str(path), is_new_file=True)
    supply.work_off()
    begun_with = []

    for _ in range(3):
        house.supervisor.handle_exit("was killed")
        house.start()
        begun_with.append(supply.held(str(path)) == played)

    assert begun_with == [False, False, True]


def test_a_model_that_was_refused_while_one_played_keeps_no_engine_from_starting(tmp_path: Path):
    supply = ModelSupply("bach", lambda _: None, lambda _: None, lambda: None)
    house = House("bach", supply)
    house.start()
    house.supervisor.dispatch(Ready())
    house.controls.settings = chosen(str(tmp_path / "gone.onnx"), role="solo")
    house.supervisor.handle_exit("was killed")

    house.start()

    assert [(play.model, play.role) for play in house.asked] == [("bach", "respond"), ("bach", "solo")]


def test_a_first_model_that_may_not_play_gives_way_to_the_one_that_is_named_for_that(tmp_path: Path):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(bytes(100))
    supply = ModelSupply(str(damaged), lambda _: None, lambda _: None, lambda: None)
    house = House(str(damaged), supply)
    with pytest.raises(LivegenError, match="not a whole ONNX model"):
        house.start()
    house.controls.settings = house.controls.settings.model_copy(
        update={"installation": Installation(fallback_model="elise-gru")}
    )

    house.start()

    assert [play.model for play in house.asked] == ["elise-gru"]
