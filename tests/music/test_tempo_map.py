"""Ticks and nanoseconds."""

import pytest

from livegen.music.tempo_map import SteadyTempo, nearest, next_multiple


@pytest.mark.parametrize("beat_ns", [200_000_001, 600_000_000, 1_499_999_999])
def test_a_tick_and_its_moment_find_each_other(beat_ns: int) -> None:
    tempo = SteadyTempo(10**15, beat_ns)

    assert [tempo.tick_at(tempo.ns_at(tick)) for tick in range(-5000, 500_000, 7919)] == list(
        range(-5000, 500_000, 7919)
    )


def test_ten_hours_of_beats_do_not_drift() -> None:
    tempo = SteadyTempo(0, 333_333_333)

    assert tempo.ns_at(960 * 108_000) == 108_000 * 333_333_333


def test_multiples_round_as_they_say() -> None:
    assert [nearest(tick, 240) for tick in (-121, -120, 119, 120, 361)] == [-240, 0, 0, 240, 480]
    assert [next_multiple(tick, 960) for tick in (-1, 0, 1, 960, 961)] == [0, 0, 960, 960, 1920]


@pytest.mark.parametrize("swing", [1.3, 1.5, 2.0, 3.0])
def test_a_swung_tick_and_its_moment_find_each_other(swing: float) -> None:
    tempo = SteadyTempo(10**15, 500_000_000, swing)
    ticks = range(-5_000, 50_000, 7)

    assert max(abs(tempo.tick_at(tempo.ns_at(tick)) - tick) for tick in ticks) <= 1
    moments = [tempo.ns_at(tick) for tick in ticks]
    assert moments == sorted(moments)


def test_in_swung_music_the_second_half_of_a_beat_is_late() -> None:
    tempo = SteadyTempo(0, 600_000_000, 2.0)

    assert [tempo.ns_at(tick) for tick in (0, 480, 960, 1440)] == [0, 400_000_000, 600_000_000, 1_000_000_000]
