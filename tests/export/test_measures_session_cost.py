"""What the session's cache saves, also of music that is not played again exactly."""

import numpy as np
import pytest

from export.corpora.abc import encode
from export.corpora.work import Piece
from export.measures.session_cost import unsteady, with_repeats
from livegen.codecs.abc.codec import AbcCodec
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.errors import SettingsError
from livegen.events import Note

CODEC = NoteDurationCodec()
NOTES = [Note(at * 960, 60 + at % 12, 480) for at in range(400)]
PIECE = Piece("piece", np.array(CODEC.encode(NOTES), np.int64))


def test_a_tenth_of_the_lengths_is_a_step_off_and_nothing_else() -> None:
    (changed,) = unsteady(CODEC, [PIECE], 0.1, seed=1)

    found = CODEC.decode(changed.tokens.tolist())
    off = [after.duration - before.duration for before, after in zip(NOTES, found, strict=True)]
    assert [(note.onset, note.pitch) for note in found] == [(note.onset, note.pitch) for note in NOTES]
    assert set(off) == {-240, 0, 240}
    assert 20 < sum(map(bool, off)) < 60


def test_tunes_have_no_lengths_of_their_own_to_change() -> None:
    with pytest.raises(SettingsError, match=r"^codec 'abc': lengths can be changed in note_duration only$"):
        list(unsteady(AbcCodec(), [PIECE], 0.1, seed=1))


@pytest.mark.parametrize(
    ("tune", "expected"),
    [
        ("M:6/8\nK:G\nD|GAB c2d|efg G2:|", "M:6/8\nL:1/8\nK:G\nD|GABc2d|efgG2D|GABc2d|efgG2 "),
        ('M:4/4\nK:C\n"C"CDEF G2A2|[1 G4 F4:|[2 G4 C4|', "M:4/4\nL:1/8\nK:C\nCDEFG2A2|G4F4|CDEFG2A2|G4C4|"),
    ],
)
def test_a_tune_is_played_with_its_repeats(tune: str, expected: str) -> None:
    codec = AbcCodec()

    (played,) = with_repeats(codec, [Piece("a tune", encode(codec, f"X: 1\nT:A tune\n{tune}\n"))])

    assert codec.text_of(played.tokens.tolist()) == f"X: 1\n{expected}\n"


def test_only_tunes_have_repeats() -> None:
    with pytest.raises(
        SettingsError, match=r"^codec 'note_duration': only tunes in ABC are written with repeat signs$"
    ):
        list(with_repeats(CODEC, [PIECE]))
