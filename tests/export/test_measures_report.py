"""The whole report: of a small network's music, as JSON and as a picture."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from export.corpora import Corpus
from export.corpora.work import Piece, by_side
from export.measures.continuations import Plan
from export.measures.picture import draw
from export.measures.report import Report, measure_predictor
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.notes import END, FIRST_PITCH, NotesCodec
from tests.support.small_card import CARD

CODEC = NotesCodec()
PLAN = Plan(count=6, opening=4, events=30)


class Trilling:
    """Plays the same note on and on, or any other, now and then."""

    def begin(self, batch: int) -> Arrays:
        return {"h": np.zeros((batch, 1), np.float32)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        np.put_along_axis(logits, tokens[:, :, None], 6, axis=2)
        logits[:, :, END] = -100
        return logits, state


def corpus() -> Corpus:
    random = np.random.default_rng(0)
    sides = ["train", "test"] * 4
    lines = [np.array([0, *(FIRST_PITCH + random.integers(30, 50, 100)), 1]) for _ in sides]
    return Corpus(CODEC, by_side([Piece(side, line, side=side) for side, line in zip(sides, lines, strict=True)]))


def measured() -> Report:
    return measure_predictor(Trilling(), CARD, corpus(), lambda items, _: items, PLAN, {"test_nats": 1.5})


def test_guard_ends_the_loops_that_are_reported_without_it() -> None:
    report = measured()

    assert (report.loops_unguarded.share, report.loops_guarded.share, report.loops_human.share) == (1, 0, 0)
    assert (report.model, report.temperature, report.loops_guarded.limit) == ("small", 0.5, 6)
    assert [(each.length, each.human, each.generated) for each in report.copies] == [(8, 0, 0), (16, 0, 0), (32, 0, 0)]


def test_lengths_are_not_compared_where_the_rhythm_is_borrowed() -> None:
    assert measured().lengths is None


def test_report_is_json_and_the_same_every_time() -> None:
    first, second = (json.dumps(measured().to_json()) for _ in range(2))

    assert first == second
    assert json.loads(first)["nats"] == {"test_nats": 1.5}


def test_report_becomes_a_picture(tmp_path: Path) -> None:
    draw(measured(), tmp_path / "small.png")

    with Image.open(tmp_path / "small.png") as picture:
        assert picture.size == (1430, 770)
