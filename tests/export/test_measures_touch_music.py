"""A model's performances beside people's: who plays as people do is found to, and who does not is not."""

from dataclasses import replace

import numpy as np
import pytest

from export.corpora.work import Piece
from export.measures.continuations import Choice, Plan, generate
from export.measures.performance_openings import Opening, openings
from export.measures.playing import Playing
from export.measures.touch_music import (
    Pair,
    compare_figures,
    compare_histograms,
    compare_repeats,
    continued,
    notes_of,
    onsets_of,
)
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import GRID_TICKS
from livegen.events import Note
from livegen.settings import Sampling

CODEC = PerformanceCodec()
SURE = Choice(Sampling(temperature=1, top_k=1, top_p=1))


def walk(name: str, seed: int, seconds: int = 30) -> Piece:
    """Four notes a second, up and down by chance."""
    random = np.random.default_rng(seed)
    pitches = 60 + np.cumsum(random.choice((-2, -1, 1, 2, 3), 4 * seconds)) % 24
    onsets = np.arange(4 * seconds) * 25 * GRID_TICKS
    velocities = random.choice((56, 64, 72), 4 * seconds)
    columns = zip(onsets.tolist(), pitches.tolist(), velocities.tolist(), strict=True)
    notes = [Note(onset, pitch, 20 * GRID_TICKS, velocity) for onset, pitch, velocity in columns]
    return Piece(name, np.array(CODEC.encode(notes)))


PIECES = [walk(f"{at:03}", at) for at in range(4)] + [walk(f"piece{at}", 10 + at) for at in range(4)]


class Knowing:
    """Has learnt some pieces by heart; its state is the number of its piece, by the first tokens, and the place."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = [piece.tokens for piece in pieces]

    def begin(self, batch: int) -> Arrays:
        return {"heard": np.zeros((batch, 400), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        heard = np.asarray(state["heard"]).copy()
        logits = np.zeros((len(tokens), 1, len(CODEC.vocabulary)), np.float32)
        for row, token in enumerate(tokens[:, 0]):
            count = heard[row, 0] = heard[row, 0] + 1
            heard[row, count] = token
            known = next(piece for piece in self._pieces if (piece[:count] == heard[row, 1 : count + 1]).all())
            logits[row, 0, known[count]] = 9
        return logits, {"heard": heard}


def told(count: int = 8) -> list[Opening]:
    return openings(CODEC, PIECES, count, 4, 5, lambda items, _: items)


def with_notes(pair: Pair, **changes: int) -> Pair:
    notes = tuple(replace(note, **changes) for note in pair.ours.notes)
    return replace(pair, ours=replace(pair.ours, notes=notes))


def test_who_knows_the_pieces_by_heart_goes_on_as_people_do() -> None:
    pairs = continued(Knowing(PIECES), CODEC, told(), SURE)

    assert [pair.piece for pair in pairs] == [piece.name for piece in PIECES]
    assert all(pair.ours == pair.theirs and len(pair.ours.notes) == 20 for pair in pairs)


def test_a_plan_of_ticks_is_as_long_as_these() -> None:
    (opening,) = told(2)[:1]

    (music,) = generate(Knowing(PIECES), CODEC, [opening.tokens], SURE, Plan(events=200, ticks=100 * GRID_TICKS))

    assert 100 * GRID_TICKS <= sum(event.ticks for event in music.events) < 130 * GRID_TICKS


def test_only_the_histogram_that_differs_is_found_to() -> None:
    pairs = [Pair(opening.piece, opening.people, opening.people) for opening in told()]
    loud = [with_notes(pair, velocity=120) for pair in pairs]

    same, changed = ({row["histogram"]: row for row in compare_histograms(each)} for each in (pairs, loud))

    assert {str(row["same openings"]) for row in same.values()} == {"1.00 (1.00 to 1.00)"}
    assert str(changed["loudness"]["same openings"]) == "0.00 (0.00 to 0.00)"
    assert (changed["loudness"]["other openings"].high, changed["duration"]) == (0, same["duration"])
    for row in same.values():
        assert row["other openings"] == row["people with people"]
    between = same["loudness"]["people with people"]
    assert 0.5 < between.low < between.value < between.high < 1


def test_figures_stand_beside_people_s() -> None:
    pairs = [with_notes(Pair(opening.piece, opening.people, opening.people), velocity=64) for opening in told()]

    rows = {row["figure"]: row for row in compare_figures(pairs)}

    assert rows["loudness sd"]["model"].value == 0
    assert rows["loudness sd"]["people"].low > 3
    assert rows["notes a second"]["model"].value == pytest.approx(4)
    assert np.isnan(rows["held dissonance"]["people"].value)  # nothing is held: there is no pedal


def test_what_stands_in_the_training_part_is_a_copy_in_any_key() -> None:
    known = [Pair(opening.piece, opening.people, opening.people) for opening in told()]
    up = [Piece(piece.name, CODEC.transposed(piece.tokens, 3)) for piece in PIECES[:4]]
    others = [walk(f"{at}", 90 + at) for at in range(8)]

    copied, foreign = (compare_repeats(CODEC, known, trained) for trained in (up, others))
    assert [str(row["people"]) for row in copied[1:]] == ["50.00 (12.50 to 87.50)"] * 2  # all songs, no piece
    assert [row["people"].value for row in foreign[1:]] == [0, 0]
    assert [row["of"] for row in copied] == ["8 + 8", "104 + 104", "40 + 40"]


def test_loops_are_stretches_that_repeat_themselves_for_longer_than_real_music() -> None:
    people = Pair("001", told()[0].people, told()[0].people)
    loop = Playing(tuple(Note(at * 20, 60 + at % 2, 10) for at in range(250)), (), 5000)

    rows = compare_repeats(CODEC, [replace(people, ours=loop), people], PIECES)

    assert (rows[0]["model"].value, rows[0]["people"].value) == (50, 0)


def test_the_notes_of_a_piece_are_those_that_the_codec_reads() -> None:
    expected = [(note.onset * 10 // GRID_TICKS, note.pitch) for note in CODEC.decode(PIECES[0].tokens.tolist())]

    assert [(note.onset, note.pitch) for note in notes_of(CODEC, PIECES[0])] == expected


def test_a_chord_is_one_onset() -> None:
    notes = [Note(0, 64, 9), Note(30, 60, 9), Note(500, 67, 9)]

    assert [event.struck for event in onsets_of(notes)] == [(60, 64), (67,)]
