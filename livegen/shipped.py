"""The models that come with livegen."""

import functools
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SHIPPED = Path(__file__).parent / "models"
PLAYS = {  # what each plays, for a musician; its card has the network
    "bach": "chorales after J. S. Bach, in four voices",
    "elise-bilstm": "piano notes and chords in your own rhythm, after Beethoven, Chopin and others; remembers 32 notes",
    "elise-gru": "piano notes and chords in your own rhythm, after Beethoven, Chopin and others",
    "folk-char": "jigs, hornpipes and reels, in one voice; the smaller of two",
    "folk-lstm": "jigs, hornpipes and reels, in one voice",
    "piano-lstm": "piano music with chords and a rhythm of its own, after Albeniz to Tchaikovsky",
    "touch": "the piano as hands play it, with loudness, timing and pedal, after pop songs and classical pieces",
}


@functools.cache  # called a few times a second, to detect a changed model
def shipped_models() -> Mapping[str, Path]:
    """The models' files, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.onnx"))}


def model_path(name: str) -> Path:
    """The file of a shipped model's name, or of a path, whether it exists or not."""
    found = shipped_models().get(name, Path(name))
    with suppress(RuntimeError):  # no user of that name
        return found.expanduser()
    return found
