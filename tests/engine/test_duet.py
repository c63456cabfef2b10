"""What is played together with the player in real time: it gives way, and it never hangs."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_LOUDNESS, FIRST_WAIT, START
from livegen.engine.composer import playable_roles
from livegen.engine.duet import free_keys
from livegen.engine.sampler import Sampler
from livegen.engine.token_stream import TokenStream
from livegen.events import (
    ALL_NOTES_OFF,
    PEDAL,
    SUSTAIN_PEDAL,
    ControlChange,
    NoteOff,
    NoteOn,
    Timed,
    ending_of,
    is_beginning,
)
from livegen.midi_out.scheduler import Scheduler
from livegen.model.bundle import Bundle, load_bundle
from livegen.model.stepper import Stepper
from livegen.settings import Sampling
from tests.engine.test_performed import Monkey
from tests.support.hall import Hall

CODEC = PerformanceCodec()
RIGHT_HAND = (72, 74, 76, 77, 79, 81, 83, 84)


@pytest.fixture(scope="module")
def played() -> Bundle:
    return replace(load_bundle("bach"), codec=cast(Any, CODEC), stepper=cast(Stepper, Monkey(CODEC)))


def accompanied(played: Bundle, seed: int, **play: Any) -> Hall:
    hall = Hall(played, {"play": {"role": "accompany", "seed": seed, **play}})
    for pitch in RIGHT_HAND * 3:
        hall.note(pitch, 180, 20)
    return hall


def test_it_plays_while_the_player_plays_on_keys_that_the_hand_leaves_free(played: Bundle) -> None:
    hall = accompanied(played, seed=1)

    onsets = [timed.event for timed in hall.onsets() if isinstance(timed.event, NoteOn)]
    assert len(onsets) > 20
    assert max(note.pitch for note in onsets) <= min(RIGHT_HAND) - 3
    assert len({note.velocity for note in onsets}) > 5


@pytest.mark.parametrize("seed", range(8))
def test_it_ends_when_the_player_has_stopped_and_nothing_lasts(played: Bundle, seed: int) -> None:
    hall = accompanied(played, seed)
    hall.wait(7_000)
    ended_ns = hall.now_ns

    hall.wait(3_000)

    assert hall.ledger.lasting() == ()
    assert not hall.onsets(ended_ns)


@pytest.mark.parametrize("seed", range(8))
def test_every_note_of_ours_has_one_end(played: Bundle, seed: int) -> None:
    hall = accompanied(played, seed)
    hall.wait(10_000)

    lasting: Counter[Any] = Counter()
    for timed in hall.sent:
        ending = ending_of(timed.event)
        lasting[ending] = lasting[ending] + 1 if is_beginning(timed.event) else max(0, lasting[ending] - 1)
        assert not isinstance(ending, NoteOff) or lasting[ending] <= 1
    assert not +lasting


def test_the_same_keys_give_the_same_music(played: Bundle) -> None:
    first, second = (accompanied(played, seed=3).sent for _ in range(2))

    assert first == second
    assert len(first) > 40


def test_a_key_that_the_player_takes_is_given_up_at_once(played: Bundle) -> None:
    hall = accompanied(played, seed=1)
    while not (ours := [each for each in hall.ledger.lasting() if isinstance(each, NoteOff)]):
        hall.step()

    hall.play(NoteOn(ours[0].pitch, 80))
    hall.step()

    assert ours[0] not in hall.ledger.lasting()


def test_our_pedal_gives_way_to_the_player_s_and_is_not_pressed_again(played: Bundle) -> None:
    hall = accompanied(played, seed=1)
    while not any(isinstance(each, ControlChange) for each in hall.ledger.lasting()):
        hall.note(76, 180, 20)

    hall.play(ControlChange(SUSTAIN_PEDAL, 127))
    hall.wait(30)
    from_now_ns = hall.now_ns
    for pitch in RIGHT_HAND:
        hall.note(pitch, 180, 20)

    assert not any(isinstance(each, ControlChange) for each in hall.ledger.lasting())
    assert not [each for each in hall.sent if each.at_ns > from_now_ns and isinstance(each.event, ControlChange)]


def test_after_a_standstill_it_goes_on_from_now(played: Bundle) -> None:
    hall = accompanied(played, seed=1)
    hall.play(NoteOn(76, 80))

    hall.step(3 * NS_PER_S)

    late = [timed for timed in hall.sent if timed.at_ns <= hall.now_ns - 40 * NS_PER_MS]
    assert late
    assert not [timed for timed in hall.planned if timed.at_ns < hall.now_ns - 200 * NS_PER_MS]
    begun_ns = hall.now_ns
    hall.wait(2_000)
    assert len(hall.onsets(begun_ns)) > 3


def test_a_pedal_that_is_kept_stays_down_through_a_retraction() -> None:
    lifts = [ControlChange(SUSTAIN_PEDAL, 0), NoteOff(60)]
    kept, lifted = Scheduler(), Scheduler()

    kept.retract(10, 20, lifts, (PEDAL,))
    lifted.retract(10, 20, lifts, (60,))

    assert [timed.event for timed in kept.due(100)] == [NoteOff(60)]
    assert [timed.event for timed in lifted.due(100)] == [ControlChange(SUSTAIN_PEDAL, 0)]


def test_what_is_the_player_s_to_decide_is_left_out_and_all_else_keeps_its_odds() -> None:
    odds = np.full(len(CODEC.vocabulary), -30, np.float32)
    first, second = FIRST_LOUDNESS, CODEC.on(60)
    odds[[first, second, CODEC.on(84)]], odds[FIRST_WAIT] = (0, 0, np.log(3)), 0
    monkey = Monkey(CODEC)
    monkey._odds = odds
    stream = TokenStream(cast(Stepper, monkey), CODEC, Sampler(Sampling(temperature=1, top_p=1), seed=1))
    stream.write([START, FIRST_WAIT])
    others = CODEC.of_others(stream.cursor, np.arange(128) < 80, (), is_pedal_theirs=True)
    begin = stream.checkpoint

    found: Counter[object] = Counter()
    for _ in range(4_000):
        stream.go(begin)
        settled = stream.imagine_beside(others, CODEC.waits)
        found[settled[0].event if settled else "wait"] += 1

    # half are waits; of the loudnesses a quarter goes on to 60, and the others, to 84, are waits, too
    assert set(found) == {"wait", NoteOn(60, 8)}
    assert found[NoteOn(60, 8)] / 4_000 == pytest.approx(1 / 8, abs=0.02)


@pytest.mark.parametrize(
    ("hands", "free"),
    [
        ((), range(128)),
        ((72, 76, 79), range(70)),
        ((36, 40), range(43, 128)),
        ((48, 52, 72, 76), range(55, 70)),
        ((21,), range(24, 128)),
    ],
)
def test_the_hands_leave_keys_free(hands: tuple[int, ...], free: range) -> None:
    assert np.flatnonzero(free_keys(hands)).tolist() == list(free)


def test_a_player_of_performances_accompanies_and_does_not_harmonise() -> None:
    assert playable_roles(cast(Any, CODEC)) == ("respond", "accompany", "solo")


def test_a_key_that_the_player_takes_is_ours_no_longer_an_octave_away_too(played: Bundle) -> None:
    hall = accompanied(played, seed=1, octaves=1)
    hall.wait(300)

    assert not {timed.event.pitch for timed in hall.onsets() if isinstance(timed.event, NoteOn)} & set(RIGHT_HAND)
    while not (ours := [each for each in hall.ledger.lasting() if isinstance(each, NoteOff)]):
        hall.step()
    hall.play(NoteOn(ours[0].pitch, 80))
    hall.step()
    assert ours[0] not in hall.ledger.lasting()


@pytest.mark.parametrize("commit_ms", [5, 40])
@pytest.mark.parametrize("seed", range(12))
def test_keys_taken_together_at_any_moment_leave_nothing_hanging(played: Bundle, seed: int, commit_ms: int) -> None:
    chance = random.Random(seed)
    hall = accompanied(played, seed, commit_ms=commit_ms)
    for _ in range(60):
        ours = [each.pitch for each in hall.ledger.lasting() if isinstance(each, NoteOff)]
        soon = [each.event.pitch for each in hall.engine.pending() if isinstance(each.event, NoteOn)]
        for pitch in dict.fromkeys([*ours[-1:], *soon[:1], 76]):
            hall.engine.hear(Timed(hall.now_ns, NoteOn(pitch, 80)))
        hall.wait(chance.choice((10, 20, 50, 130)))
        for pitch in dict.fromkeys([*ours[-1:], *soon[:1], 76]):
            hall.engine.hear(Timed(hall.now_ns, NoteOff(pitch)))
        hall.wait(chance.choice((0, 10, 40)))
    hall.wait(7_000)

    assert hall.ledger.lasting() == ()
    begun = Counter(timed.event.pitch for timed in hall.sent if isinstance(timed.event, NoteOn))
    ended = Counter(timed.event.pitch for timed in hall.sent if isinstance(timed.event, NoteOff))
    assert begun == ended


def test_a_pedal_and_a_key_that_were_down_before_are_known(played: Bundle) -> None:
    hall = Hall(played, {"play": {"role": "accompany", "seed": 1}})
    hall.engine.hear(Timed(hall.now_ns, ControlChange(SUSTAIN_PEDAL, 127)))
    for pitch in RIGHT_HAND * 2:
        hall.note(pitch, 180, 20)

    assert not [each for each in hall.sent if isinstance(each.event, ControlChange)]
    assert hall.onsets()


def test_an_end_of_all_notes_is_no_pedal(played: Bundle) -> None:
    hall = accompanied(played, seed=1)
    hall.play(ControlChange(ALL_NOTES_OFF, 0))
    hall.play(ControlChange(SUSTAIN_PEDAL, 0))
    before_ns = hall.now_ns
    for pitch in RIGHT_HAND * 4:
        hall.note(pitch, 180, 20)

    assert [each for each in hall.sent if each.at_ns > before_ns and isinstance(each.event, ControlChange)]


def test_a_key_that_is_stuck_does_not_keep_it_for_ever(played: Bundle) -> None:
    hall = accompanied(played, seed=1)
    hall.play(NoteOn(76, 80))
    hall.wait(64_000)
    after_ns = hall.now_ns
    hall.wait(3_000)

    assert not hall.onsets(after_ns)


def test_after_a_standstill_no_note_comes_late(played: Bundle) -> None:
    hall = Hall(played, {"play": {"role": "accompany", "seed": 1, "horizon_ms": 1000}})
    for pitch in RIGHT_HAND:
        hall.note(pitch, 180, 20)
    begun_ns = hall.now_ns
    hall.engine.hear(Timed(hall.now_ns, NoteOn(76, 80)))
    hall.step(0)
    hall.step(3 * NS_PER_S)
    hall.wait(500)

    late = [each for each in hall.onsets(begun_ns) if each.at_ns < begun_ns + 2 * NS_PER_S]
    assert not [each for each in late if each.at_ns > begun_ns + 60 * NS_PER_MS]


def test_the_key_that_is_set_goes_before_the_one_that_was_heard(played: Bundle) -> None:
    hall = Hall(played, {"play": {"role": "accompany", "seed": 1, "key": "F# major"}, "limits": {"scale_lock": True}})
    for pitch in (78, 80, 82, 83) * 3:
        hall.note(pitch, 180, 20)

    pitches = {each.event.pitch % 12 for each in hall.onsets() if isinstance(each.event, NoteOn)}
    assert pitches <= {(step + 6) % 12 for step in (0, 2, 4, 5, 7, 9, 11)}
