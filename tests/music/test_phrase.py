"""A phrase on its grid."""

from livegen.events import Note
from livegen.music.metre import Bars
from livegen.music.metre_detection import HeardMetre
from livegen.music.phrase import Phrase, lay_out
from livegen.music.tempo_map import SteadyTempo

METER = SteadyTempo(0, 960_000)  # a tick is a microsecond
FOUR = Bars(4)


def laid_out(played: list[tuple[int, int, int, int]], tempo: SteadyTempo = METER, bars: Bars = FOUR) -> Phrase:
    return lay_out(played, HeardMetre(tempo, bars, tuple(tempo.tick_at(onset_ns) for onset_ns, *_ in played)), 240)


def test_small_gaps_are_articulation_and_long_ones_rests() -> None:
    played = [(0, 700_000, 60, 80), (960_000, 1_800_000, 62, 80), (3_840_000, 4_700_000, 64, 80)]

    phrase = laid_out(played)

    assert phrase.notes == (Note(0, 60, 960, 80), Note(960, 62, 960, 80), Note(3840, 64, 960, 80))
    assert phrase.length == 4800


def test_a_pitch_struck_again_ends_where_it_is_struck() -> None:
    phrase = laid_out([(0, 1_000_000, 60, 80), (470_000, 960_000, 60, 80)])

    assert phrase.notes == (Note(0, 60, 480, 80), Note(480, 60, 480, 80))


def test_of_a_long_phrase_the_last_beats_are_kept_even_under_a_held_note() -> None:
    drone = (0, 60 * 960_000, 48, 70)

    phrase = laid_out([drone], bars=Bars(3, upbeat=960))

    assert phrase.notes == (Note(0, 48, 32 * 960, 70),)
    assert (phrase.length, phrase.whole_length) == (32 * 960, 60 * 960)
    assert phrase.tempo.anchor_ns == 28 * 960_000
    assert phrase.bars == Bars(3, upbeat=0)  # bar lines are at beats 1, 4 ... 28


def test_a_long_note_that_is_cut_by_its_own_pitch_does_not_push_everything_out_of_the_phrase() -> None:
    tempo = SteadyTempo(0, 1_000_000_000)
    held = (0, 200_000_000_000, 60, 80)
    struck_beside_it = (1_000_000_000, 2_000_000_000, 60, 80)

    phrase = laid_out([held, struck_beside_it], tempo)

    assert [(note.onset, note.end, note.pitch) for note in phrase.notes] == [(0, 960, 60), (960, 1920, 60)]
    assert phrase.whole_length == 1920


def test_a_short_note_just_before_its_beat_is_on_it() -> None:
    phrase = laid_out([(-200_000, -190_000, 60, 80)])

    assert phrase.notes == (Note(0, 60, 960, 80),)


def test_notes_are_written_as_they_were_meant_where_the_tempo_wanders() -> None:
    tempo = SteadyTempo(0, 960_000)
    heard = HeardMetre(tempo, Bars(), (0, 960, 1920))

    phrase = lay_out([(0, 800_000, 60, 80), (1_100_000, 1_900_000, 62, 80), (2_300_000, 3_200_000, 64, 80)], heard, 240)

    assert [note.onset for note in phrase.notes] == [0, 960, 1920]
