"""The demo, on a shorter hymn, in real time."""

from pathlib import Path

import mido
import pytest

from livegen.events import NoteOn
from livegen.files.midi_file import read_midi
from livegen.settings import load
from livegen.tools import demo


def test_the_demo_answers_and_leaves_a_file_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "HYMN", ((67, 69, 71, 67),))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    said: list[str] = []

    figures = demo.run_demo(load(None, {"ports": {"name": "test-demo"}}), tmp_path, said.append)

    heard = [timed for timed in read_midi(tmp_path / "demo.mid") if isinstance(timed.event, NoteOn)]
    assert (figures.notes_in, figures.hanging) == (4, 0)
    assert len(heard) == 4 + figures.notes_out > 8
    signs, player, _ = mido.MidiFile(tmp_path / "demo.mid").tracks
    assert [message.type for message in signs][:4] == ["track_name", "time_signature", "set_tempo", "key_signature"]
    begin = next(message for message in player if message.type == "note_on").time
    assert begin < 4 * 960 - 20  # in the first bar ...
    assert min(begin % 960, -begin % 960) < 20  # ... on a beat, which is fitted to all notes
    assert (tmp_path / "demo.png").stat().st_size > 1000
    assert any("#" in line for line in said)
    assert any("o" in line for line in said)
