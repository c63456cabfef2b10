"""The runtime folder: ours alone, and no link to a place where somebody else reads along."""

import os
import stat
from pathlib import Path

import pytest

from livegen.errors import FolderError
from livegen.midi_out.ledger import keep_ledger, ledger_folder, open_ledger
from livegen.private_folder import NotOursError, make_private
from tests.test_cli import livegen

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="on Windows a user's folders are private")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_for_its_owner_and_one_that_is_there_is_narrowed(tmp_path: Path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o777)

    make_private(tmp_path / "old")
    make_private(tmp_path / "a" / "new")

    assert [mode(tmp_path / name) for name in ("old", "a/new")] == [0o700, 0o700]


def test_a_service_leaves_its_folder_open_to_who_reads_the_status_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As systemd makes it with a dynamic user: a link in /run to a folder in /run/private."""
    (tmp_path / "private" / "livegen").mkdir(parents=True)
    (tmp_path / "private" / "livegen").chmod(0o711)
    (tmp_path / "livegen").symlink_to("private/livegen")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "livegen"))

    with open_ledger("duo", ledger_folder()):
        modes = mode(ledger_folder()), mode(ledger_folder() / "duo.ledger")

    assert modes == (0o711, 0o600)


def test_a_link_is_refused_and_nothing_is_written_behind_it(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "livegen").symlink_to("elsewhere")

    with (
        pytest.raises(FolderError, match=r"/livegen: a symbolic link; remove it, for somebody else could read or "),
        keep_ledger("duo", tmp_path / "livegen", print),
    ):
        pass

    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path):
    (tmp_path / "livegen").mkdir()
    os.chown(tmp_path / "livegen", 65_534, 65_534)

    with pytest.raises(NotOursError, match="a folder of another user"):
        make_private(tmp_path / "livegen")


def test_livegen_does_not_start_on_a_runtime_folder_that_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "livegen").symlink_to("elsewhere")

    done = livegen("jam", "--midi", "memory")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "livegen: a symbolic link; remove it" in done.stderr
