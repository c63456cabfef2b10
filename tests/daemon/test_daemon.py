"""The daemon: real threads, a real engine's process with a script in the model's place, ports in memory."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from livegen.daemon.daemon import run_daemon
from livegen.daemon.monitor import EventMonitor
from livegen.daemon.ports import MemoryPorts
from livegen.daemon.status_file import Figures
from livegen.errors import LivegenError, RunningError
from livegen.events import ControlChange, Event, NoteOff, NoteOn, Timed, Transport
from livegen.ipc.messages import CallLog, Loaded, PlayEvents, Ready, decode
from livegen.recording.format import Kind, read_session
from livegen.recording.tracks import track
from livegen.settings import Settings, load

SCRIPTED = str(Path(__file__).parents[1] / "support" / "scripted_engine.py")
READY = "ready: "  # and how to begin


class Session:
    """A daemon in a thread of its own, its ports, and the lines it says."""

    def __init__(
        self, settings: Settings, script: str, observe: EventMonitor | None, ports: MemoryPorts | None
    ) -> None:
        self.ports = ports
        self.stop = threading.Event()
        self.lines: Queue[str] = Queue()
        self.events: Queue[Event] = Queue()
        self._pool = ThreadPoolExecutor(1)
        self.future: Future[Figures] = self._pool.submit(
            run_daemon,
            settings,
            say=self.lines.put,
            stop=self.stop,
            observe=observe or self._watch,
            memory=ports,
            engine=(sys.executable, SCRIPTED, script),
        )

    def play(self, event: Event) -> None:
        assert self.ports
        self.ports.input.play(event)

    def wait_for(self, line: str) -> list[str]:
        """Every line up to one that begins so."""
        said = [self.lines.get(timeout=20)]
        while not said[-1].startswith(line):
            said.append(self.lines.get(timeout=20))
        return said

    def next_event(self) -> Event:
        """What it plays next."""
        try:
            return self.events.get(timeout=20)
        except Empty:
            said = [self.lines.get() for _ in range(self.lines.qsize())]
            raise AssertionError(f"nothing was played for 20 s; it had said {said}") from None

    def end(self) -> Figures:
        self.stop.set()
        return self.future.result(20)

    def _watch(self, who: str, timed: Timed) -> None:
        if who == "machine":
            self.events.put(timed.event)


@pytest.fixture(autouse=True)
def _own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@contextmanager
def session(script: str = "echo", observe: EventMonitor | None = None, **sections: dict[str, Any]) -> Iterator[Session]:
    sections["daemon"] = {"realtime": False, **sections.get("daemon", {})}  # a test's process is not for that
    settings = load(None, {"ports": {"system": "memory"}, **sections})
    running = Session(settings, script, observe, None if "ports" in sections else MemoryPorts())
    try:
        yield running
    finally:
        running.stop.set()
        running.future.exception(20)


def test_a_note_is_answered_and_a_clean_stop_ends_the_answer():
    with session() as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        answer = running.next_event()
        running.play(NoteOff(60))
        figures = running.end()

    assert answer == NoteOn(72, 80)
    assert [timed.event for timed in running.ports.output.sent] == [
        NoteOn(72, 80),
        NoteOff(72),
        ControlChange(64, 0),
        ControlChange(123, 0),
        ControlChange(120, 0),
    ]
    assert (figures.notes_in, figures.notes_out, figures.hanging, figures.engine_restarts) == (1, 1, 0, 0)


def test_a_reset_from_the_player_silences_the_machine():
    with session() as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        running.next_event()
        running.play(Transport.RESET)

        assert running.next_event() == NoteOff(72)


def test_a_model_that_cannot_be_loaded_ends_the_daemon_in_one_line():
    with session("refuse") as running, pytest.raises(LivegenError, match=r"^bach: no such model$"):
        running.future.result(20)


def test_where_a_model_cannot_be_loaded_its_stand_in_plays():
    with session("refuse", installation={"fallback_model": "bach-2"}) as running:
        lines = running.wait_for(READY)
        running.play(NoteOn(60, 80))
        answer = running.next_event()

    assert lines[0] == "bach: no such model; 'bach-2' plays instead"
    assert answer == NoteOn(72, 80)


def test_an_engine_that_dies_whenever_it_loads_ends_the_daemon():
    with (
        session("crash") as running,
        pytest.raises(LivegenError, match=r"^the engine ended 3 times before it was ready"),
    ):
        running.future.result(20)


def test_a_phrase_that_two_engines_died_of_is_not_told_to_the_third():
    with session("die") as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        lines = running.wait_for("the engine ended; starting it again")
        lines += running.wait_for("the engine ended; starting it again")
        running.play(NoteOn(62, 80))
        answer = running.next_event()
        figures = running.end()

    assert lines == ["the engine ended; starting it again"] * 2
    assert (answer, figures.engine_restarts) == (NoteOn(74, 80), 2)


def test_the_notes_of_an_engine_that_dies_end_at_once():
    with session("die") as running:
        running.wait_for(READY)
        running.play(NoteOn(62, 80))
        begun = running.next_event()
        running.play(NoteOn(60, 80))
        ended = [running.next_event() for _ in range(4)]

    assert begun == NoteOn(74, 80)
    assert ended == [NoteOff(74), ControlChange(64, 0), ControlChange(123, 0), ControlChange(120, 0)]


def test_an_answer_that_sounds_when_its_engine_dies_is_played_again():
    with session("leave") as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        heard = [running.next_event() for _ in range(6)]

    assert heard == [
        NoteOn(72, 80),
        NoteOff(72),
        ControlChange(64, 0),
        ControlChange(123, 0),
        ControlChange(120, 0),
        NoteOn(72, 80),
    ]


def test_an_engine_that_says_nothing_is_replaced():
    with session("hang", daemon={"silence_ms": 200}) as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))

        assert running.wait_for("the engine was silent for 200 ms; starting it again")


@pytest.mark.parametrize(
    ("script", "reason", "end"),
    [
        ("damage", "the network's logits are not finite (nan)", "ended"),
        ("eat", "there is no memory left", "ended"),
        ("babble", "", "sent an invalid message (pipe: no kind of message begins with b'\\xff')"),
    ],
)
def test_an_engine_that_cannot_go_on_is_replaced_by_one_that_can(script: str, reason: str, end: str):
    again = f"the engine {end}; starting it again"
    with session(script) as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        lines = running.wait_for(again) + running.wait_for(again)  # the third is not told what two ended by
        running.play(NoteOn(62, 80))
        answer = running.next_event()
        figures = running.end()

    assert [said for said in lines if said != again] == [reason] * 2 * bool(reason)
    assert (answer, figures.engine_restarts) == (NoteOn(74, 80), 2)


def test_an_engine_that_is_silent_where_music_is_due_is_replaced_and_two_of_them_are_said():
    with session("mute", play={"role": "solo"}, installation={"max_silence_s": 0.5}, ports={"poll_s": 0.1}) as running:
        lines = running.wait_for("no music from 2 engines in a row, though music is due")
        figures = running.end()

    assert lines.count("the engine played nothing for 0.5 s; starting it again") == 1
    assert figures.engine_restarts >= 1


def test_where_nothing_can_be_written_it_plays_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    with session(daemon={"record": str(tmp_path / "file" / "sessions")}) as running:
        lines = running.wait_for(READY)
        running.play(NoteOn(60, 80))
        answer = running.next_event()
        running.end()

    assert answer == NoteOn(72, 80)
    assert [line for line in lines if line.endswith("in memory only: after a power cut, notes may hang")] == lines[:1]


def test_caps_of_the_installation_hold_on_the_way_out():
    with session(installation={"loudest": 50, "longest_note_s": 0.2}) as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        running.next_event()
        until = time.monotonic() + 10
        while len(running.ports.output.sent) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        sent = [timed.event for timed in running.ports.output.sent]

    assert sent == [NoteOn(72, 50), NoteOff(72)]


def test_a_second_instance_of_the_same_name_is_refused():
    with session() as first:
        first.wait_for(READY)

        with session() as second, pytest.raises(RunningError, match=r"^livegen is already running as 'livegen'"):
            second.future.result(20)


def test_an_error_of_ours_comes_out_after_the_notes_have_ended():
    def observe(who: str, timed: Timed) -> None:
        if timed.event == NoteOn(72, 80):
            raise ZeroDivisionError

    with session(observe=observe) as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        with pytest.raises(ZeroDivisionError):
            running.future.result(20)

    assert [timed.event for timed in running.ports.output.sent][:2] == [NoteOn(72, 80), NoteOff(72)]


def test_the_session_is_recorded(tmp_path: Path):
    with session(daemon={"record": str(tmp_path / "sessions")}) as running:
        running.wait_for(READY)
        running.play(NoteOn(60, 80))
        running.next_event()
        running.end()

    (path,) = (tmp_path / "sessions").iterdir()
    recorded = read_session(path)
    assert [timed.event for timed in track(recorded, "player")] == [NoteOn(60, 80), NoteOff(60)]
    assert [timed.event for timed in track(recorded, "machine")][:2] == [NoteOn(72, 80), NoteOff(72)]
    said = [type(decode(record.content)) for record in recorded.records if record.kind is Kind.SAID]
    assert said[:2] == [Loaded, Ready]
    assert said[said.index(PlayEvents) - 1] is CallLog  # explained before it comes


def test_without_a_midi_system_it_starts_says_so_once_and_waits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-no-such-server")
    with session(ports={"system": "jack", "poll_s": 0.1, "input": "Keys", "output": "Synth"}) as running:
        lines = running.wait_for("loaded: ")
        figures = running.end()

    assert len(lines) == 2
    assert lines[0].startswith("no MIDI system: no answer from")
    assert lines[0].endswith("waiting for it and for 'Keys' and for 'Synth'")
    assert figures.notes_out == 0
