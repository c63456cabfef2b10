"""Histograms of pitch classes and lengths, and their overlap."""

import pytest

from export.measures.music import Music
from export.measures.overlap import Overlap, area, histogram, lengths, overlap, pitch_classes
from livegen.events import Note


def test_pitch_classes_are_counted_over_all_octaves() -> None:
    music = [Music((), (Note(0, 60, 960), Note(0, 72, 960))), Music((), (Note(0, 64, 960), Note(0, 47, 960)))]

    assert pitch_classes(music) == {0: 0.5, 4: 0.25, 11: 0.25}


def test_lengths_are_rounded_to_twelfths_and_held_within_a_semibreve() -> None:
    notes = tuple(Note(0, 60, duration) for duration in (1, 479, 480, 99_999))

    assert lengths([Music((), notes)]) == {80: 0.25, 480: 0.5, 3840: 0.25}


def test_area_is_one_for_the_same_and_none_for_nothing_in_common() -> None:
    assert area({1: 0.5, 2: 0.5}, {2: 0.5, 1: 0.5}) == 1
    assert area({1: 1.0}, {2: 1.0}) == 0
    assert area({1: 0.75, 2: 0.25}, {1: 0.25, 3: 0.75}) == 0.25
    assert histogram([]) == {}


def test_overlap_stands_beside_that_of_the_training_part() -> None:
    ours, theirs, trained = {0: 1.0}, {0: 0.5, 1: 0.5}, {0: 0.4, 1: 0.6}

    assert overlap(ours, theirs, trained) == Overlap(ours, theirs, 0.5, pytest.approx(0.9))
