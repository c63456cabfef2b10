"""Those who look on."""

from pathlib import Path

from livegen.clock import now_ns
from livegen.events import NoteOff, NoteOn, Timed
from livegen.serve.onlookers import Onlookers
from livegen.serve.recorder import Recorder, Who


def test_onlookers_count_show_and_record_what_they_were_told_before_they_stopped(tmp_path: Path):
    seen: list[tuple[Who, Timed]] = []
    onlookers = Onlookers(Recorder(tmp_path, print), lambda who, timed: seen.append((who, timed)))
    begin_ns = now_ns()
    onlookers.heard(Timed(begin_ns, NoteOn(60)))
    onlookers.sent(Timed(begin_ns + 1, NoteOn(64)))
    onlookers.heard(Timed(begin_ns + 2, NoteOff(60)))
    onlookers.stop()

    onlookers.run()

    assert seen == [
        ("player", Timed(begin_ns, NoteOn(60))),
        ("machine", Timed(begin_ns + 1, NoteOn(64))),
        ("player", Timed(begin_ns + 2, NoteOff(60))),
    ]
    assert onlookers.notes == {"player": 1, "machine": 1}
    assert len(list(tmp_path.glob("*.mid"))) == 1
