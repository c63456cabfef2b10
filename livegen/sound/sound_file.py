"""Renders a MIDI file as sound, with FluidSynth, at a level that suits loudspeakers and telephones."""

import os
import subprocess
import wave
from array import array
from pathlib import Path

from livegen.errors import SoundError
from livegen.sound.soundfont import find_fluidsynth, find_soundfont

_RATE = 44_100  # frames a second
_FIRST_GAIN = 0.2  # FluidSynth's own: nothing is clipped
_MOST_GAIN = 10.0
_PEAK = 0.7  # of full scale: -3 dBFS
_PATIENCE_S = 300


def render_sound(source: Path, target: Path, soundfont: str = "") -> None:
    """Write the WAV file of a MIDI file, its peak at -3 dBFS; SoundError when FluidSynth or a soundfont is missing."""
    command = find_fluidsynth(), "-n", "-i", "-q", "-f", os.devnull, "-r", str(_RATE), "-T", "wav"
    files = str(find_soundfont(soundfont)), str(source)

    def render(gain: float) -> None:
        try:
            target.unlink(missing_ok=True)  # an old file is no proof
            subprocess.run(
                (*command, "-F", str(target), "-g", f"{gain:.3f}", *files),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_PATIENCE_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SoundError(f"{target}: FluidSynth wrote no sound: {error}") from None
        if not target.exists():
            raise SoundError(f"{target}: FluidSynth wrote no sound")

    render(_FIRST_GAIN)
    peak = peak_of(target)
    if peak > 0:
        render(min(_FIRST_GAIN * _PEAK / peak, _MOST_GAIN))


def peak_of(path: Path) -> float:
    """The highest level of a WAV file of 16 bits, 0 to 1."""
    with wave.open(str(path)) as file:
        samples = array("h", file.readframes(file.getnframes()))
    return max(max(samples, default=0), -min(samples, default=0)) / 2**15
