"""The spare engine, with real processes: when there is one, what it is loaded with, and what is recorded of it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import livegen.daemon.spare
from livegen.clock import NS_PER_S
from livegen.daemon.spare import Spare, is_wanted
from livegen.errors import LivegenError
from livegen.ipc.engine_child import EngineChild, FrameTap, start_child
from livegen.ipc.given_model import GivenModel
from livegen.ipc.messages import Configure, Heartbeat, Loaded, Message, Ready, decode
from livegen.recording.format import Kind
from livegen.settings import Settings

ENGINE = Path(__file__).parents[1] / "support" / "scripted_engine.py"
_PATIENCE_S = 60


class Guarded:
    """A spare of scripted engines, and what it is told."""

    def __init__(self, script: str) -> None:
        self._command = (sys.executable, str(ENGINE), script)
        self._at_ns = 0
        self.started: list[EngineChild] = []
        self.ended: list[EngineChild] = []
        self.recorded: list[tuple[Kind, Message | None]] = []
        self.spare: Spare[EngineChild] = Spare(self._start, self._record, self.ended.append)

    def poll(self, settings: Settings, fallback: Settings | None = None) -> str:
        """Poll once, a second later; the state after it."""
        self._at_ns += NS_PER_S
        self.spare.poll(settings, fallback, self._at_ns)
        return self.spare.state

    def poll_until(self, is_so: Callable[[str], bool], settings: Settings, fallback: Settings | None = None) -> None:
        """Poll until the state is so; two more polls follow a change of the settings in any case."""
        until = time.monotonic() + _PATIENCE_S
        self.poll(settings, fallback)
        while not is_so(self.poll(settings, fallback)):
            assert time.monotonic() < until, self.spare.state
            time.sleep(0.05)

    def take(self, settings: Settings, fallback: Settings | None = None) -> EngineChild | None:
        """Let it take over."""
        taken = self.spare.take(settings, fallback, self._at_ns)
        return taken.child if taken else None

    def _start(self, tap: FrameTap) -> EngineChild:
        self.started.append(start_child(self._command, tap, is_spare=True))
        return self.started[-1]

    def _record(self, kind: Kind, frame: bytes) -> None:
        self.recorded.append((kind, decode(frame) if frame else None))


@contextmanager
def guarded(script: str = "echo") -> Iterator[Guarded]:
    """A spare; at the end nothing of it is left."""
    made = Guarded(script)
    try:
        yield made
    finally:
        made.spare.close()
        for child in made.started:
            child.close()


def settings(model: str = "bach", spare: str = "on") -> Settings:
    return Settings.model_validate({"play": {"model": model}, "daemon": {"spare": spare, "realtime": False}})


def put_a_model_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called bach-2, in the folder where this process is from now on."""
    (folder / "bach-2").write_bytes(b"1")
    monkeypatch.chdir(folder)


def is_ready(state: str) -> bool:
    return state == "ready"


def test_a_spare_that_takes_over_answers_at_once_and_is_recorded_from_then_on():
    with guarded() as on:
        on.poll_until(is_ready, settings())
        before = list(on.recorded)
        child = on.take(settings())
        assert child
        child.send(Configure(settings().model_dump_json()))
        beat = child.receive(20)

        assert before == []
        assert [kind for kind, _ in on.recorded[:5]] == [Kind.BEGUN, Kind.TOLD, Kind.SAID, Kind.SAID, Kind.TOLD]
        assert [message for kind, message in on.recorded if kind is Kind.SAID][:2] == [Loaded("", "bach"), Ready()]
        assert isinstance(beat, Heartbeat)
        assert on.spare.state == "none"


def test_a_spare_that_reads_slowly_holds_nobody_up():
    sleeping = (sys.executable, "-c", "import time; time.sleep(4)")
    model = GivenModel("bach", "", bytes(1 << 20))  # more than a pipe holds
    started = []

    def start(tap: FrameTap) -> EngineChild:
        started.append(start_child(sleeping, tap, lambda _: model, is_spare=True))
        return started[-1]

    spare: Spare[EngineChild] = Spare(start, lambda _, __: None, lambda _: None)
    for second in range(2):
        spare.poll(settings(), None, second * NS_PER_S)
    time.sleep(0.5)  # a process is gone a little later than its end of the pipe
    is_asleep = not started[0].has_ended
    started[0].close()

    assert is_asleep


def test_a_spare_that_is_still_loading_takes_over_too():
    with guarded() as on:
        on.poll_until(lambda state: state == "loading", settings())
        child = on.take(settings())

        assert child
        assert isinstance(child.receive(_PATIENCE_S), Loaded)


def test_a_spare_follows_a_change_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put_a_model_in(tmp_path, monkeypatch)
    with guarded() as on:
        on.poll_until(is_ready, settings("bach"))
        on.poll_until(is_ready, settings("bach-2"))

        assert on.ended == on.started[:1]
        assert on.take(settings("bach")) is None  # it is not asked for music of another model
        assert on.ended == on.started


def test_a_spare_keeps_the_model_that_it_has_when_the_file_is_gone(tmp_path: Path):
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"1")
    with guarded() as on:
        on.poll_until(is_ready, settings(str(path)))
        path.unlink()
        states = [on.poll(settings(str(path))) for _ in range(3)]

        assert states == ["ready"] * 3
        assert on.take(settings(str(path)))


def test_a_spare_whose_model_is_refused_is_loaded_with_the_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put_a_model_in(tmp_path, monkeypatch)
    with guarded("refuse") as on:
        on.poll_until(is_ready, settings("bach"), settings("bach-2"))

        assert len(on.started) == 2
        assert on.take(settings("bach"), settings("bach-2"))


def test_a_spare_that_ends_is_not_started_again_at_once():
    with guarded() as on:
        on.poll_until(is_ready, settings())
        on.started[0].kill()
        on.poll_until(lambda state: state == "none", settings())
        states = [on.poll(settings()) for _ in range(20)]

        assert states == ["none"] * 20
        assert len(on.started) == 1


@pytest.mark.parametrize(
    ("chosen", "free", "expected"),
    [("on", 0, True), ("off", 2**40, False), ("auto", 2**29, False), ("auto", 2**33, True), ("auto", None, False)],
)
def test_a_small_computer_has_no_spare_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, chosen: str, free: int | None, *, expected: bool
):
    monkeypatch.setattr(livegen.daemon.spare, "available_bytes", lambda: free)
    monkeypatch.setattr("os.cpu_count", lambda: 4)

    assert is_wanted(settings(spare=chosen), has_spare=False) == expected


def test_no_spare_of_another_version_is_started_and_the_music_goes_on():
    def refuse(_: FrameTap) -> EngineChild:
        raise LivegenError("livegen 9.9 was installed while this one plays: restart livegen")

    spare: Spare[EngineChild] = Spare(refuse, lambda _, __: None, lambda _: None)
    for second in range(1, 4):
        spare.poll(settings(), None, second * NS_PER_S)

    assert spare.state == "none"
