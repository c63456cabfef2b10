"""The command line as a person meets it: every mistake is one line on stderr, and a status that is not 0."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest

from livegen.recording.format import Kind, read_session
from livegen.settings import Role
from livegen.shipped import shipped_models
from livegen.tools.config_file import config_text


def livegen(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.argv[0] = 'livegen'; from livegen.cli import main; main()"
    command = [sys.executable, "-P", "-c", program, *arguments]
    surroundings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=surroundings)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["jma"], "unknown command 'jma'; did you mean 'jam'?"),
        (["play"], "unknown command 'play'; did you mean 'jam'?"),
        (["xyz"], "unknown command 'xyz'; there are: bench, "),
        (["session", "lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["jam", "--rolle", "x"], "unknown option '--rolle'; did you mean '--role'?"),
        (["jam", "--solo"], "unknown option '--solo'; did you mean '--role solo'?"),
        (["ports", "--yaml"], "unknown option '--yaml'; there are: --help, --json"),
        (["--verison"], "unknown option '--verison'; did you mean '--version'?"),
        (["jam", "--role", "acompany"], "unknown role 'acompany'; did you mean 'accompany'?"),
        (["jam", "--learn", "volume"], "unknown parameter 'volume'; there are: answer_length, density, "),
        (["jam", "--role", "respnd"], "unknown role 'respnd'; did you mean 'respond'?"),
        (["jam", "--midi", "memory", "--model", "bahc"], "unknown model 'bahc'; did you mean 'bach'?"),
        (["jam", "--midi", "memory", "--key", "B dur"], "unknown key 'B dur'; write 'Bb major': livegen reads English"),
        (["run", "none.toml"], "none.toml: no such file"),
        (["render", "none.mid", "out.mid"], "none.mid: no such file"),
        (["render"], "render needs IN.mid and OUT.mid; for example: livegen render tune.mid answer.mid --seed 7"),
        (["jam", "--tempo", "900"], "livegen: --tempo 900: write a number from 0 to 400, in beats a minute"),
        (["render", "a.mid", "b.mid", "--seed", "x"], "livegen: --seed x: write a whole number, at least -1"),
        (["train", "none"], "none: no such folder; give one with files of music"),
        (["train", "none", "--from", "elise-gru"], "none: no such folder; give one with MIDI files, or with recorded"),
        (["train", "none", "--from", "pinao-lstm"], "unknown model 'pinao-lstm'; did you mean 'piano-lstm'?"),
        (["train", "none", "--from", "bach", "--tiny"], "--tiny is for a new network; one that --from names keeps its"),
        (["train"], "train needs FOLDER; for example: livegen train my-music/ --from "),
        (["harmonise", "a.mid", "b.mid", "--beam", "x"], "--beam x: write a whole number; for example: "),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str) -> None:
    done = livegen(*arguments)

    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("options", "programs", "said"),
    [
        (["--model", "bahc"], "[]", "unknown model 'bahc'; did you mean 'bach'?"),
        (["--model", "none.onnx"], "[]", "none.onnx: no such file; give a shipped model's name or the path"),
        (["--key", "fis moll"], "[]", "--key: unknown key 'fis moll'; write 'F# minor'"),
        ([], '["respnd"]', "controls.programs: unknown role or model 'respnd'; did you mean 'respond'?"),
    ],
)
def test_a_wrong_name_is_told_before_anything_is_opened(
    tmp_path: Path, options: list[str], programs: str, said: str
) -> None:
    done = livegen("jam", *options, XDG_RUNTIME_DIR=str(tmp_path), LIVEGEN_CONTROLS__PROGRAMS=programs)

    assert (said in done.stderr, done.stdout, done.returncode) == (True, "", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_midi_file_is_one_line_and_leaves_no_answer(tmp_path: Path) -> None:
    (tmp_path / "bad.mid").write_bytes(b"MThd\0\0")

    done = livegen("render", str(tmp_path / "bad.mid"), str(tmp_path / "out.mid"))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "out.mid").exists()


def test_the_version_is_that_of_the_installed_package() -> None:
    done = livegen("--version")

    assert (done.stdout, done.returncode) == (f"livegen {version('livegen')}\n", 0)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("livegen ja", ["jam"]),
        ("livegen jam --role ", list(get_args(Role))),
        ("livegen jam --model folk", ["folk-char", "folk-lstm"]),
        ("livegen jam --learn de", ["density"]),
    ],
)
def test_the_shell_completes_commands_and_values(typed: str, words: list[str]) -> None:
    done = livegen(_LIVEGEN_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(typed.count(" ")))

    assert (done.stdout.split(), done.returncode) == (words, 0)


def test_models_are_listed_with_their_roles_and_with_figures_where_they_are_asked_for() -> None:
    listed, figures = livegen("models"), livegen("models", "--figures")
    rows = json.loads(livegen("models", "--json").stdout)

    assert [row["name"] for row in rows] == list(shipped_models())
    assert {row["name"] for row in rows if "harmonise" in row["roles"]} == {"bach"}
    assert {key for row in rows for key in row} == {"name", "plays", "title", "roles", "codec", "size", "figure"}
    assert listed.stdout.splitlines()[0].split("  ", 1)[0] == "name"
    assert "respond, accompany, harmonise, solo" in listed.stdout
    assert "nats" not in listed.stdout
    assert "nats" in figures.stdout


def test_config_prints_what_it_would_write_and_writes_nothing(tmp_path: Path) -> None:
    done = livegen("config", "--show", XDG_CONFIG_HOME=str(tmp_path))

    assert (done.stdout, list(tmp_path.iterdir())) == (config_text("default"), [])


def test_uninstall_without_a_terminal_removes_nothing_but_with_a_flag(tmp_path: Path) -> None:
    own = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    livegen("config", **own)
    settings = tmp_path / "livegen" / "jam.toml"

    asked = livegen("uninstall", **own)
    refused = livegen("uninstall", "--settings", **own)
    kept = livegen("uninstall", "--yes", **own)
    is_kept = settings.exists()
    removed = livegen("uninstall", "--yes", "--settings", **own)

    assert "nothing was removed, for there is no terminal" in asked.stdout
    assert (refused.returncode, "with --yes" in refused.stderr) == (2, True)
    assert "kept: settings" in kept.stdout
    assert (is_kept, settings.exists()) == (True, False)
    assert "removed: settings, 1 file\nto remove livegen itself: " in removed.stdout


def test_doctor_prints_the_conditions_and_finds_the_models() -> None:
    done = livegen("doctor", "--json")

    report = json.loads(done.stdout)
    assert report["healthy"] is True
    assert done.returncode == 0
    assert {"cpu", "load_average", "priority", "python", "onnxruntime", "provider"} <= report["conditions"].keys()
    assert livegen("doctor", "--details").stdout.splitlines()[-1] == report["summary"]


@pytest.mark.parametrize(
    "command", ["jam", "run", "config", "demo", "render", "ports", "models", "doctor", "uninstall"]
)
def test_every_command_has_an_example(command: str) -> None:
    assert f"Example: livegen {command}" in livegen(command, "--help").stdout


def test_bench_step_prints_figures_and_conditions() -> None:
    figures = json.loads(livegen("bench", "step", "--steps", "250", "--json").stdout)

    assert figures["us"]["step"]["p50"] > 0
    assert figures["count"] == 250
    assert {"cpu", "load_average", "priority", "provider"} <= figures["conditions"].keys()
    assert "remembering" not in figures["us"]  # chorales have no cache


def test_bench_step_times_a_token_with_a_full_session_behind_it() -> None:
    figures = json.loads(livegen("bench", "step", "--model", "elise-gru", "--steps", "250", "--json").stdout)

    ratio = figures["us"]["remembering"]["p50"] / figures["us"]["token"]["p50"]
    assert figures["remembering_times_token"] == pytest.approx(ratio, abs=0.01)


def begun(*options: str, folder: Path) -> str:
    """What jam says until it is ready."""
    command = [sys.executable, "-m", "livegen.cli", "jam", "--midi", "memory", *options]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout
        said = []
        while not said or (said[-1] and not said[-1].startswith("ready")):
            said.append(player.stdout.readline())
        player.send_signal(signal.SIGTERM)
        said.append(player.stdout.read())
    assert player.returncode == 0
    return "".join(said)


def test_each_session_has_a_seed_of_its_own_which_is_said_and_recorded(tmp_path: Path) -> None:
    said = [begun("--record", str(tmp_path / f"session{number}"), folder=tmp_path) for number in range(2)]
    seeds = [
        re.findall(r"^seed (\d+): the same command with --seed \1 plays the same again$", text, re.M) for text in said
    ]

    assert seeds[0] != seeds[1]
    for number, found in enumerate(seeds):
        assert len(found) == 1
        (recorded,) = (tmp_path / f"session{number}").glob("*.session")
        assert said[number].endswith(f"livegen 0; the recording in {recorded.parent} has no notes\n")
        told = [record.content for record in read_session(recorded).records if record.kind is Kind.TOLD]
        assert f'"seed":{found[0]}'.encode() in b"".join(told)


def test_a_seed_of_ones_own_needs_no_word(tmp_path: Path) -> None:
    assert "seed" not in begun("--seed", "7", folder=tmp_path)
