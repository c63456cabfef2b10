"""Which of several futures an answer ends with, and on which of its chords."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from livegen.clock import NS_PER_MS
from livegen.engine.best_of_n import Candidate
from livegen.engine.endings import COUNT, End, Endings, Wish
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn, Ticked
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.key import Key
from livegen.music.metre import Bars
from tests.support.hall import Hall

BEAT = TICKS_PER_QUARTER
PHRASE = tuple(Note(at * BEAT, pitch, BEAT) for at, pitch in enumerate((72, 71, 69, 67, 65, 64, 62, 60)))
STRANGE = (66, 68, 66, 68, 66, 68, 66)  # no cadence in C major or near it
WISH = Wish(length=8 * BEAT, longest=None, key=Key(0), bars=Bars(4), phrase=PHRASE)


@dataclass
class Stream:
    """Futures that were written beforehand, from the fourth beat on: pitches of a beat each, with their nats."""

    written: Sequence[tuple[Sequence[int], float]]
    codec_name: str = "chorale"
    ends: Sequence[int] = ()
    cursor: Any = field(default_factory=lambda: SimpleNamespace(tick=4 * BEAT))

    def futures(self, count: int, until: int) -> Iterator[None]:
        """All at once, after two steps."""
        assert count == COUNT
        assert until >= WISH.length
        yield
        yield
        return [_future(number, *each) for number, each in enumerate(self.written)]

    def phrase_ends(self, tokens: Sequence[int]) -> Sequence[int]:
        """The same for all."""
        return self.ends


def _future(number: int, pitches: Sequence[int], nats: float) -> Candidate[Any]:
    events = []
    for at, pitch in enumerate(pitches, 4):
        events += [Ticked(at * BEAT, NoteOn(pitch)), Ticked((at + 1) * BEAT, NoteOff(pitch))]
    at_end: Any = SimpleNamespace(cursor=SimpleNamespace(tick=(4 + len(pitches)) * BEAT))
    return Candidate(at_end, (number,) * len(pitches), tuple(events), nats * len(pitches))


def chosen(*futures: tuple[Sequence[int], float], wish: Wish = WISH, **stream: Any) -> End:
    endings = Endings(Stream(futures, **stream), wish, 0, ())  # type: ignore[arg-type]
    endings.complete()
    assert endings.end
    return endings.end


def test_the_likelier_future_is_chosen() -> None:
    assert chosen(([62, 64, 65, 62], -2), ([62, 64, 65, 62], -1)).tokens[0] == 1


def test_a_cadence_is_worth_some_likelihood_and_not_any() -> None:
    plain, closing = STRANGE, [64, 65, 62, 59, 60]

    assert chosen((plain, -1.0), (closing, -1.2)).tokens[0] == 1
    assert chosen((plain, -1.0), (closing, -3.0)).tokens[0] == 0
    assert chosen((plain, -1.0), (closing, -1.2), codec_name="note_duration").tokens[0] == 0


def test_its_last_chord_is_on_a_strong_beat_and_held_to_a_beat() -> None:
    end = chosen(([64, 65, 62, 59, 60, 64, 67], -1))

    assert (end.last, end.over) == (8 * BEAT, 10 * BEAT)  # twice as long as the notes before it


def test_the_codec_s_own_end_of_a_phrase_counts() -> None:
    assert chosen((STRANGE, -1)).last == 6 * BEAT  # a strong beat, and the length that was asked for
    assert chosen((STRANGE, -1), ends=[8 * BEAT]).last == 7 * BEAT


def test_it_is_never_longer_than_the_longest() -> None:
    wish = Wish(8 * BEAT, 8 * BEAT, Key(0), Bars(4), PHRASE)

    end = chosen(([64, 65, 62, 59, 60, 64, 67], -1), wish=wish)

    assert end.last < end.over <= 8 * BEAT


def test_it_is_never_twice_as_long_as_a_short_phrase() -> None:
    wish = replace(WISH, length=5 * BEAT)

    end = chosen(([64, 65, 62, 59, 60, 64, 67], -1), wish=wish)

    assert (end.last, end.over) == (4 * BEAT, 5 * BEAT)  # the cadence would be over after ten


def test_futures_without_a_note_have_no_end() -> None:
    endings = Endings(Stream([([], -1.0)] * COUNT), WISH, 0, ())  # type: ignore[arg-type]
    endings.complete()

    assert endings.end is None


def test_the_work_is_done_in_small_steps() -> None:
    endings = Endings(Stream([([64, 65, 62, 59, 60], -1.0)] * COUNT), WISH, 0, ())  # type: ignore[arg-type]

    steps = 0
    while not endings.advance(1):
        steps += 1

    assert steps == 2 + COUNT * 2  # the network's, and of each future's five ends four and one
    assert endings.end


@pytest.fixture(scope="module")
def bach() -> Bundle:
    return load_bundle("bach")


@pytest.mark.parametrize("step_ms", [10, 90])
def test_an_answer_is_the_same_in_however_many_calls_its_futures_are_imagined(bach: Bundle, step_ms: int) -> None:
    assert answered(bach, step_ms) == answered(bach, 30)


def answered(bundle: Bundle, step_ms: int) -> list[tuple[int, Any]]:
    """What is played, by its time since the first note."""
    hall = Hall(bundle, {"time": {"tempo_bpm": 100}})
    for pitch in (67, 67, 66, 64, 62, 67, 69, 71):
        hall.note(pitch, 540, 60)
    for _ in range(9_000 // step_ms):
        hall.step(step_ms * NS_PER_MS)
    return [(timed.at_ns - hall.sent[0].at_ns, timed.event) for timed in hall.sent]
