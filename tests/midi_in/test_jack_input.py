"""What comes in on JACK: missing devices, bad bytes, floods, silence, our own notes."""

import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from livegen.clock import now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from tests.support.jack_stage import (
    Daemon,
    Voice,
    hanging,
    melody,
    notes,
    stage,
    wait_for,
    wait_for_chord,
    wait_for_quiet,
)
from tests.support.jack_voice import connect

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

SHORT = melody((72, 71, 69, 67), beat_ms=150)
_LOW = 20  # lower than any answer


def at_once(*messages: str) -> list[tuple[float, list[int]]]:
    return [(0, list(bytes.fromhex(message))) for message in messages]


def wait_for_release(receiver: Voice) -> None:
    """Wait until the lowest note has come and gone."""
    wait_for(lambda: any(note.pitch == _LOW and note.end_ns for note in notes(receiver.events())), "the release")


def test_the_ports_are_there_before_the_model_is_loaded(tmp_path: Path):
    daemon = Daemon("early", tmp_path)
    try:
        daemon.wait_for_line("listening at 'early:in', playing at 'early-out:out'")
        listed = subprocess.run(["jack_lsp", "-A"], capture_output=True, text=True, check=True).stdout.split()
        daemon.wait_for_line("loaded")
        lines = daemon.lines()
    finally:
        daemon.kill()

    assert {"early:in", "early:out"} <= set(listed)
    assert [word for line in lines if (word := line.split()[0]) != "seed"][:2] == ["listening", "loaded:"]


def test_a_device_that_is_missing_is_said_once_and_listened_to_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_PORTS__INPUTS", '["Keys", {"name": "Pads", "channels": {"1": 10}}]')
    daemon = Daemon("late", tmp_path)
    voices = []
    try:
        daemon.wait_for_line("loaded")
        for name in ("Pads", "Keys"):
            voices.append(Voice("play", name, tmp_path, ""))
            daemon.wait_for_line(f"listening to '{name}:out'")
        voices[1].play(SHORT)
        daemon.wait_for_line("heard 4 notes")
    finally:
        for voice in voices:
            voice.close()
        daemon.kill()

    missing = [line for line in daemon.lines() if "waiting for it" in line and "is gone" not in line]
    assert [line.split(";")[0] for line in missing] == [
        "no MIDI input called 'Keys'",
        "no MIDI input called 'Pads'",
    ]


def test_after_bad_bytes_and_a_flood_a_phrase_is_answered_and_nothing_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    bad = at_once("3c 50", "90", "90 3c", "f4", "f9", "fd", "f0 01 f7", "80 3c 00", "90 3c 00", "f8", "f2 01 02", "ff")
    keys = [(channel, pitch) for channel in range(16) for pitch in range(128)]
    flood = [(0.0, list(to_bytes(NoteOn(pitch, 80, channel)))) for channel, pitch in keys * 2]
    flood += [(0.0, list(to_bytes(NoteOff(pitch, channel)))) for channel, pitch in keys]
    with stage("flood", tmp_path) as on:
        on.player.play(bad + flood + bad)
        on.player.kill()  # where JACK has lost the end of a note, this is its end
        wait_for_quiet(on.receiver)
        second = Voice("play", "flood-second", tmp_path, "flood:in")
        second.play(SHORT)
        on.daemon.wait_for_line("heard 4 notes")
        wait_for_chord(on.receiver, after_ns=now_ns())
        wait_for_quiet(on.receiver)
        second.kill()
        events = on.receiver.events()
        status = on.daemon.stop()
        lines = on.daemon.lines()

    assert status == 0
    assert hanging(events) == Counter()
    assert sum("sends too many messages" in line for line in lines) <= 1
    assert not any("bug" in line for line in lines)


def test_a_keyboard_that_stops_sensing_or_goes_lets_go_of_its_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    with stage("silent", tmp_path) as on:
        on.player.play(at_once("fe", f"90 {_LOW:02x} 50"))
        wait_for_release(on.receiver)
        said = on.daemon.wait_for_line("has stopped sending")
        on.receiver.path.write_text("")
        on.player.play(at_once(f"90 {_LOW:02x} 50"))
        wait_for(lambda: any(note.pitch == _LOW for note in notes(on.receiver.events())), "the note")
        on.player.kill()
        wait_for_release(on.receiver)

    assert said == "'silent:in' has stopped sending; its notes are ended"


def test_a_program_that_comes_presses_a_key_and_goes_at_once_lets_go_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Between two polls, which are a second apart."""
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    monkeypatch.setenv("LIVEGEN_PORTS__POLL_S", "5")
    with stage("brief", tmp_path) as on:
        on.player.close()
        for pitch in range(_LOW, _LOW + 3):  # one of them may be there while it is looked
            brief = Voice("play", "brief-guest", tmp_path, "brief:in")
            brief.play(at_once(f"90 {pitch:02x} 50"))
            wait_for(lambda pitch=pitch: NoteOn(pitch, 80) in [t.event for t in on.receiver.events()], "the note")
            brief.kill()
        wait_for(lambda: not hanging(on.receiver.events()), "the releases")
        last = Voice("play", "brief-last", tmp_path, "brief:in")
        last.play(SHORT)
        on.daemon.wait_for_line("answer in")
        last.close()


def test_after_an_exclusive_message_without_an_end_every_note_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEGEN_PORTS__THRU", "on")
    with stage("exclusive", tmp_path) as on:
        on.player.play(at_once("f0 7e 01 02 03", f"90 {_LOW:02x} 50"))
        wait_for(lambda: any(note.pitch == _LOW for note in notes(on.receiver.events())), "the note")
        on.player.play(at_once("f0 43", f"80 {_LOW:02x} 00"))
        wait_for_release(on.receiver)
        on.player.play([*at_once("f0 01"), *SHORT])
        on.daemon.wait_for_line("heard")
        lines = on.daemon.lines()

    assert not any("bug" in line for line in lines)


def test_our_own_notes_are_left_out_while_they_come_back_to_us(tmp_path: Path):
    with stage("loop", tmp_path) as on:
        assert connect("loop:out", "loop:in")
        on.player.play(SHORT)
        on.daemon.wait_for_line("our own notes come back to us")
        subprocess.run(["jack_disconnect", "loop:out", "loop:in"], check=True)
        wait_for_quiet(on.receiver)
        for _ in range(3):
            on.player.play(SHORT)
            wait_for_chord(on.receiver, after_ns=time.monotonic_ns())
            wait_for_quiet(on.receiver)
        on.daemon.wait_for_line("our own notes have stopped coming back")
        lines = on.daemon.lines()

    assert sum("our own notes come back" in line for line in lines) == 1
