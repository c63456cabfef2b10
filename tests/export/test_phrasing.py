"""Learning how people play: what is read of a performance, what the network takes, what the measures count."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from export.phrasing.examples import NO_MOVE, moves_of, onsets_of, sing
from export.phrasing.fit import Network, Training, fit, foretell, without_metre
from export.phrasing.measure import correlations, interval, played, pooled, within
from export.phrasing.measure import foretell as by_engine
from export.phrasing.music import Played
from export.phrasing.pedalled import pedalled
from livegen.music.note_features import ONSET_FEATURES, BarPosition
from livegen.music.pedalling import Pedal, PedalMove
from livegen.music.phrasing import Phrasing, Spread, load_phrasing, save_phrasing

KEEP, CHANGE, LIFT = PedalMove


def performance(
    notes: list[tuple[float, float, int, int]], pedal: tuple[tuple[float, bool], ...] = (), side: str = "train"
) -> Played:
    """Notes (onset, end, pitch, velocity), in 4/4 at 120 bpm."""
    columns = [np.array(column) for column in zip(*sorted(notes), strict=True)]
    beats = np.arange(0, notes[-1][0] + 2, 0.5)
    places = np.arange(len(beats)) % 4
    return Played(
        "a song",
        side,
        True,  # noqa: FBT003 (a song)
        columns[0].astype(float),
        columns[1].astype(float),
        columns[2],
        columns[3],
        pedal,
        beats,
        places,
        np.full(len(beats), 4),
        False,  # noqa: FBT003 (not compound)
    )


def tune(count: int = 200, seed: int = 0) -> list[tuple[float, float, int, int]]:
    """Two voices in eighths whose upper one is louder by twenty, and the first of a bar by ten."""
    chance = np.random.default_rng(seed)
    found = []
    for index in range(count):
        at, top = index / 4, int(chance.integers(67, 80))
        found += [(at, at + 0.24, top, 80 + 10 * (index % 8 == 0)), (at, at + 0.24, top - 20, 60)]
    return found


def footwork(count: int) -> tuple[tuple[float, bool], ...]:
    """A pedal that is changed on each bar line of two seconds."""
    moves = [(0.1, True)]
    for bar in range(1, count):
        moves += [(2.0 * bar + 0.02, False), (2.0 * bar + 0.15, True)]
    return tuple(moves)


def test_notes_that_begin_together_are_one_onset_with_its_place_in_the_bar() -> None:
    found = list(onsets_of(performance([(0.0, 1, 60, 50), (0.02, 1, 67, 70), (0.5, 1, 64, 80), (2.26, 3, 62, 40)])))

    assert [(onset.pitches, loud) for onset, loud in found] == [((67, 60), [70, 50]), ((64,), [80]), ((62,), [40])]
    assert found[1][0].place == BarPosition(1.0, 4, 0.5)
    last = found[2][0].place
    assert last
    assert last.beat == pytest.approx(0.52)


def test_what_the_foot_does_is_put_to_the_notes_it_comes_with() -> None:
    at_s = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    pedal = ((0.1, True), (0.95, False), (1.1, True), (3.02, False), (4.1, True), (4.5, False))

    played = performance([(at, at + 1, 60, 64) for at in at_s], pedal * 2)

    assert moves_of(replace(played, pedal=pedal), at_s) == [NO_MOVE] * 6  # hardly any pedal is none
    long = replace(played, pedal=(*pedal, *((10.0 + each, bool(each % 2)) for each in range(6))))
    assert moves_of(long, at_s) == [CHANGE, CHANGE, KEEP, LIFT, KEEP, CHANGE]


def test_a_pedal_that_goes_down_again_soon_was_changed_though_more_notes_begin_before() -> None:
    at_s = [index / 10 for index in range(40)]
    pedal = ((0.1, True), *((0.52 + each, bool(index % 2)) for index, each in enumerate([0, 0.25, 1, 1.8, 2.4])))
    played = performance([(at, at + 0.1, 60, 64) for at in at_s], pedal + ((9.0, True), (9.1, False)) * 3)

    found = {index: move for index, move in enumerate(moves_of(played, at_s)) if move != KEEP}

    assert found == {1: CHANGE, 5: CHANGE, 15: LIFT, 23: CHANGE, 29: LIFT}


def test_inputs_are_transposed_with_their_keys() -> None:
    sung = sing(performance(tune(8)))

    plain, higher = sung.inputs(0, 8), sung.inputs(0, 8, 3)

    assert np.array_equal(
        np.roll(plain[:, ONSET_FEATURES : ONSET_FEATURES + 88], 3, 1), higher[:, ONSET_FEATURES : ONSET_FEATURES + 88]
    )
    assert np.array_equal(plain[:, ONSET_FEATURES + 88 :], higher[:, ONSET_FEATURES + 88 :])
    assert higher[:, 5] - plain[:, 5] == pytest.approx(3 / 24)


def test_the_metre_can_be_unknown() -> None:
    inputs = sing(performance(tune(8))).inputs(0, 8)

    bar, none = without_metre(inputs.copy(), 0.3), without_metre(inputs.copy(), 0.1)

    assert np.count_nonzero((inputs != bar).any(0)) > 3
    assert (none[:, ONSET_FEATURES - 15 : ONSET_FEATURES] == 0).all()
    assert np.array_equal(without_metre(inputs.copy(), 0.9), inputs)


@pytest.fixture(scope="module")
def learnt() -> Phrasing:
    music = [performance(tune(600, seed), footwork(75), side) for seed, side in enumerate(["train"] * 6 + ["valid"])]
    return fit([sing(each) for each in music], Training(units=24, epochs=30, batch=4, dropout=0, rate=1e-2))


def test_a_melody_and_the_first_of_a_bar_are_learnt_to_be_louder(learnt: Phrasing) -> None:
    sung = sing(performance(tune(64, 99)))

    found = by_engine(learnt, sung)[32:].reshape(-1, 2)

    assert (found[:, 0] - found[:, 1]).min() > 10
    assert found[::8, 0].mean() - found[4::8, 0].mean() > 4


def test_a_foot_that_changes_on_the_bar_line_is_learnt(learnt: Phrasing) -> None:
    sung = sing(performance(tune(128, 98), footwork(16)))
    heard, pedal, chances = learnt.begin(), Pedal(), []

    for onset, move in zip(sung.onsets, sung.moves, strict=True):
        heard, _ = learnt.hear(heard, onset)
        chances.append(learnt.moves(heard, pedal, onset)[CHANGE])
        pedal = pedal.after(onset, PedalMove(move))

    assert np.mean(chances[32::8]) > 5 * np.mean([chance for index, chance in enumerate(chances) if index % 8])


def test_the_engine_hears_what_the_network_that_was_trained_hears() -> None:
    torch.manual_seed(0)
    network = Network(16, 0)
    sung = sing(performance(tune(50)))

    found = by_engine(Phrasing(network.weights(), Spread(1, 0, 1)), sung)

    assert found == pytest.approx(foretell(network, sung), abs=1e-3)


def test_the_file_keeps_what_was_learnt(learnt: Phrasing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_phrasing(learnt, tmp_path / "phrasing.npz")
    monkeypatch.setattr("livegen.music.phrasing.FILE", tmp_path / "phrasing.npz")
    load_phrasing.cache_clear()

    sung = sing(performance(tune(50)))

    assert by_engine(load_phrasing(), sung) == pytest.approx(by_engine(learnt, sung), abs=0.5)
    load_phrasing.cache_clear()


def test_correlations_are_of_all_notes_and_within_each_performance() -> None:
    low, high = np.array([1.0, 2, 3]), np.array([11.0, 12, 13])
    pairs = [(low, low[::-1]), (high, high[::-1])]

    assert within(pairs) == pytest.approx(-1)
    assert pooled(pairs) > 0.9
    assert interval(within, pairs) == "-1.000 (-1.000 to -1.000)"


def test_a_pedal_is_counted_by_its_time_its_changes_and_what_it_holds_over() -> None:
    chords = [(0.0, 0.4, 48, 60), (0.0, 0.4, 64, 60), (2.0, 2.4, 53, 60), (2.0, 2.4, 65, 60), (4.0, 4.4, 48, 60)]
    sung = sing(performance(chords))

    held = pedalled(sung, ((0.1, True), (4.0, False)))
    changed = pedalled(sung, ((0.1, True), (2.0, False), (2.1, True), (4.0, False)))

    assert held.share == pytest.approx(3.9 / 4)
    assert (held.changes, changed.changes) == (1 / 3, 2 / 3)
    assert (held.dissonance, changed.dissonance) == (0.5, 0)


def test_people_and_livegen_stand_side_by_side(learnt: Phrasing) -> None:
    def each(items: Any, what: str) -> Any:
        return items

    sung = [sing(performance(tune(200, 97), footwork(25), "test"))]

    rows = list(played(learnt, sung, each))
    table = list(correlations(sung, {"livegen": [by_engine(learnt, one) for one in sung]}))

    assert {row["figure"] for row in rows} >= {"sd in 8 s", "pedal down, share", "pedal changes a bar"}
    assert [row["held out"] for row in table] == ["all", "songs"]
    assert float(table[0]["correlation"].split()[0]) > 0.8
