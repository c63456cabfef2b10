"""What a technician is told, and what is in the support bundle."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from livegen.appliance.support_bundle import write_bundle
from livegen.daemon.status_file import Figures, RecentLog, StatusFile, read_status
from livegen.errors import LivegenError
from livegen.settings import Settings, load
from livegen.tools.status_report import as_text, to_do

FIGURES = Figures(12, 31_201, 0.05, 0.31, 3, 2.1, 4.0, 1, 2, 4)
MORE = {
    "open": True,
    "music": {"due": False, "silent_s": 0, "engines_silent": 0},
    "spare": "ready",
    "last_failure": {"what": "the engine ended", "ago_s": 11_000},
    "lines": [[3, "role solo"]],
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def written(settings: Settings, plugged: tuple[str, ...] = ("in: Keys", "out: Synth"), **more: Any) -> dict[str, Any]:
    """How a daemon stood that wrote this."""
    status = StatusFile(settings.ports.name)
    (Path(os.environ["XDG_RUNTIME_DIR"]) / "livegen").mkdir(exist_ok=True)
    status.poll(plugged, 0)
    status.write(settings, lambda: FIGURES, None, lambda _: {**MORE, **more})
    return read_status(settings.ports.name)


def test_a_technician_reads_what_is_plugged_in_what_failed_and_what_to_do() -> None:
    lines = as_text(written(load(None, {"installation": {"hours": ["Tue-Sun 10:00-18:00"]}}))).splitlines()

    assert lines[0].startswith("playing    as 'livegen' for ")
    assert lines[0].endswith(": respond, bach")
    assert lines[1] == "hours      open (Tue-Sun 10:00-18:00)"
    assert lines[2].startswith("plugged in in: Keys (for ")
    assert lines[3] == "notes      12 in, 31201 out"
    assert lines[7] == "engine     restarted 4 times; spare: ready; last: the engine ended, 3 h 3 min ago"
    assert lines[8] == "to do      nothing"


def test_what_is_to_be_done_comes_with_its_reason() -> None:
    silent = {"due": True, "silent_s": 70, "engines_silent": 2}

    found = to_do(written(load(), plugged=("in: Keys",), music=silent, open=False))

    assert [line.split(":")[0].split(" ")[0] for line in found] == ["no", "wait", "connect"]
    assert to_do(written(load())) == []


def test_what_is_plugged_in_is_so_since_it_was_first_seen() -> None:
    status = StatusFile("livegen")
    status.poll(["in: Keys"], 1)
    status.poll(["in: Keys", "out: Synth"], 2)
    status.poll(["out: Synth"], 3)
    status.poll(["in: Keys", "out: Synth"], 4)

    assert status._plugged == {"in: Keys": 4, "out: Synth": 2}


def test_the_last_lines_are_kept_with_their_moments() -> None:
    out: list[str] = []
    said = RecentLog(out.append)
    for number in range(50):
        said(str(number))

    assert [line for _, line in said.lately(10**18)] == out[10:]


def test_a_standing_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    status = StatusFile("livegen")

    status.write(load(), lambda: FIGURES, None, lambda _: MORE)
    status.end()

    with pytest.raises(LivegenError, match="livegen is not running as 'livegen'"):
        read_status("livegen")


def test_who_may_not_read_how_a_service_stands_is_told_to_ask_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)

    with pytest.raises(LivegenError, match="only root may read this status; try again with sudo"):
        read_status("livegen")


def test_the_bundle_has_what_helps_and_no_names_and_music_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "ada"
    (home / "takes").mkdir(parents=True)
    (home / "takes" / "2026-05-01.mid").write_bytes(b"MThd")
    monkeypatch.setenv("HOME", str(home))
    settings = load(None, {"daemon": {"record": str(home / "takes")}})
    written(settings, lines=[[3, f"cannot read {home}/x"]])

    plain = write_bundle(tmp_path / "plain.zip", settings, with_music=False)
    whole = write_bundle(tmp_path / "whole.zip", settings, with_music=True)

    texts = {"doctor.txt", "settings.json", "versions.txt", "service.txt", "journal.txt"}
    assert set(plain) == texts | {"status.txt", "status.json", "lines.txt"}
    assert set(whole) - set(plain) == {"music/2026-05-01.mid"}
    with zipfile.ZipFile(tmp_path / "plain.zip") as bundle:
        everything = "".join(bundle.read(name).decode() for name in plain)
        record = json.loads(bundle.read("settings.json"))["daemon"]["record"]
    assert str(home) not in everything
    assert record == "~/takes"
    assert "cannot read ~/x" in everything
    assert "python-rtmidi" in everything


def test_a_bundle_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LivegenError, match="cannot be written"):
        write_bundle(tmp_path / "no" / "such.zip", load(), with_music=False)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (3_600, "1 h"), (3_700, "1 h 1 min"), (100_000, "1 d 3 h")]
)
def test_a_span_is_said_in_its_two_largest_units(seconds: int, said: str) -> None:
    status = written(load(None, {}))
    status["plugged"][0]["for_s"] = seconds

    assert f"in: Keys (for {said})" in as_text(status)
