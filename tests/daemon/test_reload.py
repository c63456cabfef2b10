"""Settings and models that change while the music plays: checked first, changed between phrases, or not at all."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import pytest

from livegen.clock import now_ns
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.file_watch import FileWatch
from livegen.engine.engine import Engine, load_engine
from livegen.events import NoteOff, NoteOn, Timed
from livegen.ipc.engine_worker import run_engine
from livegen.ipc.messages import (
    Configure,
    Heard,
    Heartbeat,
    Message,
    Notice,
    Panic,
    PlayEvents,
    Prepare,
    Ready,
    RoleChanged,
    decode,
    encode,
)
from livegen.model.bundle import load_bundle
from livegen.model.loader import Loader
from livegen.settings import Settings, load
from livegen.shipped import shipped_models
from tests.support.given import given
from tests.support.hall import Hall


def settings(**play: Any) -> Settings:
    """A solo of a model that is always between two phrases: nothing has to be waited for."""
    return load(None, {"play": {"role": "solo", "model": "elise-gru", **play}, "daemon": {"realtime": False}})


class PortProcess:
    """The other end of the pipe to a real engine."""

    def __init__(self, connection: Connection, begin: Settings) -> None:
        self._link = connection
        self.said: list[Message] = []
        self.give(begin.play.model)
        self.send(Configure(begin.model_dump_json()))
        assert self.wait_for(Ready) == Ready()

    def give(self, model: str) -> None:
        """Send a model's file, as ``EngineChild`` does."""
        for message in given(model).messages(is_known=False):
            self.send(message)

    def prepare(self, given: Settings) -> None:
        self.said.clear()
        self.give(given.play.model)
        self.send(Prepare(given.model_dump_json()))

    def send(self, message: Message) -> None:
        self._link.send_bytes(encode(message))

    def drain(self) -> None:
        """Take what it has said, or wait a moment."""
        if self._link.poll(0.05):
            self._link.recv_bytes()

    def wait_for(self, kind: type[Message]) -> Message:
        while True:
            assert self._link.poll(40)
            message = decode(self._link.recv_bytes())
            if not isinstance(message, Heartbeat):
                self.said.append(message)
            if isinstance(message, kind):
                return message


@contextmanager
def engine(begin: Settings, made: Engine | None = None) -> Iterator[PortProcess]:
    """Another thread's, ``made`` already if one is given."""
    ours, theirs = Pipe()
    loader = Loader()
    load = (lambda _: made) if made else lambda chosen: Engine(loader.load(chosen.play.model), chosen)
    thread = threading.Thread(target=run_engine, args=(theirs, load, loader))
    thread.start()
    with ours:
        yield PortProcess(ours, begin)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("model", list(shipped_models()))
def test_a_solo_of_every_model_comes_to_an_end_between_which_it_can_be_changed(model: str) -> None:
    hall = Hall(load_bundle(model), {"play": {"role": "solo"}})
    hall.wait(1_000)
    ends = []
    for _ in range(12_000):
        hall.step()
        ends.append(hall.engine.is_between_phrases(hall.now_ns))

    assert any(ends)
    assert model not in ("bach", "folk-char") or ends.count(True) < len(ends) / 2  # a phrase is not broken off


def test_a_phrase_of_the_player_and_its_answer_are_not_broken_off() -> None:
    hall = Hall(load_bundle("bach"))
    between = [hall.engine.is_between_phrases(hall.now_ns)]
    for pitch in (67, 69, 71, 72):
        hall.note(pitch, 250, 50)
        between.append(hall.engine.is_between_phrases(hall.now_ns))
    hall.wait_for_onset()
    between.append(hall.engine.is_between_phrases(hall.now_ns))
    hall.wait(20_000)
    between.append(hall.engine.is_between_phrases(hall.now_ns))

    assert between == [True, False, False, False, False, False, True]


def test_a_knob_counts_at_once_and_the_file_at_the_end_of_the_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[int] = []
    may_change = threading.Event()
    made = load_engine(settings())
    monkeypatch.setattr(made, "is_between_phrases", lambda _: may_change.is_set())
    change = made.change
    monkeypatch.setattr(made, "change", lambda given, *rest: (changed.append(given.play.octaves), change(given, *rest)))
    with engine(settings(), made) as connection:
        connection.prepare(settings(octaves=1))
        for _ in range(10):
            connection.wait_for(PlayEvents)
        before = list(changed)
        may_change.set()
        while not changed:
            connection.wait_for(PlayEvents)
        may_change.clear()
        connection.send(Configure(settings(octaves=2).model_dump_json()))
        while len(changed) < 2:
            connection.wait_for(PlayEvents)

    assert before == []
    assert changed == [1, 2]


def test_a_model_is_loaded_and_changed_between_phrases_and_one_that_is_replaced_on_disk_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(shipped_models()["bach"], path)
    with engine(settings()) as connection:
        connection.prepare(settings(model=str(path)))
        connection.wait_for(Notice)
        first = list(connection.said)
        shutil.copy(shipped_models()["folk-char"], path)
        connection.prepare(settings(model=str(path)))
        connection.wait_for(Notice)
        second = list(connection.said)
        connection.wait_for(PlayEvents)

    assert first[-1] == second[-1] == Notice(f"model {path}")


