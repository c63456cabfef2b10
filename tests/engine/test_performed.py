"""The codec of performances in the engine: a solo keeps the time of hands, and nothing hangs."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from livegen.clock import NS_PER_MS
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_KEY, FIRST_LOUDNESS, FIRST_WAIT, STEP_NS, WAITS
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import State, Stepper
from livegen.music.phrase_capture import PhraseCapture
from tests.support.hall import Hall


class Monkey:
    """Hits keys and the pedal by chance, and lets go of a key sooner than it takes another."""

    def __init__(self, codec: PerformanceCodec) -> None:
        self._odds = np.zeros(len(codec.vocabulary), np.float32)
        self._odds[FIRST_WAIT:FIRST_LOUDNESS] = np.where(np.array(WAITS) > 30, -5, 0)
        self._odds[FIRST_KEY + 88 :] = 3

        self.told: list[int] = []

    def initial(self, batch: int = 1) -> State:
        return {"nothing": np.zeros((batch, 1), np.float32)}

    def step(self, tokens: NDArray[np.int64], state: State) -> tuple[NDArray[np.float32], State]:
        self.told += tokens[0].tolist()
        return np.broadcast_to(self._odds, (*tokens.shape, len(self._odds))), state


@pytest.fixture(scope="module")
def performed() -> Bundle:
    codec = PerformanceCodec()
    return replace(load_bundle("bach"), codec=cast(Any, codec), stepper=cast(Stepper, Monkey(codec)))


def texts_told(performed: Bundle) -> list[str]:
    monkey, text = cast(Monkey, performed.stepper), performed.codec.vocabulary.text
    told, monkey.told = monkey.told, []
    return [text(token) for token in told]


def test_a_solo_without_a_clock_is_in_real_time(performed: Bundle) -> None:
    hall = Hall(performed, {"play": {"role": "solo", "seed": 1}})

    hall.wait(20_000)

    begin_ns = hall.sent[0].at_ns
    assert {(timed.at_ns - begin_ns) % STEP_NS for timed in hall.sent} == {0}
    assert {timed.event.velocity for timed in hall.onsets() if isinstance(timed.event, NoteOn)} > {8, 64, 127}
    assert any(isinstance(timed.event, ControlChange) for timed in hall.sent)


def test_an_answer_begins_on_its_beat_and_leaves_no_note_and_no_pedal_down(performed: Bundle) -> None:
    hall = Hall(performed, {"play": {"seed": 1}})
    for pitch in (60, 62, 64, 65) * 2:
        hall.note(pitch, 450, 50)

    hall.wait_for_onset()
    hall.wait(20_000)

    assert len(hall.onsets()) > 10
    assert hall.ledger.lasting() == ()


def test_a_player_who_interrupts_ends_its_notes_and_its_pedal(performed: Bundle) -> None:
    hall = Hall(performed, {"play": {"seed": 2}})
    for _ in range(3):
        for pitch in (60, 62, 64, 65) * 2:
            hall.note(pitch, 450, 50)
        hall.wait_for_onset()
        hall.wait(700)

    hall.play(NoteOn(84, 80))
    hall.wait(1_000)

    assert hall.ledger.lasting() == ()
    assert not [timed for timed in hall.onsets(hall.now_ns - 900 * NS_PER_MS)]


def test_an_answer_is_told_the_touch_and_the_pedal_of_its_phrase_in_real_time(performed: Bundle) -> None:
    texts_told(performed)
    hall = Hall(performed, {"play": {"seed": 1}})
    hall.play(ControlChange(SUSTAIN_PEDAL, 127))
    hall.note(60, 50, 440, velocity=40)  # short, of 490 ms
    hall.play(ControlChange(SUSTAIN_PEDAL, 0))
    hall.note(64, 300, 190, velocity=90)
    hall.wait_for_onset()

    assert texts_told(performed)[:12] == [
        *("START", "pedal down", "velocity 40", "60 on", "50 ms", "60 off", "440 ms", "pedal up"),
        *("velocity 88", "64 on", "300 ms", "64 off"),
    ]


def test_the_first_note_of_an_answer_is_on_a_beat_of_its_phrase(performed: Bundle) -> None:
    hall = Hall(performed, {"play": {"seed": 1}, "time": {"tempo_bpm": 120}})
    begin_ns = hall.now_ns
    for _ in range(8):
        hall.note(60, 300, 200)
    hall.wait_for_onset()

    beats = (hall.sent[0].at_ns - begin_ns) / (500 * NS_PER_MS)
    assert abs(beats - round(beats)) < 0.02
    assert beats > 7.5


def test_a_pedal_that_stays_down_from_before_the_phrase_is_told(performed: Bundle) -> None:
    hall = Hall(performed, {"play": {"seed": 1}})
    hall.play(ControlChange(SUSTAIN_PEDAL, 127))
    hall.note(60, 300, 200)
    hall.wait_for_onset()
    hall.wait(300)
    texts_told(performed)
    hall.note(64, 300, 0)
    hall.wait(200)
    hall.wait_for_onset()

    told = texts_told(performed)
    assert "pedal down" in told[: told.index("64 on")]


@pytest.mark.parametrize("velocity", [64, 127])
def test_a_keyboard_without_velocity_is_heard_as_the_network_would_play(performed: Bundle, velocity: int) -> None:
    texts_told(performed)
    hall = Hall(performed, {"play": {"seed": 1}})
    for pitch in (60, 62, 64, 65) * 2:
        hall.note(pitch, 450, 50, velocity)

    hall.wait_for_onset()
    told = texts_told(performed)
    hall.wait(20_000)

    ons = [text for text in told if text.endswith(" on")]
    assert ons[:8] == [f"{pitch} on" for pitch in (60, 62, 64, 65) * 2]
    before = told[: [index for index, text in enumerate(told) if text.endswith(" on")][7]]
    assert len({text for text in before if text.startswith("velocity")}) > 1  # imagined, for nothing was said
    assert hall.ledger.lasting() == ()


def test_forty_notes_in_a_second_are_all_told(performed: Bundle) -> None:
    texts_told(performed)
    hall = Hall(performed, {"play": {"seed": 1}})
    for pitch in range(40, 80):
        hall.note(pitch, 20, 5)
    hall.wait_for_onset()

    told = texts_told(performed)
    assert [text for text in told if text.endswith(" on")][:40] == [f"{pitch} on" for pitch in range(40, 80)]


def test_a_pedal_that_is_held_for_an_hour_fills_no_memory_and_is_answered(performed: Bundle) -> None:
    capture = PhraseCapture(500 * NS_PER_MS)
    capture.hear(Timed(0, ControlChange(SUSTAIN_PEDAL, 127)))
    for second in range(3600 * 20):
        capture.hear(Timed(second * 50 * NS_PER_MS, NoteOn(60 + second % 12, 64)))
        capture.hear(Timed(second * 50 * NS_PER_MS + 20 * NS_PER_MS, NoteOff(60 + second % 12)))

    assert len(capture.events) == 16_384
    capture.take()
    assert capture.events == (Timed(capture.events[0].at_ns, ControlChange(SUSTAIN_PEDAL, 127)),)


def test_a_phrase_that_ends_in_a_long_chord_is_answered(performed: Bundle) -> None:
    texts_told(performed)
    hall = Hall(performed, {"play": {"seed": 1}})
    for pitch in (60, 62, 64, 65):
        hall.note(pitch, 120, 5)
    for pitch in (48, 55, 64):
        hall.play(NoteOn(pitch, 80))
    hall.wait(30_000)
    for pitch in (48, 55, 64):
        hall.play(NoteOff(pitch))
    hall.wait_for_onset()

    told = texts_told(performed)
    assert [text for text in told if text.endswith(" on")][:3] == ["48 on", "55 on", "64 on"]


def test_of_a_pedal_that_trembles_only_its_sides_are_told(performed: Bundle) -> None:
    texts_told(performed)
    hall = Hall(performed, {"play": {"seed": 1}})
    for value in (10, 90, 91, 92, 80, 70, 64):
        hall.play(ControlChange(SUSTAIN_PEDAL, value))
    hall.note(60, 200, 0)
    for value in (90, 30, 20, 10):
        hall.play(ControlChange(SUSTAIN_PEDAL, value))
    hall.wait_for_onset()

    told = texts_told(performed)
    assert [text for text in told[: told.index("60 off") + 2] if text.startswith("pedal")] == ["pedal down", "pedal up"]
