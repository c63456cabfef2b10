"""What is no regular file is refused at once, wherever a file is read."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livegen.daemon.file_watch import FileWatch
from livegen.daemon.status_file import read_status
from livegen.errors import LivegenError
from livegen.files.midi_file import read_midi
from livegen.midi_out.ledger import ledger_folder
from livegen.model.files import read_model
from livegen.recording.format import read_session
from livegen.recording.recent import recent_content
from livegen.regular_file import read_regular
from livegen.session.replay import model_opener
from livegen.settings import Settings, load
from livegen.settings_file import bind
from tests.test_cli import livegen

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs in its file system")

KINDS = ("fifo", "device", "socket", "folder")


@pytest.fixture(params=KINDS)
def no_file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of something else than a regular file."""
    monkeypatch.chdir(tmp_path)  # for a socket's path is short
    path = Path("odd")
    with socket.socket(socket.AF_UNIX) as listening:
        if request.param == "fifo":
            os.mkfifo(path)
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        elif request.param == "socket":
            listening.bind(str(path))
        else:
            path.mkdir()
        yield path


@pytest.mark.parametrize("read", [load, read_session, read_midi, lambda path: model_opener([path])])
def test_what_is_no_regular_file_is_refused_at_once_in_one_line(read: Callable[[Path], object], no_file: Path):
    with pytest.raises(LivegenError, match=r"(not a regular file|a symbolic link)"):
        read(no_file)


def test_a_model_is_read_from_a_regular_file_only(no_file: Path):
    with pytest.raises(LivegenError, match=r"^odd: (not a regular file|a symbolic link); give the path of "):
        read_model(no_file)


def test_a_learnt_knob_is_not_waited_for_where_the_settings_have_become_no_file(no_file: Path):
    with pytest.raises(OSError, match="not a regular file"):
        bind(no_file, {1: "density"})


def test_a_ring_and_a_status_that_are_no_files_are_not_waited_for(
    no_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ledger_folder().mkdir()
    for name in ("livegen.1.ring", "livegen.status.json"):
        no_file.rename(ledger_folder() / name)
        with pytest.raises(LivegenError):
            recent_content(ledger_folder(), "livegen") if name.endswith("ring") else read_status("livegen")
        (ledger_folder() / name).rename(no_file)


def test_a_settings_file_that_becomes_a_fifo_while_playing_is_reported_and_changes_nothing(tmp_path: Path):
    path = tmp_path / "box.toml"
    path.write_text("[play]\nseed = 1\n")
    said: list[str] = []
    watch = FileWatch(path, lambda: load(path), said.append)

    path.unlink()
    os.mkfifo(path)
    watch.poll(_Router())

    assert said == [f"{path}: not a regular file; give the path of a settings file (TOML); playing on as before"]


def test_a_file_that_is_larger_than_its_bound_is_refused(tmp_path: Path):
    path = tmp_path / "large"
    path.write_bytes(bytes(2048))

    with pytest.raises(OSError, match="larger than 1 kB") as refused:
        read_regular(path, 1024)

    assert refused.value.errno == errno.EFBIG
    assert read_regular(path, 2048) == bytes(2048)


@pytest.mark.parametrize("command", [("run", "odd"), ("render", "odd", "out.mid"), ("replay", "odd.session")])
def test_a_command_that_is_given_a_fifo_ends_at_once(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(command[1])

    done = livegen(*command)

    assert done.returncode == 1
    assert done.stderr.startswith(f"livegen: {command[1]}: ")
    assert done.stderr.count("\n") == 1
    assert "not a regular file" in done.stderr


class _Router:
    """As much of an event router as a watch needs whose settings were refused."""

    settings = load()

    def take(self, settings: Settings) -> None:
        raise AssertionError(settings)
