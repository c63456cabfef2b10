"""Parallels, keys and copies, counted."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from export.measures.music import Event
from export.voice_leading import Plan, entropy_bits, generate, measure, parallels, scale_consistency, stretches
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_TICKS
from livegen.codecs.voice_leading import forbidden, parallel
from livegen.settings import Sampling

CODEC = ChoraleCodec()
SAMPLING = Sampling(temperature=1, top_p=1, out_of_key=1)


class Even:
    """A network to which all tokens are equally likely."""

    def begin(self, batch: int) -> Mapping[str, NDArray[np.generic]]:
        return {"nothing": np.zeros((batch, 1), np.float32)}

    def step(
        self, tokens: NDArray[np.int64], state: Mapping[str, NDArray[np.generic]]
    ) -> tuple[NDArray[np.float32], Mapping[str, NDArray[np.generic]]]:
        return np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32), state


def frame(*pitches: int, is_end: bool = False) -> Event:
    return Event((), 0 if is_end else FRAME_TICKS, pitches[::-1], pitches[::-1], is_end)


@pytest.mark.parametrize(
    ("upper", "lower", "found"),
    [
        ((67, 69), (60, 62), 7),  # fifths, both up
        ((67, 69), (48, 50), 7),  # twelfths
        ((72, 71), (60, 59), 0),  # octaves, both down
        ((60, 62), (60, 62), 0),  # unisons
        ((67, 69), (60, 57), None),  # an octave reached from a fifth
        ((67, 67), (60, 60), None),  # nobody moves
        ((67, 69), (60, 50), None),  # against each other
        ((67, 68), (60, 62), None),  # a diminished fifth
    ],
)
def test_a_parallel_is_two_voices_that_move_alike_in_fifths_or_octaves(
    upper: tuple[int, int], lower: tuple[int, int], found: int | None
) -> None:
    assert parallel(upper, lower) == found


@pytest.mark.parametrize("seed", range(20))
def test_what_is_struck_out_is_what_would_be_counted(seed: int) -> None:
    chance = np.random.default_rng(seed)
    before, now = (tuple(sorted(map(int, chance.choice(range(40, 80), 4, replace=False)))[::-1]) for _ in range(2))

    struck = {rank: set(forbidden(before, now[:rank], 36)) for rank in range(4)}

    expected = {
        rank: {
            pitch
            for pitch in range(36, now[rank - 1] if rank else 89)
            if any(parallel((before[above], now[above]), (before[rank], pitch)) is not None for above in range(rank))
        }
        for rank in range(4)
    }
    assert struck == expected


def test_parallels_are_counted_for_each_change_of_sonority() -> None:
    chords = [(67, 60), (67, 60), (69, 62), (71, 62), (), (72, 60), (74, 62)]

    assert parallels(chords) == (3, 1, 1)


def test_figures_of_a_scale_in_octaves() -> None:
    scale = [frame(60 + step, 48 + step) for step in (0, 2, 4, 5, 7, 9, 11, 12)]

    figures = measure([scale])

    assert (figures.changes, figures.fifths, figures.octaves, figures.voices) == (7, 0, 1000, 2)
    assert (figures.scale_consistency, figures.frames_a_piece) == (1, 8)


def test_a_move_over_the_end_of_a_piece_is_none() -> None:
    one = [frame(60, 48), frame(is_end=True), frame(62, 50), frame(64, 55)]

    assert measure([one]).changes == 1
    assert measure([one]).octaves == 0


def test_entropy_and_scale_of_pitch_classes() -> None:
    whole_tones = np.array([1, 0] * 6)

    assert entropy_bits(whole_tones) == pytest.approx(np.log2(6))
    assert scale_consistency(whole_tones) == pytest.approx(4 / 6)


def test_a_piece_is_cut_into_whole_stretches() -> None:
    piece = [frame(60 + step) for step in range(7)]

    assert [len(part) for part in stretches(piece, 3)] == [3, 3]
    assert [len(part) for part in stretches(piece, 9)] == [7]


def test_generated_chorales_are_as_long_as_asked_and_the_same_again() -> None:
    plan = Plan(count=3, frames=20, seed=5)

    first, again = (generate(Even(), CODEC, SAMPLING, plan) for _ in range(2))

    assert [sum(event.ticks > 0 for event in events) for events in first] == [20, 20, 20]
    assert first == again


def test_the_pen_strikes_out_parallels() -> None:
    plan = Plan(count=4, frames=40)
    without = SAMPLING.model_copy(update={"voice_leading": False})

    struck, free = (measure(generate(Even(), CODEC, sampling, plan)) for sampling in (SAMPLING, without))

    assert struck.fifths + struck.octaves < 0.2 * (free.fifths + free.octaves)
