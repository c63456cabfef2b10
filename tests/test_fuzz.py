"""A little of ``python -m tests.fuzz`` each time, and what it once found."""

from contextlib import suppress
from pathlib import Path

import pytest

from livegen.errors import MidiFileError, SettingsError
from livegen.files.midi_file import read_midi
from livegen.settings import load
from tests.fuzz import TARGETS, damaged, fuzz, midi_seeds

EXAMPLES = {"gate": 8, "structure": 60, "midi": 100}


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_comes_it_is_read_or_refused_in_one_line_and_soon(target: str) -> None:
    fuzz(target, EXAMPLES.get(target, 200), seed=1)


def test_a_section_that_is_none_is_refused_whatever_is_typed_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "flat.toml"
    path.write_text("play = false\n")

    with pytest.raises(SettingsError, match=r"flat\.toml: 'play' is False"):
        load(path, {"play": {"role": "solo"}})


def test_a_key_signature_that_no_key_has_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "key.mid"
    path.write_bytes(damaged(midi_seeds()[0], [("put", 0.203125, b"\x08")]))
    whole = tmp_path / "whole.mid"
    whole.write_bytes(midi_seeds()[0])

    assert read_midi(path) == read_midi(whole)


def test_a_key_that_is_let_go_and_never_struck_is_no_note(tmp_path: Path) -> None:
    path = tmp_path / "ends.mid"
    path.write_bytes(damaged(midi_seeds()[0], [("put", 0.5, b"\x00")]))

    with suppress(MidiFileError):
        assert all(timed.at_ns >= 0 for timed in read_midi(path))


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5_000, "seed = " + "9" * 5_000, "[play]\nmodel = '" + "x" * 70_000 + "'"]
)
def test_settings_that_are_too_much_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "much.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=r"^[ -~]*much\.toml: [ -~]{1,200}$"):
        load(path)
