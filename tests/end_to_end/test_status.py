"""What livegen status says of a real daemon, and its exit status."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.jack_stage import Daemon, wait_for
from tests.test_cli import livegen


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def status_of(name: str) -> CompletedProcess[str]:
    """What it says, as soon as there is a status."""
    return wait_for(lambda: found if (found := livegen("status", "--name", name)).returncode != 3 else None, "a status")


def test_all_is_well_where_everything_is_there(tmp_path: Path):
    daemon = Daemon("well", tmp_path, "--midi", "memory")
    try:
        daemon.wait_for_line("loaded")
        done = status_of("well")
    finally:
        daemon.stop()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "to do      nothing"
    assert livegen("status", "--name", "well").returncode == 3


def test_without_a_midi_system_something_is_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "livegen-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    daemon = Daemon("ill", tmp_path, "--midi", "jack")
    try:
        daemon.wait_for_line("waiting for it")
        done = status_of("ill")
    finally:
        daemon.stop()

    assert done.returncode == 1
    assert "to do      no MIDI system answers: start it, or see 'MIDI system' in livegen doctor\n" in done.stdout


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_a_named_port_that_is_missing_is_something_to_do(tmp_path: Path):
    config = tmp_path / "box.toml"
    config.write_text('[ports]\nsystem = "jack"\ninput = "No Such Keys"\n')
    daemon = Daemon("named", tmp_path, "--config", str(config))
    try:
        daemon.wait_for_line("loaded")
        done = status_of("named")
    finally:
        daemon.stop()

    assert done.returncode == 1
    assert "plug it in or start it: no MIDI input called 'No Such Keys'" in done.stdout
