"""What devices send beside plain notes, as the engine hears it."""

import pytest

from livegen.clock import NS_PER_MS
from livegen.events import SOSTENUTO_PEDAL, SUSTAIN_PEDAL, ControlChange, Event, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from tests.support.hall import STEP_NS, Hall

PHRASE = ((67, 300), (64, 300), (65, 300), (67, 600))
SIXTEENTH_MS = 150


@pytest.fixture(scope="module")
def bach() -> Bundle:
    return load_bundle("bach")


def hall(bundle: Bundle, role: str) -> Hall:
    return Hall(bundle, {"play": {"role": role}, "time": {"tempo_bpm": 100}})


def hear(stage: Hall, *events: Event) -> None:
    """All of these come at once, before anything is planned."""
    for event in events:
        stage.engine.hear(Timed(stage.now_ns, event))
    stage.step(0)


def test_each_tap_of_no_length_gets_its_whole_harmony_for_a_sixteenth(bach: Bundle) -> None:
    stage = hall(bach, "harmonise")
    voices, lasted = [], []
    for pitch in (60, 64, 67, 72):
        hear(stage, NoteOn(pitch, 100), NoteOff(pitch))
        voices.append(len(stage.sounding))
        begun_ns = stage.now_ns
        while stage.sounding:
            stage.step()
        lasted.append((stage.now_ns - begun_ns) // NS_PER_MS)
        stage.wait(250)

    assert voices == [3] * 4
    assert set(lasted) <= {SIXTEENTH_MS, SIXTEENTH_MS + STEP_NS // NS_PER_MS}


def test_a_tap_of_no_length_is_accompanied_as_if_it_lasted_a_sixteenth(bach: Bundle) -> None:
    tapped, played = hall(bach, "accompany"), hall(bach, "accompany")
    for pitch in (60, 67, 65, 64, 62, 60):
        hear(tapped, NoteOn(pitch, 100), NoteOff(pitch))
        tapped.wait(600)
        hear(played, NoteOn(pitch, 100))
        played.wait(SIXTEENTH_MS - STEP_NS // NS_PER_MS)
        played.now_ns += STEP_NS
        hear(played, NoteOff(pitch))
        played.wait(600 - SIXTEENTH_MS)

    assert [timed.event for timed in tapped.sent] == [timed.event for timed in played.sent]
    assert len(tapped.onsets()) > 6


def test_a_phrase_of_taps_is_answered(bach: Bundle) -> None:
    stage = hall(bach, "respond")
    for pitch, beat_ms in PHRASE:
        hear(stage, NoteOn(pitch, 100), NoteOff(pitch))
        stage.wait(beat_ms)
    stage.wait(2_000)

    assert stage.onsets()


def test_a_controller_that_never_rests_takes_no_answer_away(bach: Bundle) -> None:
    stage = hall(bach, "respond")
    for pitch, beat_ms in PHRASE:
        stage.note(pitch, beat_ms - 20, 20)
    for step in range(100):  # each comes before the engine plans
        stage.now_ns += 20 * NS_PER_MS
        hear(stage, ControlChange(11, step % 128), ControlChange(SUSTAIN_PEDAL, step % 60))

    assert stage.onsets()


def test_an_engine_that_is_told_all_of_it_at_once_answers_it(bach: Bundle) -> None:
    """As after the last engine's end."""
    stage = hall(bach, "respond")
    at_ns = stage.now_ns
    for pitch, beat_ms in PHRASE:
        stage.engine.hear(Timed(at_ns, NoteOn(pitch, 80)))
        at_ns += beat_ms * NS_PER_MS
        stage.engine.hear(Timed(at_ns, NoteOff(pitch)))
    for step in range(200):
        stage.engine.hear(Timed(at_ns + 20 * step * NS_PER_MS, ControlChange(11, step % 128)))
    stage.now_ns = at_ns + 4_000 * NS_PER_MS
    stage.wait(2_000)

    assert stage.onsets()


@pytest.mark.parametrize("pedal", [SUSTAIN_PEDAL, SOSTENUTO_PEDAL])
def test_the_harmony_of_an_mpe_note_lasts_until_the_masters_pedal_is_up(bach: Bundle, pedal: int) -> None:
    stage = hall(bach, "harmonise")
    stage.play(NoteOn(67, 80, 3))
    stage.play(ControlChange(pedal, 127))
    stage.play(NoteOff(67, 3))
    stage.wait(1_000)
    held = len(stage.sounding)

    stage.play(ControlChange(pedal, 0))

    assert (held, stage.sounding) == (3, [])


def test_all_notes_off_after_the_last_key_leaves_the_phrase_to_be_answered(bach: Bundle) -> None:
    stage = hall(bach, "respond")
    for pitch, beat_ms in PHRASE:
        stage.note(pitch, beat_ms - 20, 0)
        stage.play(ControlChange(123, 0))
        stage.wait(20)
    stage.wait(2_000)

    assert stage.onsets()
