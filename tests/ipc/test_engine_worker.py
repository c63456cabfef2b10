"""The engine's side of the pipe, over a real pipe."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, Pipe

import pytest

from livegen.clock import NS_PER_MS, now_ns
from livegen.engine.engine import Engine
from livegen.events import NoteOff, NoteOn
from livegen.ipc.engine_worker import run_engine
from livegen.ipc.messages import (
    Call,
    CallLog,
    Configure,
    Failed,
    Heard,
    Heartbeat,
    Loaded,
    Message,
    Notice,
    Panic,
    PlayEvents,
    Ready,
    Retract,
    decode,
    encode,
)
from livegen.model.bundle import load_bundle
from livegen.settings import load as load_settings
from tests.daemon.test_resend_buffer import note
from tests.support.scripted_engine import ECHO_NS, ScriptedEngine, load

SETTINGS = Configure(load_settings(None, {"daemon": {"realtime": False}}).model_dump_json())


@contextmanager
def engine(script: str, *, is_spare: bool = False) -> Iterator[Connection]:
    """The other end of the pipe to a running engine; closing it is what ends the engine."""
    ours, theirs = Pipe()
    run = partial(run_engine, theirs, lambda settings: load(script, settings), is_spare=is_spare)
    thread = threading.Thread(target=run)
    thread.start()
    with ours:
        yield ours
    thread.join(10)
    assert not thread.is_alive()


def next_message(connection: Connection) -> Message:
    """What it says next, heartbeats and its account of itself aside."""
    while True:
        assert connection.poll(10)
        message = decode(connection.recv_bytes())
        if not isinstance(message, Heartbeat | CallLog | Loaded):
            return message


def test_it_says_that_it_is_ready_then_plans_what_it_heard_and_obeys_a_panic():
    with engine("echo") as connection:
        connection.send_bytes(encode(SETTINGS))
        ready = next_message(connection)
        connection.send_bytes(encode(Heard((*note(60, 0, 1), *note(62, 1, 2)))))
        planned, notice = next_message(connection), next_message(connection)
        connection.send_bytes(encode(Panic()))
        retract = next_message(connection)

    assert ready == Ready()
    assert isinstance(planned, PlayEvents)
    assert [timed.event for timed in planned.events] == [NoteOn(72), NoteOff(72), NoteOn(74), NoteOff(74)]
    assert notice == Notice("heard 2")
    assert isinstance(retract, Retract)


def test_it_beats_while_it_has_nothing_to_say_and_its_loop_comes_round():
    with engine("echo") as connection:
        connection.send_bytes(encode(SETTINGS))
        said = [decode(connection.recv_bytes()) for _ in range(12)]
    beats = [message.at_ns for message in said if isinstance(message, Heartbeat)]

    assert [message for message in said if not isinstance(message, CallLog | Heartbeat)] == [
        Loaded("", "bach"),
        Ready(),
    ]
    assert beats == sorted(set(beats))
    assert len(beats) >= 4


def test_it_beats_while_a_step_takes_long_and_says_since_when():
    with engine("pause") as connection:
        connection.send_bytes(encode(SETTINGS))
        assert next_message(connection) == Ready()
        connection.send_bytes(encode(Heard(note(60, 0, 1))))
        begun_ns, beats = now_ns(), []
        while not isinstance(message := decode(connection.recv_bytes()), PlayEvents):
            beats += [message] if isinstance(message, Heartbeat) and now_ns() - begun_ns > 100 * NS_PER_MS else []

    assert len(beats) > 1
    assert len(set(beats)) == 1  # its loop is where it was


def test_its_beat_goes_on_while_it_takes_in_a_flood(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ScriptedEngine, "hear", lambda *_: time.sleep(0.02))
    with engine("echo") as connection:
        connection.send_bytes(encode(SETTINGS))
        assert next_message(connection) == Ready()
        flood_ns = now_ns()
        for _ in range(40):
            connection.send_bytes(encode(Heard(note(60, 0, 1)[:1])))
        beats: list[int] = []
        while now_ns() - flood_ns < 600 * NS_PER_MS:
            if connection.poll(0.1) and isinstance(message := decode(connection.recv_bytes()), Heartbeat):
                beats.append(message.at_ns)

    assert len({beat for beat in beats if beat > flood_ns + 50 * NS_PER_MS}) > 3


def test_a_spare_is_loaded_and_then_says_nothing_until_its_second_message():
    with engine("echo", is_spare=True) as connection:
        connection.send_bytes(encode(SETTINGS))
        first = [decode(connection.recv_bytes()) for _ in range(2)]
        is_silent = not connection.poll(0.3)
        connection.send_bytes(encode(Heard(note(60, 0, 1))))
        planned = next_message(connection)

    assert first == [Loaded("", "bach"), Ready()]
    assert is_silent
    assert isinstance(planned, PlayEvents)


def test_a_spare_ends_with_the_port_process():
    with engine("echo", is_spare=True) as connection:
        connection.send_bytes(encode(SETTINGS))
        assert next_message(connection) == Ready()


def test_a_model_that_cannot_be_loaded_is_its_last_words():
    with engine("refuse") as connection:
        connection.send_bytes(encode(SETTINGS))

        assert next_message(connection) == Failed("bach: no such model")
        with pytest.raises(EOFError):
            connection.recv_bytes()


def test_it_ends_when_the_other_end_is_gone_before_a_word():
    with engine("echo"):
        pass


def test_what_it_says_is_explained_by_the_calls_that_it_told_before():
    with engine("echo") as connection:
        connection.send_bytes(encode(SETTINGS))
        connection.send_bytes(encode(Heard(note(60, 0, 1))))
        told: list[Call] = []
        while not isinstance(message := decode(connection.recv_bytes()), PlayEvents):
            told += message.calls if isinstance(message, CallLog) else ()
        plan = message

    assert [call.act for call in told if call.act != "imagine"] == ["take"]
    assert told[-1].act == "imagine"
    assert plan.events[0].at_ns == told[-1].at_ns + ECHO_NS


def test_while_nobody_plays_it_gives_no_account():
    bundle = load_bundle("bach")
    ours, theirs = Pipe()
    thread = threading.Thread(target=run_engine, args=(theirs, lambda settings: Engine(bundle, settings)))
    thread.start()
    with ours:
        ours.send_bytes(encode(SETTINGS))
        said = [decode(ours.recv_bytes()) for _ in range(8)]
    thread.join(10)

    assert said[:2] == [Loaded(bundle.sha256, "bach"), Ready()]
    assert [type(message) for message in said[2:]].count(CallLog) == 1  # the first call only
