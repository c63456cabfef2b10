"""From file to file."""

from pathlib import Path

import pytest
from PIL import Image

from livegen.clock import NS_PER_MS
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.midi_file import read_midi, write_midi
from livegen.settings import load
from livegen.tools.render import render_file


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    """A little tune in D."""
    events = []
    for index, pitch in enumerate((62, 64, 66, 67, 69, 69, 71, 69)):
        events.append(Timed(index * 500 * NS_PER_MS, NoteOn(pitch, 90)))
        events.append(Timed((index * 500 + 450) * NS_PER_MS, NoteOff(pitch)))
    write_midi(tmp_path / "tune.mid", [("player", events)])
    return tmp_path / "tune.mid"


def rendered(tune: Path, seed: int, picture: Path | None = None) -> bytes:
    target = tune.with_name(f"answer-{seed}.mid")
    render_file(tune, target, load(None, {"play": {"seed": seed}}), picture, lambda done, total: None)
    return target.read_bytes()


def test_one_seed_gives_the_same_bytes_and_another_gives_others(tune: Path) -> None:
    assert rendered(tune, 1) == rendered(tune, 1)
    assert rendered(tune, 1) != rendered(tune, 2)


def test_both_voices_are_in_the_file(tune: Path) -> None:
    rendered(tune, 1)

    events = read_midi(tune.with_name("answer-1.mid"))

    assert sum(isinstance(timed.event, NoteOn) for timed in events) > 8 + 8


def test_the_picture_shows_both_voices_in_their_colours(tune: Path) -> None:
    picture = tune.with_name("roll.png")

    rendered(tune, 1, picture)

    colours = {colour for _, colour in Image.open(picture).getcolors(1 << 16) or []}
    assert {(0, 114, 178), (213, 94, 0)} <= colours
