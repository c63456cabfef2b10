"""The codec of performances in the engine: a solo keeps the time of hands, and nothing hangs."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from livegen.clock import NS_PER_MS
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_KEY, FIRST_LOUDNESS, FIRST_WAIT, STEP_NS, WAITS
from livegen.events import ControlChange, NoteOn
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import State, Stepper
from tests.support.hall import Hall


class Monkey:
    """Hits keys and the pedal by chance, and lets go of a key sooner than it takes another."""

    def __init__(self, codec: PerformanceCodec) -> None:
        self._odds = np.zeros(len(codec.vocabulary), np.float32)
        self._odds[FIRST_WAIT:FIRST_LOUDNESS] = np.where(np.array(WAITS) > 30, -5, 0)
        self._odds[FIRST_KEY + 88 :] = 3

    def initial(self, batch: int = 1) -> State:
        return {"nothing": np.zeros((batch, 1), np.float32)}

    def step(self, tokens: NDArray[np.int64], state: State) -> tuple[NDArray[np.float32], State]:
        return np.broadcast_to(self._odds, (*tokens.shape, len(self._odds))), state


@pytest.fixture(scope="module")
def performed() -> Bundle:
    codec = PerformanceCodec()
    return replace(load_bundle("bach"), codec=cast(Any, codec), stepper=cast(Stepper, Monkey(codec)))


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
