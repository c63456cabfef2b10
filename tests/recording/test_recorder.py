"""What a session is recorded to."""

import stat
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from livegen.clock import NS_PER_S
from livegen.errors import SessionError
from livegen.recording.format import Kind, Record, decode_session, read_session
from livegen.recording.library import find_session, free_path, list_sessions, prune, save_session, saved_before
from livegen.recording.recent import PIECES, next_piece, recent_content
from livegen.recording.recorder import Recorder, open_recorder
from livegen.settings import load


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


def recorder(folder: Path, **daemon: Any) -> Recorder | None:
    settings = load(None, {"daemon": {"record": str(folder / "sessions"), **daemon}})
    return open_recorder(settings, lambda line: pytest.fail(line))


def event(second: float, size: int = 3) -> Record:
    return Record(round(second * NS_PER_S), Kind.PLAYER, Random(second).randbytes(size))


def played(records: tuple[Record, ...]) -> list[Record]:
    return [record for record in records if record.kind is Kind.PLAYER]


def test_what_is_played_is_in_the_ring_and_in_the_folder(tmp_path: Path):
    recording = recorder(tmp_path)
    assert recording
    events = [event(1), event(2), event(3)]

    for record in events:
        recording.record(record)
        recording.save(record.at_ns)

    (path,) = (tmp_path / "sessions").iterdir()
    ring = decode_session(recent_content(tmp_path / "run" / "livegen", "livegen"), "ring")
    assert played(read_session(path).records) == played(ring.records) == events
    assert ring.records[0].kind is Kind.OPENED


def test_a_save_is_due_a_second_after_the_last_one_and_only_when_there_is_something_new(tmp_path: Path):
    recording = recorder(tmp_path)
    assert recording
    before = recording.wait_s(0)
    recording.record(event(10))
    recording.save(10 * NS_PER_S)
    recording.record(event(10.1))
    waits = [recording.wait_s(round(second * NS_PER_S)) for second in (10, 10.75, 12)]
    recording.save(12 * NS_PER_S)

    assert (before, waits, recording.wait_s(12 * NS_PER_S)) == (None, [1, 0.25, 0], None)


def test_the_last_save_waits_for_nothing(tmp_path: Path):
    recording = recorder(tmp_path)
    assert recording
    for record in (event(10), event(10.1)):
        recording.record(record)
        recording.save(record.at_ns)

    recording.save(round(10.2 * NS_PER_S), is_last=True)

    (path,) = (tmp_path / "sessions").iterdir()
    assert played(read_session(path).records) == [event(10), event(10.1)]


def test_neither_ring_nor_folder_is_no_recorder(tmp_path: Path):
    assert recorder(tmp_path, record="", ring_minutes=0) is None


def test_where_the_ring_cannot_be_written_that_is_said_once_and_it_stays_in_memory(tmp_path: Path):
    (tmp_path / "run").write_text("a file is in the way")
    said: list[str] = []
    recording = open_recorder(load(None, {"daemon": {"record": str(tmp_path / "sessions")}}), said.append)
    assert recording
    for second in range(1, 5):
        recording.record(event(second))
        recording.save(second * NS_PER_S)
    complaints = list(said)

    (tmp_path / "run").unlink()
    recording.save(9 * NS_PER_S)

    (path,) = (tmp_path / "sessions").iterdir()
    ring = decode_session(recent_content(tmp_path / "run" / "livegen", "livegen"), "ring")
    assert played(ring.records) == played(read_session(path).records) == [event(second) for second in range(1, 5)]
    assert complaints == [
        f"{tmp_path / 'run' / 'livegen'}/livegen.1.ring: cannot record (Not a directory); playing on, trying again"
    ]


def test_the_ring_keeps_the_last_minutes_and_not_much_more(tmp_path: Path):
    recording = recorder(tmp_path, ring_minutes=5, record="")
    assert recording
    for second in range(10, 3600, 10):
        recording.record(event(second, 20_000))
        recording.save(second * NS_PER_S)

    folder = tmp_path / "run" / "livegen"
    kept = played(decode_session(recent_content(folder, "livegen"), "ring").records)
    lasts_s = (kept[-1].at_ns - kept[0].at_ns) / NS_PER_S
    assert kept[-1].at_ns == 3590 * NS_PER_S
    assert 5 * 60 <= lasts_s + 10 <= 6 * 60 + 10
    assert len(list(folder.iterdir())) == PIECES


