"""What keyboards and sequencers send beside plain notes, on real JACK ports."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from livegen.clock import now_ns
from livegen.events import PEDALS, ControlChange, Event, NoteOff, NoteOn, PitchBend, to_bytes
from tests.support.jack_stage import Stage, hanging, melody, stage, wait_for, wait_for_chord, wait_for_quiet
from tests.support.jack_voice import connect_in_time

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

PITCHES = (72, 71, 69, 67, 65, 67, 69, 71)
LASTING = (*(ControlChange(pedal, 127, 2) for pedal in PEDALS), PitchBend(3_000, 2))
ENDED = {*(ControlChange(pedal, 0, 2) for pedal in PEDALS), PitchBend(0, 2)}


def score(*events: Event, delay_ms: float = 1) -> list[tuple[float, Sequence[int]]]:
    return [(delay_ms, list(to_bytes(event))) for event in events]


def lasting(on: Stage) -> set[Event]:
    """How each pedal and bend of the receiver was left."""
    left: dict[object, Event] = {}
    for timed in on.receiver.events():
        match timed.event:
            case ControlChange(number, _, channel) if number in PEDALS:
                left[number, channel] = timed.event
            case PitchBend(_, channel):
                left[channel] = timed.event
    return set(left.values())


def press_all(on: Stage) -> None:
    on.player.play(score(NoteOn(60, 80, 2), *LASTING))
    wait_for(lambda: lasting(on) == set(LASTING), "the pedals")


@pytest.fixture
def thru(tmp_path: Path) -> str:
    path = tmp_path / "thru.toml"
    path.write_text('[ports]\nthru = "on"\n[play]\npause_ms = 5000\n')
    return str(path)


def test_a_phrase_is_answered_though_all_notes_off_follows_each_key(tmp_path: Path) -> None:
    off = list(to_bytes(ControlChange(123, 0)))
    with stage("roland", tmp_path) as on:
        on.player.play([each for step in melody(PITCHES, beat_ms=200) for each in (step, (0, off))])
        wait_for_chord(on.receiver, after_ns=0)
        played_ns = now_ns()
        on.player.play([(0, list(to_bytes(ControlChange(number, 0, c)))) for number in (120, 123) for c in range(16)])
        wait_for_chord(on.receiver, after_ns=played_ns)  # the answer goes on
        wait_for_quiet(on.receiver)

    assert not hanging(on.receiver.events())


def test_every_pedal_that_is_down_is_lifted_when_the_device_vanishes(tmp_path: Path, thru: str) -> None:
    with stage("unplugged", tmp_path, "--config", thru) as on:
        press_all(on)
        on.player.kill()
        wait_for(lambda: lasting(on) == ENDED, "the pedals' ends")
        wait_for(lambda: not hanging(on.receiver.events()), "the note's end")


def test_every_pedal_that_is_down_is_lifted_when_livegen_ends(tmp_path: Path, thru: str) -> None:
    with stage("ended", tmp_path, "--config", thru) as on:
        press_all(on)
        on.daemon.stop()

        assert lasting(on) == ENDED
        assert not hanging(on.receiver.events())


def test_every_pedal_that_was_down_at_a_crash_is_lifted_at_the_next_start(tmp_path: Path, thru: str) -> None:
    settings = Path(thru)
    settings.write_text(settings.read_text().replace("[ports]", '[ports]\noutput = "crashed-receiver"'))
    with stage("crashed", tmp_path, "--config", thru, is_named=True) as on:
        on.daemon.wait_for_line("playing to")
        press_all(on)
        on.restart()
        wait_for(lambda: lasting(on) == ENDED, "the pedals' ends")
        wait_for(lambda: not hanging(on.receiver.events()), "the note's end")


def test_each_nrpn_of_a_player_is_passed_on(tmp_path: Path, thru: str) -> None:
    nrpns = [ControlChange(*each) for each in ((99, 1), (98, 8), (6, 64), (38, 0), (99, 1), (98, 9), (6, 64), (38, 0))]
    with stage("nrpn", tmp_path, "--config", thru) as on:
        on.player.play(score(*nrpns, NoteOn(60, 80), NoteOff(60)))
        wait_for(lambda: [timed for timed in on.receiver.events() if timed.event == NoteOff(60)], "the note")
        events = [timed.event for timed in on.receiver.events()]

    assert events == [*nrpns, NoteOn(60, 80), NoteOff(60)]


def test_a_controller_that_comes_round_by_a_cable_is_cut(tmp_path: Path, thru: str) -> None:
    with stage("looped", tmp_path, "--config", thru) as on:
        connect_in_time("looped-out:out", "looped:in")
        on.player.play(score(*(ControlChange(7, value) for value in range(100, 110)), delay_ms=10))
        wait_for_quiet(on.receiver)
        events = [timed.event for timed in on.receiver.events()]

    assert set(events) == {ControlChange(7, value) for value in range(100, 110)}
    assert len(events) < 500
