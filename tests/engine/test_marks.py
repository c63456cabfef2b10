"""What the engine tells of tempo, metre and key."""

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import load_engine
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Timed
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.music.transport import TransportState
from livegen.settings import Settings, load
from livegen.tools.render import converse
from tests.engine.test_engine import HYMN, played

BEAT_NS = 600 * NS_PER_MS  # of ``played``


def marks_of(settings: Settings, heard: list[Timed]) -> tuple[list[Mark], list[Timed]]:
    """The marks of an engine that hears these events, and its music."""
    marks: list[Mark] = []
    machine = converse(load_engine(settings), heard, mark=marks.append)
    return marks, machine


def settings(**sections: dict[str, object]) -> Settings:
    return load(None, sections)


def test_each_phrase_is_told_once_with_its_beginning_its_tempo_and_its_key() -> None:
    later_ns = 40 * NS_PER_S

    marks, _ = marks_of(settings(), played(HYMN) + played(HYMN, begin_ns=later_ns, shift=2))

    first, key, second, other = marks
    assert (key, other) == (KeyChange(NS_PER_S, 7, is_minor=False), KeyChange(later_ns, 9, is_minor=False))
    for metre, begin_ns in ((first, NS_PER_S), (second, later_ns)):
        assert isinstance(metre, Metre)
        upbeat_ns = begin_ns - 3 * BEAT_NS  # the bar line before the first note, which is an upbeat
        assert (metre.at_ns, metre.beat_ns) == pytest.approx((upbeat_ns, BEAT_NS), abs=NS_PER_MS)
        assert (metre.tick, metre.beats_per_bar, metre.continues) == (0, 4, False)


def test_the_same_key_again_is_not_told_again() -> None:
    marks, _ = marks_of(settings(), played(HYMN) + played(HYMN, begin_ns=40 * NS_PER_S))

    assert [type(mark) for mark in marks] == [Metre, KeyChange, Metre]


def test_the_metre_of_a_phrase_whose_first_beats_are_left_out_begins_before_its_first_note() -> None:
    """The engine counts its bars from the beat at which the part that it keeps begins."""
    notes = HYMN * 5  # 45 beats, of which the last 32 are kept
    ended = played(notes, begin_ns=10 * NS_PER_S)

    (metre, *_), machine = marks_of(settings(play={"seed": 1}, time={"beats_per_bar": 5, "begin_on": "bar"}), ended)

    assert isinstance(metre, Metre)
    assert 10 * NS_PER_S - 5 * BEAT_NS < metre.at_ns <= 10 * NS_PER_S + NS_PER_MS
    bars = (machine[0].at_ns - metre.at_ns) / (5 * metre.beat_ns)
    assert bars == pytest.approx(round(bars), abs=0.01)


def test_an_accompaniment_has_bars_at_the_steady_tempo_from_the_first_key_on() -> None:
    given = settings(play={"role": "harmonise"}, time={"tempo_bpm": 120, "beats_per_bar": 3})

    marks, _ = marks_of(given, played(HYMN))

    metre, *keys = marks
    assert metre == Metre(NS_PER_S, 0, NS_PER_S // 2, 3)
    assert [type(key) for key in keys] == [KeyChange] * len(keys)
    assert keys[0].at_ns == NS_PER_S


def test_a_solo_has_a_bar_line_where_its_first_note_may_be() -> None:
    engine = load_engine(settings(play={"role": "solo", "seed": 1}, time={"tempo_bpm": 120}))

    plans = [engine.imagine(NS_PER_S + step * 10 * NS_PER_MS) for step in range(100)]

    assert [mark for plan in plans for mark in plan.marks] == [Metre(NS_PER_S * 3 // 2, 0, NS_PER_S // 2, 4)]
    assert min(timed.at_ns for plan in plans for timed in plan.events) == NS_PER_S * 3 // 2


def test_a_clock_is_told_when_it_begins_and_when_it_is_not_where_it_was_expected() -> None:
    engine = load_engine(settings())

    def follow(at_ms: int, tick: int, *, beat_ms: int, run: int = 1, is_running: bool = True) -> tuple[Mark, ...]:
        at_ns = at_ms * NS_PER_MS
        engine.follow(TransportState(is_running, tick, at_ns, beat_ms * NS_PER_MS, run), at_ns)
        return engine.imagine(at_ns).marks

    assert follow(0, 0, beat_ms=500, is_running=False) == ()
    assert follow(100, 0, beat_ms=500) == (Metre(100 * NS_PER_MS, 0, 500 * NS_PER_MS, 4),)
    assert follow(600, 960, beat_ms=500) == ()
    assert follow(1100, 1920, beat_ms=400) == ()  # where it was expected: what comes will tell
    (faster,) = follow(1500, 2880, beat_ms=400)
    assert faster == Metre(1500 * NS_PER_MS, 2880, 400 * NS_PER_MS, 4, continues=True)
    assert follow(1600, 0, beat_ms=400, run=2) == (Metre(1600 * NS_PER_MS, 0, 400 * NS_PER_MS, 4),)


def test_a_phrase_on_a_clock_is_told_with_its_key_only() -> None:
    engine = load_engine(settings())
    engine.follow(TransportState(True, 0, 0, BEAT_NS, 1), 0)  # noqa: FBT003 (as it is packed)

    marks: list[Mark] = []
    machine = converse(engine, played(HYMN), mark=marks.append)

    assert marks == [Metre(0, 0, BEAT_NS, 4), KeyChange(NS_PER_S, 7, is_minor=False)]
    assert any(isinstance(timed.event, NoteOn | NoteOff) for timed in machine)
    assert {(timed.at_ns * TICKS_PER_QUARTER // BEAT_NS) % 240 for timed in machine} <= {0, 239}
