"""A box that plays alone, on real ports: visitors, closing time, no MIDI at boot, nothing that can be written.

Durations are judged with LIVEGEN_DURATIONS=1 only.
"""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.events import NoteOff, NoteOn, to_bytes
from livegen.recording.format import read_session
from livegen.recording.tracks import track
from tests.conftest import SERVER, start_jack, stop_jack
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

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]

SHORT = melody((72, 71, 69, 67), beat_ms=150)
IS_JUDGED = "LIVEGEN_DURATIONS" in os.environ
YIELD_NS = 100 * NS_PER_MS  # what is handed over sounds, and a message is on its way: far less than a beat


def can_mount() -> bool:
    """May file systems be mounted here, in a namespace of one's own?"""
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    )


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs the right to mount (root)")


def config(folder: Path, **sections: str) -> str:
    path = folder / "box.toml"
    path.write_text("".join(f"[{name}]\n{text}\n" for name, text in sections.items()))
    return str(path)


def test_it_plays_alone_yields_when_touched_answers_and_plays_alone_again(tmp_path: Path) -> None:
    path = config(tmp_path, play='role = "respond"', installation="attract_s = 3")
    with stage("attract", tmp_path, "--config", path) as on:
        wait_for_chord(on.receiver, after_ns=0)
        on.player.play([(0, list(to_bytes(NoteOn(72, 80))))])
        touched_ns = on.player.events()[-1].at_ns
        on.daemon.wait_for_line("role respond")
        time.sleep(0.5)
        played = notes(on.receiver.events())
        yielded = [n for n in played if n.onset_ns > touched_ns + YIELD_NS]
        silent_ns = max(n.end_ns or touched_ns for n in played) - touched_ns
        sounding = hanging(on.receiver.events())
        on.player.play([(0, list(to_bytes(NoteOff(72)))), *SHORT])
        on.daemon.wait_for_line("answer in")
        answered_ns = now_ns()
        wait_for_chord(on.receiver, after_ns=answered_ns)
        wait_for(lambda: on.daemon.lines().count("role solo") == 2, "the machine alone again")
        alone_ns = now_ns()
        wait_for_chord(on.receiver, after_ns=alone_ns)
        status = on.daemon.stop()

    print(f"yields {silent_ns / NS_PER_MS:.0f} ms after the touch")  # noqa: T201
    assert (yielded, sounding) == ([], Counter())
    assert (status, hanging(on.receiver.events())) == (0, Counter())


def test_outside_its_hours_it_is_silent_and_hears_nobody_and_opens_when_they_are_changed(tmp_path: Path) -> None:
    now = time.localtime()
    closed = (now.tm_hour + 2) % 24
    path = config(tmp_path, installation=f'attract_s = 1\nfade_s = 1\nhours = ["{closed:02}:00-{closed:02}:30"]')
    with stage("hours", tmp_path, "--config", path) as on:
        on.player.play(SHORT)
        time.sleep(2)
        while_closed = on.receiver.events()
        config(tmp_path, installation="attract_s = 1\nfade_s = 1")
        wait_for_chord(on.receiver, after_ns=0)
        config(tmp_path, installation=f'attract_s = 1\nfade_s = 1\nhours = ["{closed:02}:00-{closed:02}:30"]')
        wait_for_quiet(on.receiver)
        on.daemon.stop()

    assert [timed for timed in while_closed if isinstance(timed.event, NoteOn)] == []
    assert hanging(on.receiver.events()) == Counter()


def test_a_note_that_is_held_for_ever_by_a_frozen_player_is_ended(tmp_path: Path) -> None:
    path = config(tmp_path, play='role = "harmonise"', ports='thru = "on"', installation="longest_note_s = 1")
    with stage("longest", tmp_path, "--config", path) as on:
        on.player.play([(0, list(to_bytes(NoteOn(72, 80))))])
        wait_for_chord(on.receiver, after_ns=0)
        wait_for(lambda: not hanging(on.receiver.events()), "the end of every note")
        on.daemon.stop()

    assert max(n.end_ns - n.onset_ns for n in notes(on.receiver.events()) if n.end_ns) < 3 * NS_PER_S


def test_without_midi_at_boot_it_plays_soon_after_the_port_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"{SERVER}-late")
    path = config(tmp_path, installation="attract_s = 1")
    daemon = Daemon("late", tmp_path, "--config", path)
    with suppress(FileNotFoundError):
        (tmp_path / "jack.log").unlink()
    try:
        daemon.wait_for_line("waiting for it")
        daemon.wait_for_line("loaded")
        server = start_jack(tmp_path / "jack.log")
        there_ns = now_ns()
        try:
            receiver = Voice("hear", "late-receiver", tmp_path, "late:out")
            first_ns = wait_for_chord(receiver, after_ns=there_ns)
            receiver.close()
            status = daemon.stop()
        finally:
            stop_jack(server)
    finally:
        daemon.kill()

    print(f"boot without MIDI: plays {(first_ns - there_ns) / NS_PER_S:.2f} s after the port")  # noqa: T201
    assert status == 0
    assert not IS_JUDGED or first_ns - there_ns <= 3 * NS_PER_S


