"""The metre of a phrase that is played: tempo, bars, upbeat, swing."""

import random
from itertools import accumulate

import numpy as np
import pytest

from export.corpora.metred import Metred, of_tune
from export.metre.performed import perform, swung
from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.music.metre import Bars
from livegen.music.metre_detection import HeardMetre, finished, hear_in_steps, hear_metre
from livegen.music.metre_profiles import load_metres
from livegen.music.tempo_map import SteadyTempo

HYMN = (67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69)  # Old Hundredth, a beat each but the last two
WASHERWOMAN = """X:1
M:6/8
L:1/8
K:G
BGG DGG|BGB dcB|cAA EAA|cAc edc|BGG DGG|BGB dcB|cBc Adc|BGG G3|
"""
GRACE = """X:1
M:3/4
L:1/4
K:G
D|G2B/G/|B2A|G2E|D2D|G2B/G/|B2A|d3|d2
"""
SOLDIERS_JOY = """X:1
M:4/4
L:1/8
K:D
dfaf dfaf|gfed cdef|dfaf dfaf|gfec d2ef|dfaf dfaf|gfed cABc|dfaf gbag|fdec d4|
"""


def tune(text: str) -> Metred:
    found = of_tune("", text)
    assert found is not None
    return found


def heard(text: str, bpm: float, *, swing: float = 1.0, seed: int = 0, bars: int = 8) -> HeardMetre:
    """What is heard of so many bars, played by somebody whose moments are off by 12 ms."""
    phrase = perform(tune(text), 0, bars, bpm, np.random.default_rng(seed), swing=swing, jitter_s=0.012)
    assert phrase is not None
    return hear_metre(*phrase.notes)


def play(steps: tuple[float, ...], bpm: float, spread_ms: float = 0, seed: int = 0) -> list[int]:
    """Onsets in ns, given in sixteenths, each off by a normal error."""
    chance = random.Random(seed)
    sixteenth = 15 * NS_PER_S / bpm
    return sorted(10**13 + round(step * sixteenth + chance.gauss(0, spread_ms) * NS_PER_MS) for step in steps)


def hymn(bpm: float, spread_ms: float = 0, seed: int = 0) -> HeardMetre:
    return hear_metre(play(tuple(4 * beat for beat in range(len(HYMN))), bpm, spread_ms, seed), HYMN)


@pytest.mark.parametrize("bpm", [92, 110, 128])
@pytest.mark.parametrize("seed", range(3))
def test_a_jig_is_heard_as_a_jig(bpm: float, seed: int) -> None:
    found = heard(WASHERWOMAN, bpm, seed=seed)

    assert str(found.bars) == "6/8"
    assert found.tempo.tempo_bpm == pytest.approx(bpm, rel=0.03)
    assert (found.bars.upbeat, found.tempo.swing) == (0, 1)
    assert found.ticks[:7] == (0, 320, 640, 960, 1280, 1600, 1920)


@pytest.mark.parametrize("bpm", [90, 110])
@pytest.mark.parametrize("seed", range(3))
def test_a_waltz_begins_with_its_upbeat(bpm: float, seed: int) -> None:
    found = heard(GRACE, bpm, seed=seed)

    assert str(found.bars) == "3/4"
    assert found.tempo.tempo_bpm == pytest.approx(bpm, rel=0.03)
    assert found.bars.upbeat == 960


@pytest.mark.parametrize("seed", range(3))
def test_a_reel_is_straight(seed: int) -> None:
    found = heard(SOLDIERS_JOY, 150, seed=seed)

    assert (str(found.bars), found.tempo.swing) == ("4/4", 1)


@pytest.mark.parametrize("swing", [1.5, 1.8, 2.1])
@pytest.mark.parametrize("seed", range(3))
def test_how_far_a_line_swings_is_heard(swing: float, seed: int) -> None:
    found = heard(SOLDIERS_JOY, 150, swing=swing, seed=seed)

    assert str(found.bars) == "4/4"
    assert found.tempo.swing == pytest.approx(swing, rel=0.1)
    assert set(np.diff(found.ticks)) <= {480, 960}  # as it is written: even eighths


@pytest.mark.parametrize("bpm", [76, 92, 107])
@pytest.mark.parametrize("seed", range(3))
def test_a_hymn_has_a_note_a_beat(bpm: float, seed: int) -> None:
    found = hymn(bpm, spread_ms=12, seed=seed)

    assert found.tempo.tempo_bpm == pytest.approx(bpm, rel=0.02)
    assert set(np.diff(found.ticks)) == {960}


def test_a_steady_tempo_is_found_exactly() -> None:
    assert hymn(97).tempo.tempo_bpm == pytest.approx(97, rel=1e-4)


def test_a_phrase_is_expected_to_go_on_as_the_last_one_did() -> None:
    before = heard(GRACE, 90)
    few, pitches = play((0, 4, 8, 12, 16, 20), 90), (67, 69, 71, 72, 71, 69)  # six even quarters

    alone, after = hear_metre(few, pitches), hear_metre(few, pitches, before)

    assert (str(alone.bars), str(after.bars)) == ("4/4", "3/4")
    assert after.tempo.tempo_bpm == pytest.approx(90, rel=0.02)


