"""How soon an accompaniment is on the beat of a melody."""

from dataclasses import replace

import numpy as np
import pytest

from export.corpora.metred import Metred
from export.measures.beat import AFTER, Followed, follow, melodies, table
from export.metre.performed import Performed, perform
from livegen.music.metre import Bars

HYMN = (67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69)
PIECE = Metred(
    "Old Hundredth",
    "hymn",
    Bars(4),
    tuple(float(beat) for beat in range(32)),
    tuple((pitch,) for pitch in HYMN * 2),
    (1.0,) * 32,
)


def played(bpm: float) -> Performed:
    phrase = perform(PIECE, 0, 8, bpm, np.random.default_rng(1))
    assert phrase is not None
    return phrase


@pytest.mark.parametrize("bpm", [72, 128])
def test_a_hymn_is_followed_and_a_fixed_tempo_is_not(bpm: float) -> None:
    followed = follow("hymn", played(bpm))

    assert (followed.is_tempo, followed.is_usual_tempo) == ((True, True), (False, False))
    assert max(followed.off_ms) < 30


def test_a_hymn_at_the_usual_tempo_is_on_its_beat_without_an_ear() -> None:
    followed = follow("hymn", played(100))

    assert followed.is_tempo == followed.is_usual_tempo == (True, True)


def test_where_each_onset_is_written_goes_with_a_performance() -> None:
    assert played(90).beats == PIECE.onsets


def test_the_beginnings_of_all_kinds_are_played_and_short_ones_left_out() -> None:
    short = replace(PIECE, onsets=PIECE.onsets[:16], pitches=PIECE.pitches[:16], lengths=PIECE.lengths[:16])
    test = {kind: [PIECE, short] for kind in ("jig", "hornpipe", "waltz", "reel", "hymn", "song")}

    found = list(melodies(test, seed=1))

    assert [kind for kind, _ in found] == list(test)
    assert all(60 <= 60 / phrase.beat_s <= 140 for _, phrase in found)


def test_the_table_counts_right_tempos_with_their_intervals() -> None:
    right = Followed("hymn", (True, True), (4.0, 2.0), (False, False), (30.0, 20.0))
    wrong = replace(right, kind="song", is_tempo=(False, True))

    rows = table([right, right, right, wrong])

    assert [(row["phrases"], row["count"]) for row in rows] == [("hymn", 3), ("song", 1), ("all", 4)]
    assert rows[-1][f"heard after {AFTER[0]}"] == "75.0 (30 to 95)"
    assert rows[-1][f"100 bpm after {AFTER[0]}"] == "0.0 (0 to 49)"
    assert rows[-1][f"off, ms, after {AFTER[1]}"] == "20 -> 2"
