"""How much of a phrase an answer takes up."""

from export.measures.motif import COPY, entropy, intervals, kinship, ratios, shuffled, skyline
from livegen.events import Note


def line(pitches: list[int], lengths: list[int] | None = None) -> list[Note]:
    lengths = lengths or [480] * len(pitches)
    return [Note(sum(lengths[:at]), pitch, lengths[at]) for at, pitch in enumerate(pitches)]


def test_the_skyline_is_the_highest_note_of_each_onset() -> None:
    assert [note.pitch for note in skyline([Note(0, 60, 10), Note(0, 64, 10), Note(480, 62, 10)])] == [64, 62]


def test_repeated_notes_are_no_interval() -> None:
    assert intervals(line([60, 62, 62, 65, 64])) == [2, 3, -1]


def test_the_same_motif_in_another_key_is_the_same() -> None:
    phrase, answer = line([60, 62, 64, 67, 65]), line([67, 69, 71, 74, 72])

    assert kinship(answer, phrase) == 1


def test_half_of_a_motif_is_half() -> None:
    phrase = line([60, 62, 64, 67])  # +2 +2 +3

    assert kinship(line([60, 62, 64, 67, 60]), phrase) == 0.5


def test_an_answer_of_three_notes_has_no_motif() -> None:
    assert kinship(line([60, 62, 64]), line([60, 62, 64, 65])) is None


def test_a_copy_has_eight_notes() -> None:
    phrase = line([60, 62, 64, 65, 67, 69, 71, 72, 74])

    assert kinship(line([60, 62, 64, 65, 67, 69, 71, 72]), phrase, length=COPY) == 1
    assert kinship(line([60, 62, 64, 65, 67, 69, 71, 73]), phrase, length=COPY) == 0


def test_the_entropy_of_four_pitch_classes_that_are_as_frequent_is_two_bits() -> None:
    assert entropy(line([60, 62, 64, 65, 72])) is not None
    assert entropy(line([60, 62, 64, 65])) == 2
    assert entropy(line([60, 72])) == 0
    assert entropy([]) is None


def test_rhythm_is_known_at_another_tempo() -> None:
    assert ratios(line([60, 60, 60, 60], [480, 240, 240, 480])) == [0.5, 1.0]
    phrase, slower = line([60] * 6, [480, 240, 240, 480, 240, 240]), line([60] * 6, [960, 480, 480, 960, 480, 480])

    assert kinship(slower, phrase, ratios) == 1


def test_a_shuffled_phrase_has_the_same_pitches_at_the_same_onsets() -> None:
    notes = line([60, 62, 64, 65, 67, 69])

    mixed = shuffled(notes, 1)

    assert sorted(note.pitch for note in mixed) == [60, 62, 64, 65, 67, 69]
    assert [note.onset for note in mixed] == [note.onset for note in notes]
    assert mixed != notes
