"""Pedals and bends of a codec on real ports: they leave with their beats, go back with the plan, and are lifted."""

import os
import signal
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import ControlChange, Event, NoteOn, PitchBend, Timed, to_bytes
from tests.support.jack_stage import Stage, hanging, melody, stage, wait_for, wait_for_quiet
from tests.support.pedalled import BEND

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

PHRASE = melody((72, 71, 69, 67, 65, 67, 69, 71), beat_ms=300)
TOGETHER_NS = 20 * NS_PER_MS  # what belongs to one beat, as the receiver stamps it


def lasting(events: list[Timed]) -> dict[str, Event]:
    """The pedal and the bend as they were left."""
    return {
        type(timed.event).__name__: timed.event
        for timed in events
        if isinstance(timed.event, PitchBend) or (isinstance(timed.event, ControlChange) and timed.event.number == 64)
    }


def wait_for_pedal(on: Stage, after_ns: int) -> int:
    """Until the pedal is down and the wheel bent."""

    def poll() -> int | None:
        bent = [timed.at_ns for timed in on.receiver.events() if timed.event == PitchBend(BEND)]
        return next((at_ns for at_ns in bent if at_ns > after_ns), None)

    return wait_for(poll, "a bend")


def test_they_leave_with_the_notes_of_their_beat_and_are_lifted_at_the_end(tmp_path: Path) -> None:
    with stage("pedal", tmp_path, script="pedalled") as on:
        on.player.play(PHRASE)
        wait_for_pedal(on, 0)
        wait_for_quiet(on.receiver)
        events = on.receiver.events()

    onsets = [timed.at_ns for timed in events if isinstance(timed.event, NoteOn)]
    down = [timed.at_ns for timed in events if timed.event == ControlChange(64, 127)]
    bent = [timed.at_ns for timed in events if timed.event == PitchBend(BEND)]
    with_notes = [at_ns for at_ns in down if any(abs(at_ns - onset) < TOGETHER_NS for onset in onsets)]
    assert len(down) == len(bent) >= 4
    assert all(abs(pedal - bend) < TOGETHER_NS for pedal, bend in zip(down, bent, strict=True))
    assert len(with_notes) >= len(down) / 2  # on other beats all voices hold
    assert lasting(events) == {"ControlChange": ControlChange(64, 0), "PitchBend": PitchBend(0)}
    assert not hanging(events)


def test_a_touch_takes_back_those_to_come_and_lifts_what_is_down(tmp_path: Path) -> None:
    with stage("retracted", tmp_path, script="pedalled") as on:
        on.player.play(PHRASE)
        wait_for_pedal(on, 0)
        touched_ns = now_ns()
        on.player.play([(0, list(to_bytes(NoteOn(84, 80))))])
        wait_for_quiet(on.receiver)
        events = on.receiver.events()

    late = [timed for timed in events if timed.at_ns > touched_ns + 150 * NS_PER_MS]
    assert not [timed for timed in late if timed.event in (ControlChange(64, 127), PitchBend(BEND))]
    assert lasting(events) == {"ControlChange": ControlChange(64, 0), "PitchBend": PitchBend(0)}
    assert not hanging(events)


def test_when_the_engine_is_killed_the_pedal_is_lifted_and_the_bend_centred(tmp_path: Path) -> None:
    with stage("killed", tmp_path, script="pedalled") as on:
        on.player.play(PHRASE)
        bent_ns = wait_for_pedal(on, 0)
        engine = on.daemon.engine_pid()
        assert engine
        os.kill(engine, signal.SIGKILL)
        on.daemon.wait_for_line("starting it again")
        wait_for(lambda: lasting(on.receiver.events()).get("PitchBend") == PitchBend(0), "a centred bend")
        events = [timed for timed in on.receiver.events() if timed.at_ns < bent_ns + 400 * NS_PER_MS]

    assert lasting(events) == {"ControlChange": ControlChange(64, 0), "PitchBend": PitchBend(0)}
