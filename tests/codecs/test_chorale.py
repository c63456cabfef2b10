"""The chorale codec: two directions that undo each other, and a grammar that both keep."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export import corpora
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import (
    END,
    FERMATA,
    FRAME_END,
    FRAME_TICKS,
    START,
    ChoraleCursor,
    FrameWriter,
    frames_of,
)
from livegen.events import Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key

CODEC = ChoraleCodec()


@st.composite
def pieces(draw: st.DrawFn) -> list[Note]:
    """Up to four voices on the grid, no pitch sounding twice at once, from tick 0 on."""
    notes: list[Note] = []
    for voice in range(draw(st.integers(1, 4))):
        tick = 0
        low = CODEC.low + 14 * voice  # apart, so that no two voices meet on a pitch
        for _ in range(draw(st.integers(1, 8))):
            tick += draw(st.integers(0, 3)) * FRAME_TICKS
            duration = draw(st.integers(1, 9)) * FRAME_TICKS
            notes.append(Note(tick, low + draw(st.integers(0, 13)), duration))
            tick += duration
    return sorted(notes)


def streamed(tokens: list[int]) -> list[Note]:
    """The notes of a piece, from the events as they are settled, token by token."""
    cursor, notes, onsets = CODEC.begin(), [], {}
    for token in tokens:
        cursor, settled = CODEC.step(cursor, token)
        for ticked in settled:
            if isinstance(ticked.event, NoteOn):
                onsets[ticked.event.pitch] = ticked.tick
            elif isinstance(ticked.event, NoteOff):
                onset = onsets.pop(ticked.event.pitch)
                notes.append(Note(onset, ticked.event.pitch, ticked.tick - onset))
    return sorted(notes)


def _without_marks(tokens: list[int]) -> list[int]:
    """Fermatas are no notes, and silence after the last note is none of the piece."""
    kept = [token for token in tokens if token != FERMATA]
    while kept[-3:-1] == [FRAME_END, FRAME_END]:
        del kept[-2]
    return kept


def walk(length: int, seed: int) -> list[int]:
    """A random walk through the grammar."""
    chance, cursor, tokens = random.Random(seed), CODEC.begin(), []
    for _ in range(length):
        token = chance.choice(np.flatnonzero(CODEC.mask(cursor)).tolist())
        cursor, _ = CODEC.step(cursor, token)
        tokens.append(token)
    return tokens


@settings(max_examples=1000, deadline=None)
@given(pieces())
def test_decoding_gives_back_what_was_encoded(piece: list[Note]) -> None:
    tokens = CODEC.encode(piece)

    assert CODEC.decode(tokens) == piece
    assert streamed(tokens) == piece


@settings(max_examples=1000, deadline=None)
@given(pieces())
def test_hearing_note_by_note_writes_the_same_frames(piece: list[Note]) -> None:
    events = [Ticked(n.onset, NoteOn(n.pitch)) for n in piece] + [Ticked(n.end, NoteOff(n.pitch)) for n in piece]
    events.sort(key=lambda ticked: (ticked.tick, isinstance(ticked.event, NoteOn)))

    encoder = FrameWriter(CODEC.fold)
    streamed = [frame for ticked in events for frame in encoder.hear(ticked)]

    assert streamed == frames_of(piece, CODEC.fold)


def test_every_piece_of_the_corpus_comes_back_offline_and_streamed() -> None:
    corpora.load("bach-chorales", "chorale")  # from now on it is in the cache, if it was not
    with np.load(corpora.cache_path("bach-chorales", "chorale", Path()), allow_pickle=False) as kept:
        written = [tokens.tolist() for tokens in np.split(kept["tokens"], np.cumsum(kept["lengths"])[:-1])]

    notes = [streamed(tokens) for tokens in written]
    again = [CODEC.encode(piece) for piece in notes]

    assert again == [_without_marks(tokens) for tokens in written]
    assert [CODEC.decode(tokens) for tokens in again] == notes
    assert [streamed(tokens) for tokens in again] == notes


@pytest.mark.parametrize("seed", range(50))
def test_whatever_the_grammar_allows_can_be_decoded(seed: int) -> None:
    tokens = walk(400, seed)

    notes = CODEC.decode(tokens)

    assert all(note.duration > 0 and note.duration % FRAME_TICKS == 0 for note in notes)


def test_a_tied_note_is_allowed_only_where_it_sounds() -> None:
    cursor = CODEC.begin()
    for token in (START, CODEC.note_token(67, tied=False), CODEC.note_token(60, tied=False), FRAME_END):
        cursor, _ = CODEC.step(cursor, token)

    tied = [
        pitch for pitch in range(CODEC.low, CODEC.high + 1) if CODEC.mask(cursor)[CODEC.note_token(pitch, tied=True)]
    ]

    assert tied == [60, 67]


def test_voices_go_downwards_and_are_four_at_most() -> None:
    cursor = CODEC.begin()
    for token in (START, *(CODEC.note_token(pitch, tied=False) for pitch in (72, 67, 64))):
        cursor, _ = CODEC.step(cursor, token)

    below = CODEC.mask(cursor)
    fourth, _ = CODEC.step(cursor, CODEC.note_token(48, tied=False))

    assert not below[CODEC.note_token(64, tied=False) :].any()
    assert np.flatnonzero(CODEC.mask(fourth)).tolist() == [FRAME_END]


def test_a_token_against_the_grammar_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"END may not come at tick 0"):
        CODEC.decode([END])


def test_notes_out_of_range_are_folded_by_octaves_and_counted() -> None:
    encoder = FrameWriter(CODEC.fold)
    encoder.hear(Ticked(0, NoteOn(12)))
    encoder.hear(Ticked(0, NoteOn(127)))
    frames = encoder.until(FRAME_TICKS)

    assert (frames[0].notes, encoder.folded) == (((79, False), (36, False)), 2)


def test_of_more_than_four_voices_the_outer_ones_are_kept() -> None:
    encoder = FrameWriter(CODEC.fold)
    for pitch in (48, 52, 55, 60, 64, 67):
        encoder.hear(Ticked(0, NoteOn(pitch)))

    frames = encoder.until(FRAME_TICKS)

    assert [pitch for pitch, _ in frames[0].notes] == [67, 64, 60, 48]
    assert encoder.dropped == 2


def test_a_prompt_fixes_the_melody_and_leaves_the_voices_below_open() -> None:
    cursor = CODEC.begin()
    prompt = CODEC.prompt([Note(0, 72, FRAME_TICKS), Note(FRAME_TICKS, 74, FRAME_TICKS)], cursor, Key(0))
    written: list[str] = []

    while (mask := prompt.mask(cursor)) is not None:
        token = int(np.flatnonzero(mask)[-1])
        cursor, _ = CODEC.step(cursor, token)
        written.append(CODEC.vocabulary.text(token))

    assert [text for text in written if text in ("(72, False)", "(74, False)", "|||")] == [
        "(72, False)",
        "|||",
        "(74, False)",
        "|||",
    ]
    assert written.count("(71, False)") == 1


def test_a_last_note_of_a_beat_closes_its_phrase() -> None:
    prompt = CODEC.prompt([Note(0, 72, 4 * FRAME_TICKS)], CODEC.begin(), Key(0))
    cursor, _ = CODEC.step(CODEC.begin(), START)

    mask = prompt.mask(cursor)

    assert mask is not None
    assert np.flatnonzero(mask).tolist() == [FERMATA]


def test_octaves_bring_any_melody_to_a_soprano() -> None:
    shifts = [CODEC.shift(Key(0), [pitch]) for pitch in (34, 46, 58, 70, 82, 94)]

    assert shifts == [36, 24, 12, 0, -12, -24]


@pytest.mark.parametrize(("key", "shift"), [(Key(2), -2), (Key(11), 1), (Key(4, is_minor=True), 5)])
def test_every_key_goes_home_to_c_major_or_a_minor(key: Key, shift: int) -> None:
    assert CODEC.shift(key, [70 - shift]) == shift


def after_frames(*frames: tuple[int, ...], then: tuple[int, ...] = ()) -> ChoraleCursor:
    cursor, _ = CODEC.step(CODEC.begin(), START)
    for frame in frames:
        for token in (*(CODEC.note_token(pitch, tied=False) for pitch in frame), FRAME_END):
            cursor, _ = CODEC.step(cursor, token)
    for pitch in then:
        cursor, _ = CODEC.step(cursor, CODEC.note_token(pitch, tied=False))
    return cursor


@pytest.mark.parametrize(
    ("before", "then", "struck"),
    [
        ((72, 67, 64, 48), (74,), []),  # a fourth may be followed by another
        ((72, 65, 60, 53), (74,), [67]),  # a fifth, both a step up; the fifths below would be moves against it
        ((72, 67, 60, 48), (74, 65), [62, 58, 46, 34]),  # an octave with the soprano, a fifth with the alto
        ((72, 65, 60, 48), (72,), []),  # a voice that stays makes no parallel
    ],
)
def test_parallels_with_a_voice_above_are_faults(
    before: tuple[int, ...], then: tuple[int, ...], struck: list[int]
) -> None:
    mask = CODEC.voice_leading_errors(after_frames(before, then=then))

    expected = sorted(CODEC.note_token(pitch, tied=False) for pitch in struck)
    assert (np.flatnonzero(mask).tolist() if mask is not None else []) == expected
