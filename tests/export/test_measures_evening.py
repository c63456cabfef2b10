"""What the session's cache knows at the end of an evening."""

from typing import Any

import numpy as np
import pytest

from export.corpora.work import Piece
from export.measures.evening import evening
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.notes import NotesCodec
from livegen.errors import SettingsError
from livegen.events import Note

CODEC = NotesCodec()


class Even:
    """Every token is as likely as another."""

    def begin(self, batch: int) -> dict[str, Any]:
        return {}

    def step(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        return np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32), state


def piece(name: str, seed: int) -> Piece:
    """Nine minutes of eighths by chance."""
    chance = np.random.default_rng(seed)
    notes = [Note(at * 480, int(chance.integers(40, 80)), 480) for at in range(2 * 120 * 9)]
    return Piece(name, np.array(CODEC.encode(notes), np.int64))


def test_the_memory_is_bounded_and_the_first_minutes_fade() -> None:
    pieces = [piece("first", 0), *(piece(str(at), at) for at in range(1, 32))]

    rows = evening(Even(), CODEC, pieces, lambda items, _: items)  # type: ignore[arg-type]

    known = [float(str(row["still known"]).removesuffix(" %")) for row in rows]
    assert [row["minutes"] for row in rows] == [10, 30, 60, 120, 240]
    assert {int(str(row["kB"])) for row in rows} < set(range(513))
    assert known[0] < -50
    assert known == sorted(known)


def test_chorales_have_no_cache() -> None:
    with pytest.raises(SettingsError, match=r"^codec 'chorale' has no cache$"):
        evening(Even(), ChoraleCodec(), [], lambda items, _: items)  # type: ignore[arg-type]
