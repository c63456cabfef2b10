"""What lies in the current folder is not run, whichever command is started there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.files.midi_file import write_midi
from livegen.shipped import shipped_models
from tests.daemon.test_resend_buffer import note

LIVEGEN = Path(sys.executable).with_name("livegen")
NAMES = (
    "numpy",
    "onnxruntime",
    "pydantic",
    "rtmidi",
    "alsa_midi",
    "mido",
    "typer",
    "rich",
    "PIL",
    "tomlkit",
    "torch",
    "onnx",
)
NAMES += ("json", "queue", "struct", "hashlib", "sitecustomize", "livegen")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files with the names of modules, each of which writes down that it was run; a tune, a model, and a session."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / f'ran-{name}')!r}, 'w')\n")
    write_midi(tmp_path / "in.mid", [("player", [*note(60, 0, 1), *note(64, 1, 2)])])
    model = shipped_models()["elise-gru"].read_bytes()
    (tmp_path / "own.onnx").write_bytes(model + bytes((0x08, 0x0A)))  # its version once more: it has to be tried
    return tmp_path


def own_folders(folder: Path) -> dict[str, str]:
    """An environment without the user's own folders, and without a PYTHONPATH: whoever sets one means it."""
    names = ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {**os.environ, **{name: str(folder / "own") for name in names}}
    environment.pop("PYTHONPATH", None)
    return environment


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder, to its end."""
    return subprocess.run(
        command, cwd=folder, env=own_folders(folder), capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    "arguments",
    [
        "models",
        "doctor own.toml",
        "ports",
        "status",
        "support",
        "render in.mid out.mid --model ./own.onnx",
        "harmonise in.mid out.mid --beam 1",
        "session list",
        "service install own.toml --help",
        "bench step --model elise-gru --steps 250",
        "bench delivery --events 100",
    ],
)
def test_no_command_runs_a_file_of_the_current_folder(arguments: str, folder: Path) -> None:
    (folder / "own.toml").write_text('play.model = "own.onnx"\n')

    done = run(folder, str(LIVEGEN), *arguments.split())

    assert "Traceback" not in done.stderr
    assert done.returncode != 2, done.stderr  # a mistake in the command
    assert list(folder.glob("ran-*")) == []


def test_neither_of_the_two_processes_of_a_player_runs_a_file_of_the_current_folder(folder: Path) -> None:
    with subprocess.Popen(
        [str(LIVEGEN), "jam", "--midi", "memory", "--model", "own.onnx"],
        cwd=folder,
        env=own_folders(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as player:
        assert player.stdout
        said = []
        while not (line := player.stdout.readline()).startswith("ready") and line:
            said.append(line)
        player.send_signal(signal.SIGTERM)
        said.append(player.stdout.read())

    assert player.returncode == 0, said
    assert list(folder.glob("ran-*")) == []


def test_the_way_to_a_model_runs_no_file_of_the_current_folder(folder: Path) -> None:
    done = run(folder, sys.executable, "-m", "export", "evaluate", "own.onnx")

    assert done.returncode == 1, done.stderr  # the corpus is not there
    assert list(folder.glob("ran-*")) == []
