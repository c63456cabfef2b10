"""What a technician is told, and what is in the support bundle."""

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from livegen.appliance.support_bundle import write_bundle
from livegen.daemon.now_playing import Scene
from livegen.daemon.status_file import Figures, RecentLog, StatusFile, read_status
from livegen.errors import LivegenError
from livegen.midi_out.ledger import ledger_folder
from livegen.recording.library import save_session, sessions_folder
from livegen.settings import Settings, load
from livegen.tools import doctor
from livegen.tools.status_report import as_text, to_do
from tests.test_cli import livegen

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
    late = "half at most 0.05 ms late, 99 of 100 at most 0.31 ms"
    left_out = "1 came too late and were left out"
    assert lines[4:] == [
        f"on time    {late}; {left_out}; 2 cut off because a device was unplugged",
        "reaction   half of 3 notes had their harmony within 2.1 ms",
        "clock      none: the tempo is found in each phrase",
        "engine     restarted 4 times; a second one is ready to take over; last: the engine ended, 3 h 3 min ago",
        "to do      nothing",
    ]


def test_what_has_not_happened_yet_is_not_given_as_a_figure() -> None:
    clock = {"source": "midi", "running": True, "tempo_bpm": 120.0}

    lines = as_text({**written(load()), "notes_out": 0, "reactions": 0, "clock": clock, "spare": "none"}).splitlines()

    assert lines[4:7] == [
        "on time    no note was played yet",
        "clock      MIDI clock, which runs at 120 bpm",
        "engine     restarted 4 times; no second one is loaded; last: the engine ended, 3 h 3 min ago",
    ]


def test_what_happens_now_is_a_line_of_its_own() -> None:
    now = asdict(Scene("livegen plays", 3, 2, 96, "G major", "Em7"))

    lines = as_text(written(load(), now=now)).splitlines()

    assert lines[1] == "now        livegen plays | bar 3, beat 2 | 96 bpm | G major | Em7"


def test_what_is_to_be_done_comes_with_its_reason() -> None:
    silent = {"due": True, "silent_s": 70, "engines_silent": 2}

    more = {"engine_ready": False, "to_do": ["plug it in"], "not_ready": "nothing listens: connect a synthesizer"}

    found = to_do(written(load(), music=silent, **more))

    assert found == [
        "plug it in",
        "no engine plays music: try another model, then send the file that livegen support writes",
        "no engine plays, for the engine ended: see the last lines, and livegen doctor",
        "not ready yet: nothing listens: connect a synthesizer",
    ]
    assert to_do(written(load())) == []


def test_that_it_is_closed_is_nothing_to_do() -> None:
    status = written(load(None, {"installation": {"hours": ["Tue-Sun 10:00-18:00"]}}), open=False)

    assert to_do(status) == []
    assert "hours      closed (Tue-Sun 10:00-18:00); at the wrong time? then correct the clock" in as_text(status)


@pytest.mark.parametrize(("silent_s", "count"), [(9, 0), (11, 1)])
def test_music_that_is_due_and_does_not_come_is_something_to_do(silent_s: int, count: int) -> None:
    music = {"due": True, "silent_s": silent_s, "engines_silent": 0}

    assert len(to_do(written(load(), music=music))) == count


def test_the_exit_status_says_whether_something_is_to_do() -> None:
    absent = livegen("status")
    written(load())
    well = livegen("status")
    written(load(), to_do=["plug it in or start it: no MIDI input called 'Keys'"])
    ill, as_json = livegen("status"), livegen("status", "--json")

    assert [done.returncode for done in (absent, well, ill, as_json)] == [3, 0, 1, 1]
    assert absent.stderr == "livegen: livegen is not running; start it: livegen jam\n"
    assert "to do      plug it in or start it: no MIDI input called 'Keys'" in ill.stdout
    assert json.loads(as_json.stdout)["to_do"] == ["plug it in or start it: no MIDI input called 'Keys'"]


def test_no_name_of_a_device_commands_the_terminal_that_shows_the_status() -> None:
    written(load(), plugged=("in: Keys\x1b]0;mine\x07", "out: Syn\nth"))

    shown = livegen("status")

    assert "in: Keys\\x1b]0;mine\\x07" in shown.stdout
    assert "out: Syn\\nth" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_an_input_that_is_deaf_is_named() -> None:
    assert to_do(written(load(), deaf=["Keys"])) == [
        "nothing arrives at 'Keys' any more: restart livegen, then its MIDI server"
    ]


def test_the_doctor_knows_who_is_connected_to_a_livegen_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "describe_ports", lambda _: [])
    written(load(), plugged=("in: Player", "out: Synth"))

    found = next(finding for finding in doctor.examine(load()).findings if finding.name == "keyboards")

    assert (found.is_ok, found.says) == (True, "Player")


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

    with pytest.raises(LivegenError, match="livegen is not running; start it"):
        read_status("livegen")


def test_who_may_not_read_how_a_service_stands_is_told_to_ask_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError

    monkeypatch.setattr("livegen.daemon.status_file.read_regular", refuse)

    with pytest.raises(LivegenError, match="only root may read this status; try again with sudo"):
        read_status("livegen")


def test_the_bundle_has_what_helps_and_no_names_and_music_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "ada"
    (home / "takes").mkdir(parents=True)
    (home / "takes" / "2026-05-01.mid").write_bytes(b"MThd")
    (home / "takes" / "2026-05-02_10-00-00.session").write_bytes(b"LGS")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    saved = save_session(b"saved", sessions_folder())
    settings = load(None, {"daemon": {"record": str(home / "takes")}})
    written(settings, lines=[[3, f"cannot read {home}/x"]])
    (ledger_folder() / "livegen.1.ring").write_bytes(b"ring")

    plain = write_bundle(tmp_path / "plain.zip", settings, with_music=False)
    whole = write_bundle(tmp_path / "whole.zip", settings, with_music=True)

    texts = {"doctor.txt", "settings.json", "versions.txt", "service.txt", "journal.txt"}
    assert set(plain) == texts | {"status.txt", "status.json", "lines.txt"}
    music = {"2026-05-01.mid", "2026-05-02_10-00-00.session", saved.name, "last-minutes.session"}
    assert set(whole) - set(plain) == {f"music/{name}" for name in music}
    with zipfile.ZipFile(tmp_path / "whole.zip") as bundle:
        assert bundle.read("music/last-minutes.session") == b"ring"
    with zipfile.ZipFile(tmp_path / "plain.zip") as bundle:
        everything = "".join(bundle.read(name).decode() for name in plain)
        record = json.loads(bundle.read("settings.json"))["daemon"]["record"]
    assert str(home) not in everything
    assert record == "~/takes"
    assert "cannot read ~/x" in everything
    assert "python-rtmidi" in everything


def test_the_newest_music_fits_in_a_bundle_and_what_is_no_file_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    takes = tmp_path / "takes"
    takes.mkdir()
    for day, megabytes in ((1, 1), (2, 15), (3, 8), (4, 6)):
        path = takes / f"{day}.session"
        with path.open("wb") as file:
            file.truncate(megabytes * 2**20)
        os.utime(path, (day, day))
    os.mkfifo(takes / "5.session")

    names = write_bundle(tmp_path / "a.zip", load(None, {"daemon": {"record": str(takes)}}), with_music=True)

    assert [name for name in names if name.startswith("music/")] == [f"music/{day}.session" for day in (4, 3, 1)]
    assert (tmp_path / "a.zip").stat().st_mode & 0o077 == 0


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
