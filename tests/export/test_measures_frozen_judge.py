"""The frozen judge: it learns from no piece that it is asked about, and its interval is one of pieces."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.corpora import Corpus
from export.corpora.work import Piece, by_side
from export.measures.classifier import BUCKETS, EXCERPT, Regression, features
from export.measures.continuations import Plan
from export.measures.frozen_judge import (
    Excerpts,
    FrozenJudge,
    Stretch,
    as_is,
    as_was,
    ask,
    check_tokens,
    continuations_of,
    excerpts_of,
    freeze,
    frozen_file,
    keep,
    learn_from,
    measure,
    people_of,
    restore,
)
from export.measures.music import Event
from export.scoring import Arrays, Logits, Tokens
from livegen.codecs.notes import END, FIRST_PITCH, START, NotesCodec
from livegen.errors import SettingsError
from livegen.model.card import CodecCard
from livegen.shipped import shipped_models
from tests.support.small_card import CARD

CODEC = NotesCodec()
OPENING = 4
LEARNING, ASKING = Plan(count=8, opening=OPENING, events=70), Plan(count=12, opening=OPENING, events=70, seed=100)
GENTLE, WILD = (-2, 1, 2), (-3, 3, 4)  # semitones
LEANING = Regression(np.zeros(1, np.float32), np.ones(1, np.float32), np.array([1, 0], np.float32))


class Trilling:
    """Plays the same note on and on, or any other, now and then; remembers the first notes that it was told."""

    def __init__(self) -> None:
        self.told: set[int] = set()

    def begin(self, batch: int) -> Arrays:
        return {"h": np.zeros((batch, 1), np.float32)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        if (state["h"] == 1).all():
            self.told.update(map(int, tokens[:, 0]))
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        np.put_along_axis(logits, tokens[:, :, None], 6, axis=2)
        logits[:, :, END] = -100
        return logits, {"h": state["h"] + 1}


def corpus() -> Corpus:
    """Pieces of random notes; the first note of each is another one."""
    random = np.random.default_rng(0)
    sides = ["train", "train", "valid", "test"] * 3
    lines = [[FIRST_PITCH + place, *(FIRST_PITCH + random.integers(30, 50, 150))] for place in range(len(sides))]
    pieces = [
        Piece(f"{side} {place}", np.array([START, *line, END]), side=side)
        for place, (side, line) in enumerate(zip(sides, lines, strict=True))
    ]
    return Corpus(CODEC, by_side(pieces))


def walks(count: int, steps: tuple[int, ...], seed: int, name: str = "piece") -> Excerpts:
    """Random walks that move by these semitones, each an excerpt of a piece of its own."""
    random = np.random.default_rng(seed)
    lines = (60 + np.cumsum(random.choice(steps, EXCERPT)) for _ in range(count))
    events = ([Event((int(p),), 480, (int(p),), (), is_end=False) for p in line] for line in lines)
    return excerpts_of([Stretch(f"{name} {place}", one) for place, one in enumerate(events)], opening=0)


def verdicts(told: list[list[bool]]) -> Excerpts:
    """Excerpts of pieces, of which ``LEANING`` takes so many for people's."""
    pieces = [f"asked {place}" for place, piece in enumerate(told) for _ in piece]
    return Excerpts(np.array([[1 if one else -1] for piece in told for one in piece], np.float32), np.array(pieces))


def leaning(*pieces: str) -> FrozenJudge:
    return FrozenJudge(LEANING, frozenset(pieces), 0)


def test_music_that_moves_otherwise_is_told_apart_in_pieces_that_are_new() -> None:
    frozen = freeze(walks(40, WILD, seed=0), walks(60, GENTLE, seed=1), seed=0)

    verdict = ask(frozen, walks(20, WILD, 2, "new"), walks(10, GENTLE, 3, "new"))

    assert frozen.excerpts == 40
    assert (verdict.model.value, verdict.people.value, verdict.both.low) == (1, 1, 1)


def test_music_of_the_same_kind_is_not() -> None:
    frozen = freeze(walks(60, GENTLE, seed=0), walks(60, GENTLE, seed=1), seed=0)

    verdict = ask(frozen, walks(200, GENTLE, 2, "new"), walks(200, GENTLE, 3, "other"))

    assert verdict.both.low < 0.5 < verdict.both.high
    assert verdict.both.high - verdict.both.low < 0.15


def test_what_gave_a_model_away_before_does_not_when_it_is_mended() -> None:
    frozen = freeze(walks(60, WILD, seed=0), walks(60, GENTLE, seed=1), seed=0)

    verdict = ask(frozen, walks(100, GENTLE, 2, "new"), walks(100, GENTLE, 3, "new"))

    assert abs(verdict.both.value - 0.5) < 0.1
    assert verdict.people.value > 0.9


class Ending(Trilling):
    """Ends the piece after its tenth note, and begins another."""

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        logits, after = super().step(tokens, state)
        logits[:, :, END] = 100 if (state["h"] == OPENING + 10).all() else -100
        return logits, after


def test_the_piece_that_a_model_begins_after_its_end_is_not_looked_at() -> None:
    found = continuations_of(Ending(), CODEC, corpus().split.test, as_was(CARD), ASKING)

    assert {len(stretch.events) for stretch in found} == {10}


def test_both_kinds_count_alike_however_many_excerpts_there_are() -> None:
    verdict = ask(leaning(), model=verdicts([[True]] * 90), people=verdicts([[True]] * 10))

    assert (verdict.model.value, verdict.people.value, verdict.both.value) == (0, 1, 0.5)


