"""The engine, with the shipped model, on a manual clock."""

import random
from dataclasses import replace

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine, load_engine
from livegen.engine.plan import Plan
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.stepper import Stepper
from livegen.music.key import Key
from livegen.settings import load
from livegen.shipped import shipped_models
from livegen.tools.render import converse

BEAT_NS = 600 * NS_PER_MS
HYMN = ((67, 1), (67, 1), (66, 1), (64, 1), (62, 1), (67, 1), (69, 1), (71, 2))


def played(notes: tuple[tuple[int, float], ...], begin_ns: int = NS_PER_S, shift: int = 0) -> list[Timed]:
    """A melody of (pitch, beats), a little detached."""
    events, at_ns = [], begin_ns
    for pitch, beats in notes:
        events.append(Timed(at_ns, NoteOn(pitch + shift, 80)))
        events.append(Timed(at_ns + round(beats * BEAT_NS * 0.9), NoteOff(pitch + shift)))
        at_ns += round(beats * BEAT_NS)
    return events


def engine(**play: object) -> Engine:
    time = {"tempo_bpm": play.pop("tempo_bpm")} if "tempo_bpm" in play else {}
    return load_engine(load(None, {"play": play, "time": time}))


def onsets(machine: list[Timed]) -> list[Timed]:
    return [timed for timed in machine if isinstance(timed.event, NoteOn)]


def test_a_phrase_is_answered_on_its_beat_and_every_note_ends() -> None:
    phrase = played(HYMN)

    machine = converse(engine(), phrase)

    sixteenths = [(timed.at_ns - NS_PER_S) / (BEAT_NS / 4) for timed in onsets(machine)]
    assert len(onsets(machine)) > 8
    assert machine[0].at_ns > phrase[-1].at_ns
    assert max(abs(step - round(step)) for step in sixteenths) < 0.05
    assert hanging(machine) == {}


def hanging(machine: list[Timed]) -> dict[int, int]:
    """Pitches with more note-ons than note-offs, or a note-off too many."""
    balance: dict[int, int] = {}
    for timed in machine:
        if isinstance(timed.event, NoteOn | NoteOff):
            pitch = timed.event.pitch
            balance[pitch] = balance.get(pitch, 0) + (1 if isinstance(timed.event, NoteOn) else -1)
    return {pitch: count for pitch, count in balance.items() if count}


@pytest.mark.parametrize("shift", range(-6, 6))
def test_an_answer_is_in_the_phrases_key_in_all_twelve_transpositions(shift: int) -> None:
    machine = converse(engine(), played(HYMN, shift=shift))

    scale = Key((7 + shift) % 12).scale
    within = [timed.event.pitch % 12 in scale for timed in onsets(machine)]  # type: ignore[union-attr]
    assert sum(within) / len(within) >= 0.85


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_lasts_about_as_long_as_its_phrase(seed: int) -> None:
    machine = converse(engine(seed=seed), played(HYMN))

    lasts_ns = machine[-1].at_ns - machine[0].at_ns
    assert 0.5 <= lasts_ns / (9 * BEAT_NS) <= 2


@pytest.mark.parametrize("model", sorted(shipped_models()))
@pytest.mark.parametrize(("bars", "beats"), [(8, 32), (3, 12), (0, 54)])
def test_an_answer_is_as_long_as_its_phrase_and_no_longer_than_so_many_bars(model: str, bars: int, beats: int) -> None:
    on = load_engine(
        load(None, {"play": {"model": model, "answer_bars": bars}, "time": {"tempo_bpm": 100, "beats_per_bar": 4}})
    )

    machine = converse(on, played(HYMN * 6))

    lasts_beats = (machine[-1].at_ns - machine[0].at_ns) / BEAT_NS
    assert 0.6 * beats <= lasts_beats <= beats + (0.01 if bars else 4)
    assert hanging(machine) == {}


@pytest.mark.parametrize("notes", [((60, 1),), ((60, 0.25), (62, 0.25)), ((30, 4),), ((108, 1), (107, 1), (105, 2))])
def test_the_smallest_phrases_are_answered_too(notes: tuple[tuple[int, float], ...]) -> None:
    machine = converse(engine(), played(notes))

    assert onsets(machine)
    assert hanging(machine) == {}


def test_the_same_seed_plays_the_same_and_another_does_not() -> None:
    first, again, other = (converse(engine(seed=seed), played(HYMN)) for seed in (1, 1, 2))

    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(8))
