"""Which bars of a solo come back."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from livegen.engine.form import Form
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER
from livegen.model.bundle import Bundle, load_bundle
from livegen.settings import Play, Settings
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
    form = Form[Any](stream)  # type: ignore[arg-type]
    found = []
    for _ in range(bars * 4):
        if again := form.step():
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
    form = Form[Any](stream)  # type: ignore[arg-type]
    found = []
    for beat in range(60):
        found.append(form.step())
        stream.tick += TICKS_PER_QUARTER if beat % 5 else 2 * TICKS_PER_QUARTER + 240  # later in each bar
    assert not any(found)


def test_what_was_taken_back_does_not_come_back() -> None:
    stream = Stream()
    form = Form[Any](stream)  # type: ignore[arg-type]
    for _ in range(14):
        form.step()
        stream.tick += TICKS_PER_QUARTER
    stream.tick = BAR
    while not form.step():
        stream.tick += TICKS_PER_QUARTER

    assert stream.asked[-1][1] * TICKS_PER_QUARTER <= stream.tick


@pytest.fixture(scope="module")
def piano() -> Bundle:
    return load_bundle("piano-lstm")


def test_a_solo_says_bars_again(piano: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, ...]] = []
    write = TokenStream.write

    def noted(self: TokenStream[Any], tokens: tuple[int, ...], *until: float) -> Any:
        written.append(tokens)
        return write(self, tokens, *until)

    monkeypatch.setattr(TokenStream, "write", noted)
    settings = Settings(play=Play(model="piano-lstm", role="solo", role_after_touch="solo", seed=1))
    hall = Hall(piano, settings.model_dump())

    hall.wait(60_000)

    assert len(written) >= 2
    assert hall.onsets()


def test_bars_that_come_back_obey_the_scale(piano: Bundle) -> None:
    settings = {"play": {"role": "solo", "role_after_touch": "solo", "seed": 3, "key": "C"}}
    hall = Hall(piano, {**settings, "sampling": {"out_of_key": 1.0}})
    hall.wait(60_000)

    hall.change(limits={"scale_lock": True})
    hall.wait(500)
    locked_ns = hall.now_ns
    hall.wait(60_000)

    assert {pitch % 12 for pitch in hall.pitches(locked_ns)} <= {0, 2, 4, 5, 7, 9, 11}
