"""The engine's process as it is started: where it is started changes nothing."""

import os
from pathlib import Path

import pytest

from livegen.ipc.engine_child import ENGINE_COMMAND, EngineChild, start_child
from livegen.ipc.messages import Configure, Heartbeat, Loaded, Message, Ready
from livegen.realtime import BEATING, CARRYING, LOOKING_ON, PLANNING
from livegen.settings import load as load_settings
from tests.conftest import is_realtime_allowed
from tests.support.given import given

SETTINGS = Configure(load_settings(None, {"daemon": {"realtime": False}}).model_dump_json())


def test_files_of_the_folder_it_is_started_in_are_not_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue.py", "numpy.py", "livegen.py"):
        (tmp_path / name).write_text("raise SystemExit('a file of the player, not a module')\n")
    monkeypatch.chdir(tmp_path)
    child = start_child(ENGINE_COMMAND, model_for=given)
    try:
        child.send(SETTINGS)

        assert isinstance(_next_message(child), Loaded)
    finally:
        child.close()


@pytest.mark.skipif(not is_realtime_allowed(), reason="no real-time priority here")
def test_an_engine_that_plays_is_above_ordinary_programs_and_below_the_port_process_and_a_spare_is_not() -> None:
    child = start_child(ENGINE_COMMAND, model_for=given, is_spare=True)
    try:
        child.send(Configure(load_settings(None).model_dump_json()))
        while not isinstance(_next_message(child), Ready):
            pass
        waiting = _levels(child)
        child.send(Configure(load_settings(None).model_dump_json()))
        while not isinstance(_next_message(child), Heartbeat):
            pass
        playing = _levels(child)
    finally:
        child.close()

    assert set(waiting) == {0}
    assert sorted(filter(None, playing)) == [PLANNING, BEATING]
    assert PLANNING < BEATING < LOOKING_ON < CARRYING


def _levels(child: EngineChild) -> list[int]:
    """The real-time priorities of its threads; 0 for normal priority."""
    return [os.sched_getparam(thread).sched_priority for thread in child.threads()]


def _next_message(child: EngineChild) -> Message:
    """The next message."""
    while (message := child.receive(30.0)) is None:
        pass
    return message
