"""Another version of livegen is installed while this one plays."""

import os
from pathlib import Path

import pytest

from livegen.version import RUNNING
from tests.support.jack_stage import Daemon, wait_for


def test_an_engine_of_another_version_is_not_mixed_in_and_a_restart_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    installed = tmp_path / "installed"
    installed.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(installed))
    daemon = Daemon("upgraded", tmp_path, "--midi", "memory")
    try:
        daemon.wait_for_line("loaded")
        (installed / "livegen-9.9.dist-info").mkdir()
        (installed / "livegen-9.9.dist-info" / "METADATA").write_text("Name: livegen\nVersion: 9.9\n")
        os.kill(wait_for(daemon.engine_pid, "an engine"), 9)
        status = daemon.process.wait(20)
    finally:
        daemon.kill()

    assert status == 1
    assert daemon.lines()[-1] == f"livegen: livegen 9.9 was installed while {RUNNING} plays: restart livegen"
