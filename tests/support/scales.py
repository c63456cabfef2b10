"""In place of a corpus: sixty pieces that go up and down the scale in two voices."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from export import corpora
from export.corpora import chorales
from export.corpora.work import Report, Source, Work
from livegen.codecs.chorale_frames import Frame

FRAMES = 250


def scale(begin: int) -> list[Frame]:
    steps = [(begin + step) % 12 for step in range(FRAMES)]
    return [Frame(((72 - step, False), (55 - step, False))) for step in steps]


def stand_in(monkeypatch: pytest.MonkeyPatch, cache: Path, parts: Sequence[str] = ("",)) -> None:
    """Let every corpus be the scales; piece by piece they belong to these parts of it."""

    def read(folder: Path, report: Report) -> Iterator[Work]:
        for index in range(60):
            yield Work(f"scale {index}", f"scale {index}", scale(index), parts[index % len(parts)])

    source = Source(read, chorales.encode, "us", "free")
    monkeypatch.setattr(corpora, "CACHE", cache)
    monkeypatch.setattr(corpora, "source", lambda name: source)
