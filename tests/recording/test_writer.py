"""Frames on their way to the disk."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from livegen.clock import NS_PER_S
from livegen.recording.format import Kind, Record, encode_frames, read_session
from livegen.recording.writer import SessionWriter

OPENING = Record(0, Kind.OPENED, b"{}")


def frame(second: int, size: int = 1) -> bytes:
    """Does not become smaller."""
    return encode_frames([Record(second, Kind.PLAYER, Random(second).randbytes(size))])


def seconds(path: Path) -> list[int | Kind]:
    """The moments in a file, and the kinds of what is no music."""
    return [record.at_ns if record.kind is Kind.PLAYER else record.kind for record in read_session(path).records]


class Shelf:
    """A writer, the files it writes, and its messages."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.begun = 0
        limits = {"largest": 2**30, **limits}
        self.writer = SessionWriter(self._next, lambda _: encode_frames([OPENING]), self.said.append, **limits)

    def _next(self) -> Path:
        self.begun += 1
        return self.folder / str(self.begun)

    def files(self) -> list[list[int | Kind]]:
        return [seconds(self.folder / str(number + 1)) for number in range(self.begun)]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full: the system refuses to write more (Python ignores SIGXFSZ)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_grows_and_can_be_read_each_time(tmp_path: Path):
    shelf, read = Shelf(tmp_path / "new"), []

    for second in range(3):
        shelf.writer.write(frame(second), second)
        read.append(shelf.files())

    assert read == [[[Kind.OPENED, 0]], [[Kind.OPENED, 0, 1]], [[Kind.OPENED, 0, 1, 2]]]
    assert shelf.said == []


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_full_disk_is_said_once_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path, is_synced: bool):  # noqa: FBT001
    shelf = Shelf(tmp_path, is_synced=is_synced)
    shelf.writer.write(frame(0, 400), 0)
    before = (tmp_path / "1").read_bytes()

    with no_file_larger_than(len(before) + 100):
        for second in (1, 2, 3):
            shelf.writer.write(frame(second, 400), second)
        meanwhile, is_waiting, said = (tmp_path / "1").read_bytes(), shelf.writer.is_waiting, list(shelf.said)
    shelf.writer.write(b"", 4)

    assert meanwhile == before  # no half-written frame
    assert (is_waiting, shelf.writer.is_waiting) == (True, False)
    assert said == [f"{tmp_path / '1'}: cannot record (File too large); playing on, trying again"]
    assert shelf.said == [*said, f"{tmp_path / '1'}: recording again"]
    assert shelf.files() == [[Kind.OPENED, 0, 1, 2, 3]]


def test_a_disk_that_is_full_from_the_beginning_gets_no_empty_file(tmp_path: Path):
    shelf = Shelf(tmp_path)

    with no_file_larger_than(1):
        shelf.writer.write(frame(0, 400), 0)
        meanwhile = list(tmp_path.iterdir())
    shelf.writer.write(b"", 1)

    assert meanwhile == []
    assert shelf.files() == [[Kind.OPENED, 0]]


def test_what_waits_for_room_is_bounded_and_what_is_let_go_is_a_gap(tmp_path: Path):
    shelf = Shelf(tmp_path / "folder")
    (tmp_path / "folder").write_text("a file is in the way")
    for second in range(60):
        shelf.writer.write(frame(second, 400_000), second)

    (tmp_path / "folder").unlink()
    shelf.writer.write(b"", 60)

    read = shelf.files()[0]
    assert read[:2] == [Kind.OPENED, Kind.GAP]
    assert read[2:] == list(range(60 - len(read[2:]), 60))
    assert len(read[2:]) == 16 * 2**20 // len(frame(1, 400_000))
    assert len(shelf.said) == 2


def test_a_new_file_is_begun_when_one_is_long_or_large_enough(tmp_path: Path):
    by_time, by_size = Shelf(tmp_path / "time", longest_ns=2 * NS_PER_S), Shelf(tmp_path / "size", largest=300)

    for second in range(5):
        by_time.writer.write(frame(second), second * NS_PER_S)
        by_size.writer.write(frame(second, 100), second * NS_PER_S)

    assert by_time.files() == [[Kind.OPENED, 0, 1], [Kind.OPENED, 2, 3], [Kind.OPENED, 4]]
    assert by_size.files() == [[Kind.OPENED, 0, 1], [Kind.OPENED, 2, 3], [Kind.OPENED, 4]]


def test_a_folder_that_vanishes_is_made_anew(tmp_path: Path):
    shelf = Shelf(tmp_path / "folder")
    shelf.writer.write(frame(0), 0)

    shutil.rmtree(tmp_path / "folder")
    shelf.writer.write(frame(1), 1)

    assert shelf.files() == [[Kind.OPENED, 1]]


def test_nothing_played_leaves_no_file(tmp_path: Path):
    shelf = Shelf(tmp_path / "folder")

    shelf.writer.write(b"", 0)

    assert not (tmp_path / "folder").exists()
