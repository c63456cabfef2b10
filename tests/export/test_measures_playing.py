"""A stretch of a performance: its notes and its pedal, what is counted of it, and where it is cut."""

import numpy as np
import pytest

from export.corpora.work import Piece
from export.measures.performance_openings import openings
from export.measures.playing import Playing, chords, heard, keys_down, timed, together
from export.measures.playing_figures import figures, histograms, overlaps
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import END, on_grid
from livegen.events import SUSTAIN_PEDAL, ControlChange, Note, NoteOff, NoteOn, Timed

CODEC = PerformanceCodec()
MS = 1_000_000
S = 1000 * MS
DOWN, UP = ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0)


def of(*events: tuple[int, NoteOn | NoteOff | ControlChange]) -> list[Timed]:
    return [Timed(ms * MS, event) for ms, event in events]


def scale(name: str, seconds: int, *, pedal: bool = False) -> Piece:
    """A note every half second, each 300 ms long; with a pedal, that goes down after a second and stays there, 700."""
    events, length = ([Timed(S, DOWN)], 700 * MS) if pedal else (list[Timed](), 300 * MS)
    for at in range(2 * seconds):
        pitch = 60 + at % 12
        events += [Timed(at * S // 2, NoteOn(pitch, 64)), Timed(at * S // 2 + length, NoteOff(pitch))]
    events.sort(key=lambda each: each.at_ns)
    return Piece(name, np.array(CODEC.encode_events(map(on_grid, events))))


def test_notes_are_cut_at_the_end_and_those_of_before_are_left_out() -> None:
    events = of((0, NoteOn(50)), (100, NoteOn(60, 70)), (300, NoteOff(50)), (350, NoteOff(60)), (400, NoteOn(64, 80)))

    found = heard([*events, *of((900, NoteOff(64)), (950, NoteOn(65)))], 100 * MS, 600 * MS)

    assert found == Playing((Note(0, 60, 250, 70), Note(300, 64, 200, 80)), (), 500)


def test_a_pedal_that_is_down_before_a_stretch_counts_from_its_beginning() -> None:
    events = of((0, DOWN), (500, UP), (700, DOWN), (750, ControlChange(SUSTAIN_PEDAL, 100)))

    assert heard(events, 100 * MS, 1000 * MS).pedal == ((0, 400), (600, 900))
    assert heard(events, 500 * MS, 1000 * MS).pedal == ((200, 500),)


def test_the_first_part_of_a_playing_is_what_was_heard_until_then() -> None:
    events = of((0, NoteOn(60)), (100, DOWN), (300, NoteOff(60)), (400, NoteOn(62)), (500, UP), (700, NoteOff(62)))

    assert heard(events, 0, 700 * MS).until(200) == heard(events, 0, 200 * MS)
    assert heard(events, 0, 700 * MS).until(450) == heard(events, 0, 450 * MS)
    assert heard(events, 0, 700 * MS).until(900) == heard(events, 0, 700 * MS)


def test_what_begins_within_40_ms_is_a_chord() -> None:
    notes = [Note(at, 60 + at, 100) for at in (0, 20, 40, 41, 82)]

    assert [[note.onset for note in chord] for chord in chords(notes)] == [[0, 20, 40], [41], [82]]
    assert [(note.onset, note.end) for note in together(notes)] == [(0, 100), (0, 120), (0, 140), (41, 141), (82, 182)]


def test_keys_are_counted_by_their_time() -> None:
    playing = Playing((Note(100, 60, 300), Note(200, 64, 100)), (), 1000)

    assert keys_down(playing)[:4].tolist() == [700, 200, 100, 0]
    assert keys_down(playing).sum() == 1000


def test_histograms_count_in_their_bins() -> None:
    notes = (Note(0, 60, 5, 1), Note(0, 64, 100, 8), Note(30, 67, 9999, 127))
    found = histograms(Playing(notes, ((0, 300),), 2400))

    places = {name: np.flatnonzero(counts).tolist() for name, counts in found.items() if name != "keys down"}
    assert places == {
        "inter-onset time": [0, 3],
        "loudness": [0, 1, 15],
        "duration": [0, 6, 16],
        "pedal, time down": [2],
        "pedal, changes": [3],
    }


def test_the_overlap_is_one_less_the_total_variation_distance() -> None:
    ours, theirs = np.array([[2.0, 2, 0], [1, 0, 0], [0, 0, 4]]), np.array([[1.0, 3, 0], [0, 0, 5], [0, 0, 1]])

    assert overlaps(ours, theirs).tolist() == [0.75, 0, 1]


def test_a_dissonance_is_held_where_the_pedal_is_not_changed_with_the_bass() -> None:
    first, second = (Note(0, 48, 400), Note(0, 64, 400)), (Note(1000, 41, 400), Note(1000, 65, 400))
    chord = tuple(sorted([*first, *second]))  # of the pairs C-F C-F E-F E-F, two are harsh

    assert figures(Playing(chord, ((0, 2000),), 2000))["held dissonance"] == (2, 4)
    assert figures(Playing(chord, ((0, 1100), (1200, 2000)), 2000))["held dissonance"] == (0, 0)  # changed with it
    assert figures(Playing(chord, (), 2000))["held dissonance"] == (0, 0)
    assert figures(Playing(chord, ((500, 2000),), 2000))["held dissonance"] == (0, 0)  # the keys were up before


def test_nothing_is_held_over_a_bass_that_is_not_new_or_by_the_keys_themselves() -> None:
    first, pedal = (Note(0, 48, 400), Note(0, 64, 400)), ((0, 2000),)
    above, octave = (Note(500, 53, 400),), (Note(1000, 36, 400), Note(1000, 65, 400))
    keys = (Note(0, 48, 1500), Note(0, 64, 1500), Note(1000, 41, 400))

    for notes in ((*first, *above), (*first, *octave), keys):
        assert figures(Playing(notes, pedal, 2000))["held dissonance"] == (0, 0)


def test_figures_are_sums_by_weights() -> None:
    playing = Playing((Note(0, 60, 100, 60), Note(500, 60, 100, 80)), ((0, 600), (700, 900)), 1200)

    found = figures(playing)

    assert found["pedal, time down"] == (800, 1200)
    assert found["pedal, changes"] == (4800, 1200)
    assert found["loudness sd"] == (10, 1)
    assert found["notes a second"] == (2000, 1200)


# openings


def test_the_first_opening_is_the_beginning_of_the_piece_and_people_go_on() -> None:
    piece = scale("001", 20)

    (opening,) = openings(CODEC, [piece], 1, 3.2, 5, lambda items, _: items)

    tokens = piece.tokens.tolist()
    assert tokens[: len(opening.tokens)] == list(opening.tokens)
    assert (opening.cut_ns, opening.end_ns) == (3300 * MS, 8300 * MS)  # at the note-off
    assert [note.onset for note in opening.people.notes] == list(range(200, 5000, 500))
    assert len(opening.phrase.notes) == 7
    assert opening.continued(CODEC, tokens[len(opening.tokens) :]) == opening.people


def test_later_openings_begin_at_a_note_with_the_pedal_as_it_was() -> None:
    piece = scale("elise", 30, pedal=True)

    found = openings(CODEC, [piece, scale("001", 30)], 6, 3, 5, lambda items, _: items)

    ours = [each for each in found if each.piece == "elise"]
    assert len(ours) == 3
    assert ours[0].phrase.pedal == ((1000, 3000),)
    assert [each.phrase.pedal for each in ours[1:]] == [((0, 3000),)] * 2
    assert [each.phrase.notes[0].onset for each in found] == [0] * 6
    assert len({each.phrase.notes[0].pitch for each in ours}) > 1
    for each in ours:
        struck = [event.event.pitch for event in each.events if isinstance(event.event, NoteOn)]
        offs = [event.event.pitch for event in each.events if isinstance(event.event, NoteOff)]
        assert offs[0] == struck[0]
        assert CODEC.decode_events(each.tokens)  # the grammar allows it
        assert heard(timed(CODEC, each.tokens), 0, each.cut_ns) == each.phrase


def test_a_piece_that_is_too_short_has_no_opening() -> None:
    assert openings(CODEC, [scale("001", 6)], 1, 3, 5, lambda items, _: items) == []


def test_a_continuation_ends_with_its_piece() -> None:
    (opening,) = openings(CODEC, [scale("001", 20)], 1, 3, 5, lambda items, _: items)
    tokens = [CODEC.vocabulary.token(text) for text in ("velocity 80", "90 on", "200 ms", "90 off")]

    ended = opening.continued(CODEC, [*tokens, END, 0, *tokens])

    assert ended == Playing((Note(0, 90, 200, 80),), (), 200)
    assert opening.continued(CODEC, tokens).length == 5000
    assert opening.continued(CODEC, [END]).length == 0


@pytest.mark.parametrize("count", [2, 5])
def test_openings_are_as_many_as_asked_for(count: int) -> None:
    pieces = [scale("001", 30), scale("002", 25), scale("elise", 20)]

    found = openings(CODEC, pieces, count, 3, 5, lambda items, _: items)

    assert len(found) == count