def test_a_touch_ends_the_answer_it_interrupts(seed: int) -> None:
    chance = random.Random(seed)
    touch_ns = NS_PER_S + 10 * BEAT_NS + chance.randrange(8 * BEAT_NS)
    first, second = played(HYMN), played(HYMN, begin_ns=touch_ns)

    machine = converse(engine(seed=seed), first + second)

    second_end_ns = second[-1].at_ns
    assert not [t for t in onsets(machine) if touch_ns + 20 * NS_PER_MS < t.at_ns < second_end_ns]
    assert [t for t in onsets(machine) if t.at_ns > second_end_ns]
    assert hanging(machine) == {}


def test_a_fixed_key_and_tempo_are_kept() -> None:
    machine = converse(engine(key="C", tempo_bpm=100), played(HYMN))

    steps = [(timed.at_ns - NS_PER_S) / (BEAT_NS / 4) for timed in onsets(machine)]
    assert max(abs(step - round(step)) for step in steps) < 1e-3


def test_silence_stops_at_once_and_forgets() -> None:
    talking = engine()
    for timed in played(HYMN):
        talking.hear(timed)
    now_ns = NS_PER_S + 12 * BEAT_NS
    while not talking.imagine(now_ns).events:
        now_ns += 10 * NS_PER_MS

    plan = talking.silence(now_ns)

    assert plan.retract_ns == now_ns
    assert not any(talking.imagine(now_ns + step * BEAT_NS).events for step in range(20))


@pytest.mark.parametrize("model", sorted(shipped_models()))
def test_every_model_answers_each_of_three_phrases_and_ends_its_notes(model: str) -> None:
    phrases = [event for turn in range(3) for event in played(HYMN[turn:], begin_ns=(1 + 30 * turn) * NS_PER_S)]

    machine = converse(engine(model=model), phrases)

    answers = {timed.at_ns // (30 * NS_PER_S) for timed in onsets(machine)}
    assert answers == {0, 1, 2}
    assert hanging(machine) == {}
    assert [timed.at_ns for timed in machine] == sorted(timed.at_ns for timed in machine)


def test_a_model_without_loudness_of_its_own_borrows_it_note_by_note() -> None:
    loud, soft = (
        [replace(timed, event=NoteOn(timed.event.pitch, velocity)) if isinstance(timed.event, NoteOn) else timed]
        for timed, velocity in zip(played(HYMN)[:4:2], (100, 40), strict=True)
    )
    ends = played(HYMN)[1:4:2]

    machine = converse(engine(model="elise-gru"), [*loud, ends[0], *soft, ends[1]])

    assert [timed.event.velocity for timed in onsets(machine) if isinstance(timed.event, NoteOn)][:2] == [100, 40]


def test_notes_that_the_model_cannot_write_are_moved_and_counted() -> None:
    heard = engine(key="C")
    for timed in played(((72, 1), (10, 1), (74, 1))):
        heard.hear(timed)

    notices = [notice for step in range(20) for notice in heard.imagine(5 * NS_PER_S + step * NS_PER_MS).notices]

    expected = "heard 3 notes (1 out of the model's range, moved by octaves), C major"
    assert any(notice.startswith(expected) for notice in notices)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls of the network each call of ``imagine`` makes."""
    made, calls = [0], list[int]()
    step, imagine = Stepper.step, Engine.imagine

    def counted_step(*arguments: object) -> object:
        made[0] += 1
        return step(*arguments)  # type: ignore[arg-type]

    def counted_imagine(of: Engine, now_ns: int) -> Plan:
        made[0] = 0
        plan = imagine(of, now_ns)
        calls.append(made[0])
        return plan

    monkeypatch.setattr(Stepper, "step", counted_step)
    monkeypatch.setattr(Engine, "imagine", counted_imagine)
    return calls


def test_what_is_computed_ahead_is_given_up_for_whoever_plays(steps: list[int]) -> None:
    on = engine(role="harmonise")
    on.hear(Timed(NS_PER_S, NoteOn(67, 80)))
    while on.imagine(NS_PER_S).is_behind and len(steps) < 4:
        pass
    on.is_interrupted = lambda: True
    on.imagine(NS_PER_S)
    on.is_interrupted = lambda: False
    on.imagine(NS_PER_S)

    assert steps[-2] == 0
    assert steps[-1] > 0


def test_whether_work_is_given_up_or_not_changes_no_note() -> None:
    chance = random.Random(1)
    undisturbed, interrupted = engine(role="harmonise"), engine(role="harmonise")
    interrupted.is_interrupted = lambda: chance.random() < 0.1

    assert converse(interrupted, played(HYMN)) == converse(undisturbed, played(HYMN))
