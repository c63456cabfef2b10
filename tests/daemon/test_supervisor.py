"""How long to wait before the next engine; the rest of it is in test_daemon.py, with real processes."""

from itertools import pairwise

import pytest

from livegen.clock import NS_PER_S, ManualClock, clock_read_by
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.supervisor import Backoff, Supervisor
from livegen.errors import LivegenError
from livegen.ipc.messages import Configure, Failed, Message, Ready
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.settings import Play, Settings


def chosen(model: str, role: str) -> Settings:
    """Settings with a model and a role."""
    return Settings.model_validate({"play": {"model": model, "role": role}})


class House:
    """A supervisor, and what it asked each child to play."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.controls = Controls(Settings(), lambda _: None)
        self.asked: list[Play] = []
        player = Player(blank_ledger(), lambda _: None)
        router = EventRouter(lambda _: None, player.end_all, self.controls)
        self.supervisor = Supervisor((), player, router, lambda _: None)

    def start(self) -> None:
        """A child begins."""
        with clock_read_by(self.clock.now_ns):
            self.supervisor.begin(self._hear)

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


def test_an_engine_has_half_a_minute_to_load_and_then_half_a_second_to_say_something():
    house = House()
    house.start()
    house.clock.move_to(10 * NS_PER_S)
    with clock_read_by(house.clock.now_ns):
        while_loading = house.supervisor.patience_s()
        house.supervisor.dispatch(Ready())

        assert (while_loading, house.supervisor.patience_s()) == (20, 0.5)
