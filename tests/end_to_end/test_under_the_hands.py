"""Knobs, roles, models and silence, while a daemon plays on real ports."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, NoteOff, NoteOn, ProgramChange, Transport, to_bytes
from livegen.settings import load
from tests.support.jack_stage import hanging, melody, notes, stage, wait_for, wait_for_chord, wait_for_quiet

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

SHORT = melody((72, 71, 69, 67), beat_ms=150)


def bytes_of(*events: ControlChange | NoteOn | NoteOff | ProgramChange | Transport) -> list[tuple[float, list[int]]]:
    return [(0, list(to_bytes(event))) for event in events]


def test_a_learnt_knob_moves_the_music_within_a_look_ahead_and_is_known_after_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "jam.toml"
    with stage("learn", tmp_path, "--config", str(config), "--learn", "octaves", "--role", "solo") as on:
        config_was_there = config.exists()
        wait_for_chord(on.receiver, after_ns=0)
        on.player.play(bytes_of(ControlChange(21, 110), ControlChange(21, 127)))
        on.daemon.wait_for_line("controller 21 sets octaves, written to")
        moved_ns = on.player.events()[-1].at_ns
        horizon_ns = load().play.horizon_ms * NS_PER_MS
        wait_for(lambda: [n for n in notes(on.receiver.events()) if n.onset_ns > moved_ns + 8 * horizon_ns], "music")
        played = notes(on.receiver.events())

    assert not config_was_there
    assert load(config).controls.cc == {21: "octaves"}
    before = [n.pitch for n in played if n.onset_ns < moved_ns]
    # A sixteenth at 100 bpm may still be in the making when the horizon ends.
    after = [n.pitch for n in played if n.onset_ns > moved_ns + horizon_ns + 150 * NS_PER_MS]
    assert min(after) > max(before) - 12
    assert sum(after) / len(after) > sum(before) / len(before) + 20

    with stage("learn", tmp_path, "--config", str(config), "--role", "solo") as on:
        wait_for_chord(on.receiver, after_ns=0)
        on.player.play(bytes_of(ControlChange(21, 64), ControlChange(21, 0)))
        on.daemon.wait_for_line("octaves -3")
        on.daemon.stop()


def test_a_settings_file_that_is_written_counts_while_playing(tmp_path: Path) -> None:
    config = tmp_path / "jam.toml"
    config.write_text('[play]\nrole = "respond"\n')
    with stage("file", tmp_path, "--config", str(config)) as on:
        config.write_text('[play]\nrole = "solo"\n')
        on.daemon.wait_for_line("role solo")
        wait_for_chord(on.receiver, after_ns=0)
        config.write_text('[play]\nrole = "sollo"\n')
        on.daemon.wait_for_line("did you mean 'solo'?; playing on as before")
        on.daemon.stop()

    assert hanging(on.receiver.events()) == Counter()


def test_a_program_brings_another_model_while_the_music_goes_on(tmp_path: Path) -> None:
    config = tmp_path / "jam.toml"
    config.write_text('[controls]\nprograms = ["folk-char", "harmonise"]\n[play]\nrole = "solo"\n')
    with stage("program", tmp_path, "--config", str(config)) as on:
        wait_for_chord(on.receiver, after_ns=0)
        on.player.play(bytes_of(ProgramChange(0)))
        on.daemon.wait_for_line("model folk-char")
        heard = len(on.receiver.events())
        wait_for(lambda: len(on.receiver.events()) > heard + 8, "music of the other model")
        on.player.play(bytes_of(ProgramChange(1)))
        on.daemon.wait_for_line("cannot harmonise")
        wait_for_quiet(on.receiver)
        on.daemon.stop()

    assert hanging(on.receiver.events()) == Counter()


def test_a_solo_that_was_touched_can_be_asked_for_again(tmp_path: Path) -> None:
    config = tmp_path / "jam.toml"
    config.write_text('[controls]\nprograms = ["solo"]\n[play]\nrole = "solo"\n')
    with stage("again", tmp_path, "--config", str(config)) as on:
        wait_for_chord(on.receiver, after_ns=0)
        on.player.play(SHORT)
        on.daemon.wait_for_line("role respond")
        wait_for_quiet(on.receiver)
        on.player.play(bytes_of(ProgramChange(0)))
        on.daemon.wait_for_line("role solo")
        asked_ns = on.player.events()[-1].at_ns
        wait_for_chord(on.receiver, after_ns=asked_ns)
        on.daemon.stop()

    assert hanging(on.receiver.events()) == Counter()


@pytest.mark.parametrize("how", ["signal", "reset"])
def test_panic_is_silence_at_once(how: str, tmp_path: Path) -> None:
    with stage("panic", tmp_path) as on:
        on.player.play(SHORT)
        wait_for_chord(on.receiver, after_ns=0)
        if how == "signal":
            on.daemon.process.send_signal(signal.SIGUSR1)
        else:
            on.player.play(bytes_of(Transport.RESET))
        wait_for(lambda: not hanging(on.receiver.events()), "silence", patience_s=2)
        wait_for_quiet(on.receiver)
        on.player.play(SHORT)
        wait_for_chord(on.receiver, after_ns=on.receiver.events()[-1].at_ns)  # and it still plays
        on.daemon.stop()

    assert hanging(on.receiver.events()) == Counter()


def test_status_says_how_a_daemon_stands_and_that_none_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from livegen.cli import main; main()", "status", "--name", "standing", "--json"]
    with stage("standing", tmp_path, "--role", "harmonise") as on:
        on.player.play(SHORT)

        def status() -> dict[str, object] | None:
            found = json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
            )
            return found if found["notes_out"] else None

        found = wait_for(status, "figures")
        on.daemon.stop()
    gone = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert (found["role"], found["model"], found["hanging"]) == ("harmonise", "bach", 0)
    assert found["notes_out"]
    assert found["reactions"]
    assert gone.returncode == 3
    assert gone.stderr.strip() == "livegen: livegen is not running as 'standing'; start it: livegen jam --name standing"
