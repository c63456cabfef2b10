"""The models that the port process holds: whatever happens to their files, the next engine gets what played."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from livegen.clock import NS_PER_S, now_ns
from livegen.daemon.model_supply import ModelSupply
from livegen.errors import ModelError
from livegen.events import NoteOn, Timed
from livegen.file_version import GONE
from livegen.ipc.engine_child import start_child
from livegen.ipc.given_model import GivenModel
from livegen.ipc.messages import Heard, ModelGiven, ModelPart
from livegen.recording.format import Kind
from livegen.shipped import shipped_models
from tests.support.bad_models import bad_models
from tests.support.given import given

HANGS = (sys.executable, "-c", "import time; time.sleep(60)")  # reads nothing from its pipe


class House:
    """A supply without a thread, with a model of the player's own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "own.onnx"
        shutil.copy(shipped_models()["elise-gru"], self.path)
        self.name = str(self.path)
        self.said: list[str] = []
        self.given: list[GivenModel] = []
        self.fetched = 0
        self.supply = ModelSupply(self.name, self.said.append, self.given.append, self._on_fetched)

    def _on_fetched(self) -> None:
        self.fetched += 1

    def fetch_anew(self) -> None:
        """The file has changed."""
        assert self.supply.fetch(self.name, is_new_file=True)
        self.supply.work_off()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_model_whose_file_is_gone_is_held(house: House) -> None:
    house.supply.obtain(house.name)
    before = house.supply.held(house.name)
    house.path.unlink()

    house.supply.obtain(house.name)

    assert before is not None
    assert before.content == given("elise-gru").content
    assert house.supply.held(house.name) is before
    assert house.supply.version(house.name) != GONE


def test_a_damaged_file_is_refused_and_what_was_held_stays(house: House) -> None:
    house.supply.obtain(house.name)
    before = house.supply.held(house.name)
    house.path.write_bytes(house.path.read_bytes()[:50_000])

    house.fetch_anew()

    assert house.supply.held(house.name) is before
    assert (house.given, house.fetched, len(house.said)) == ([], 1, 1)
    assert house.said[0].endswith("the previous model plays on")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_a_file_that_nobody_writes_to_keeps_nobody_waiting(house: House) -> None:
    house.path.unlink()
    os.mkfifo(house.path)

    with pytest.raises(ModelError, match="not a regular file"):
        house.supply.obtain(house.name)


def test_a_new_file_is_given_to_the_engine_and_is_what_the_next_one_begins_with(house: House) -> None:
    house.supply.obtain(house.name)
    shutil.copy(shipped_models()["folk-char"], house.path)

    house.fetch_anew()

    assert [model.sha256 for model in house.given] == [given("folk-char").sha256]
    assert house.supply.held(house.name) is house.given[0]
    assert (house.said, house.fetched) == ([], 1)


def test_of_models_asked_for_quickly_the_last_is_read_and_the_same_one_is_not_read_again(house: House) -> None:
    for name in ("bach", "folk-char", "elise-gru"):
        assert house.supply.fetch(name, is_new_file=False)
    house.supply.work_off()

    assert [model.name for model in house.given] == ["elise-gru"]
    assert not house.supply.fetch("elise-gru", is_new_file=False)


def test_engines_that_end_with_a_new_file_get_the_proven_one_again(house: House) -> None:
    house.supply.obtain(house.name)
    house.supply.prove(house.name)
    proven = house.supply.held(house.name)
    shutil.copy(shipped_models()["folk-char"], house.path)
    house.fetch_anew()

    restored = [house.supply.restore(house.name), house.supply.restore(house.name)]

    assert restored == [True, False]
    assert house.supply.held(house.name) == proven


def test_whoever_stops_does_not_wait_for_a_trial(house: House, tmp_path: Path) -> None:
    endless = next(bad for bad in bad_models() if bad.name == "a step without end").build(tmp_path)
    thread = threading.Thread(target=house.supply.run)
    thread.start()
    house.supply.fetch(endless, is_new_file=False)
    while house.supply._trial is None:
        time.sleep(0.01)
    begun_ns = now_ns()

    house.supply.stop()
    thread.join(20)

    assert now_ns() - begun_ns < 5 * NS_PER_S  # the trial itself takes 10 s of a core
    assert house.said == []


def test_a_model_for_an_engine_that_hangs_keeps_no_note_waiting_and_is_not_recorded() -> None:
    recorded: list[tuple[Kind, bytes]] = []
    child = start_child(HANGS, lambda kind, content: recorded.append((kind, content)))
    giving = threading.Thread(target=child.give, args=(given("bach"),))
    giving.start()
    time.sleep(0.5)  # the pipe is full

    begun_ns = now_ns()
    child.send(Heard((Timed(1, NoteOn(60)),)))
    took_ns = now_ns() - begun_ns
    child.close()
    giving.join(10)

    assert took_ns < NS_PER_S
    assert not giving.is_alive()
    assert [kind for kind, _ in recorded] == [Kind.BEGUN, Kind.TOLD, Kind.ENDED]


def test_a_model_that_an_engine_knows_is_named_only() -> None:
    model = given("bach")

    assert list(model.messages(is_known=True)) == [ModelGiven(model.sha256, "bach")]
    *parts, name = model.messages(is_known=False)
    assert b"".join(part.content for part in parts if isinstance(part, ModelPart)) == model.content
    assert name == ModelGiven(model.sha256, "bach")