@needs_mounts
def test_on_a_read_only_file_system_it_plays_and_ends_cleanly(tmp_path: Path) -> None:
    path = config(tmp_path, installation="attract_s = 1")
    shut = 'mount -o remount,bind,ro / && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", shut, "sh"]
    daemon = Daemon("readonly", tmp_path, "--config", path, "--record", str(tmp_path / "takes"), within=within)
    try:
        daemon.wait_for_line("in memory only")
        receiver = Voice("hear", "readonly-receiver", tmp_path, "readonly:out")
        wait_for_chord(receiver, after_ns=0)
        daemon.wait_for_line("cannot record (Read-only file system); playing on, trying again")
        played_ns = now_ns()
        wait_for_chord(receiver, after_ns=played_ns + NS_PER_S)
        status = daemon.stop()
        receiver.close()
    finally:
        daemon.kill()

    assert status == 0
    assert hanging(receiver.events()) == Counter()
    assert sum("in memory only" in line for line in daemon.lines()) == 1
    said = [line for line in daemon.lines() if "cannot record" in line]
    assert len(said) == len(set(said)) == 2  # of the last minutes, and of what is recorded
    assert not (tmp_path / "takes").exists()


@needs_mounts
def test_a_disk_that_is_full_stops_nothing_and_the_recording_is_whole_up_to_then(tmp_path: Path) -> None:
    """A tmpfs of a few pages for everything that is written; it is filled to the last byte while it plays."""
    disk = tmp_path / "disk"
    disk.mkdir()
    path = config(tmp_path, installation="attract_s = 1")
    go = tmp_path / "go"
    copy = f"cat /dev/zero > {disk}/filled; sleep 4; cp -r {disk}/takes {tmp_path}"
    fill = (
        f"mount -t tmpfs -o size=64k tmpfs {disk}; mkdir {disk}/takes; export XDG_RUNTIME_DIR={disk}/run; "
        f'(while [ ! -e {go} ]; do sleep 0.1; done; {copy}) 2>/dev/null & exec "$@"'
    )
    within = ["unshare", "--mount", "sh", "-c", fill, "sh"]
    daemon = Daemon("full", tmp_path, "--config", path, "--record", str(disk / "takes"), within=within)
    try:
        daemon.wait_for_line("loaded")
        receiver = Voice("hear", "full-receiver", tmp_path, "full:out")
        wait_for_chord(receiver, after_ns=0)
        time.sleep(2)
        go.touch()
        filled_ns = now_ns()
        daemon.wait_for_line("cannot record (No space left on device)")
        wait_for_chord(receiver, after_ns=filled_ns + 3 * NS_PER_S)
        wait_for(lambda: (tmp_path / "takes").exists() and list((tmp_path / "takes").iterdir()), "the copy")
        time.sleep(0.5)
        status = daemon.stop()
        receiver.close()
    finally:
        daemon.kill()

    (take,) = (tmp_path / "takes").iterdir()
    machine = track(read_session(take), "machine")
    onsets = [n for n in notes(receiver.events()) if n.onset_ns < filled_ns - NS_PER_S]
    assert sum(isinstance(timed.event, NoteOn) for timed in machine) >= len(onsets) > 0
    assert (status, hanging(receiver.events())) == (0, Counter())


@needs_mounts
def test_a_disk_that_is_full_at_boot_leaves_the_ledger_in_memory(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    path = config(tmp_path, installation="attract_s = 1")
    fill = (
        f"mount -t tmpfs -o size=16k tmpfs {disk} && mkdir {disk}/run && cat /dev/zero > {disk}/filled; "
        f'export XDG_RUNTIME_DIR={disk}/run; exec "$@"'
    )
    daemon = Daemon("fullboot", tmp_path, "--config", path, within=["unshare", "--mount", "sh", "-c", fill, "sh"])
    try:
        daemon.wait_for_line("in memory only")
        receiver = Voice("hear", "fullboot-receiver", tmp_path, "fullboot:out")
        wait_for_chord(receiver, after_ns=0)
        status = daemon.stop()
        receiver.close()
    finally:
        daemon.kill()

    assert (status, hanging(receiver.events())) == (0, Counter())


def test_hanging_up_reads_the_settings_again(tmp_path: Path) -> None:
    path = config(tmp_path, installation="attract_s = 1")
    with stage("hangup", tmp_path, "--config", path) as on:
        on.daemon.process.send_signal(signal.SIGHUP)
        wait_for_chord(on.receiver, after_ns=0)
        config(tmp_path, installation="attract_s = -1")
        on.daemon.process.send_signal(signal.SIGHUP)
        on.daemon.wait_for_line("playing on as before")
        played_ns = now_ns()
        wait_for_chord(on.receiver, after_ns=played_ns)
        status = on.daemon.stop()

    assert status == 0
