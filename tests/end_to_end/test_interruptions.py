"""A player who interrupts answers at random moments: nothing more is begun, nothing hangs, nothing false is remembered.

A few by default; many by LIVEGEN_INTERRUPTIONS=1000: on a manual clock half a minute, on real ports half an hour.
Durations on real ports are judged only then.
"""

import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from livegen.clock import NS_PER_MS, now_ns
from livegen.codecs.chorale import ChoraleCodec
from livegen.engine.checkpoint import Checkpoint
from livegen.events import NoteOn, Timed
from livegen.model.bundle import load_bundle
from tests.support.amounts import amounts
from tests.support.hall import STEP_NS, Hall
from tests.support.jack_stage import hanging, melody, stage, wait_for, wait_for_quiet

_ASKED = "LIVEGEN_INTERRUPTIONS"
INTERRUPTIONS = int(os.environ.get(_ASKED, "20"))  # on a manual clock
JUDGED = 100
COMMITTED_NS = 60 * NS_PER_MS
ON_THE_WAY_MS = 15  # two periods of JACK, and who listens looks every half millisecond
PHRASE = melody((72, 71, 69), beat_ms=100)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[object, int, object]]:
    """Each cursor's own story: (the one before, the token between, the cursor itself, to keep it)."""
    taken: dict[int, tuple[object, int, object]] = {}
    step = ChoraleCodec.step

    def watched(self: ChoraleCodec, cursor, token: int):  # type: ignore[no-untyped-def]
        after, events = step(self, cursor, token)
        taken[id(after)] = (cursor, token, after)
        return after, events

    monkeypatch.setattr(ChoraleCodec, "step", watched)
    return taken


def tokens_of(checkpoint: Checkpoint, steps: dict[int, tuple[object, int, object]]) -> list[int]:
    """All tokens that led to a place."""
    tokens, cursor = [], checkpoint.cursor
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
        hall = Hall(bundle, {"play": {"pause_ms": 200}})
        for pitch in (72, 71, 69, 67):
            hall.note(pitch, 100, 20)
        hall.wait_for_onset()
        hall.wait(chance.randrange(900))
        touched_ns = hall.now_ns
        hall.play(NoteOn(76, 80))
        hall.wait(400)
        late_onsets += [timed.at_ns for timed in hall.onsets(touched_ns + COMMITTED_NS)]
        assert hall.sounding == []

        part = hall.engine._part
        assert part is not None
        checkpoint = part.stream.checkpoint
        tokens = np.array([tokens_of(checkpoint, steps)], np.int64)
        _, straight = bundle.stepper.step(tokens, bundle.stepper.initial())
        state = checkpoint.state
        if checkpoint.unfed:
            _, state = bundle.stepper.step(np.array([checkpoint.unfed], np.int64), state)
        furthest = max(furthest, *(float(np.abs(straight[name] - state[name]).max()) for name in state))
        heard_ns = part._beat.ns_at(checkpoint.cursor.tick + part._offset)
        assert heard_ns <= touched_ns + STEP_NS or checkpoint.cursor.tick == part._begin_tick

    assert late_onsets == []
    assert furthest < 1e-4


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
@amounts("interruptions", everyday=6, whole=20, variable=_ASKED)
def test_on_real_ports_nothing_begins_once_the_player_has_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruptions: int
) -> None:
    monkeypatch.setenv("LIVEGEN_PLAY__PAUSE_MS", "100")
    chance, ends_ns = random.Random(3), list[int]()
    with stage("interrupted", tmp_path, "--tempo", "150") as on:
        for _ in range(interruptions):
            on.player.play(PHRASE)
            ends_ns.append(now_ns())
            seen = len(on.receiver.events())
            wait_for(lambda seen=seen: len(on.receiver.events()) > seen, "an answer")
            time.sleep(chance.random())
        wait_for_quiet(on.receiver)
        played, heard = on.player.events(), on.receiver.events()

    touches_ns = [timed.at_ns for timed in played if isinstance(timed.event, NoteOn)][:: len(PHRASE) // 2]
    late_ms = [
        (onset_ns - touch_ns) / NS_PER_MS
        for touch_ns, end_ns in zip(touches_ns, ends_ns, strict=True)
        for onset_ns in onsets_between(heard, touch_ns, end_ns)
    ]
    sys.stdout.write(f"\n{len(touches_ns)} touches; the latest note-on after one: {max(late_ms, default=0):.1f} ms")
    assert hanging(heard) == Counter()
    if interruptions >= JUDGED:
        assert max(late_ms, default=0) <= COMMITTED_NS / NS_PER_MS + ON_THE_WAY_MS


def onsets_between(heard: list[Timed], from_ns: int, until_ns: int) -> list[int]:
    return [t.at_ns for t in heard if isinstance(t.event, NoteOn) and from_ns < t.at_ns < until_ns]