def test_a_daemon_that_is_started_again_and_again_pushes_nothing_out_of_the_ring(tmp_path: Path):
    for start in range(1, 3 * PIECES):
        recording = recorder(tmp_path, record="")
        assert recording
        recording.record(event(start))
        recording.save(start * NS_PER_S)

    kept = played(decode_session(recent_content(tmp_path / "run" / "livegen", "livegen"), "ring").records)
    assert kept == [event(start) for start in range(1, 3 * PIECES)]


def test_the_rings_of_two_names_are_apart_even_if_one_begins_with_the_other(tmp_path: Path):
    for name in ("a", "a.1"):
        next_piece(tmp_path, name).write_bytes(name.encode())

    assert (recent_content(tmp_path, "a"), recent_content(tmp_path, "a.1")) == (b"a", b"a.1")
    with pytest.raises(SessionError, match=r"^nothing of 'b' is recorded in "):
        recent_content(tmp_path, "b")


def test_the_quota_is_kept_and_the_oldest_sessions_go_first(tmp_path: Path):
    recording = recorder(tmp_path, record_mb=8)
    assert recording
    for second in range(1, 200):
        recording.record(event(second, 100_000))
        recording.save(second * NS_PER_S)
        total = sum(path.stat().st_size for path in (tmp_path / "sessions").iterdir())
        assert total <= 8 * 2**20

    kept = sorted(
        record.at_ns // NS_PER_S
        for path in (tmp_path / "sessions").iterdir()
        for record in played(read_session(path).records)
    )
    assert kept == list(range(200 - len(kept), 200))
    assert len(kept) * 100_000 > 4 * 2**20


def test_what_was_saved_by_hand_is_not_deleted_for_the_quota(tmp_path: Path):
    recorded = free_path(tmp_path)
    recorded.write_bytes(bytes(1000))
    saved = save_session(bytes(1000), tmp_path)
    (tmp_path / "mine.session").write_bytes(bytes(1000))

    prune(tmp_path, 500)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.session", saved.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_nobody_else_may_read_what_is_recorded_even_where_an_earlier_livegen_began(tmp_path: Path):
    ring = tmp_path / "run" / "livegen" / "livegen.1.ring"
    ring.parent.mkdir(parents=True)
    ring.touch(0o644)
    ring.chmod(0o644)
    recording = recorder(tmp_path)
    assert recording

    recording.record(event(1))
    recording.save(NS_PER_S)

    (session,) = (tmp_path / "sessions").iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (session, session.parent, ring, ring.parent)]
    assert modes == [0o600, 0o700, 0o600, 0o700]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_nobody_else_may_read_a_saved_session(tmp_path: Path):
    saved = save_session(b"x", tmp_path / "sessions")

    assert [stat.S_IMODE(path.stat().st_mode) for path in (saved, saved.parent)] == [0o600, 0o700]


def test_two_sessions_in_one_second_get_two_files(tmp_path: Path):
    paths = [save_session(b"x", tmp_path) for _ in range(3)]

    assert len(set(paths)) == 3


def test_the_same_minutes_are_known_to_be_saved(tmp_path: Path):
    assert saved_before(b"x", tmp_path) is None
    saved = save_session(b"x", tmp_path)
    free_path(tmp_path).write_bytes(b"y")

    assert saved_before(b"x", tmp_path) == saved
    assert saved_before(b"y", tmp_path) is None  # it was recorded, and may be deleted


def test_a_session_is_found_by_its_name_or_its_path_and_nowhere_else(tmp_path: Path):
    folder = tmp_path / "sessions"
    path = save_session(b"x", folder)
    (tmp_path / "other.session").write_bytes(b"x")

    assert find_session(path.stem, folder) == find_session(path.name, folder) == path
    assert find_session(str(tmp_path / "other.session"), folder) == tmp_path / "other.session"
    assert [row["name"] for row in list_sessions(folder)] == [path.stem]
    with pytest.raises(SessionError, match=rf"^no session called '../other' in {folder}; there are: {path.stem}$"):
        find_session("../other", folder)
