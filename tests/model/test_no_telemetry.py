"""Who plays is told to nobody: the library that runs the networks neither keeps an identity nor asks for a host."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.files.midi_file import write_midi
from livegen.own_process import module_command
from tests.daemon.test_resend_buffer import note

_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "ORT_DISABLE_TELEMETRY")


def at_home(home: Path) -> dict[str, str]:
    """An environment in which all that a program keeps for a user lies in one folder."""
    return {**{name: value for name, value in os.environ.items() if name not in _FOLDERS}, "HOME": str(home)}


@pytest.mark.parametrize("module", ["livegen.model.bundle", "export.evaluate"])
def test_the_library_keeps_nothing_in_the_home_folder(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import {module}"]

    subprocess.run(command, env=at_home(tmp_path), cwd=Path(__file__).parents[2], check=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_answer_to_a_file_asks_the_internet_nothing_and_writes_one_file(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    write_midi(tmp_path / "in.mid", [("player", [*note(60, 0, 1), *note(64, 1, 2)])])
    watched = ["strace", "-f", "-qq", "-e", "trace=%network,open,openat,creat,mkdir", "-o", str(log)]

    command = module_command("livegen.cli", "render", "in.mid", "out.mid")
    subprocess.run([*watched, *command], env=at_home(home), cwd=tmp_path, check=True, capture_output=True)

    calls = log.read_text().splitlines()
    written = [call for call in calls if any(word in call for word in ("O_CREAT", "O_WRONLY", "O_RDWR", "mkdir("))]
    assert [call for call in calls if "AF_INET" in call or "connect(" in call] == []
    beside = f'"{tmp_path}"', f'"{tmp_path}/.'  # a trial of the folder, and the file until it is whole
    assert [call for call in written if not any(place in call for place in ('"out.mid"', *beside))] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "home", "in.mid", "out.mid"]