def test_a_fixed_tempo_is_kept_and_its_beat_is_found() -> None:
    onsets = play((0, 4, 8, 12), 100)

    tempo = hear_metre(onsets, HYMN[:4], fixed_beat_ns=600 * NS_PER_MS).tempo

    assert tempo.beat_ns == 600 * NS_PER_MS
    assert abs(tempo.ns_at(960) - onsets[1]) < NS_PER_MS


def test_a_beat_that_may_not_have_three_parts_has_two() -> None:
    phrase = perform(tune(WASHERWOMAN), 0, 8, 110, np.random.default_rng(0))
    assert phrase is not None

    assert not hear_metre(*phrase.notes, may_be_compound=False).bars.is_compound


def test_the_notes_of_a_spread_chord_are_one_onset() -> None:
    onsets = [onset + late * NS_PER_MS for onset in play((0, 4, 8, 12), 90) for late in (0, 9, 17)]

    ticks = hear_metre(onsets, (60, 64, 67) * 4).ticks

    assert [len(set(ticks[at : at + 3])) for at in range(0, 12, 3)] == [1, 1, 1, 1]


@pytest.mark.parametrize("gaps_ms", [(), (36,), (47,), (36, 50), (40, 40, 40)])
def test_a_note_alone_and_a_slowly_rolled_chord_have_no_tempo(gaps_ms: tuple[int, ...]) -> None:
    onsets = [onset * NS_PER_MS for onset in accumulate((0, *gaps_ms))]

    found = hear_metre(onsets, (60, 64, 67, 72)[: len(onsets)])

    assert (found.tempo, found.bars) == (SteadyTempo(0, 600 * NS_PER_MS), Bars())


@pytest.mark.parametrize("count", [1, 3])
def test_a_note_alone_and_a_chord_go_on_as_the_phrase_before(count: int) -> None:
    before = heard(GRACE, 90)

    found = hear_metre([index * 9 * NS_PER_MS for index in range(count)], (60, 64, 67)[:count], before)

    assert (found.tempo, found.bars) == (SteadyTempo(0, before.tempo.beat_ns), Bars(3))
    assert found.sureness == 0


def test_the_ear_listens_in_many_steps_and_hears_the_same() -> None:
    onsets, pitches = play(tuple(4 * beat for beat in range(len(HYMN))), 84, 12), HYMN

    steps = list(hear_in_steps(onsets, pitches))

    assert len(steps) >= 15
    assert finished(hear_in_steps(onsets, pitches)) == hear_metre(onsets, pitches)


def test_a_clear_rhythm_is_heard_surely_and_what_has_none_less_so() -> None:
    chance = random.Random(1)
    moments = [list(accumulate(chance.randrange(60, 1_500) * NS_PER_MS for _ in range(16))) for _ in range(8)]

    assert hymn(84, spread_ms=12).sureness > 0.95
    assert sum(hear_metre(each, HYMN).sureness for each in moments) / 8 < 0.8


@pytest.mark.parametrize("bpm", [20, 40, 240, 300])
def test_a_tempo_out_of_the_usual_is_heard_as_its_half_double_or_third(bpm: float) -> None:
    heard_bpm = hymn(bpm).tempo.tempo_bpm

    assert min(abs(heard_bpm / bpm - factor) for factor in (0.25, 1 / 3, 0.5, 1, 2, 3, 4)) < 0.03
    assert 35 < heard_bpm < 260


@pytest.mark.parametrize("seed", range(5))
def test_what_has_no_rhythm_has_a_tempo_in_reason(seed: int) -> None:
    chance = random.Random(seed)
    onsets = list(accumulate(chance.randrange(60, 1_500) * NS_PER_MS for _ in range(40)))

    found = hear_metre(onsets, [chance.randrange(40, 90) for _ in onsets])

    assert 35 < found.tempo.tempo_bpm < 260
    assert len(found.ticks) == 40
    assert list(found.ticks) == sorted(found.ticks)


def test_forty_fast_notes_have_a_tempo() -> None:
    found = hear_metre([index * 62 * NS_PER_MS for index in range(40)], [60 + index % 12 for index in range(40)])

    assert 35 < found.tempo.tempo_bpm < 260


def test_a_compound_metre_can_be_counted_in_quarters() -> None:
    found = heard(WASHERWOMAN, 110).in_quarters()

    assert str(found.bars) == "3/4"
    assert found.tempo.tempo_bpm == pytest.approx(165, rel=0.03)
    assert found.ticks[:4] == (0, 480, 960, 1440)


def test_swung_onsets_are_late_in_the_second_half_of_the_beat() -> None:
    assert swung(np.array([0.0, 0.5, 1.0, 1.75]), 2.0).round(3).tolist() == [0, 0.667, 1, 1.833]


def test_the_moves_of_each_metre_are_probabilities() -> None:
    for metre in load_metres().metres:
        assert metre.profile.moves.sum((1, 2)) == pytest.approx(1, rel=1e-3)
        assert metre.profile.first.sum() == pytest.approx(1, rel=1e-3)
        assert sorted(metre.target) == list(metre.target)
        assert set(metre.target) == set(range(len(metre.profile.positions)))  # each position can be come to
