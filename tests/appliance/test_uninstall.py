"""Nothing goes that was not named, and nothing beyond livegen's own folders."""

import json
import os
from pathlib import Path

import pytest

from livegen.appliance import uninstall as module
from livegen.appliance.uninstall import (
    find_others,
    find_recordings,
    find_settings,
    find_state,
    find_units,
    uninstall,
)
from livegen.errors import LivegenError, RunningError
from livegen.midi_out.ledger import ledger_folder, open_ledger
from livegen.midi_out.receivers import Receivers
from livegen.recording.library import save_session, sessions_folder
from livegen.settings_file import bind, own_file
from livegen.tools.config_file import write_config

NEVER = ("notes.txt", "jam.toml~")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, in which livegen has been used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, folder in {"CONFIG": ".config", "STATE": ".local/state", "CACHE": ".cache", "RUNTIME": "run"}.items():
        monkeypatch.setenv(f"XDG_{name}_{'DIR' if name == 'RUNTIME' else 'HOME'}", str(tmp_path / folder))
    monkeypatch.setattr(module, "unit_folder", lambda scope: tmp_path / "units" / scope)
    write_config("default", None, is_forced=False)
    write_config("default", None, is_forced=True)
    bind(own_file(), {7: "density"})
    with open_ledger("livegen", ledger_folder()):
        (ledger_folder() / "livegen.receivers").mkdir()
        for port in ("virtual", "named"):
            Receivers(ledger_folder() / "livegen.receivers" / port).see([("Synth:in", 7)], lambda *_: False)
        (ledger_folder() / "livegen.1.ring").write_bytes(b"music")
    save_session(b"music", sessions_folder())
    for kept in ("runs/my-music-0123/last.safetensors", "cache/folder-note_duration-v2-0123.npz"):
        path = sessions_folder().parent / "training" / kept
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
    for name in NEVER:
        (own_file().parent / name).write_text("mine")
    return tmp_path


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()}


def named(said: list[str]) -> str:
    return "\n".join(said)


def test_what_is_removed_was_named_and_what_is_not_livegen_s_stays(home: Path) -> None:
    before, said = files(home), list[str]()

    uninstall(said.append, lambda _: False, {"state", "settings", "recordings"})

    assert files(home) == {f".config/livegen/{name}" for name in NEVER}
    assert all(Path(path).name in named(said) for path in before - files(home))
    assert not (home / "run" / "livegen").exists()
    assert not (home / ".local" / "state" / "livegen").exists()


def test_settings_and_recordings_need_a_yes_of_their_own(home: Path) -> None:
    asked = list[str]()

    def ask(question: str) -> bool:
        asked.append(question)
        return "state" in question

    uninstall(lambda _: None, ask, ())

    assert asked == ["remove the state?", "remove the settings?", "remove the recordings?"]
    assert (find_state().files, len(find_settings().files), len(find_recordings().files)) == ((), 2, 1)


def test_without_a_yes_nothing_is_removed_and_sizes_are_said(home: Path) -> None:
    before, said = files(home), list[str]()

    uninstall(said.append, lambda _: False, ())

    assert files(home) == before
    assert "settings: 2 files, " in said[0]
    assert "recordings: 1 file, 1 kB" in said[0]
    assert f"{own_file().parent}: jam.toml, jam.toml.1.bak" in said[0]


def test_no_link_out_of_its_folders_is_followed(home: Path) -> None:
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    for name in ("a.session", "a.ledger", "jam.toml"):
        (elsewhere / name).write_text("mine")
    (sessions_folder() / "mine.session").symlink_to(elsewhere / "a.session")
    (ledger_folder() / "x.receivers").symlink_to(elsewhere)
    settings = own_file().parent
    settings.rename(home / "kept")
    settings.symlink_to(elsewhere)
    said = list[str]()

    uninstall(said.append, lambda _: False, {"state", "settings", "recordings"})

    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.ledger", "a.session", "jam.toml"]
    assert f"a link: {settings}; what it leads to stays" in said[0]
    assert settings.is_symlink()
    assert not (sessions_folder() / "mine.session").is_symlink()


def test_while_it_runs_nothing_is_removed(home: Path) -> None:
    before = files(home)
    status = ledger_folder() / "livegen.status.json"
    status.write_text(json.dumps({"process": os.getpid()}))

    with pytest.raises(RunningError, match="livegen runs as 'livegen'; stop it first"):
        uninstall(lambda _: None, lambda _: True, {"state"})

    assert files(home) == before | {str(status.relative_to(home))}


def test_a_service_is_removed_by_its_own_command_only(home: Path) -> None:
    for scope in ("system", "user"):
        folder = home / "units" / scope
        folder.mkdir(parents=True)
        (folder / "box.service").write_text("ExecStart=python -P -m livegen.cli run /etc/box.toml")
        (folder / "other.service").write_text("ExecStart=/bin/true")

    lines = named(find_others(find_units()))
    uninstall(lambda _: None, lambda _: True, ())

    assert "box.service; to remove it: sudo livegen service uninstall --name box\n" in lines
    assert "box.service; to remove it: livegen service uninstall --name box --user" in lines
    assert "other" not in lines
    assert len(list((home / "units").rglob("*.service"))) == 4


def test_what_is_removed_elsewhere_is_said(home: Path) -> None:
    (home / "takes").mkdir()
    own_file().write_text(f"[daemon]\nrecord = '{home / 'takes'}'\n")
    completion = home / ".bash_completions" / "livegen.sh"
    completion.parent.mkdir()
    completion.touch()

    assert find_others(()) == [
        f"recordings in a folder of your own: {home / 'takes'}; they stay",
        f"completion of the shell: {completion}; it stays; take its line out of ~/.bashrc first",
    ]


def test_a_file_that_cannot_be_removed_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, missing_ok: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(LivegenError, match=r"livegen\.ledger: cannot be removed \(Permission denied\)"):
        uninstall(lambda _: None, lambda _: True, ())
