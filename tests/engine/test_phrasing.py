"""The loudness and the pedal of models that write neither: from their notes, the metre and the player's phrase."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.part import PlaybackStyle
from livegen.engine.phrasing import LIFT, PRESS, Lines, Phraser, Told, mixed
from livegen.events import TICKS_PER_QUARTER, ControlChange, Note, NoteOn, Ticked
from livegen.model.bundle import load_bundle
from livegen.music.metre import Bars
from livegen.music.metre_detection import HeardMetre
from livegen.music.phrase import Phrase
from livegen.music.tempo_map import SteadyTempo
from livegen.music.transport import TransportState
from tests.support.hall import Hall

BEAT = SteadyTempo(0, NS_PER_S // 2)
TUNE = (60, 62, 64, 65, 67, 65, 64, 62)
EIGHTH = TICKS_PER_QUARTER // 2


def answered(model: str, velocities: Sequence[int] = (80,) * 8, seed: int = 1, **play: Any) -> Hall:
    """A hall in which a model has answered a tune."""
    hall = Hall(load_bundle(model), {"play": {"seed": seed, **play}})
    for pitch, velocity in zip(TUNE, velocities, strict=True):
        hall.note(pitch, 280, 20, velocity)
    hall.wait_for_onset()
    hall.wait(12_000)
    return hall


def loudness(hall: Hall) -> list[int]:
    return [timed.event.velocity for timed in hall.onsets() if isinstance(timed.event, NoteOn)]


def moves(hall: Hall) -> list[bool]:
    """The pedal's, in order: is it pressed?"""
    return [timed.event == PRESS for timed in hall.sent if isinstance(timed.event, ControlChange)]


def phraser(said: Told | None = None, *, bars: Bars | None = None, seed: int = 1, chance: float = 0) -> Phraser:
    found = Phraser(seed, Lines(bars).place, said or Told(), is_loud=True, is_pedalled=True, chance=chance)
    assert found.prime(BEAT, 1_000)
    return found


def notes(*chords: Iterable[int], begin: int = 0, step: int = EIGHTH) -> list[Ticked]:
    return [Ticked(begin + index * step, NoteOn(pitch)) for index, chord in enumerate(chords) for pitch in chord]


def velocities(events: Iterable[Ticked]) -> list[int]:
    return [each.event.velocity for each in events if isinstance(each.event, NoteOn)]


def said(velocities: Sequence[int]) -> Told:
    tune = (TUNE * len(velocities))[: len(velocities)]
    return Told(
        tuple(
            (index * EIGHTH, (pitch,), velocity)
            for index, (pitch, velocity) in enumerate(zip(tune, velocities, strict=True))
        )
    )


@pytest.mark.parametrize("model", ["bach", "folk-char", "piano-lstm"])
def test_notes_of_an_answer_are_louder_and_softer_around_the_player_s_mean(model: str) -> None:
    found = loudness(answered(model, (70, 80, 90, 80, 70, 80, 90, 80)))

    assert len(set(found)) > 4
    assert np.mean(found) == pytest.approx(80, abs=12)


def test_without_phrasing_every_note_has_the_phrase_s_mean_loudness() -> None:
    assert set(loudness(answered("bach", (70, 80, 90, 80) * 2, phrasing=0))) == {80}


def test_without_following_every_note_is_equally_loud() -> None:
    assert set(loudness(answered("bach", velocity_follow=0))) == {64}


def test_a_keyboard_that_sends_the_loudest_only_is_not_answered_by_a_block() -> None:
    found = loudness(answered("bach", (127,) * 8))

    assert max(found) < 127
    assert len(set(found)) > 4


def test_loudness_and_pedal_are_the_same_in_however_many_calls_they_are_planned() -> None:
    sent = []
    for step_ms in (10, 45):
        hall = Hall(load_bundle("piano-lstm"), {"play": {"role": "solo", "seed": 3}})
        while hall.now_ns < 16 * NS_PER_S:
            hall.step(step_ms * NS_PER_MS)
        sent.append([timed.event for timed in hall.sent if timed.at_ns < 15 * NS_PER_S])

    assert sent[0] == sent[1]
    assert PRESS in sent[0]


def test_another_seed_has_another_loudness_of_the_same_notes() -> None:
    found = [
        phraser(seed=seed, chance=1).phrase(notes(*((60,),) * 8), 9999, BEAT, PlaybackStyle()) for seed in (1, 1, 2)
    ]

    assert found[0] == found[1]
    assert velocities(found[0]) != velocities(found[2])


def test_a_phrase_that_grew_louder_is_answered_louder_at_first_and_comes_back_to_its_mean() -> None:
    rising = list(range(50, 98, 3))
    louder, softer = (
        velocities(phraser(said(each)).phrase(notes(*((64,),) * 64, begin=16 * EIGHTH), 99_999, BEAT, PlaybackStyle()))
        for each in (rising, rising[::-1])
    )

    assert louder[0] - softer[0] > 10
    assert abs(louder[-1] - softer[-1]) < 3


def test_a_melody_is_louder_than_what_accompanies_it() -> None:
    chords = [(48, 64, 67, 72 + step) for step in (0, 2, 4, 5, 7, 5, 4, 2)]

    found = np.array(velocities(phraser().phrase(notes(*chords), 9999, BEAT, PlaybackStyle()))).reshape(-1, 4)

    assert (found[:, 3] > found[:, 1:3].max(1)).all()


