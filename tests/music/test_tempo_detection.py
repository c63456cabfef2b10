"""Tempo from playing."""

import random
from itertools import accumulate

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import Note
from livegen.music.tempo_detection import detect_beats_per_bar, detect_tempo
from livegen.music.tempo_map import SteadyTempo

QUARTERS_AND_EIGHTHS = (0, 4, 8, 10, 12, 16, 20, 24, 28)  # in sixteenths


def play(steps: tuple[int, ...], bpm: float, spread_ms: float = 0, seed: int = 0) -> list[int]:
    """Onsets in ns at a tempo, each off by a normal error."""
    chance = random.Random(seed)
    sixteenth = 15 * NS_PER_S / bpm
    return sorted(10**13 + round(step * sixteenth + chance.gauss(0, spread_ms) * NS_PER_MS) for step in steps)


@pytest.mark.parametrize("bpm", [66, 72, 84, 96, 108, 120, 132])
def test_the_tempo_of_a_steady_phrase_is_found(bpm: float) -> None:
    tempo = detect_tempo(play(QUARTERS_AND_EIGHTHS, bpm))

    assert tempo.tempo_bpm == pytest.approx(bpm, rel=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_the_tempo_of_an_uneven_phrase_is_found_within_two_percent(seed: int) -> None:
    tempo = detect_tempo(play(QUARTERS_AND_EIGHTHS, 92, spread_ms=12, seed=seed))

    assert tempo.tempo_bpm == pytest.approx(92, rel=0.02)


def test_onsets_stand_on_the_grid_that_was_found() -> None:
    onsets = play(QUARTERS_AND_EIGHTHS, 97)

    tempo = detect_tempo(onsets)

    assert [tempo.tick_at(onset) for onset in onsets] == [240 * step for step in QUARTERS_AND_EIGHTHS]


def test_a_pickup_comes_before_the_beat() -> None:
    onsets = play((2, 4, 8, 12, 14, 16), 100)

    tempo = detect_tempo(onsets)

    assert [tempo.tick_at(onset) // 240 for onset in onsets] == [2, 4, 8, 12, 14, 16]


def test_the_notes_of_a_spread_chord_are_one_onset() -> None:
    onsets = [onset + late * NS_PER_MS for onset in play((0, 4, 8, 12), 90) for late in (0, 9, 17)]

    assert detect_tempo(onsets).tempo_bpm == pytest.approx(90, rel=0.01)


def test_a_fixed_tempo_is_kept_and_its_beat_is_found() -> None:
    onsets = play((0, 4, 8, 12), 100)

    tempo = detect_tempo(onsets, fixed_beat_ns=600 * NS_PER_MS)

    assert (tempo.beat_ns, tempo.ns_at(960)) == (600 * NS_PER_MS, onsets[1])


def test_one_onset_is_a_beat() -> None:
    assert detect_tempo([5 * NS_PER_S]).ns_at(0) == 5 * NS_PER_S


def bars(beats: tuple[float, ...], count: int) -> list[Note]:
    """Bars of notes of so many beats each."""
    notes, tick = [], 0
    for _ in range(count):
        for length in beats:
            notes.append(Note(tick, 60, round(length * 960)))
            tick += round(length * 960)
    return notes


@pytest.mark.parametrize(
    ("beats", "found"),
    [((2, 1), 3), ((1.5, 0.5, 1), 3), ((2, 1, 1), 4), ((1, 1, 2), 4), ((1, 1, 1, 1), 4), ((4,), 4)],
)
def test_a_bar_is_found_by_where_the_long_notes_stand(beats: tuple[float, ...], found: int) -> None:
    assert detect_beats_per_bar(bars(beats, 6)) == found


def test_a_single_note_stands_in_four() -> None:
    assert detect_beats_per_bar(bars((1,), 1)) == 4


@pytest.mark.parametrize("gaps_ms", [(36,), (47,), (36, 50), (40, 40, 40)])
def test_a_slowly_rolled_chord_is_a_beat_of_100_bpm(gaps_ms: tuple[int, ...]) -> None:
    onsets = list(accumulate((0, *gaps_ms)))

    assert detect_tempo([onset * NS_PER_MS for onset in onsets]) == SteadyTempo(0, 600 * NS_PER_MS)
