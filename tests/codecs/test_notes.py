"""The notes codec: pitches from the network, rhythm, lengths and loudness from the player."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.codecs.notes import END, FIRST_PITCH, GRID_TICKS, START, NotesCodec, NotesCursor, rhythm_of
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key

CODEC = NotesCodec()
PHRASE = [Note(240, 60, 480, 90), Note(240, 64, 720, 80), Note(960, 67, 960, 70)]


def after(cursor: NotesCursor, *pitches: int) -> tuple[NotesCursor, list[Ticked]]:
    events: list[Ticked] = []
    for pitch in pitches:
        token = FIRST_PITCH + pitch - CODEC.low
        assert CODEC.mask(cursor)[token]
        cursor, settled = CODEC.step(cursor, token)
        events += settled
    return cursor, events


def told(phrase: list[Note]) -> NotesCursor:
    prompt = CODEC.prompt(phrase, CODEC.begin(), Key(0))
    cursor = prompt.begin(CODEC.begin())
    while (mask := prompt.mask(cursor)) is not None:
        assert mask.sum() == 1
        cursor, _ = CODEC.step(cursor, int(mask.argmax()))
    return cursor


def some_notes(random: random.Random) -> list[Note]:
    """Notes on the grid; none strikes a pitch that sounds."""
    notes, free = [], dict.fromkeys(range(128), 0)
    onset = 0
    for _ in range(random.randint(1, 60)):
        onset += GRID_TICKS * random.choice((0, 0, 1, 3, 6, 12))
        pitch = random.randint(CODEC.low, CODEC.high)
        if free[pitch] <= onset:
            duration = GRID_TICKS * random.randint(1, 40)
            notes.append(Note(onset, pitch, duration, random.randint(1, 127)))
            free[pitch] = onset + duration
    return sorted(notes)


def test_an_answer_has_the_rhythm_lengths_and_loudness_of_its_phrase() -> None:
    cursor = told(PHRASE)

    ended, events = after(cursor, 62, 65, 69)

    assert cursor.tick == 2 * TICKS_PER_QUARTER
    assert events == [
        Ticked(2160, NoteOn(62, 90)),
        Ticked(2160, NoteOn(65, 80)),
        Ticked(2640, NoteOff(62)),
        Ticked(2880, NoteOff(65)),
        Ticked(2880, NoteOn(69, 70)),
        Ticked(3840, NoteOff(69)),
    ]
    assert ended.is_phrase_end
    assert ended.sounding == ()


def test_the_rhythm_comes_round_again() -> None:
    cursor, _ = after(told(PHRASE), 62, 65, 69)

    _, events = after(cursor, 50)

    assert events == [Ticked(3840 + 240, NoteOn(50, 90))]


def test_a_chord_is_written_from_the_bottom_up_and_leaves_room_for_its_top() -> None:
    cursor = told(PHRASE)

    first = np.flatnonzero(CODEC.mask(cursor)).tolist()
    inside, _ = after(cursor, 100)
    second = np.flatnonzero(CODEC.mask(inside)).tolist()

    assert first == [END, *range(FIRST_PITCH, FIRST_PITCH + 107 - 21 + 1)]
    assert second == [FIRST_PITCH + pitch - 21 for pitch in range(101, 109)]
    assert (cursor.is_whole, inside.is_whole) == (True, False)


def test_a_pitch_that_sounds_ends_before_it_is_struck_again() -> None:
    cursor = told([Note(0, 60, 1920), Note(480, 64, 480)])

    _, events = after(cursor, 60, 60)

    assert events[1:3] == [Ticked(2400, NoteOff(60)), Ticked(2400, NoteOn(60))]


@given(st.data())
def test_music_by_the_mask_never_stands_still(data: st.DataObject) -> None:
    cursor = told(PHRASE)

    for _ in range(12):
        tick, tokens = cursor.tick, 0
        while cursor.tick == tick:
            allowed = np.flatnonzero(CODEC.mask(cursor)).tolist()
            cursor, _ = CODEC.step(cursor, data.draw(st.sampled_from(allowed)))
            tokens += 1
        assert tokens <= 4


def test_a_thousand_pieces_are_the_same_after_encoding_and_decoding() -> None:
    pieces = [some_notes(random.Random(seed)) for seed in range(1000)]

    again = [CODEC.decode(CODEC.encode(piece), rhythm_of(piece)) for piece in pieces]

    assert again == pieces


@pytest.mark.skipif("LIVEGEN_MUSIC" not in os.environ, reason="LIVEGEN_MUSIC names no folder of music")
@pytest.mark.parametrize("codec", ["notes", "note_duration"])
def test_every_piece_of_the_corpus_is_the_same_after_decoding_and_encoding(codec: str) -> None:
    from export import corpora

    corpus = corpora.load("piano", codec, Path(os.environ["LIVEGEN_MUSIC"]))

    for piece in (*corpus.split.train, *corpus.split.valid, *corpus.split.test):
        tokens = piece.tokens.tolist()
        notes = corpus.codec.decode(tokens)
        assert corpus.codec.encode(notes) == tokens
        assert corpus.codec.decode(corpus.codec.encode(notes)) == notes


def test_notes_beyond_the_piano_are_folded_by_octaves() -> None:
    assert CODEC.encode([Note(0, 20, 480), Note(480, 110, 480)]) == [
        START,
        FIRST_PITCH + 32 - 21,
        FIRST_PITCH + 77,
        END,
    ]


def test_what_is_outside_a_scale_is_told() -> None:
    out_of_scale = CODEC.out_of_scale(Key(0).scale)

    black = [pitch for pitch in range(21, 109) if pitch % 12 in (1, 3, 6, 8, 10)]
    assert np.flatnonzero(out_of_scale).tolist() == [FIRST_PITCH + pitch - 21 for pitch in black]


def test_transposing_moves_the_notes_and_leaves_the_marks() -> None:
    tokens = np.array([START, FIRST_PITCH + 5, FIRST_PITCH + 80, END])

    assert CODEC.shifts(tokens) == (-5, 7)
    assert CODEC.transposed(tokens, 7).tolist() == [START, FIRST_PITCH + 12, FIRST_PITCH + 87, END]
