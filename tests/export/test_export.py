"""The command line of the training side: help with an example, and errors of one line."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ("prepare", "train", "onnx", "verify", "evaluate", "eager", "judge")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "export", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = run(command, "--help")

    assert done.returncode == 0
    assert f"python -m export {command}" in done.stdout


@pytest.mark.parametrize("command", ["prepare", "train", "onnx", "verify", "eager"])
def test_an_unknown_recipe_is_one_line_with_the_nearest(command: str) -> None:
    done = run(command, "tinny")

    assert done.returncode == 1
    assert done.stderr == "no recipe 'tinny'; did you mean 'tiny'?\n"


def test_an_unknown_model_is_one_line() -> None:
    done = run("evaluate", "bahc")

    assert done.returncode == 1
    assert done.stderr.startswith("unknown model 'bahc'; did you mean 'bach'")
    assert done.stderr.count("\n") == 1
