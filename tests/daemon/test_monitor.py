"""The thread that counts, shows and records every event."""

from pathlib import Path
from threading import Event, Thread

from livegen.clock import now_ns
from livegen.daemon.monitor import Monitor
from livegen.events import NoteOff, NoteOn, Timed, to_bytes
from livegen.recording.format import Kind, Record, read_session
from livegen.recording.recorder import Recorder
from livegen.recording.tracks import Who
from livegen.recording.writer import SessionWriter
from tests.support.jack_stage import wait_for


def test_the_monitor_counts_shows_and_records_what_it_was_told_before_it_stopped(tmp_path: Path):
    seen: list[tuple[Who, Timed]] = []
    writer = SessionWriter(lambda: tmp_path / "a.session", lambda _: b"", print, largest=2**20)
    monitor = Monitor(Recorder([writer]), lambda who, timed: seen.append((who, timed)))
    begin_ns = now_ns()
    monitor.heard(Timed(begin_ns, NoteOn(60)))
    monitor.sent(Timed(begin_ns + 1, NoteOn(64)))
    monitor.heard(Timed(begin_ns + 2, NoteOff(60)))
    monitor.tap(Kind.TOLD, b"frame")
    monitor.stop()

    monitor.run()

    assert seen == [
        ("player", Timed(begin_ns, NoteOn(60))),
        ("machine", Timed(begin_ns + 1, NoteOn(64))),
        ("player", Timed(begin_ns + 2, NoteOff(60))),
    ]
    assert monitor.notes == {"player": 1, "machine": 1}
    *music, frame = read_session(tmp_path / "a.session").records
    assert music == [
        Record(begin_ns, Kind.PLAYER, to_bytes(NoteOn(60))),
        Record(begin_ns + 1, Kind.MACHINE, to_bytes(NoteOn(64))),
        Record(begin_ns + 2, Kind.PLAYER, to_bytes(NoteOff(60))),
    ]
    assert (frame.kind, frame.content) == (Kind.TOLD, b"frame")
    assert begin_ns <= frame.at_ns <= now_ns()


def test_a_disk_that_hangs_holds_up_no_count_and_what_waits_for_it_is_bounded(tmp_path: Path):
    path, goes_on = tmp_path / "a.session", Event()

    def next_path() -> Path:
        goes_on.wait(20)
        return path

    monitor = Monitor(Recorder([SessionWriter(next_path, lambda _: b"", print, largest=2**30)]))
    thread = Thread(target=monitor.run)
    thread.start()
    for at_ns in range(40_000):
        monitor.sent(Timed(at_ns, NoteOn(60)))
    counted, waiting = monitor.notes["machine"], monitor.waiting
    goes_on.set()
    wait_for(lambda: not monitor.waiting, "the disk")
    monitor.sent(Timed(40_000, NoteOff(60)))
    monitor.stop()
    thread.join()

    *_, gap, last = read_session(path).records
    assert counted == 40_000
    assert waiting <= 2**15
    assert gap.kind is Kind.GAP
    assert last.content == to_bytes(NoteOff(60))
