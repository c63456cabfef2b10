"""FluidSynth as a child process. It is played through its shell, which reads its standard input.

So it needs no MIDI system, no cable and no connection; and it ends when we end, because its input ends then.
FluidSynth's manual: https://github.com/FluidSynth/fluidsynth/wiki/UserManual
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from livegen.events import ControlChange, NoteOff, NoteOn, PitchBend, ProgramChange, from_bytes
from livegen.settings import Sound
from livegen.sound.soundfont import find_fluidsynth, find_soundfont

CLIENT = "livegen-sound"  # its name in JACK
DRIVER_REMEDY = "is a sound device there, and free ('aplay -l' lists them)? 'sound.driver' names another way to it"

_PERIOD = ("-z", "256", "-c", "3")  # frames, periods; JACK has its own
_END_S = 1.0  # for its end
_TRIES, _TRY_S = 100, 0.1  # until it takes commands
_CENTRE = 8192  # of the bend wheel


class FluidSynth:
    """A running FluidSynth. ``write`` may be called by any thread until ``end`` is."""

    def __init__(self, settings: Sound, driver: str) -> None:
        """Start it; SoundError when it, or a soundfont, is missing."""
        jack = ("-o", f"audio.jack.id={CLIENT}", "-o", "audio.jack.autoconnect=1")
        self.soundfont = find_soundfont(settings.soundfont)
        self._error = ""
        self._process = subprocess.Popen(
            (
                find_fluidsynth(),
                *("-q", "-n", "-f", os.devnull, "-a", driver, "-g", f"{settings.gain:g}"),
                *(jack if driver == "jack" else _PERIOD),
                str(self.soundfont),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "JACK_NO_START_SERVER": "1"},
            process_group=0 if sys.platform != "win32" else None,  # Ctrl-C reaches us only
        )
        for stream in self._streams:
            os.set_blocking(stream.fileno(), False)

    def write(self, command: bytes) -> None:
        """Give it a command; a command to a FluidSynth that has ended or hangs is lost."""
        with suppress(OSError):
            os.write(self._streams[0].fileno(), command)

    def has_spoken(self) -> bool:
        """Has its shell written anything since the last call? It greets once it takes commands, and prompts."""
        return bool(_read(self._streams[1]))

    def reason(self) -> str | None:
        """Why it has ended, with the last line that it wrote; None while it runs."""
        lines = _read(self._streams[2]).decode(errors="replace").split("\n")
        self._error = next((line.strip() for line in reversed(lines) if line.strip()), self._error)
        status = self._process.poll()
        return None if status is None else self._error.removesuffix(" Giving up.").rstrip(".") or f"status {status}"

    def unread(self) -> int:
        """Bytes of commands that wait; 0 where the system does not say."""
        if sys.platform != "linux":
            return 0
        from array import array
        from fcntl import ioctl
        from termios import FIONREAD

        size = array("i", [0])
        ioctl(self._streams[0].fileno(), FIONREAD, size)
        return size[0]

    def kill(self) -> None:
        """Kill it; ``end`` is still needed."""
        self._process.kill()

    def end(self) -> None:
        """End it."""
        for stream in self._streams:
            with suppress(OSError):
                stream.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _streams(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None  # each is a pipe
        assert stdout is not None
        assert stderr is not None
        return stdin, stdout, stderr


def audio_driver(midi_system: str | None) -> str:
    """FluidSynth's audio driver: JACK's where JACK carries the MIDI, else the sound server's, else ALSA's."""
    if midi_system == "jack":
        return "jack"
    if sys.platform == "darwin":
        return "coreaudio"
    if sys.platform == "win32":
        return "wasapi"
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return "pulseaudio" if (folder / "pulse/native").exists() else "alsa"


def driver_fault(settings: Sound, driver: str) -> str:
    """Why FluidSynth cannot play through this driver, "" when it can: it is started for a moment, and plays nothing.

    SoundError when it, or a soundfont, is missing.
    """
    process = FluidSynth(settings, driver)
    try:
        for _ in range(_TRIES):
            if reason := process.reason():
                return f"FluidSynth cannot play through '{driver}': {reason}"
            if process.has_spoken():
                return ""
            time.sleep(_TRY_S)
        return f"FluidSynth does not start: it has said nothing for {_TRIES * _TRY_S:g} s"
    finally:
        process.end()


def command_for(message: bytes) -> bytes | None:
    """A MIDI message as a command of FluidSynth's shell; None for a message that it has no command for."""
    match from_bytes(message):
        case NoteOn(pitch, velocity, channel):
            return b"noteon %d %d %d\n" % (channel, pitch, velocity)
        case NoteOff(pitch, channel):
            return b"noteoff %d %d\n" % (channel, pitch)
        case ControlChange(number, value, channel):
            return b"cc %d %d %d\n" % (channel, number, value)
        case ProgramChange(program, channel):
            return b"prog %d %d\n" % (channel, program)
        case PitchBend(value, channel):
            return b"pitch_bend %d %d\n" % (channel, value + _CENTRE)
    return None


def _read(stream: IO[bytes]) -> bytes:
    """All that waits in a pipe that does not block."""
    found = b""
    with suppress(BlockingIOError):
        while part := os.read(stream.fileno(), 65_536):
            found += part
    return found
