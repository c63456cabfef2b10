"""The engine's process as it is started: where it is started changes nothing."""

from pathlib import Path

import pytest

from livegen.ipc.engine_child import ENGINE_COMMAND, EngineChild, start_child
from livegen.ipc.messages import Configure, Loaded, Message
from livegen.settings import load as load_settings
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

        assert isinstance(_first_message(child), Loaded)
    finally:
        child.close()


def _first_message(child: EngineChild) -> Message:
    """The first message that is no heartbeat."""
    while (message := child.receive(30.0)) is None:
        pass
    return message
