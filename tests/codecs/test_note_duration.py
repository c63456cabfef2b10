"""Notes with durations: what is written is what sounds, whole or as it streams."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.codecs.chord_events import DURATIONS, GRID_TICKS, Sound, read_sound, sounds_of
from livegen.codecs.note_duration import END, START, NoteDurationCodec, NoteDurationCursor
from livegen.events import Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key

CODEC = NoteDurationCodec(chords=["60.64.67 1.0", "48.55 2.0", "62.65.69 1.0"])


def texts(tokens: list[int]) -> list[str]:
    return [CODEC.vocabulary.text(token) for token in tokens]


def token(text: str) -> int:
    return CODEC.vocabulary.token(text)


def after(cursor: NoteDurationCursor, *names: str) -> tuple[NoteDurationCursor, list[Ticked]]:
    events: list[Ticked] = []
    for name in names:
        assert CODEC.mask(cursor)[token(name)], name
        cursor, settled = CODEC.step(cursor, token(name))
        events += settled
    return cursor, events


def some_notes(random: random.Random) -> list[Note]:
    """Notes on the grid; none strikes a pitch that sounds."""
    notes, free = [], dict.fromkeys(range(128), 0)
    onset = 0
    for _ in range(random.randint(1, 60)):
        onset += GRID_TICKS * random.choice((0, 0, 0, 1, 2, 4, 20))
        pitch = random.choice((48, 55, 60, 64, 67, random.randint(21, 108)))
        if free[pitch] <= onset:
            duration = GRID_TICKS * random.choice((4, 8, *DURATIONS))
            notes.append(Note(onset, pitch, duration))
            free[pitch] = onset + duration
    return sorted(notes)


def test_chords_are_one_token_and_rests_lead_to_the_next_onset() -> None:
    notes = [Note(0, 48, 1920), *(Note(0, pitch, 960) for pitch in (60, 64, 67)), Note(960, 62, 480)]

    tokens = CODEC.encode(notes)

    assert texts(tokens) == ["START", "48 2.0", "60.64.67 1.0", "rest 1.0", "62 0.5", "rest 1.0", "END"]


def test_a_chord_that_is_unknown_is_written_note_by_note() -> None:
    tokens = CODEC.encode([Note(0, pitch, 960) for pitch in (61, 64, 67)])

    assert texts(tokens)[1:-2] == ["61 1.0", "64 1.0", "67 1.0"]


def test_a_note_sounds_at_once_and_ends_in_its_time() -> None:
    inside, _ = after(CODEC.begin(), "START")

    cursor, events = after(inside, "48.55 2.0", "62 0.5", "rest 1.0", "48 0.25", "rest 0.25")

    assert events == [
        Ticked(0, NoteOn(48)),
        Ticked(0, NoteOn(55)),
        Ticked(0, NoteOn(62)),
        Ticked(480, NoteOff(62)),
        Ticked(960, NoteOff(48)),  # struck again
        Ticked(960, NoteOn(48)),
        Ticked(1200, NoteOff(48)),
    ]
    assert (cursor.tick, cursor.sounding) == (1200, (55,))


@pytest.mark.parametrize("notes", [[Note(0, 60, 33 * GRID_TICKS)], [Note(0, 60, 7680), Note(0, 62, 240)]])
def test_a_note_longer_than_any_is_as_long_as_the_longest(notes: list[Note]) -> None:
    longest = CODEC.decode(CODEC.encode(notes))

    assert max(note.duration for note in longest) == 32 * GRID_TICKS


def test_a_thousand_pieces_are_the_same_after_encoding_and_decoding() -> None:
    pieces = [some_notes(random.Random(seed)) for seed in range(1000)]

    again = [CODEC.decode(CODEC.encode(piece)) for piece in pieces]

    assert again == pieces


def test_the_stream_gives_what_the_whole_gives() -> None:
    notes = some_notes(random.Random(5))
    cursor, events = CODEC.begin(), list[Ticked]()

    for written in CODEC.encode(notes):
        cursor, settled = CODEC.step(cursor, written)
        events += settled

    onsets = sorted((ticked.tick, ticked.event.pitch) for ticked in events if isinstance(ticked.event, NoteOn))
    ends = sorted((ticked.tick, ticked.event.pitch) for ticked in events if isinstance(ticked.event, NoteOff))
    assert onsets == sorted((note.onset, note.pitch) for note in notes)
    assert ends == sorted((note.end, note.pitch) for note in notes)
    assert [ticked.tick for ticked in events] == sorted(ticked.tick for ticked in events)


@given(st.data())
def test_music_by_the_mask_never_stands_still_for_ever(data: st.DataObject) -> None:
    cursor = CODEC.begin()

    for _ in range(4):
        tick, tokens = cursor.tick, 0
        while cursor.tick == tick and tokens < 200:
            allowed = np.flatnonzero(CODEC.mask(cursor)).tolist()
            cursor, _ = CODEC.step(cursor, data.draw(st.sampled_from(allowed)))
            tokens += 1
        assert tokens < 95  # every key of the piano at once, and a rest


def test_transposed_chords_that_are_unknown_become_notes_in_order() -> None:
    tokens = np.array([START, token("60.64.67 1.0"), token("65 0.5"), token("rest 1.0"), END])

    up, whole = CODEC.transposed(tokens, 1), CODEC.transposed(tokens[[0, 2, 3, 4]], 2)

    assert texts(up.tolist()) == ["START", "61 1.0", "65 1.0", "66 0.5", "68 1.0", "rest 1.0", "END"]
    assert texts(whole.tolist()) == ["START", "67 0.5", "rest 1.0", "END"]
    assert CODEC.shifts(tokens) == (21 - 60, 108 - 67)


def test_the_phrase_is_told_up_to_the_end_of_its_last_beat() -> None:
    cursor = CODEC.begin()
    prompt = CODEC.prompt([Note(0, 60, 960), Note(960, 62, 480)], cursor, Key(0))
    cursor, told = prompt.begin(cursor), list[int]()

    while (mask := prompt.mask(cursor)) is not None:
        told.append(int(mask.argmax()))
        cursor, _ = CODEC.step(cursor, told[-1])

    assert texts(told) == ["START", "60 1.0", "rest 1.0", "62 0.5", "rest 1.0"]
    assert (cursor.tick, cursor.is_whole, cursor.sounding) == (1920, True, ())


@pytest.mark.parametrize("text", ["60", "sixty 1.0", "64.60 1.0", "60.200 1.0"])
def test_a_chord_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a chord"):
        read_sound(text)


def test_sounds_begin_and_end_together() -> None:
    notes = [Note(0, 60, 960), Note(10, 64, 960), Note(0, 67, 480)]

    assert sounds_of(notes, lambda pitch: pitch) == [(0, Sound((67,), 2)), (0, Sound((60, 64), 4))]
