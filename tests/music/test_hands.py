"""Two hands, told apart."""

import pytest

from livegen.clock import NS_PER_MS
from livegen.events import NoteOff, NoteOn, Timed
from livegen.music.hands import Hands

Stroke = tuple[int, int, int]  # pitch, ms at which the key goes down, ms for which it is down


def left(*strokes: Stroke, is_split: bool = False) -> list[int]:
    """The pitches that are the left hand's at the moment at which they are pressed, in order."""
    events = [Timed(at * NS_PER_MS, NoteOn(p), is_split and p < 60) for p, at, _ in strokes]
    events += [Timed((at + ms) * NS_PER_MS, NoteOff(p), is_split and p < 60) for p, at, ms in strokes]
    hands, found = Hands(), []
    for timed in sorted(events, key=lambda timed: (timed.at_ns, isinstance(timed.event, NoteOn))):
        hands.hear(timed)
        if isinstance(timed.event, NoteOn) and hands.is_left(timed.event.pitch):
            found.append(timed.event.pitch)
    return found


def line(*pitches: int, ms: int = 500, begin_ms: int = 0, overlap_ms: int = -50) -> list[Stroke]:
    """One note after the other."""
    return [(pitch, begin_ms + index * ms, ms + overlap_ms) for index, pitch in enumerate(pitches)]


@pytest.mark.parametrize("overlap_ms", [-300, -50, 0, 40])
@pytest.mark.parametrize(
    "melody",
    [(60, 62, 64, 65, 67, 69, 71, 72, 60, 62, 64), (67, 76, 67, 64, 79, 77, 67, 66), (72, 60, 48, 50, 52, 55, 48)],
    ids=["octave down", "leaps up and down", "two octaves down"],
)
def test_a_melody_alone_is_no_left_hand_whatever_its_leaps(melody: tuple[int, ...], overlap_ms: int) -> None:
    hands = Hands()
    strokes = line(*melody, overlap_ms=overlap_ms)
    for pitch, at_ms, held_ms in strokes:
        hands.hear(Timed(at_ms * NS_PER_MS, NoteOn(pitch)))
        before = [each for each in strokes if each[1] < at_ms <= each[1] + each[2]]
        for each in before:
            hands.hear(Timed((each[1] + each[2]) * NS_PER_MS, NoteOff(each[0])))
        if not before:
            hands.hear(Timed((at_ms + held_ms) * NS_PER_MS, NoteOff(pitch)))

        assert not hands.is_left(pitch)


MELODY = line(67, 69, 71, 72, 74, 72, 71, 67)


@pytest.mark.parametrize(
    "low",
    [
        line(*(48, 55, 52, 55) * 4, ms=250),
        line(*(36, 52, 36, 50) * 2, ms=500, overlap_ms=-350),
        line(43, 45, ms=2_000),
        [(pitch, at_ms, 1_900) for at_ms in (0, 2_000) for pitch in (48, 52, 55)],
    ],
    ids=["broken chords", "bass and chord", "long basses", "held chords"],
)
@pytest.mark.parametrize("later_ms", [-30, 0, 15, 30])
def test_an_accompaniment_below_a_melody_is_the_left_hands(low: list[Stroke], later_ms: int) -> None:
    moved = [(pitch, 100 + at_ms + later_ms, held_ms) for pitch, at_ms, held_ms in low]
    melody = [(pitch, 100 + at_ms, held_ms) for pitch, at_ms, held_ms in MELODY]

    found = left(*melody, *moved)

    expected = [pitch for pitch, *_ in sorted(moved, key=lambda stroke: (stroke[1], stroke[0]))]
    assert len(found) >= len(expected) - 3  # what comes before the first note of the melody may be a melody itself
    assert set(found) <= {pitch for pitch, *_ in low}


def test_a_left_hand_that_begins_alone_is_known_once_a_melody_comes_in_above() -> None:
    hands = Hands()
    hands.hear(Timed(0, NoteOn(48)))
    before = hands.is_left(48)
    hands.hear(Timed(1_000 * NS_PER_MS, NoteOn(67)))

    assert not before
    assert hands.is_left(48)
    assert not hands.is_left(67)


def test_a_split_decides_alone_from_the_first_key_below_it_on() -> None:
    assert left((52, 0, 900), (62, 10, 100), (59, 300, 100), (72, 400, 500), (61, 500, 100), is_split=True) == [52, 59]
