"""The commands of livegen session, where there is nothing to list, to save or to export."""

from pathlib import Path

import pytest

from livegen.events import NoteOn, to_bytes
from livegen.recording.format import Kind, Record, encode_frames
from tests.test_cli import livegen

OPENED = Record(1, Kind.OPENED, b"{}")
NOTE = Record(2, Kind.MACHINE, to_bytes(NoteOn(60, 80)))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "run" / "livegen").mkdir(0o700, parents=True)


def test_where_there_are_no_sessions_it_is_said_how_one_is_made(tmp_path: Path) -> None:
    listed, as_json = livegen("session", "list"), livegen("session", "list", "--json")
    shown = livegen("session", "show", "evening")

    folder = tmp_path / "state" / "livegen" / "sessions"
    how = "livegen session save keeps the last minutes, livegen jam --record FOLDER records everything"
    assert listed.stdout == f"no sessions in {folder} yet: {how}\n"
    assert as_json.stdout == "[]\n"
    assert "nor any other; livegen session save makes one" in shown.stderr


@pytest.mark.parametrize(
    ("content", "is_saved"),
    [
        (encode_frames([OPENED]), False),
        (encode_frames([OPENED, NOTE]), True),
        (encode_frames([OPENED]) + bytes(10), True),  # what is missing may have been music
    ],
)
def test_last_minutes_in_which_nobody_played_are_not_saved_and_that_is_said(
    tmp_path: Path, content: bytes, *, is_saved: bool
) -> None:
    (tmp_path / "run" / "livegen" / "livegen.1.ring").write_bytes(content)

    done = livegen("session", "save")

    saved = list((tmp_path / "state").rglob("*.session"))
    assert (done.returncode, len(saved)) == ((0, 1) if is_saved else (1, 0))
    assert done.stdout == (f"{saved[0]}\n" if is_saved else "")
    assert is_saved or done.stderr == (
        "livegen: nothing was played in the last minutes, so there is nothing to save: play, then save\n"
    )


def test_the_same_minutes_are_saved_once(tmp_path: Path) -> None:
    (tmp_path / "run" / "livegen" / "livegen.1.ring").write_bytes(encode_frames([OPENED, NOTE]))

    first, second = (livegen("session", "save").stdout.rstrip() for _ in range(2))

    assert second == f"{first} already holds all of it: nothing was played since"
    assert len(list((tmp_path / "state").rglob("*.session"))) == 1


@pytest.mark.parametrize(("command", "target"), [("export", "evening.mid"), ("picture", "evening.png")])
def test_a_session_in_which_nobody_played_is_neither_exported_nor_drawn(
    tmp_path: Path, command: str, target: str
) -> None:
    session = tmp_path / "evening.session"
    session.write_bytes(encode_frames([OPENED]))

    done = livegen("session", command, str(session), str(tmp_path / target))

    assert (done.returncode, (tmp_path / target).exists()) == (1, False)
    assert f"{session}: nothing was played in this session" in done.stderr
