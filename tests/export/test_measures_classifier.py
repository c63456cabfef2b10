"""The judge: tells what differs, and cannot tell what does not."""

import numpy as np

from export.measures.classifier import EXCERPT, Judgement, features, judge
from export.measures.music import Event


def walks(count: int, steps: tuple[int, ...], seed: int) -> list[list[Event]]:
    """Random walks that move by these semitones."""
    random = np.random.default_rng(seed)
    lines = (60 + np.cumsum(random.choice(steps, EXCERPT + 20)) for _ in range(count))
    return [[Event((int(p),), 480, (int(p),), (), is_end=False) for p in line] for line in lines]


def test_music_that_moves_otherwise_is_told_apart() -> None:
    judgement = judge(walks(20, (-2, 1, 2), seed=0), walks(30, (-3, 3, 4), seed=1), opening=16)

    assert judgement == Judgement(1.0, 40)


def test_music_of_the_same_kind_is_not() -> None:
    judgement = judge(walks(60, (-2, 1, 2), seed=0), walks(60, (-2, 1, 2), seed=1), opening=16)

    assert judgement is not None
    assert abs(judgement.accuracy - 0.5) < 3 * judgement.error


def test_key_does_not_give_it_away() -> None:
    (line,) = walks(1, (-2, 1, 2), seed=0)
    pitches = [event.struck[0] for event in line]
    higher = [Event((pitch + 7,), 480, (pitch + 7,), (), is_end=False) for pitch in pitches]

    assert np.array_equal(features(line), features(higher))


def test_of_too_little_music_there_is_no_judgement() -> None:
    assert judge(walks(20, (1,), seed=0), walks(4, (1,), seed=1), opening=16) is None


def test_piece_that_begins_within_a_stretch_lacks_its_opening() -> None:
    end, drone = Event((1,), 0, (), (), is_end=True), [Event((9,), 480, (99,), (), is_end=False)] * 16
    lines = walks(5, (1, 2), seed=0)
    droning = [[*line, end, *drone, *line] for line in lines]
    plain = [[*line, end, *line[:16], *line] for line in lines]

    found = judge(droning, plain, opening=16)

    assert found is not None
    assert (found.excerpts, found.accuracy <= 0.5) == (20, True)
