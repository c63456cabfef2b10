"""Files to write: checked before the work, and whole or not there at all."""

import os
from pathlib import Path

import pytest

from livegen.errors import TargetError
from livegen.events import NoteOff, NoteOn, Timed, Transport
from livegen.files.midi_file import SUFFIXES, read_midi, write_midi
from livegen.files.target import check_target, written


def test_a_name_in_a_folder_that_is_there_is_accepted_and_nothing_is_left(tmp_path: Path) -> None:
    check_target(tmp_path / "out.MID", SUFFIXES, tmp_path / "in.mid")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.wav", r"out\.wav: the name of the file to write must end in \.mid or \.midi"),
        ("out", "must end in"),
        ("none/out.mid", "there is no folder"),
        ("folder.mid", "is no ordinary file"),
        ("pipe.mid", "is no ordinary file"),
        ("file/out.mid", "there is no folder|cannot be written"),
        (f"{'x' * 300}.mid", "cannot be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_before_the_work(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.mid")

    with pytest.raises(TargetError, match=said):
        check_target(tmp_path / name, SUFFIXES)


@pytest.mark.parametrize("link", ["itself", "another way to write it", "symbolic link", "hard link"])
def test_the_source_is_never_written_over(tmp_path: Path, link: str) -> None:
    source = tmp_path / "in.mid"
    source.write_bytes(b"music")
    target = tmp_path / "out.mid"
    match link:
        case "symbolic link":
            target.symlink_to(source)
        case "hard link":
            target.hardlink_to(source)
        case "another way to write it":
            target = tmp_path / ".." / tmp_path.name / "in.mid"
        case _:
            target = source

    with pytest.raises(TargetError, match=r"is the file .*in\.mid itself; write to another name"):
        check_target(target, SUFFIXES, source)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.mid"
    target.write_bytes(b"old")

    def fail() -> None:
        with written(target) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.mid", b"old")]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.mid").write_bytes(b"old")
    (tmp_path / "link.mid").symlink_to(tmp_path / "real.mid")

    with written(tmp_path / "link.mid") as file:
        file.write(b"new")

    assert (tmp_path / "link.mid").is_symlink()
    assert (tmp_path / "real.mid").read_bytes() == b"new"


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"out\.mid: cannot be written \(No such file or directory\)"):
        write_midi(tmp_path / "none" / "out.mid", [])


def test_what_a_file_cannot_hold_is_left_out_of_it(tmp_path: Path) -> None:
    events = [Timed(0, NoteOn(60)), Timed(1, Transport.CLOCK), Timed(500_000_000, NoteOff(60))]

    write_midi(tmp_path / "out.mid", [("player", events)])

    assert [timed.event for timed in read_midi(tmp_path / "out.mid")] == [NoteOn(60), NoteOff(60)]