def test_the_first_beat_of_a_bar_is_louder_where_the_bars_are_known() -> None:
    tune = [(64 + (index * 7) % 5,) for index in range(160)]

    def downbeats(bars: Bars | None, line: int) -> float:
        events = Phraser(1, Lines(bars, line * EIGHTH).place, is_loud=True, is_pedalled=False, chance=0).phrase(
            notes(*tune), 10**6, BEAT, PlaybackStyle()
        )
        by_place = np.array(velocities(events), float).reshape(-1, 8).mean(0)
        return float(by_place[0] - by_place.mean())

    assert downbeats(Bars(4), 0) > downbeats(Bars(4), 3) + 0.5


def test_a_retraction_goes_back_to_what_was_before() -> None:
    planned = notes(*((60, 64), (62, 65), (64, 67), (65, 69)))
    found = phraser(chance=1)
    first = found.phrase(planned, 9999, BEAT, PlaybackStyle(pedal=False))

    found.retract(2 * EIGHTH)

    assert velocities(found.phrase(planned[4:], 9999, BEAT, PlaybackStyle(pedal=False))) == velocities(first)[4:]


def test_what_is_not_wholly_known_waits() -> None:
    planned = notes((60,), (62,))
    found = phraser()

    events = found.phrase(planned, EIGHTH, BEAT, PlaybackStyle())

    assert velocities(events)[1] == 64
    whole = found.phrase([*events, *notes((72,), begin=EIGHTH)], 9999, BEAT, PlaybackStyle())
    assert velocities(whole)[1:] != [64, 64]


@pytest.mark.parametrize("model", ["piano-lstm", "elise-gru", "elise-bilstm"])
def test_a_piano_presses_its_pedal_and_lifts_it_at_the_end(model: str) -> None:
    hall = answered(model)

    found = moves(hall)
    assert found
    assert found == [True, False] * (len(found) // 2)
    assert hall.ledger.lasting() == ()


def test_what_is_no_piano_has_no_pedal() -> None:
    assert not moves(answered("bach"))


def test_the_pedal_can_be_switched_off_while_it_is_down() -> None:
    hall = Hall(load_bundle("piano-lstm"), {"play": {"role": "solo", "seed": 3}})
    while moves(hall)[-1:] != [True]:
        hall.step()

    hall.change(play={"pedal": False})
    hall.wait(6_000)
    before = len(moves(hall))
    hall.wait(6_000)

    assert moves(hall)[-1] is False
    assert len(moves(hall)) == before


def test_a_player_who_interrupts_lifts_the_pedal() -> None:
    hall = Hall(load_bundle("piano-lstm"), {"play": {"role": "solo", "seed": 3}})
    while moves(hall)[-1:] != [True]:
        hall.step()

    hall.play(NoteOn(84, 80))
    hall.wait(300)

    assert moves(hall)[-1] is False
    assert hall.ledger.lasting() == ()


def test_a_press_that_was_to_come_after_the_music_is_left_out() -> None:
    chords = [(36, 60, 64), (43, 59, 62)] * 8
    for end in range(1, 16):
        events = phraser().phrase(
            [*notes(*chords[:end]), Ticked((end - 1) * EIGHTH + 40, LIFT)], 10**6, BEAT, PlaybackStyle()
        )
        moved = [each.event for each in events if isinstance(each.event, ControlChange)]
        assert moved == [PRESS, LIFT] * (len(moved) // 2)


def test_a_phrase_is_told_by_its_onsets() -> None:
    from livegen.engine.phrasing import told

    phrase = Phrase(
        (Note(0, 60, 480, 50), Note(0, 67, 480, 70), Note(480, 62, 480, 80)),
        BEAT,
        HeardMetre(BEAT, Bars(4), ()).bars,
        960,
        960,
    )

    assert told(phrase, 960).onsets == ((960, (67, 60), 60.0), (1440, (62,), 80.0))


def test_chance_is_even() -> None:
    found = [mixed(1, tick) / 2**64 for tick in range(4_000)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.02)
    assert np.histogram(found, 10, (0, 1))[0].min() > 320


def test_a_clock_that_starts_again_from_the_beginning_is_phrased_on() -> None:
    hall = Hall(load_bundle("bach"), {"play": {"role": "solo", "seed": 1}})
    hall.engine.follow(
        TransportState(is_running=True, tick=0, at_ns=hall.now_ns, beat_ns=500_000_000, discontinuities=1), hall.now_ns
    )
    hall.wait(12_000)
    hall.engine.follow(
        TransportState(is_running=False, tick=0, at_ns=hall.now_ns, beat_ns=500_000_000, discontinuities=2), hall.now_ns
    )
    hall.wait(300)
    begun_ns = hall.now_ns
    hall.engine.follow(
        TransportState(is_running=True, tick=0, at_ns=hall.now_ns, beat_ns=500_000_000, discontinuities=3), hall.now_ns
    )
    hall.wait(8_000)

    velocities = {timed.event.velocity for timed in hall.onsets(begun_ns) if isinstance(timed.event, NoteOn)}
    assert len(velocities) > 8
