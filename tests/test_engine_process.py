"""The engine's side of the link, over a real pipe."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe

import pytest
from scripted_engine import load
from test_conversation import note

from livegen.events import NoteOff, NoteOn
from livegen.serve.engine_process import run_engine
from livegen.serve.link import (
    Beat,
    Configure,
    Failed,
    Heard,
    Message,
    Notice,
    Panic,
    Planned,
    Ready,
    Retract,
    decode,
    encode,
)
from livegen.settings import load as load_settings

SETTINGS = Configure(load_settings(None, {"daemon": {"realtime": False}}).model_dump_json())


@contextmanager
def engine(script: str) -> Iterator[Connection]:
    """The other end of the link to a running engine; closing it is what ends the engine."""
    ours, theirs = Pipe()
    thread = threading.Thread(target=run_engine, args=(theirs, lambda settings: load(script, settings)))
    thread.start()
    with ours:
        yield ours
    thread.join(10)
    assert not thread.is_alive()


def next_message(link: Connection) -> Message:
    """What it says next, heartbeats aside."""
    while True:
        assert link.poll(10)
        message = decode(link.recv_bytes())
        if message != Beat():
            return message


def test_it_says_that_it_is_ready_then_plans_what_it_heard_and_obeys_a_panic():
    with engine("echo") as link:
        link.send_bytes(encode(SETTINGS))
        ready = next_message(link)
        link.send_bytes(encode(Heard((*note(60, 0, 1), *note(62, 1, 2)))))
        planned, notice = next_message(link), next_message(link)
        link.send_bytes(encode(Panic()))
        retract = next_message(link)

    assert ready == Ready()
    assert isinstance(planned, Planned)
    assert [timed.event for timed in planned.events] == [NoteOn(72), NoteOff(72), NoteOn(74), NoteOff(74)]
    assert notice == Notice("heard 2")
    assert isinstance(retract, Retract)


def test_it_beats_while_it_has_nothing_to_say():
    with engine("echo") as link:
        link.send_bytes(encode(SETTINGS))
        said = [decode(link.recv_bytes()) for _ in range(4)]

    assert said == [Ready(), Beat(), Beat(), Beat()]


def test_a_model_that_cannot_be_loaded_is_its_last_words():
    with engine("refuse") as link:
        link.send_bytes(encode(SETTINGS))

        assert next_message(link) == Failed("bach: no such model")
        with pytest.raises(EOFError):
            link.recv_bytes()


def test_it_ends_when_the_other_end_is_gone_before_a_word():
    with engine("echo"):
        pass
