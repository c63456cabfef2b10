"""Which MIDI systems can be reached, by the libraries that are there."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegen.midi_ports import systems


@pytest.fixture
def _anew() -> Iterator[None]:
    """Libraries are looked for again, now and after the test."""
    systems.supported_systems.cache_clear()
    yield
    systems.supported_systems.cache_clear()


@pytest.mark.usefixtures("_anew")
def test_alsa_midi_on_a_computer_without_alsas_own_library_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    raises = "raise OSError(\"cannot load library 'libasound.so.2'\")"  # as its own import does
    (tmp_path / "alsa_midi.py").write_text(raises)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(systems.VARIABLE, "system")
    for name in [name for name in sys.modules if "alsa_midi" in name]:
        monkeypatch.delitem(sys.modules, name)

    assert "alsa" not in systems.supported_systems()
