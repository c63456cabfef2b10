"""The runtime folder, removed while livegen plays."""

import shutil
from pathlib import Path

from livegen.daemon.folder_watch import FolderWatch, RuntimeFile
from livegen.events import ControlChange, NoteOff, NoteOn
from livegen.midi_out.ledger import Ledger, open_ledger
from livegen.midi_out.sender import MidiSender

MADE_ANEW = "the runtime folder was removed: made anew, with the list of sounding notes"


def watch(ledger: Ledger, folder: Path, said: list[str]) -> FolderWatch:
    return FolderWatch(RuntimeFile("duo", folder), MidiSender(ledger, lambda: 0).move_ledger, said.append)


def test_a_note_that_sounds_is_in_the_file_that_is_made_anew_and_so_is_one_that_begins_later(tmp_path: Path):
    folder, said = tmp_path / "livegen", list[str]()
    with open_ledger("duo", folder) as ledger:
        watching = watch(ledger, folder, said)
        for _ in range(3):
            ledger.leaves(NoteOn(60))
            ledger.leaves(ControlChange(64, 127))
            shutil.rmtree(folder)
            watching.poll()
            watching.poll()
            ledger.has_left(NoteOff(60))
        ledger.leaves(NoteOn(72))
        kept = (folder / "duo.ledger").read_bytes()
        watching.close()

    (folder / "duo.ledger").write_bytes(kept)
    with open_ledger("duo", folder) as after_a_kill:
        pending = after_a_kill.pending_offs()

    assert said == [MADE_ANEW] * 3
    assert NoteOff(72) in pending
    assert ControlChange(64, 0) in pending


def test_the_new_file_is_locked_as_the_old_one_was(tmp_path: Path):
    folder, said = tmp_path / "livegen", list[str]()
    with open_ledger("duo", folder) as ledger:
        watching = watch(ledger, folder, said)
        shutil.rmtree(folder)
        with open_ledger("duo", folder) as of_another:  # which was started meanwhile
            of_another.leaves(NoteOn(50))
            watching.poll()
            watching.poll()
            foreign = of_another.sounding()
        watching.poll()
        watching.close()

    assert foreign == (NoteOff(50),)
    assert [line.split(" (process")[0] for line in said] == [
        "the runtime folder was removed; livegen is already running as 'duo'",
        MADE_ANEW,
    ]


def test_where_it_cannot_be_made_anew_that_is_said_once_and_it_is_tried_again(tmp_path: Path):
    folder, said = tmp_path / "livegen", list[str]()
    with open_ledger("duo", folder) as ledger:
        watching = watch(ledger, folder, said)
        shutil.rmtree(folder)
        folder.write_text("in the way")
        for _ in range(3):
            watching.poll()
        ledger.leaves(NoteOn(60))
        folder.unlink()
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to("elsewhere")
        watching.poll()
        behind = list((tmp_path / "elsewhere").iterdir())
        folder.unlink()
        watching.poll()
        sounding = ledger.sounding()
        watching.close()

    assert behind == []
    assert sounding == (NoteOff(60),)
    assert [line.split("; ")[1].split(": ")[-1] if ";" in line else line for line in said] == [
        "not a folder",
        "a symbolic link",
        MADE_ANEW,
    ]
