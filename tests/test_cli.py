"""The command line as a person meets it: every mistake is one line on stderr, and a status that is not 0."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livegen.recording.format import Kind, read_session
from livegen.shipped import shipped_models


def livegen(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livegen.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["jamm"], "No such command 'jamm'. Did you mean 'jam'?"),
        (["jam", "--rolle", "x"], "No such option: --rolle"),
        (["jam", "--role", "respnd"], "unknown role 'respnd'; did you mean 'respond'?"),
        (["jam", "--midi", "memory", "--model", "bahc"], "unknown model 'bahc'; did you mean 'bach'?"),
        (["jam", "--midi", "memory", "--key", "H"], "unknown key 'H'"),
        (["run", "none.toml"], "none.toml: no such file"),
        (["render", "none.mid", "out.mid"], "none.mid: no such file"),
        (["render"], "Missing argument 'IN.mid'."),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str) -> None:
    done = livegen(*arguments)

    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode != 0


def test_a_damaged_midi_file_is_one_line_and_leaves_no_answer(tmp_path: Path) -> None:
    (tmp_path / "bad.mid").write_bytes(b"MThd\0\0")

    done = livegen("render", str(tmp_path / "bad.mid"), str(tmp_path / "out.mid"))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "out.mid").exists()


def test_models_are_listed() -> None:
    assert [row["name"] for row in json.loads(livegen("models", "--json").stdout)] == list(shipped_models())


def test_doctor_prints_the_conditions_and_finds_the_models() -> None:
    done = livegen("doctor", "--json")

    report = json.loads(done.stdout)
    assert report["healthy"] is True
    assert done.returncode == 0
    assert {"cpu", "load_average", "priority", "python", "onnxruntime", "provider"} <= report["conditions"].keys()


@pytest.mark.parametrize("command", ["jam", "run", "demo", "render", "ports", "models", "doctor"])
def test_every_command_has_an_example(command: str) -> None:
    assert f"Example: livegen {command}" in livegen(command, "--help").stdout


def test_bench_step_prints_figures_and_conditions() -> None:
    figures = json.loads(livegen("bench", "step", "--steps", "250", "--json").stdout)

    assert figures["us"]["step"]["p50"] > 0
    assert figures["count"] == 250
    assert {"cpu", "load_average", "priority", "provider"} <= figures["conditions"].keys()


def begun(*options: str, folder: Path) -> str:
    """What jam says until it is loaded."""
    command = [sys.executable, "-m", "livegen.cli", "jam", "--midi", "memory", *options]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout
        said = []
        while not said or (said[-1] and not said[-1].startswith("loaded")):
            said.append(player.stdout.readline())
        player.send_signal(signal.SIGTERM)
        said.append(player.stdout.read())
    assert player.returncode == 0
    return "".join(said)


def test_each_session_has_a_seed_of_its_own_which_is_said_and_recorded(tmp_path: Path) -> None:
    said = [begun("--record", str(tmp_path / f"session{number}"), folder=tmp_path) for number in range(2)]
    seeds = [re.findall(r"^seed (\d+): 'livegen jam --seed \1' plays the same again$", text, re.M) for text in said]

    assert seeds[0] != seeds[1]
    for number, found in enumerate(seeds):
        assert len(found) == 1
        (recorded,) = (tmp_path / f"session{number}").glob("*.session")
        told = [record.content for record in read_session(recorded).records if record.kind is Kind.TOLD]
        assert f'"seed":{found[0]}'.encode() in b"".join(told)


def test_a_seed_of_ones_own_needs_no_word(tmp_path: Path) -> None:
    assert "seed" not in begun("--seed", "7", folder=tmp_path)
