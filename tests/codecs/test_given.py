"""Frames with notes that somebody else plays."""

from typing import Any

import numpy as np
import pytest

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import FRAME_TICKS, FrameNotes, FramePrompt
from livegen.codecs.codec import FrameCodec
from livegen.codecs.voices import VoicesCodec

CODECS: list[FrameCodec[Any]] = [ChoraleCodec(), VoicesCodec()]


def written(codec: FrameCodec[Any], frames: list[FrameNotes], *, is_top: bool, seed: int) -> list[tuple[int, ...]]:
    """What sounds after each frame, drawn at random from what may come."""
    chance, cursor, sounding = np.random.default_rng(seed), codec.begin(), []
    for notes in frames:
        prompt = FramePrompt(codec, notes, cursor.tick + FRAME_TICKS, is_top)
        while (mask := prompt.mask(cursor)) is not None:
            assert mask.any()
            cursor, _ = codec.step(cursor, int(chance.choice(np.flatnonzero(mask))))
        sounding.append(cursor.sounding)
    return sounding


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("seed", range(20))
def test_a_melody_stays_on_top_of_its_frames(codec: FrameCodec[Any], seed: int) -> None:
    melody = [67, 67, 69, 71, 72, 72, 60, 76]
    frames: list[FrameNotes] = [((pitch, index % 2 == 1),) for index, pitch in enumerate(melody)]

    sounding = written(codec, frames, is_top=True, seed=seed)

    assert [chord[0] for chord in sounding] == melody


@pytest.mark.parametrize("seed", range(20))
def test_a_chorale_has_four_voices_in_every_frame(seed: int) -> None:
    codec = ChoraleCodec()
    frames: list[FrameNotes] = [((67, False),), (), ((72, False), (60, True)), ((70, False), (65, False), (50, False))]

    sounding = written(codec, frames, is_top=False, seed=seed)

    assert [len(chord) for chord in sounding] == [4, 4, 4, 4]
    assert all({pitch for pitch, _ in notes} <= set(chord) for notes, chord in zip(frames, sounding, strict=True))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_the_lowest_pitch_of_all_is_a_frame_too(codec: FrameCodec[Any]) -> None:
    sounding = written(codec, [((30, False),), ((31, False),)], is_top=True, seed=0)

    assert [chord[0] for chord in sounding] == [30, 31]
