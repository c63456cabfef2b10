"""What a codec writes besides notes: it leaves at its moment, is retracted with the plan, is lifted at the end."""

import pytest

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, NoteOn, PitchBend, Timed
from livegen.model.bundle import Bundle
from tests.support.hall import Hall
from tests.support.pedalled import BEND, pedalled_bundle

BEAT_NS = 500 * NS_PER_MS


@pytest.fixture(scope="module")
def pedalled() -> Bundle:
    return pedalled_bundle()


def answered(bundle: Bundle) -> Hall:
    hall = Hall(bundle, {"time": {"tempo_bpm": 120}, "play": {"octaves": 1}})
    for pitch in (72, 71, 69, 67) * 2:
        hall.note(pitch, 450, 50)
    hall.wait_for_onset()
    return hall


def controls(hall: Hall) -> list[Timed]:
    return [timed for timed in hall.sent if not isinstance(timed.event, NoteOn) and hasattr(timed.event, "value")]


def test_pedals_and_bends_leave_on_their_beats_and_are_lifted_at_the_end(pedalled: Bundle) -> None:
    hall = answered(pedalled)
    begun_ns = hall.onsets()[0].at_ns

    hall.wait(6_000)

    sent = controls(hall)
    within_ns = {type(timed.event): set[int]() for timed in sent}
    for timed in sent:
        within_ns[type(timed.event)].add((timed.at_ns - begun_ns) % BEAT_NS)
    assert within_ns == {ControlChange: {0}, PitchBend: {0, BEAT_NS * 3 // 4}}
    assert [timed.event for timed in sent[:3]] == [ControlChange(64, 0), ControlChange(64, 127), PitchBend(BEND)]
    assert sent[-1].event == ControlChange(64, 0)
    assert hall.ledger.lasting() == ()


def test_what_has_not_left_is_retracted_with_the_plan_and_what_is_down_is_lifted(pedalled: Bundle) -> None:
    hall = answered(pedalled)
    hall.wait(600)

    hall.play(NoteOn(84, 80))
    touched_ns = hall.now_ns
    hall.wait(2_000)

    later = [timed.event for timed in controls(hall) if timed.at_ns > touched_ns - 10 * NS_PER_MS]
    assert later == [ControlChange(64, 0), PitchBend(0)]
    assert hall.ledger.lasting() == ()


def test_voices_beside_the_player_s_pass_them_on_too(pedalled: Bundle) -> None:
    hall = Hall(pedalled, {"play": {"role": "harmonise"}, "time": {"tempo_bpm": 120}})

    hall.note(72, 1_400)
    hall.wait(200)

    assert {type(timed.event) for timed in controls(hall)} == {ControlChange, PitchBend}
    assert hall.ledger.lasting() == ()
