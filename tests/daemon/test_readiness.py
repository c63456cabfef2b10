"""When livegen says that it is ready, and what it says until then."""

from pathlib import Path

import pytest

from livegen.daemon.readiness import Ends, Readiness
from livegen.settings import Settings, load
from tests.support.jack_stage import Daemon, Voice, wait_for
from tests.support.jack_voice import connect
from tests.test_cli import livegen

NOBODY_PLAYS = "nobody can play: plug in a MIDI keyboard, or connect a program to livegen:in"
NOBODY_LISTENS = "nothing listens: connect a synthesizer to livegen:out, name one with --out, or start with --sound"


def said(*ends: Ends, settings: Settings | None = None, has_system: bool = True) -> list[str]:
    lines: list[str] = []
    readiness = Readiness(lines.append)
    for each in ends:
        readiness.poll(settings or Settings(), each, has_system=has_system)
    return lines


def test_it_is_ready_once_somebody_can_play_and_something_listens() -> None:
    assert said(Ends(can_play=True, is_heard=True)) == ["ready: play a phrase, then pause"]


def test_until_then_it_says_what_is_missing_and_again_when_that_changes() -> None:
    nothing, keys, both = Ends(), Ends(can_play=True), Ends(can_play=True, is_heard=True)

    assert said(nothing, nothing, keys, keys, both, both, keys) == [
        f"not ready yet: {NOBODY_PLAYS}; {NOBODY_LISTENS}",
        f"not ready yet: {NOBODY_LISTENS}",
        "ready: play a phrase, then pause",
        f"not ready yet: {NOBODY_LISTENS}",
    ]


def test_who_has_asked_for_sound_is_not_told_to_ask_for_it() -> None:
    (line,) = said(Ends(can_play=True), settings=load(None, {"sound": {"on": True}}))

    assert line.startswith("not ready yet: FluidSynth does not sound yet; else connect a synthesizer to livegen:out")
    assert "--sound" not in line


def test_a_line_is_not_said_twice_where_nothing_changes_for_the_player() -> None:
    solo = load(None, {"play": {"role": "solo"}})

    assert len(said(Ends(is_heard=True), Ends(can_play=True, is_heard=True), settings=solo)) == 1


def test_what_is_missing_is_known_to_the_status_for_the_role_that_is_played_now() -> None:
    readiness = Readiness(lambda _: None)
    found = []
    for role, has_system in (("respond", True), ("solo", True), ("respond", False)):
        readiness.poll(load(None, {"play": {"role": role}}), Ends(is_heard=True), has_system=has_system)
        found.append(readiness.lacking)

    assert found == [NOBODY_PLAYS, "", ""]


def test_on_alsa_it_names_the_output_that_aconnect_finds() -> None:
    lines: list[str] = []

    Readiness(lines.append).poll(Settings(), Ends(), has_system=True, midi_system="alsa")

    assert lines == [f"not ready yet: {NOBODY_PLAYS}; {NOBODY_LISTENS.replace('livegen:out', 'livegen-out:out')}"]


def test_a_solo_needs_no_keyboard() -> None:
    solo = load(None, {"play": {"role": "solo"}})

    assert said(Ends(is_heard=True), settings=solo) == ["ready: livegen plays alone until you touch a key"]


def test_without_a_midi_system_that_is_what_was_said() -> None:
    assert said(Ends(), has_system=False) == []


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_on_jack_it_is_ready_when_both_ends_are_connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    daemon = Daemon("unready", tmp_path)
    voices = []
    try:
        daemon.wait_for_line("not ready yet: nobody can play")
        wait_for(lambda: "not ready yet: nobody can play" in livegen("status", "--name", "unready").stdout, "a status")
        voices.append(Voice("play", "unready-keys", tmp_path, "unready:in"))
        voices[0].play([])
        daemon.wait_for_line("not ready yet: nothing listens")
        voices.append(Voice("hear", "unready-synth", tmp_path, ""))
        assert connect("unready:out", "unready-synth:in")
        daemon.wait_for_line("ready: play a phrase, then pause")
        voices.pop().kill()
        wait_for(lambda: sum("not ready yet: nothing listens" in line for line in daemon.lines()) == 2, "a line")
    finally:
        for voice in voices:
            voice.kill()
        daemon.kill()
