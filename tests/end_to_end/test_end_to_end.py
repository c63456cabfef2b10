"""Whole performances on JACK, judged by a receiver that is a process of its own.

One phrase by default, more by LIVEGEN_PHRASES=20. Kills and signals are in test_faults.py.
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from livegen.clock import now_ns
from livegen.events import NoteOn
from livegen.recording.format import read_session
from livegen.recording.tracks import KINDS, track
from tests.conftest import SERVER, start_jack, stop_jack
from tests.support.jack_stage import (
    Daemon,
    Voice,
    hanging,
    melody,
    stage,
    wait_for,
    wait_for_chord,
    wait_for_quiet,
)

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

PHRASES = int(os.environ.get("LIVEGEN_PHRASES", "1"))

PHRASE = melody((67, 69, 71, 67, 71, 72, 74, 74))
SHORT = melody((72, 71, 69, 67), beat_ms=150)


def test_every_phrase_is_answered_after_its_end_and_nothing_hangs(tmp_path: Path):
    spans = []
    with stage("answers", tmp_path) as on:
        for _ in range(PHRASES):
            before = len(on.receiver.events())
            on.player.play(PHRASE)
            ended_ns = now_ns()
            wait_for(lambda seen=before: len(on.receiver.events()) > seen, "an answer")
            wait_for_quiet(on.receiver)
            spans.append((ended_ns, on.receiver.events()[before].at_ns))
        events = on.receiver.events()
        status = on.daemon.stop()

    assert len(spans) == PHRASES
    assert all(begun_ns > ended_ns for ended_ns, begun_ns in spans)
    assert hanging(events) == Counter()
    assert status == 0


def test_the_recording_of_a_killed_session_is_whole_up_to_its_last_second(tmp_path: Path):
    with stage("record", tmp_path, "--record", str(tmp_path / "sessions")) as on:
        on.player.play(SHORT)
        wait_for_chord(on.receiver, after_ns=0)
        time.sleep(1.5)  # the last second may be lost, not more
        on.daemon.kill()

    (path,) = (tmp_path / "sessions").iterdir()
    session = read_session(path)
    voices = {who: [t.event for t in track(session, who) if isinstance(t.event, NoteOn)] for who in KINDS}
    assert [event.pitch for event in voices["player"]] == [72, 71, 69, 67]
    assert len(voices["machine"]) >= 2


def test_a_named_input_that_vanishes_is_said_once_and_listened_to_again_when_it_is_back(tmp_path: Path):
    keys = Voice("play", "Keys", tmp_path, "")
    daemon = Daemon("hotplug", tmp_path, "--in", "keys")
    try:
        daemon.wait_for_line("listening to 'Keys:out'")
        keys.kill()
        daemon.wait_for_line("'Keys:out' is gone")
        keys = Voice("play", "Keys", tmp_path, "")
        wait_for(lambda: daemon.lines().count("listening to 'Keys:out'") == 2, "the keyboard's return")
        daemon.wait_for_line("loaded")
        keys.play(SHORT)
        daemon.wait_for_line("heard 4 notes")
    finally:
        keys.kill()
        daemon.kill()

    assert sum("is gone" in line for line in daemon.lines()) == 1


def test_a_program_that_connects_itself_is_heard_exactly_once(tmp_path: Path):
    with stage("once", tmp_path) as on:
        on.player.play(SHORT)
        said = on.daemon.wait_for_line("heard ")
        on.daemon.stop()
        lines = on.daemon.lines()

    assert said.startswith("heard 4 notes")
    assert lines[-1].startswith("you played 4 notes, livegen ")
    assert not any("listening to" in line for line in lines)


def test_a_midi_system_that_dies_is_said_once_and_played_to_again_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"{SERVER}-mortal")
    server = start_jack(tmp_path / "first.log")
    daemon = Daemon("mortal", tmp_path)
    try:
        daemon.wait_for_line("loaded")
        stop_jack(server)
        daemon.wait_for_line("the MIDI system is gone")
        server = start_jack(tmp_path / "second.log")
        wait_for(lambda: sum("listening at" in line for line in daemon.lines()) == 2, "the ports' return")
        player = Voice("play", "mortal-player", tmp_path, "mortal:in")
        player.play(SHORT)
        daemon.wait_for_line("answer in")
        player.kill()
        status = daemon.stop()
    finally:
        daemon.kill()
        stop_jack(server)

    assert status == 0
    assert sum("is gone" in line for line in daemon.lines()) == 1


def test_an_unknown_input_is_refused_in_one_line(tmp_path: Path):
    daemon = Daemon("unknown", tmp_path, "--in", "Nord")

    assert daemon.process.wait(20) == 1
    assert daemon.lines()[-1].startswith("livegen: no MIDI input called 'Nord'; there are")
