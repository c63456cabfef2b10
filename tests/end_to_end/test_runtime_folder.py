"""The runtime folder, removed while a real livegen plays. LIVEGEN_FOLDERS=10 removes it so often."""

import json
import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from livegen.events import NoteOn, to_bytes
from tests.support.jack_stage import Daemon, hanging, stage, wait_for, wait_for_notes

REMOVALS = int(os.environ.get("LIVEGEN_FOLDERS", "3"))
SAID = "the runtime folder was removed: made anew, with the list of sounding notes"


def is_written_anew(folder: Path, name: str) -> bool:
    """The status is there again, and so is the ledger."""
    try:
        process = json.loads((folder / f"{name}.status.json").read_text())["process"]
    except (OSError, ValueError):
        return False
    return bool(process) and (folder / f"{name}.ledger").exists()


def test_it_is_made_anew_again_and_again_and_sigterm_is_obeyed(tmp_path: Path):
    folder = tmp_path / "livegen"
    daemon = Daemon("removed", tmp_path, "--midi", "memory")
    try:
        daemon.wait_for_line("loaded")
        for _ in range(REMOVALS):
            wait_for(lambda: is_written_anew(folder, "removed"), "status and ledger")
            before = daemon.lines().count(SAID)
            shutil.rmtree(folder)
            wait_for(lambda before=before: daemon.lines().count(SAID) > before, "the line")
        wait_for(lambda: is_written_anew(folder, "removed"), "status and ledger")
        shutil.rmtree(folder)
        daemon.process.send_signal(signal.SIGTERM)
        status = daemon.process.wait(20)
    finally:
        daemon.kill()

    assert status == 0
    assert daemon.lines()[-1] == "you played 0 notes, livegen 0"


@pytest.mark.skipif("LIVEGEN_DURATIONS" not in os.environ, reason="durations are judged on a quiet machine only")
def test_it_is_there_again_within_a_second(tmp_path: Path):
    folder = tmp_path / "livegen"
    daemon = Daemon("soon", tmp_path, "--midi", "memory")
    try:
        daemon.wait_for_line("loaded")
        for _ in range(REMOVALS):
            shutil.rmtree(folder)
            begun = time.monotonic()
            wait_for(lambda: (folder / "soon.ledger").exists(), "the ledger")
            assert time.monotonic() - begun < 1
            wait_for(lambda: (folder / "soon.status.json").exists(), "the status")
    finally:
        daemon.kill()


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_a_note_that_sounded_when_it_was_removed_is_ended_after_a_kill(tmp_path: Path):
    with stage("anew", tmp_path, script="echo") as on:
        on.player.play([(1, list(to_bytes(NoteOn(60))))])
        wait_for_notes(on.receiver, 1, after_ns=0)
        shutil.rmtree(tmp_path / "livegen")
        on.daemon.wait_for_line(SAID)

        on.restart()
        wait_for(lambda: not hanging(on.receiver.events()), "silence")

    assert hanging(on.receiver.events()) == Counter()
