"""A player who interrupts answers at random moments: nothing more is begun, nothing hangs, nothing false is remembered.

A few by default; the full count by LIVEGEN_INTERRUPTIONS=1000.
"""

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.chorale import ChoraleCodec
from livegen.engine import Engine
from livegen.events import NoteOff, NoteOn, Timed
from livegen.imagine.bundle import Bundle, load_bundle
from livegen.imagine.place import Place
from livegen.play.ledger import Ledger, blank_ledger
from livegen.play.scheduler import Scheduler
from livegen.settings import load

INTERRUPTIONS = int(os.environ.get("LIVEGEN_INTERRUPTIONS", "20"))
COMMITTED_NS = 60 * NS_PER_MS
STEP_NS = 10 * NS_PER_MS
SHORT = (72, 71, 69, 67)


class Hall:
    """An engine, and what stands between it and the ears, on a manual clock."""

    def __init__(self, bundle: Bundle) -> None:
        self.engine = Engine(bundle, load(None, {"play": {"pause_ms": 200}}))
        self.scheduler, self.ledger = Scheduler(), blank_ledger()
        self.now_ns = NS_PER_S
        self.sent: list[Timed] = []

    def play(self, event: NoteOn | NoteOff) -> None:
        self.engine.hear(Timed(self.now_ns, event))
        self.step(0)

    def step(self, step_ns: int = STEP_NS) -> None:
        self.now_ns += step_ns
        plan = self.engine.imagine(self.now_ns)
        if plan.retract_ns is not None:
            self.scheduler.retract(plan.retract_ns, self.now_ns, self.ledger.sounding(), plan.kept)
        self.scheduler.add(plan.events)
        for timed in self.scheduler.due(self.now_ns):
            self.ledger.leaves(timed.event)
            self.sent.append(timed)
            self.ledger.has_left(timed.event)

    def wait(self, wait_ns: int) -> None:
        until_ns = self.now_ns + wait_ns
        while self.now_ns < until_ns:
            self.step(min(STEP_NS, until_ns - self.now_ns))

    def phrase(self) -> None:
        for pitch in SHORT:
            self.play(NoteOn(pitch, 80))
            self.wait(100 * NS_PER_MS)
            self.play(NoteOff(pitch))
            self.wait(20 * NS_PER_MS)

    def wait_for_answer(self) -> None:
        before = len(self.sent)
        while len(self.sent) == before:
            self.step()


def onsets(sent: list[Timed]) -> list[int]:
    return [timed.at_ns for timed in sent if isinstance(timed.event, NoteOn)]


def is_silent(ledger: Ledger) -> bool:
    return not ledger.sounding()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, tuple[object, int, object]]]:
    """Each cursor's own story: (the one before, the token between, the cursor itself, to keep it)."""
    taken: dict[int, tuple[object, int, object]] = {}
    step = ChoraleCodec.step

    def watched(self: ChoraleCodec, cursor, token: int):  # type: ignore[no-untyped-def]
        after, events = step(self, cursor, token)
        taken[id(after)] = (cursor, token, after)
        return after, events

    monkeypatch.setattr(ChoraleCodec, "step", watched)
    yield taken


def tokens_of(place: Place, steps: dict[int, tuple[object, int, object]]) -> list[int]:
    """All tokens that led to a place."""
    tokens, cursor = [], place.cursor
    while id(cursor) in steps:
        cursor, token, _ = steps[id(cursor)]
        tokens.append(token)
    return tokens[::-1]


def test_after_an_interruption_the_state_is_that_of_a_straight_run_over_what_was_heard(
    steps: dict[int, tuple[object, int, object]],
) -> None:
    bundle, chance = load_bundle("bach"), random.Random(7)
    late_onsets: list[int] = []
    furthest = 0.0
    for _ in range(INTERRUPTIONS):
        steps.clear()
        hall = Hall(bundle)
        hall.phrase()
        hall.wait_for_answer()
        hall.wait(chance.randrange(900) * NS_PER_MS)
        touched_ns, before = hall.now_ns, len(hall.sent)
        hall.play(NoteOn(76, 80))
        hall.wait(400 * NS_PER_MS)
        late_onsets += [at_ns for at_ns in onsets(hall.sent[before:]) if at_ns > touched_ns + COMMITTED_NS]
        assert is_silent(hall.ledger)

        part = hall.engine._part
        assert part is not None
        place = part.continuation.place
        tokens = np.array([tokens_of(place, steps)], np.int64)
        _, straight = bundle.stepper.step(tokens, bundle.stepper.initial())
        state = place.state
        if place.unfed:
            _, state = bundle.stepper.step(np.array([place.unfed], np.int64), state)
        furthest = max(furthest, *(float(np.abs(straight[name] - state[name]).max()) for name in state))
        heard_ns = part.beat.ns_at(place.cursor.tick + part._offset)
        assert heard_ns <= touched_ns + STEP_NS or place.cursor.tick == part._begin_tick

    assert late_onsets == []
    assert furthest < 1e-4
