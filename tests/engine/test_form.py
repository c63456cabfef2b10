"""Which bars of a solo come back."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine import form, parts
from livegen.engine.finale import Finale
from livegen.engine.form import Form, closing
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn
from livegen.model.bundle import Bundle, load_bundle
from tests.support.hall import Hall

BAR = 4 * TICKS_PER_QUARTER


@dataclass
class Stream:
    """A token each beat, numbered from 0."""

    codec_name: str = "note_duration"
    is_grammatical: bool = True
    chance: float = 0.0
    tick: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def cursor(self) -> Any:
        return SimpleNamespace(tick=self.tick)

    @property
    def checkpoint(self) -> Any:
        return SimpleNamespace(remembered=self.tick // TICKS_PER_QUARTER)

    def draw_chance(self) -> float:
        return self.chance

    def may_write(self, tokens: tuple[int, ...]) -> bool:
        return self.is_grammatical

    def tokens_between(self, begin: int, end: int) -> tuple[int, ...]:
        self.asked.append((begin, end))
        return tuple(range(begin, end))


def played(stream: Stream, bars: int) -> list[tuple[int, tuple[int, ...]]]:
    """What comes back, each with the bar in which it does."""
    kept = Form[Any](stream)  # type: ignore[arg-type]
    found = []
    for _ in range(bars * 4):
        if again := kept.step():
            found.append((stream.tick // BAR, again))
        stream.tick += TICKS_PER_QUARTER
    return found


def test_two_bars_come_back_after_four_of_the_network_s_own() -> None:
    assert played(Stream(), 10)[0] == (4, tuple(range(8)))


def test_later_bars_come_back_too() -> None:
    assert played(Stream(chance=0.9), 30)[-1][1][0] > 40


def test_by_chance_none_come_back() -> None:
    assert played(Stream(chance=0.96), 30) == []


@pytest.mark.parametrize("stream", [Stream(is_grammatical=False), Stream("abc"), Stream("chorale")])
def test_what_the_grammar_forbids_and_tunes_that_repeat_by_themselves_stay_as_they_are(stream: Stream) -> None:
    assert played(stream, 30) == []


def test_bars_that_begin_elsewhere_in_the_bar_do_not_come_back() -> None:
    stream = Stream()
    kept = Form[Any](stream)  # type: ignore[arg-type]
    found = []
    for beat in range(60):
        found.append(kept.step())
        stream.tick += TICKS_PER_QUARTER if beat % 5 else 2 * TICKS_PER_QUARTER + 240  # later in each bar
    assert not any(found)


def test_what_was_taken_back_does_not_come_back() -> None:
    stream = Stream()
    kept = Form[Any](stream)  # type: ignore[arg-type]
    for _ in range(14):
        kept.step()
        stream.tick += TICKS_PER_QUARTER
    stream.tick = BAR
    while not kept.step():
        stream.tick += TICKS_PER_QUARTER

    assert stream.asked[-1][1] * TICKS_PER_QUARTER <= stream.tick


@pytest.fixture(scope="module")
def piano() -> Bundle:
    return load_bundle("piano-lstm")


SOLO = {"role": "solo", "role_after_touch": "solo"}


def test_a_solo_says_bars_again(piano: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[tuple[int, ...]]()
    step = Form.step

    def noted(self: Form[Any]) -> tuple[int, ...]:
        said.append(step(self))
        return said[-1]

    monkeypatch.setattr(Form, "step", noted)
    hall = Hall(piano, {"play": {**SOLO, "seed": 1}})

    hall.wait(120_000)

    assert sum(map(bool, said)) >= 2
    assert hall.onsets()


@pytest.fixture
def closes(monkeypatch: pytest.MonkeyPatch) -> list[Finale[Any]]:
    """Every section closes; all of the closes."""
    made = list[Finale[Any]]()

    def noted(*args: Any) -> Finale[Any]:
        made.append(closing(*args))
        return made[-1]

    monkeypatch.setattr(form, "_CLOSES", {"note_duration": 1.0})
    monkeypatch.setattr(parts, "closing", noted)
    return made


def test_sections_close_on_a_chord_that_is_held_and_the_solo_goes_on(piano: Bundle, closes: list[Finale[Any]]) -> None:
    hall = Hall(piano, {"play": {**SOLO, "seed": 1}, "time": {"tempo_bpm": 120}})

    hall.wait(60_000)

    onsets = [timed.at_ns for timed in hall.onsets()]
    ends = [close.chosen for close in closes if close.chosen]
    rests = [after - before for before, after in pairwise(onsets) if after - before >= NS_PER_S]
    assert len(ends) >= 5
    assert all(end.over - end.last >= 2 * TICKS_PER_QUARTER for end in ends)
    assert len(rests) >= len(ends) - 1
    assert onsets[-1] > hall.now_ns - 5 * NS_PER_S
    assert sounding_at_once(hall) <= {0, 1}


def sounding_at_once(hall: Hall) -> set[int]:
    """How often any pitch sounds at any moment."""
    counts, seen = Counter[int](), set[int]()
    for timed in hall.sent:
        if isinstance(timed.event, NoteOn | NoteOff):
            counts[timed.event.pitch] += 1 if isinstance(timed.event, NoteOn) else -1
            seen |= set(counts.values())
    return seen


def test_a_close_is_the_same_in_however_many_calls_its_futures_are_imagined(
    piano: Bundle, closes: list[Finale[Any]]
) -> None:
    played = []
    for step_ms in (10, 45):
        hall = Hall(piano, {"play": {**SOLO, "seed": 2}})
        while hall.now_ns < 31 * NS_PER_S:
            hall.step(step_ms * NS_PER_MS)
        played.append([timed for timed in hall.onsets() if timed.at_ns < 30 * NS_PER_S])

    assert [timed.event for timed in played[0]] == [timed.event for timed in played[1]]
    assert closes


def test_a_solo_that_is_stopped_in_its_close_goes_on_and_nothing_hangs(
    piano: Bundle, closes: list[Finale[Any]]
) -> None:
    hall = Hall(piano, {"play": {**SOLO, "seed": 1}})
    while not (closes and closes[-1].chosen):
        hall.step()

    hall.note(60, 200, 50)  # a key takes the turn
    hall.wait(4_000)
    count = len(hall.onsets())
    hall.wait(20_000)

    assert len(hall.onsets()) > count + 20
    assert sounding_at_once(hall) <= {0, 1}


@pytest.mark.parametrize("codec", ["abc", "chorale", "notes"])
def test_tunes_chorales_and_even_notes_close_by_themselves(codec: str) -> None:
    stream = Stream(codec)
    kept = Form[Any](stream)  # type: ignore[arg-type]
    for _ in range(120):
        kept.step()
        assert not kept.is_closing
        stream.tick += TICKS_PER_QUARTER


def test_bars_that_come_back_obey_the_scale(piano: Bundle) -> None:
    settings = {"play": {"role": "solo", "role_after_touch": "solo", "seed": 3, "key": "C"}}
    hall = Hall(piano, {**settings, "sampling": {"out_of_key": 1.0}})
    hall.wait(60_000)

    hall.change(limits={"scale_lock": True})
    hall.wait(500)
    locked_ns = hall.now_ns
    hall.wait(60_000)

    assert {pitch % 12 for pitch in hall.pitches(locked_ns)} <= {0, 2, 4, 5, 7, 9, 11}
