"""Finding FluidSynth and a soundfont, and what is said where there is none."""

import os
import platform
from pathlib import Path

import pytest

from livegen.errors import SoundError
from livegen.sound import soundfont
from livegen.sound.soundfont import find_fluidsynth, find_soundfont

SOUNDFONT = b"RIFF\x04\x00\x00\x00sfbk"


def write(path: Path, content: bytes = SOUNDFONT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(soundfont, "_FOLDERS", (str(tmp_path / "none"), str(tmp_path / "fonts")))
    return tmp_path / "fonts"


def test_the_systems_choice_comes_first_then_any(folder: Path) -> None:
    write(folder / "A.sf2")
    assert find_soundfont() == folder / "A.sf2"

    write(folder / "FluidR3_GM.sf2")
    assert find_soundfont() == folder / "FluidR3_GM.sf2"

    (folder / "default-GM.sf3").symlink_to(folder / "A.sf2")
    assert find_soundfont() == folder / "default-GM.sf3"


def test_what_is_no_soundfont_is_passed_over(folder: Path) -> None:
    write(folder / "default.sf2", b"RIFF\x04\x00\x00\x00WAVE")
    write(folder / "empty.sf2", b"")
    write(folder / "Piano.SF2")

    assert find_soundfont() == folder / "Piano.SF2"


def test_without_a_soundfont_the_command_that_installs_one_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)

    with pytest.raises(SoundError, match="install both: sudo apt install fluidsynth fluid-soundfont-gm"):
        find_soundfont()


def test_on_an_unknown_system_the_words_say_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "unheard-of"})

    with pytest.raises(SoundError, match="install fluidsynth and a General MIDI soundfont"):
        find_soundfont()


def test_a_soundfont_of_ones_own_must_be_one(tmp_path: Path) -> None:
    own = write(tmp_path / "own.sf2")
    assert find_soundfont(str(own)) == own

    for wrong in (tmp_path / "missing.sf2", tmp_path, write(tmp_path / "song.sf2", b"MThd")):
        with pytest.raises(SoundError, match=r"no soundfont \(SF2 or SF3\)"):
            find_soundfont(str(wrong))


def test_a_fifo_in_its_place_makes_nobody_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.sf2")

    with pytest.raises(SoundError):
        find_soundfont(str(tmp_path / "fifo.sf2"))


def test_without_fluidsynth_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "fedora"})

    with pytest.raises(SoundError, match="FluidSynth is not installed; install both: sudo dnf install fluidsynth"):
        find_fluidsynth()