def test_a_model_that_is_not_whole_is_refused_in_one_line_and_the_old_one_plays_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(shipped_models()["bach"].read_bytes()[:100_000])
    with engine(settings()) as connection:
        connection.prepare(settings(model=str(path)))
        said = connection.wait_for(Notice)
        connection.wait_for(PlayEvents)

    assert isinstance(said, Notice)
    assert said.text.startswith(f"{path}: not a whole ONNX model")
    assert said.text.endswith("the previous model plays on")


def test_a_touch_meanwhile_is_not_undone_by_what_is_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    may_change = threading.Event()
    made = load_engine(settings())
    monkeypatch.setattr(made, "is_between_phrases", lambda _: may_change.is_set())
    taken: list[str] = []
    change = made.change
    monkeypatch.setattr(made, "change", lambda given, *rest: (taken.append(given.play.role), change(given, *rest)))
    with engine(settings(), made) as connection:
        connection.prepare(settings(octaves=1))
        connection.wait_for(PlayEvents)
        connection.send(Heard((Timed(now_ns(), NoteOn(60)),)))
        role_changed = connection.wait_for(RoleChanged)
        may_change.set()
        while not taken:
            connection.drain()

    assert (role_changed, taken) == (RoleChanged("respond"), ["respond"])


def test_settings_that_the_engine_refuses_change_nothing() -> None:
    with engine(settings()) as connection:
        known = settings()  # a settings file with such a key is refused before
        connection.prepare(known.model_copy(update={"play": known.play.model_copy(update={"key": "H"})}))
        said = connection.wait_for(Notice)
        connection.wait_for(PlayEvents)

    assert isinstance(said, Notice)
    assert said.text.endswith("playing on as before")


class Renewals(EventRouter):
    """An event router that counts reloads and settings."""

    def __init__(self, model: str) -> None:
        super().__init__(lambda _: None, lambda: None, Controls(settings(model=model), lambda _: None))
        self.renewals = 0
        self.taken: list[Settings] = []

    def reload_model(self) -> None:
        self.renewals += 1

    def take(self, settings: Settings) -> None:
        self.taken.append(settings)


def test_a_model_file_counts_when_it_has_been_written_to_its_end(tmp_path: Path) -> None:
    path, said = tmp_path / "mine.onnx", list[str]()
    path.write_bytes(b"1")
    router = Renewals(str(path))
    watch = FileWatch(tmp_path / "box.toml", settings, said.append)
    renewals = []
    for content in (b"1", b"12", b"123", b"123", b"123"):
        path.write_bytes(content) if path.read_bytes() != content else None
        watch.poll(router)
        renewals.append(router.renewals)

    assert renewals == [0, 0, 0, 1, 1]
    assert said == [f"{path} has changed"]


def test_who_asks_for_it_has_the_file_read_again(tmp_path: Path) -> None:
    router = Renewals("bach")
    watch = FileWatch(tmp_path / "box.toml", settings, lambda _: None)

    watch.poll(router)
    watch.ask()
    watch.poll(router)
    watch.poll(router)

    assert router.taken == [settings()]


def test_a_visitor_at_the_door_when_it_shuts_is_not_heard_until_it_opens_again() -> None:
    told: list[Message] = []
    router = EventRouter(lambda _: None, lambda: None, Controls(settings(), lambda _: None))
    router.introduce(told.append)
    router.hear(Timed(1, NoteOn(60)))
    router.shut()
    router.hear(Timed(2, NoteOff(60)))
    router.hear(Timed(3, NoteOn(62)))
    router.reopen()
    router.hear(Timed(4, NoteOn(64)))
    router.stop()
    router.run()

    roles = [Settings.model_validate_json(m.settings).play.role for m in told if isinstance(m, Configure)]
    assert [m for m in told if not isinstance(m, Configure)] == [
        Heard((Timed(1, NoteOn(60)),)),
        Panic(),
        Heard((Timed(2, NoteOff(60)),)),
        Heard((Timed(4, NoteOn(64)),)),
    ]
    assert roles == ["respond", "solo"]
    assert router.visited_ns == 4


def test_an_engine_hears_of_settings_that_it_missed_while_it_was_loading() -> None:
    told: list[Message] = []
    router = EventRouter(lambda _: None, lambda: None, Controls(settings(role="harmonise"), lambda _: None))
    router.start_idle_play(None)
    router.introduce(told.append)
    router.stop()
    router.run()

    play = next(Settings.model_validate_json(m.settings).play for m in told if isinstance(m, Configure))
    assert (play.role, play.role_after_touch) == ("solo", "harmonise")


def test_a_visitor_between_the_look_and_the_deed_keeps_the_machine_from_playing_alone() -> None:
    told: list[Message] = []
    router = EventRouter(lambda _: None, lambda: None, Controls(settings(role="respond"), lambda _: None))
    router.introduce(told.append)
    router.hear(Timed(5, NoteOn(60)))
    router.start_idle_play(None)  # as it looked before
    router.stop()
    router.run()

    assert told == [Heard((Timed(5, NoteOn(60)),))]
