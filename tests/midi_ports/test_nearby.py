"""MIDI systems that are near; PipeWire itself is tried by ``python -m tests.pipewire``."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegen.midi_ports import nearby

pytestmark = pytest.mark.skipif(nearby.sys.platform != "linux", reason="these systems are Linux's")


@pytest.fixture
def pipewire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A program listens at PipeWire's socket."""
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "pipewire-0"))
        listening.listen()
        yield


@pytest.fixture(autouse=True)
def _with_a_sequencer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seq").touch()
    monkeypatch.setattr(nearby, "ALSA_SEQUENCER", tmp_path / "seq")
    monkeypatch.setattr(nearby, "supported_systems", lambda: {"alsa": None, "jack": None})


def test_where_the_kernel_has_no_sequencer_its_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearby, "ALSA_SEQUENCER", tmp_path / "none")

    assert [line for line in nearby.remedies("jack") if "sudo modprobe snd-seq" in line]


def test_where_no_library_reaches_the_sequencer_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearby, "supported_systems", lambda: {"jack": None})

    assert [line for line in nearby.remedies("jack") if "pip install alsa-midi" in line]


@pytest.mark.parametrize(
    ("library", "remedy"),
    [
        (
            "/x/site-packages/python_rtmidi.libs/libjack-5305d520.so.0.1.0",
            "LIVEGEN_MIDI_LIBRARY=system pw-jack livegen",
        ),
        ("/usr/lib/x86_64-linux-gnu/libjack.so.0.1.0", "pw-jack livegen"),
        (None, "pw-jack livegen"),
    ],
    ids=["rtmidi's own", "jackd2's", "none"],
)
@pytest.mark.usefixtures("pipewire")
def test_where_pipewire_runs_and_the_library_cannot_reach_it_both_are_named(
    library: str | None, remedy: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nearby, "mapped_library", lambda _: library)

    assert [remedy in line and "PipeWire runs" in line for line in nearby.remedies()] == [True]


@pytest.mark.usefixtures("pipewire")
def test_where_a_system_answers_or_pipewire_is_reached_nothing_is_missed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearby, "mapped_library", lambda _: "/usr/lib/x/pipewire-0.3/jack/libjack.so.0.365.0")

    assert [nearby.remedies(answering) for answering in ("alsa", "jack", "")] == [[], [], []]


def test_where_pipewire_does_not_run_it_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))

    assert nearby.remedies() == []