def test_interval_is_wider_where_excerpts_of_a_piece_agree() -> None:
    people = verdicts([[True, False, True, False]] * 30)

    alike = ask(leaning(), verdicts([[True] * 4, [False] * 4] * 15), people)
    mixed = ask(leaning(), verdicts([[True, False] * 2] * 30), people)

    assert alike.both.value == mixed.both.value == 0.5
    assert (mixed.both.low, mixed.both.high) == (0.5, 0.5)
    assert 0.12 < alike.both.high - alike.both.low < 0.22  # 2 * 1.96 * sqrt(0.25 / 30) / 2 is 0.18


def test_the_same_questions_have_the_same_interval() -> None:
    model, people = verdicts([[True, False, False]] * 5 + [[True]] * 5), verdicts([[True], [False, True]] * 5)

    assert ask(leaning(), model, people) == ask(leaning(), model, people)


def test_judge_is_not_asked_about_a_piece_that_it_has_learnt_from() -> None:
    with pytest.raises(SettingsError, match="has learnt from 'asked 1'"):
        ask(leaning("other", "asked 1"), verdicts([[True]] * 3), verdicts([[True]]))


def test_nothing_of_the_test_part_is_learnt_from_nor_told_to_the_model() -> None:
    data, model = corpus(), Trilling()

    frozen = learn_from(model, data, as_was(CARD), LEARNING)

    seen = [*data.split.train, *data.split.valid]
    assert frozen.pieces == {piece.name for piece in seen}
    assert model.told <= {int(piece.tokens[1]) for piece in seen}
    assert len(model.told) == 8
    assert frozen.excerpts == 8


def test_continuations_are_of_each_piece_in_turn_and_a_part_only_trained_on_is_left_out() -> None:
    pieces = [*corpus().split.test, Piece("books", corpus().split.test[0].tokens, part="books")]

    found = continuations_of(Trilling(), CODEC, pieces, as_was(CARD), ASKING)

    assert sorted(stretch.piece for stretch in found) == sorted(["test 3", "test 7", "test 11"] * 4)
    assert [stretch.piece for stretch in people_of(CODEC, pieces, OPENING)] == ["test 3", "test 7", "test 11"]


def test_model_played_without_a_cache_and_plays_with_one() -> None:
    was, now = as_was(CARD), as_is(CARD)

    assert (was.has_cache, now.has_cache) == (False, True)
    assert (now.sampling, now.guard) == (was.sampling, was.guard)
    assert (now.sampling.temperature, now.sampling.top_p, now.sampling.familiarity) == (0.5, 0.9, 1)
    assert now.guard is not None
    assert now.guard.longest_run == 6


def test_model_of_other_tokens_than_the_corpus_is_refused() -> None:
    narrow = CARD.model_copy(update={"codec": CodecCard(name="notes", parameters=NotesCodec(low=40).parameters())})
    own = CARD.model_copy(update={"codec": CodecCard(name="notes", parameters=CODEC.parameters())})

    check_tokens("own.onnx", own, CODEC)
    with pytest.raises(SettingsError, match=r"^narrow\.onnx: codec 'notes' has other tokens than the corpus"):
        check_tokens("narrow.onnx", narrow, CODEC)


def test_judge_answers_the_same_from_its_file(tmp_path: Path) -> None:
    frozen = freeze(walks(20, WILD, seed=0), walks(20, GENTLE, seed=1), seed=0)
    asked = walks(20, WILD, 2, "new"), walks(20, GENTLE, 3, "new")

    keep(frozen, tmp_path / "judges" / "small.npz")
    restored = restore(tmp_path / "judges" / "small.npz")

    assert ask(restored, *asked) == ask(frozen, *asked)
    assert (restored.pieces, restored.excerpts) == (frozen.pieces, 20)


def test_without_a_file_it_is_said_how_to_freeze_a_judge(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no judge is frozen for 'small'.*--before FILE"):
        restore(tmp_path / "small.npz")


def test_the_same_excerpts_give_the_same_judge() -> None:
    some, others = (freeze(walks(20, WILD, seed=0), walks(30, GENTLE, seed=1), seed=0) for _ in range(2))

    assert np.array_equal(some.regression.weights, others.regression.weights)


def test_judge_sees_the_same_in_every_process() -> None:
    script = "\n".join(
        (
            "from export.measures.classifier import features",
            "from export.measures.music import Event",
            "line = [Event((p,), 480, (p, p + 4), (p - 9,), is_end=False) for p in range(40, 60)]",
            "print(features(line).nonzero()[0].tolist())",
        )
    )

    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    there = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    line = [Event((p,), 480, (p, p + 4), (p - 9,), is_end=False) for p in range(40, 60)]
    assert there.stdout.strip() == str(features(line).nonzero()[0].tolist())
    assert len(features(line)) == BUCKETS + 1


def test_three_judges_are_asked_about_the_same_music() -> None:
    data = corpus()
    frozen = learn_from(Trilling(), data, as_was(CARD), LEARNING)

    rows = measure(Trilling(), CARD, frozen, data, learning=LEARNING, asking=ASKING)

    assert [(row["judge"], row["model's + people's excerpts"], row["of pieces"]) for row in rows] == [
        ("frozen", "12 + 6", "3 + 3"),
        ("learnt anew", "12 + 6", "3 + 3"),
    ]


def test_each_shipped_model_of_written_music_has_a_judge() -> None:
    judged = shipped_models().keys() - {"touch"}  # of performances: ``playing_judge``, learnt anew
    judges = [restore(frozen_file(name)) for name in judged]

    assert len(judges) == 6
    assert all(judge.regression.weights.shape == (BUCKETS + 2,) and judge.excerpts > 300 for judge in judges)
