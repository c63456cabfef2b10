"""``livegen jam --sound --thru`` on JACK: a real FluidSynth's output is recorded."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from livegen.sound.sound_file import peak_of
from tests.support.jack_stage import Daemon, Voice, melody, wait_for

pytestmark = [
    pytest.mark.jack,
    pytest.mark.timed,
    pytest.mark.usefixtures("jack_server"),
    pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="FluidSynth is not installed (Debian: fluidsynth)"),
]

_AUDIBLE = 0.02  # -34 dBFS


def record(path: Path, seconds: int) -> subprocess.Popen[bytes]:
    """Begin to record what our synthesizer plays."""
    command = ["jack_rec", "-f", str(path), "-d", str(seconds), "-b", "16", "livegen-sound:left", "livegen-sound:right"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_ones_own_keys_and_the_answer_are_heard_also_after_fluidsynth_was_killed(tmp_path: Path) -> None:
    daemon = Daemon("sounding", tmp_path, "--sound", "--thru")
    player = Voice("play", "sounding-player", tmp_path, "sounding:in")
    try:
        daemon.wait_for_line("loaded")
        daemon.wait_for_line("sound: FluidSynth plays")

        recording = record(tmp_path / "keys.wav", 3)
        time.sleep(0.5)
        player.play(melody((60, 62, 64, 65, 67)))
        recording.wait(30)
        assert peak_of(tmp_path / "keys.wav") > _AUDIBLE

        daemon.wait_for_line("answer in")
        recording = record(tmp_path / "answer.wav", 3)
        recording.wait(30)
        assert peak_of(tmp_path / "answer.wav") > _AUDIBLE

        os.kill(daemon.synth_pid(), signal.SIGKILL)
        wait_for(lambda: sum("sound: FluidSynth plays" in line for line in daemon.lines()) == 2 or None, "the sound")
        recording = record(tmp_path / "again.wav", 3)
        time.sleep(0.5)
        player.play(melody((60, 62, 64, 65, 67)))
        recording.wait(30)
        assert peak_of(tmp_path / "again.wav") > _AUDIBLE
        synth = daemon.synth_pid()
    finally:
        player.close()
        status = daemon.stop()

    assert status == 0
    assert not Path(f"/proc/{synth}").exists()


def test_without_fluidsynth_jam_ends_at_once_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEGEN_SOUND__SOUNDFONT", str(tmp_path / "missing.sf2"))

    daemon = Daemon("soundless", tmp_path, "--sound")

    assert daemon.process.wait(30) == 1
    assert daemon.lines()[-1].startswith(f"livegen: {tmp_path / 'missing.sf2'}: no soundfont")
