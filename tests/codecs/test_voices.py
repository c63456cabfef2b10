"""The voices codec: exact in both directions on its grid, and a grammar that always moves on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.codecs.chorale_frames import FRAME_TICKS
from livegen.codecs.voices import LONG, SILENCE, VoicesCodec
from livegen.events import Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key

CODEC = VoicesCodec()
HOME = Key(0)
S, B, A, T = 67, 48, 64, 60


def tokens(*pitches: int) -> list[int]:
    return [CODEC.pitch_token(pitch) for pitch in pitches]


def frame_notes(*frames: set[int]) -> list[Note]:
    """The notes of what is down in each frame; what goes on is held."""
    notes, onsets = [], {}
    for index, pitches in enumerate([*frames, set()]):
        for pitch in [pitch for pitch in onsets if pitch not in pitches]:
            onset = onsets.pop(pitch)
            notes.append(Note(onset, pitch, index * FRAME_TICKS - onset))
        for pitch in pitches:
            onsets.setdefault(pitch, index * FRAME_TICKS)
    return sorted(notes)


def after(*stream: int) -> object:
    cursor = CODEC.begin()
    for token in stream:
        cursor, _ = CODEC.step(cursor, token)
    return cursor


@given(st.lists(st.sets(st.integers(30, 88), max_size=4), max_size=24))
def test_what_is_encoded_comes_back(frames: list[set[int]]) -> None:
    notes = frame_notes(*frames)

    assert CODEC.decode(CODEC.encode(notes)) == notes


def test_a_frame_is_its_soprano_bass_alto_and_tenor() -> None:
    assert CODEC.encode(frame_notes({S, A, T, B}, {S, A, B}, {S, B}, {S})) == [
        CODEC.start,
        *tokens(S, B, A, T),
        *[*tokens(S, B, A), SILENCE],
        *[*tokens(S, B), SILENCE, SILENCE],
        *[*tokens(S), SILENCE, SILENCE, SILENCE],
    ]


def test_a_frame_s_events_come_with_its_last_voice_offs_first() -> None:
    cursor = CODEC.begin()
    settled = []
    for token in [CODEC.start, *tokens(S, B, A, T), *tokens(69, B, 65, T)]:
        cursor, events = CODEC.step(cursor, token)
        settled.append(events)

    assert settled == [
        *[()] * 4,
        tuple(Ticked(0, NoteOn(pitch)) for pitch in (S, A, T, B)),
        *[()] * 3,
        (
            *(Ticked(FRAME_TICKS, NoteOff(pitch)) for pitch in (S, A)),
            *(Ticked(FRAME_TICKS, NoteOn(pitch)) for pitch in (69, 65)),
        ),
    ]
    assert cursor.sounding == (69, 65, T, B)


def test_a_pitch_that_another_voice_takes_over_is_held() -> None:
    stream = [CODEC.start, *tokens(67, 48, 64, 60), *tokens(67, 48, 60, 55)]

    assert Note(0, 60, 2 * FRAME_TICKS) in CODEC.decode(stream)


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_any_walk_through_the_grammar_moves_on_and_decodes(choices: list[int]) -> None:
    cursor, walk = CODEC.begin(), []
    for choice in choices:
        allowed = np.flatnonzero(CODEC.mask(cursor))
        walk.append(int(allowed[choice % len(allowed)]))
        cursor, _ = CODEC.step(cursor, walk[-1])

    assert cursor.tick == max(0, len(walk) - 1) // 4 * FRAME_TICKS
    assert sum(note.duration for note in CODEC.decode(walk)) <= 4 * cursor.tick


@pytest.mark.parametrize("stream", [tokens(S), [CODEC.start, CODEC.start]])
def test_a_stream_that_breaks_the_grammar_is_refused(stream: list[int]) -> None:
    with pytest.raises(ValueError, match="may not come at tick 0"):
        CODEC.decode(stream)


def test_a_chord_that_lies_for_more_than_a_beat_closes_a_phrase() -> None:
    chord = tokens(S, B, A, T)

    ends = [after(CODEC.start, *chord * count).is_phrase_end for count in range(1, LONG + 2)]

    assert ends == [False] * LONG + [True]


def test_voices_are_guessed_to_hold_between_eighths_while_they_do() -> None:
    chord = tokens(S, B, A, T)

    assert CODEC.draft_tokens(after(CODEC.start)) == ()
    assert CODEC.draft_tokens(after(CODEC.start, *chord)) == tuple(chord)
    assert CODEC.draft_tokens(after(CODEC.start, *chord, *tokens(S))) == tuple(chord[1:])
    assert CODEC.draft_tokens(after(CODEC.start, *chord, *tokens(69))) == ()
    assert CODEC.draft_tokens(after(CODEC.start, *chord * 2)) == ()  # an eighth, nothing known of it yet
    assert CODEC.draft_tokens(after(CODEC.start, *chord * 2, *tokens(S))) == tuple(chord[1:])


def told(notes: list[Note], choose: int = -1) -> list[int]:
    """The tokens of a prompt, the open voices chosen by their place among what may come."""
    cursor, stream = CODEC.begin(), []
    prompt = CODEC.prompt(notes, cursor, HOME)
    while (mask := prompt.mask(cursor)) is not None:
        stream.append(int(np.flatnonzero(mask)[choose]))
        cursor, _ = CODEC.step(cursor, stream[-1])
    return stream


def test_what_was_heard_is_told_and_the_voices_under_it_are_open() -> None:
    assert told(frame_notes({S, A, T, B}, {S, A, B}, {S})) == [
        CODEC.start,
        *tokens(S, B, A, T),
        *tokens(S, B, A, S - 1),
        *tokens(S, S - 1, S - 1, S - 1),
    ]


def test_a_chord_goes_on_through_a_rest() -> None:
    assert told(frame_notes({S, A, T, B}, set(), {69, A, T, B})) == [
        CODEC.start,
        *tokens(S, B, A, T),
        *tokens(S, B, A, T),
        *tokens(69, B, A, T),
    ]


def test_nothing_is_silent_under_a_melody_unless_it_is_the_lowest() -> None:
    assert told(frame_notes({S}), choose=0)[1:] == [*tokens(S), 1, 1, 1]
    assert told(frame_notes({30}), choose=0)[1:] == [1, SILENCE, SILENCE, SILENCE]


def test_notes_beyond_the_range_are_folded_by_octaves() -> None:
    assert [CODEC.fold(pitch) for pitch in (0, 29, 30, 88, 89, 127)] == [36, 41, 30, 88, 77, 79]


def test_octaves_bring_any_melody_to_a_soprano_in_its_own_key() -> None:
    shifts = [CODEC.shift(Key(3, is_minor=True), [pitch]) for pitch in (34, 46, 58, 70, 82, 94)]

    assert shifts == [36, 24, 12, 0, -12, -24]


def test_a_piece_moves_as_far_as_its_pitches_stay_in_range() -> None:
    piece = np.array([CODEC.start, *tokens(80, 40), SILENCE])

    assert CODEC.shifts(piece) == (-10, 8)
    assert CODEC.transposed(piece, 8).tolist() == [CODEC.start, *tokens(88, 48), SILENCE]
    assert CODEC.shifts(np.array([CODEC.start, SILENCE])) == (0, 0)


def test_tokens_outside_a_scale_are_its_missing_pitches() -> None:
    out_of_scale = CODEC.out_of_scale({0, 2, 4, 5, 7, 9, 11})

    assert {int(CODEC.vocabulary.text(int(token))) % 12 for token in np.flatnonzero(out_of_scale)} == {1, 3, 6, 8, 10}
    assert not out_of_scale[[SILENCE, CODEC.start]].any()


def test_it_is_rebuilt_from_its_parameters() -> None:
    narrow = VoicesCodec(40, 60)

    assert VoicesCodec(**narrow.parameters()).vocabulary.texts == narrow.vocabulary.texts
    with pytest.raises(ValueError, match="at least an octave"):
        VoicesCodec(40, 45)
