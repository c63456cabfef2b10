"""What is changed while an answer ends: a knob, a chord, a role, the clock."""

from collections.abc import Iterable

import pytest

from livegen.clock import NS_PER_MS
from livegen.engine.endings import Endings
from livegen.engine.parts import Answer
from livegen.engine.turn_taking import Turn
from livegen.events import NoteOff, NoteOn
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.transport import TransportState
from tests.support.hall import Hall

TUNE = (60, 62, 64, 65, 67, 65, 64, 62)
MODELS = ("bach", "folk-char", "piano-lstm", "elise-gru")


@pytest.fixture(scope="module", params=MODELS)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return load_bundle(request.param)


def play(hall: Hall, pitches: Iterable[int] = TUNE) -> None:
    """A phrase twice, and the wait for the answer."""
    for pitch in (*pitches, *pitches):
        hall.note(pitch, 280, 20)
    while hall.engine.turn is not Turn.PLAYING:
        hall.step()


def finish(hall: Hall) -> None:
    """To the end of the answer; nothing hangs."""
    while hall.engine.turn is Turn.PLAYING:
        hall.step()
    hall.wait(500)
    assert hall.sounding == []


def answer(hall: Hall) -> Answer:
    assert isinstance(hall.engine.part, Answer)
    return hall.engine.part


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_solo_that_takes_over_under_the_last_chord_lets_it_end(bundle: Bundle, seed: int) -> None:
    hall = Hall(bundle, {"play": {"seed": seed}})
    play(hall)
    while (end := answer(hall).chosen) is None or answer(hall).stream.cursor.tick <= end.last:
        if hall.engine.turn is not Turn.PLAYING:
            return  # it was written in one go
        hall.step()

    hall.change(play={"role": "solo"})
    hall.wait(3_000)
    sounding = set(hall.sounding)
    for _ in range(60):
        hall.wait(200)
        sounding &= set(hall.sounding)

    assert not sounding


def test_limits_apply_to_an_end_that_was_chosen(bundle: Bundle) -> None:
    hall = Hall(bundle)
    play(hall)
    hall.wait(2_600)

    hall.change(limits={"lowest": 72, "highest": 90})
    hall.wait(700)
    changed_ns = hall.now_ns
    finish(hall)

    assert all(72 <= pitch <= 90 for pitch in hall.pitches(changed_ns))


def test_the_left_hand_s_chord_applies_to_an_end_that_was_chosen(bundle: Bundle) -> None:
    hall = Hall(bundle, {"limits": {"left_hand": "chord"}, "ports": {"split": 48}})
    for pitch in (36, 40, 43):
        hall.play(NoteOn(pitch, 80), is_left_hand=True)
    play(hall)
    hall.wait(2_600)

    for pitch in (36, 40, 43):
        hall.play(NoteOff(pitch), is_left_hand=True)
    for pitch in (37, 42, 46):
        hall.play(NoteOn(pitch, 80), is_left_hand=True)
    hall.wait(700)
    changed_ns = hall.now_ns
    finish(hall)

    assert {pitch % 12 for pitch in hall.pitches(changed_ns)} <= {1, 6, 10}


def test_an_answer_of_one_bar_is_no_longer_than_that(bundle: Bundle) -> None:
    hall = Hall(bundle, {"play": {"answer_bars": 1}, "time": {"tempo_bpm": 120, "beats_per_bar": 4}})
    for pitch, sounding_ms in ((60, 480), (62, 4_980), (64, 480)):
        hall.note(pitch, sounding_ms, 20)
    while hall.engine.turn is not Turn.PLAYING:
        hall.step()
    begun_ns = hall.now_ns
    hall.wait_for_onset()
    finish(hall)

    assert max(timed.at_ns for timed in hall.sent) - begun_ns <= (4 + 1) * 500 * NS_PER_MS + 600 * NS_PER_MS


@pytest.mark.parametrize("after_ms", [1_500, 2_500, 3_000])
def test_a_solo_that_takes_over_is_on_time(bundle: Bundle, after_ms: int) -> None:
    hall = Hall(bundle)
    hall.note(60, 400)
    while hall.engine.turn is not Turn.PLAYING:
        hall.step()
    hall.wait(after_ms)
    late = []

    hall.change(play={"role": "solo"})
    for _ in range(300):
        hall.step()
        late += [timed for timed in hall.planned if timed.at_ns < hall.now_ns - 20 * NS_PER_MS]

    assert late == []


def test_an_answer_whose_last_chord_was_heard_is_over_when_the_clock_stops(bundle: Bundle) -> None:
    hall = Hall(bundle, {"time": {"beats_per_bar": 4}})
    transport = TransportState(is_running=True, tick=0, at_ns=hall.now_ns, beat_ns=500 * NS_PER_MS, discontinuities=0)
    hall.engine.follow(transport, hall.now_ns)
    play(hall)
    while answer(hall)._end is None or any(isinstance(timed.event, NoteOn) for timed in answer(hall).pending()):
        hall.step()
    hall.wait(150)
    assert hall.engine.turn is Turn.PLAYING
    stopped_ns = hall.now_ns
    tick = transport.tick_at(stopped_ns)
    for is_running, discontinuities in ((False, 0), (True, 1)):
        hall.engine.follow(
            TransportState(is_running, tick, hall.now_ns, transport.beat_ns, discontinuities), hall.now_ns
        )
        hall.wait(500)
    finish(hall)

    assert hall.onsets(stopped_ns) == []


def test_with_a_long_look_ahead_the_futures_take_many_short_calls(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = []
    monkeypatch.setattr(Endings, "complete", lambda self: at_once.append(self) or self.advance(10_000))
    hall = Hall(bundle, {"play": {"horizon_ms": 2_000}})
    play(hall)
    finish(hall)

    assert at_once == []
