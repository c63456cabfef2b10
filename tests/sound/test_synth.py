"""Our own synthesizer: a real FluidSynth that plays into a file, dies, hangs, and cannot start."""

import os
import shutil
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livegen.clock import now_ns
from livegen.events import ControlChange, Event, NoteOff, NoteOn, PitchBend, ProgramChange, Timed, Transport, to_bytes
from livegen.files.midi_file import write_midi
from livegen.settings import Sound
from livegen.sound.fluidsynth import command_for
from livegen.sound.sound_file import peak_of, render_sound
from livegen.sound.synth import Synth

needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None, reason="FluidSynth is not installed (Debian: fluidsynth)"
)
_PATIENCE_S = 20


class Stand:
    """A synthesizer that is polled as the daemon does; its driver plays into a file of the current folder."""

    def __init__(self, soundfont: str = "") -> None:
        self.synth = Synth(Sound(soundfont=soundfont))
        self.lines: list[str] = []
        self.driver: str | None = "file"

    def wait_for(self, is_so: Callable[[], object]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while not is_so():
            assert time.monotonic() < until, self.lines
            self.lines += self.synth.poll(self.driver, now_ns())
            time.sleep(0.02)

    def wait_until_playing(self) -> None:
        self.wait_for(lambda: self.synth.is_playing)

    def said_to(self, command: bytes) -> str:
        """What FluidSynth says to a command of its shell."""
        process = self.synth._process
        assert process
        process.has_spoken()  # what it has said before
        process.write(command)
        time.sleep(0.5)
        said = process._streams[1].read()
        return said.decode() if said else ""

    @property
    def pid(self) -> int:
        found = subprocess.run(
            ["ps", "--ppid", str(os.getpid()), "-o", "pid=,comm="], capture_output=True, text=True, check=True
        )
        return next(int(line.split()[0]) for line in found.stdout.splitlines() if "fluidsynth" in line)


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.chdir(tmp_path)  # the file driver writes fluidsynth.wav
    stand = Stand()
    yield stand
    stand.synth.close()


def is_loud(path: Path) -> bool:
    """Has anything been written that is more than dither? The header of a file that is being written is not whole."""
    samples = array("h", path.read_bytes()[44:][: (path.stat().st_size - 44) // 2 * 2]) if path.exists() else ()
    return max(samples, default=0) > 1_000


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (NoteOn(60, 100, 3), b"noteon 3 60 100\n"),
        (NoteOff(60, 3), b"noteoff 3 60\n"),
        (ControlChange(64, 127, 15), b"cc 15 64 127\n"),
        (ProgramChange(24, 1), b"prog 1 24\n"),
        (PitchBend(-8192), b"pitch_bend 0 0\n"),
        (PitchBend(8191), b"pitch_bend 0 16383\n"),
        (Transport.CLOCK, None),
    ],
)
def test_each_message_has_its_command(event: Event, command: bytes | None) -> None:
    assert command_for(to_bytes(event)) == command


@needs_fluidsynth
def test_what_it_is_sent_is_heard(stand: Stand, tmp_path: Path) -> None:
    stand.wait_until_playing()
    assert "sound: FluidSynth plays" in stand.lines[-1]
    assert not is_loud(tmp_path / "fluidsynth.wav")

    stand.synth.send(to_bytes(NoteOn(60, 100)))

    stand.wait_for(lambda: is_loud(tmp_path / "fluidsynth.wav"))


@needs_fluidsynth
def test_one_that_was_killed_is_started_again_with_its_programs(stand: Stand) -> None:
    stand.synth.send(to_bytes(ProgramChange(24)))
    stand.wait_until_playing()
    killed = stand.pid

    os.kill(killed, signal.SIGKILL)
    stand.wait_for(lambda: not stand.synth.is_playing)
    assert "FluidSynth has ended: status -9; trying again" in stand.lines
    assert stand.synth.fault
    stand.wait_until_playing()

    assert stand.pid != killed
    assert not stand.synth.fault
    assert "Guitar" in stand.said_to(b"channels\n")


@needs_fluidsynth
def test_one_that_hangs_is_replaced(stand: Stand) -> None:
    stand.wait_until_playing()
    hung = stand.pid

    os.kill(hung, signal.SIGSTOP)
    stand.synth.send(to_bytes(NoteOn(60, 100)))
    stand.wait_for(lambda: "FluidSynth hangs; trying again" in stand.lines)
    stand.wait_until_playing()

    assert stand.pid != hung


@needs_fluidsynth
def test_a_driver_that_does_not_work_is_said_once_and_tried_again_more_and_more_rarely(stand: Stand) -> None:
    stand.driver = "nosuch"
    begun = time.monotonic()

    stand.wait_for(lambda: stand.lines)
    while time.monotonic() < begun + 4:
        stand.lines += stand.synth.poll(stand.driver, now_ns())
        time.sleep(0.02)

    assert len(stand.lines) == 1
    assert stand.lines[0].startswith("FluidSynth cannot play through 'nosuch': ")
    assert "'sound.driver' names another way to it" in stand.lines[0]
    assert not stand.synth.is_playing


@needs_fluidsynth
def test_a_flood_blocks_nobody(stand: Stand) -> None:
    stand.wait_until_playing()
    os.kill(stand.pid, signal.SIGSTOP)

    begun = time.monotonic()
    for _ in range(20_000):
        stand.synth.send(to_bytes(NoteOn(60, 100)))

    assert time.monotonic() - begun < 2


@needs_fluidsynth
def test_it_ends_when_we_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = (
        "import time; from livegen.sound.fluidsynth import FluidSynth; from livegen.settings import Sound;"
        "synth = FluidSynth(Sound(), 'file'); print(synth._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdout
        pid = int(ours.stdout.readline())
        ours.kill()
    until = time.monotonic() + _PATIENCE_S
    while subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0:
        assert time.monotonic() < until
        time.sleep(0.05)


@needs_fluidsynth
def test_a_file_is_rendered_at_a_good_level(tmp_path: Path) -> None:
    events = [Timed(0, NoteOn(60, 70)), Timed(10**9, NoteOff(60))]
    write_midi(tmp_path / "soft.mid", [("player", events)])

    render_sound(tmp_path / "soft.mid", tmp_path / "soft.wav")

    assert 0.5 < peak_of(tmp_path / "soft.wav") < 0.9
